package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// Settings that a database or a role may have, each of which would change what
// is stored, or keep it from being stored.
var hostileSettings = map[string]string{
	"timezone":                            "Asia/Kathmandu",
	"datestyle":                           "SQL, DMY",
	"intervalstyle":                       "sql_standard",
	"extra_float_digits":                  "-15",
	"bytea_output":                        "escape",
	"default_transaction_isolation":       "serializable",
	"default_transaction_read_only":       "on",
	"default_transaction_deferrable":      "on",
	"statement_timeout":                   "1ms",
	"lock_timeout":                        "1ms",
	"idle_in_transaction_session_timeout": "1ms",
	"idle_session_timeout":                "50ms",
	"standard_conforming_strings":         "off",
	"backslash_quote":                     "on",
	"client_encoding":                     "LATIN1",
	"array_nulls":                         "off",
	"synchronous_commit":                  "off",
	"search_path":                         "'$user', public, pg_catalog",
	"transform_null_equals":               "on",
	"plan_cache_mode":                     "force_generic_plan",
}

func TestWhatADatabaseIsSetToChangesNothing(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	u, err := url.Parse(address)
	require.NoError(t, err)
	raw := storetest.SQL(t, address)
	for name, value := range hostileSettings {
		_, err := raw.Exec(fmt.Sprintf("ALTER DATABASE %s SET %s = %s", u.Path[1:], name, value))
		if err != nil {
			_, err = raw.Exec(fmt.Sprintf("ALTER DATABASE %s SET %s = '%s'", u.Path[1:], name, strings.ReplaceAll(value, "'", "''")))
		}
		if name != "idle_session_timeout" { // which is new in PostgreSQL 14
			require.NoError(t, err, name)
		}
	}
	db, err := store.Open(t.Context(), address, store.Options{AutoCreateUsers: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	const log = `{"end_user":"Zoë\\ü'","model":"m","status":"success","total_cost":0.12345678901234568,` +
		`"response_time":17.123457,"created_at":"2026-02-01T00:30:00+01:00","messages":[{"role":"user","content":"a\\b 日本"}]}`
	for range 3 {
		storetest.Append(t, db, policy.System(), log, `{"model":"m"}`)
		_, err := db.Analytics(t.Context(), policy.System(), `Zoë\ü'`)
		require.NoError(t, err)
	}
	storetest.RequireClean(t, db)
	require.NoError(t, db.Rebuild(t.Context()))
	storetest.RequireClean(t, db)

	var synchronous string
	require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow("SHOW synchronous_commit").Scan(&synchronous)
	}))
	assert.Equal(t, "on", synchronous, "what is acknowledged is on disk")
	var nano, micros, month string
	// What comes with the connection holds from its first statement on.
	settled := u.Query()
	for name, value := range map[string]string{
		"statement_timeout": "0", "lock_timeout": "0", "timezone": "UTC", "datestyle": "ISO", "client_encoding": "UTF8",
	} {
		settled.Set(name, value)
	}
	u.RawQuery = settled.Encode()
	plain, err := sql.Open("pgx", u.String())
	require.NoError(t, err)
	defer plain.Close()
	require.NoError(t, plain.QueryRow(`
		SELECT max(l.cost_nano)::text, max(m.response_us)::text, max(m.month)::text
		FROM request_logs AS l, usage_monthly AS m`).Scan(&nano, &micros, &month))
	assert.Equal(t, "123456789", nano)
	assert.Equal(t, "51370371", micros, "three times 17.123457 s")
	assert.Equal(t, "2026-01-01 00:00:00+00", month)
}

func TestAnAddressMaySetItsTimeoutsAndHowItCommits(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), storetest.Postgres(t)+"&synchronous_commit=off&statement_timeout=5min&application_name=books", store.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error {
		for name, want := range map[string]string{"synchronous_commit": "off", "statement_timeout": "5min", "application_name": "books"} {
			var got string
			if err := tx.QueryRow("SHOW " + name).Scan(&got); err != nil {
				return err
			}
			assert.Equal(t, want, got, name)
		}
		return nil
	}))
}

func TestAddressesInAllTheirForms(t *testing.T) {
	t.Parallel()
	const password = `p@ss:w/o?r#d %&'\"ü`
	server := storetest.PostgresServer(t, "listen_addresses=127.0.0.1")
	address := server.Database(t)
	u, err := url.Parse(address)
	require.NoError(t, err)
	_, err = storetest.SQL(t, address).Exec("ALTER ROLE llmtally PASSWORD '" + strings.ReplaceAll(password, "'", "''") + "'")
	require.NoError(t, err)
	u.User = url.UserPassword("llmtally", password)
	socket := u.String()
	tcp := server.OverTCP(t, socket)
	for name, address := range map[string]string{
		"a socket":          socket,
		"postgresql://":     strings.Replace(socket, "postgres://", "postgresql://", 1),
		"TCP":               tcp,
		"TLS if there is":   strings.Replace(tcp, "sslmode=disable", "sslmode=prefer", 1),
		"two hosts":         strings.Replace(tcp, "@127.0.0.1", "@127.0.0.1:1,127.0.0.1", 1),
		"a read-write host": tcp + "&target_session_attrs=read-write",
	} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(t.Context(), address, store.Options{AutoCreateUsers: true})
			require.NoError(t, err)
			storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)
			require.NoError(t, db.Close())
			assert.NotContains(t, store.Shown(address), "w/o")
		})
	}
}

func TestWhatKeepsADatabaseFromOpeningIsSaidWithoutThePassword(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.UserPassword("nobody", "hunter2")
	noUser := u.String()
	u.User = url.UserPassword("llmtally", "hunter2")
	u.Path = "/nowhere"
	noDatabase := u.String()
	for name, at := range map[string]struct{ address, says string }{
		"nobody there":   {"postgres://llmtally:hunter2@127.0.0.1:1/books", "connection refused"},
		"no such host":   {"postgres://llmtally:hunter2@llmtally.invalid/books", "llmtally.invalid"},
		"no such user":   {noUser, `role "nobody" does not exist`},
		"no database":    {noDatabase, `database "nowhere" does not exist`},
		"a bad escape":   {"postgres://llmtally:hunter2%zz@127.0.0.1:1/books", "%40 for an @"},
		"a bad sslmode":  {"postgres://llmtally:hunter2@127.0.0.1:1/books?sslmode=perhaps", "cannot be read"},
		"no such option": {address + "&colour=red&password=hunter2", `"colour"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(t.Context(), at.address, store.Options{})
			require.ErrorContains(t, err, at.says)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// pooler answers a start as PgBouncer does: it refuses settings that it does
// not know, or takes them and keeps them to itself.
func pooler(t testing.TB, answer func(*pgproto3.Backend, *pgproto3.StartupMessage)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			backend := pgproto3.NewBackend(conn, conn)
			if message, err := backend.ReceiveStartupMessage(); err == nil {
				if start, ok := message.(*pgproto3.StartupMessage); ok {
					answer(backend, start)
				}
			}
			conn.Close()
		}
	}()
	return "postgres://llmtally:hunter2@" + listener.Addr().String() + "/books?sslmode=disable"
}

func TestAPoolerThatDropsSettingsIsNamed(t *testing.T) {
	t.Parallel()
	address := pooler(t, func(b *pgproto3.Backend, _ *pgproto3.StartupMessage) {
		b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: extra_float_digits"})
		_ = b.Flush()
	})
	_, err := store.Open(context.Background(), address, store.Options{})
	require.ErrorContains(t, err, "unsupported startup parameter")
	require.ErrorContains(t, err, "session mode")
	assert.NotContains(t, err.Error(), "hunter2")
}
