package migrations_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// requireClean requires that every sum of the database equals what its logs say,
// as `llmtally check` does.
func requireClean(t testing.TB, address string) {
	t.Helper()
	db, err := store.Open(context.Background(), address, store.Options{})
	require.NoError(t, err)
	defer db.Close()
	storetest.RequireClean(t, db)
}

// exec runs statements of somebody who writes past llmtally.
func exec(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := db.ExecContext(context.Background(), statement)
		require.NoError(t, err, statement)
	}
}

// A directWriter makes up statements about request_logs, with every kind of value
// that a column can hold.
type directWriter struct{ *rand.Rand }

func (w directWriter) one(values ...string) string { return values[w.IntN(len(values))] }

func (w directWriter) user() string     { return w.one("'ann'", "'bob'", "'Ça'", "NULL") }
func (w directWriter) model() string    { return w.one("'gpt-4o'", "'Zeta'", "'é'", "''", "NULL") }
func (w directWriter) provider() string { return w.one("'openai'", "'azure'", "NULL") }
func (w directWriter) status() string {
	return w.one("'success'", "'failure'", "'error'", "'initiated'", "'SUCCESS'", "''", "NULL")
}
func (w directWriter) tokens() string { return w.one("0", "7", "1200", "999999999999", "NULL") }
func (w directWriter) cost() string {
	return w.one("0", "0.0000000125", "0.1", "99999999.999999999", "3.5", "NULL")
}
func (w directWriter) seconds() string { return w.one("0", "0.0001", "1.234", "17.77", "NULL") }
func (w directWriter) at() string {
	return w.one("'2026-01-31 23:59:59.999999+00'", "'2026-02-01 00:00:00+00'", "'2025-12-31 22:10:00-05'",
		"'2026-02-28 12:30:00+00'", "'0001-01-01 00:00:00+00'", "'9999-12-31 23:59:59.999999+00'",
		fmt.Sprintf("timestamptz '2026-02-10 00:00:00+00' + interval '%d minutes'", w.IntN(3000)))
}

func (w directWriter) insert(rows int) string {
	values := make([]string, rows)
	for i := range values {
		values[i] = "(" + strings.Join([]string{
			w.at(), w.user(), w.provider(), w.model(), w.status(), w.seconds(),
			w.tokens(), w.tokens(), w.tokens(), w.tokens(), w.tokens(), w.tokens(), w.cost(),
		}, ", ") + ")"
	}
	return `INSERT INTO request_logs (created_at, user_profile_id, provider, model, status, response_time, tokens_used,
		prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, total_cost)
		VALUES ` + strings.Join(values, ", ")
}

func (w directWriter) update() string {
	sets := []string{
		"created_at = " + w.at(), "user_profile_id = " + w.user(), "model = " + w.model(), "provider = " + w.provider(),
		"status = " + w.status(), "response_time = " + w.seconds(), "tokens_used = " + w.tokens(), "total_cost = " + w.cost(),
		"prompt_tokens = " + w.tokens(), "cost_nano = 17", "messages = '[]'",
	}
	w.Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
	return "UPDATE request_logs SET " + strings.Join(sets[:1+w.IntN(3)], ", ") + " WHERE " + w.some()
}

func (w directWriter) some() string {
	return w.one("id % 7 = "+fmt.Sprint(w.IntN(7)), "model IS NULL", "status = 'success'", "created_at > "+w.at(),
		"user_profile_id = "+w.user(), "total_cost IS NULL", "true", "false",
		"id IN (SELECT id FROM request_logs ORDER BY created_at DESC LIMIT 3)")
}

func (w directWriter) statement() string {
	switch w.IntN(10) {
	case 0, 1, 2, 3:
		return w.insert(1 + w.IntN(6))
	case 4, 5, 6:
		return w.update()
	case 7:
		return "DELETE FROM request_logs WHERE " + w.one(w.some(), "id % 3 = 1")
	case 8:
		// An update may have left the most tokens that a log can have: adding to
		// them starts again from nothing.
		return `INSERT INTO request_logs (litellm_call_id, status, tokens_used, user_profile_id) VALUES ('call', 'initiated', 5, 'ann'), ('call 2', 'success', 1, 'bob')
			ON CONFLICT (litellm_call_id) DO UPDATE SET status = excluded.status,
				tokens_used = (request_logs.tokens_used + excluded.tokens_used) % 1000000000000, total_cost = 0.5`
	default:
		return w.one(
			"UPDATE user_profiles SET tokens_used = 123456, full_name = 'Ann' WHERE user_id = 'ann'",
			"INSERT INTO user_profiles (user_id, tokens_used) VALUES ('ann', 77), ('dora', 88) ON CONFLICT (user_id) DO UPDATE SET tokens_used = excluded.tokens_used",
			`WITH moved AS (DELETE FROM request_logs WHERE `+w.some()+` RETURNING created_at, user_profile_id, model, tokens_used)
				INSERT INTO request_logs (created_at, user_profile_id, model, tokens_used) SELECT * FROM moved`,
		)
	}
}

func TestTheSumsAreRightWhateverIsWrittenPastLlmtally(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"the owner", "service_role"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			address := storetest.Postgres(t)
			db := open(t, storetest.AsSuperuser(t, address))
			db.SetMaxOpenConns(1)
			exec(t, db, "INSERT INTO user_profiles (user_id) VALUES ('ann'), ('bob'), ('Ça')")
			if role != "the owner" {
				exec(t, db, "SET ROLE "+role)
			}
			seed := rand.Uint64()
			w := directWriter{rand.New(rand.NewPCG(seed, 0))}
			var program []string
			for i := range 120 {
				statement := w.statement()
				program = append(program, statement)
				_, err := db.ExecContext(t.Context(), statement)
				require.NoError(t, err, "seed %d: %s", seed, statement)
				if i%12 == 11 && !assert.NotPanics(t, func() { requireClean(t, address) }) || t.Failed() {
					t.Fatalf("seed %d, after\n%s", seed, strings.Join(program[max(0, i-11):], "\n"))
				}
			}
			exec(t, db, "TRUNCATE request_logs")
			requireClean(t, address)
			for _, rollup := range []string{"usage_totals", "usage_monthly", "traffic_hourly"} {
				assert.Equal(t, "0", *answer(t, db, "SELECT count(*) FROM "+rollup), rollup)
			}
			assert.Equal(t, "0", *answer(t, db, "SELECT sum(tokens_used) FROM user_profiles"))
		})
	}
}

func TestWhatIsWrittenPastLlmtallyIsUndoneWithItsTransaction(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	db := open(t, address)
	exec(t, db, "INSERT INTO user_profiles (user_id) VALUES ('ann')",
		"INSERT INTO request_logs (user_profile_id, tokens_used, total_cost) VALUES ('ann', 5, 0.5)")
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	for _, statement := range []string{
		"INSERT INTO request_logs (user_profile_id, tokens_used) SELECT 'ann', 1 FROM generate_series(1, 50)",
		"SAVEPOINT a", "DELETE FROM request_logs", "ROLLBACK TO a", "UPDATE request_logs SET model = 'x'",
	} {
		_, err := tx.Exec(statement)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Rollback())
	requireClean(t, address)
	assert.Equal(t, "5", *answer(t, db, "SELECT tokens_used FROM user_profiles"))
}

func TestMonthsThatChangedPastLlmtallyAreStale(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Postgres(t))
	stale := func() string {
		return *answer(t, db, `SELECT coalesce(string_agg(to_char(month AT TIME ZONE 'UTC', 'YYYY-MM'), ' ' ORDER BY month), '') FROM stale_months`)
	}
	exec(t, db, "INSERT INTO user_profiles (user_id) VALUES ('ann')",
		"INSERT INTO request_logs (created_at) VALUES ('2026-05-05 00:00:00+00')")
	assert.Empty(t, stale(), "nobody's months are no rows of tokens_usage")
	exec(t, db, `INSERT INTO request_logs (created_at, user_profile_id) VALUES ('2026-01-31 23:30:00-05', 'ann'), ('2026-04-01 00:00:00+00', 'ann')`)
	assert.Equal(t, "2026-02 2026-04", stale())
	exec(t, db, "DELETE FROM stale_months", "UPDATE request_logs SET messages = '[]'")
	assert.Empty(t, stale(), "nothing that counts has changed")
	exec(t, db, "UPDATE request_logs SET created_at = '2026-03-01 00:00:00+00' WHERE created_at < '2026-03-01 00:00:00+00'")
	assert.Equal(t, "2026-02 2026-03", stale())
}

func TestAUserIsRenamedWithTheirLogs(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{
		{"UPDATE user_profiles SET user_id = 'anna'", "UPDATE request_logs SET user_profile_id = 'anna'"},
		{"UPDATE request_logs SET user_profile_id = 'anna'", "UPDATE user_profiles SET user_id = 'anna'"},
		{"UPDATE request_logs SET user_profile_id = 'anna'", "INSERT INTO user_profiles (user_id) VALUES ('anna')", "DELETE FROM user_profiles WHERE user_id = 'ann'"},
	} {
		address := storetest.Postgres(t)
		db := open(t, address)
		exec(t, db, "INSERT INTO user_profiles (user_id) VALUES ('ann')", "INSERT INTO request_logs (user_profile_id, tokens_used) VALUES ('ann', 5)")
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		for _, statement := range order {
			_, err := tx.Exec(statement)
			require.NoError(t, err, statement)
		}
		require.NoError(t, tx.Commit())
		requireClean(t, address)
		assert.Equal(t, "5", *answer(t, db, "SELECT tokens_used FROM user_profiles"))
	}
}

func TestManyWriteAtOncePastLlmtally(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	db := open(t, address)
	exec(t, db, "INSERT INTO user_profiles (user_id) SELECT 'user ' || n FROM generate_series(0, 9) AS n")
	var writers sync.WaitGroup
	for n := range 8 {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(n)))
			for range 25 {
				statement := fmt.Sprintf(`INSERT INTO request_logs (user_profile_id, model, tokens_used, total_cost, response_time, status)
					SELECT 'user ' || (n * %d) %% 10, 'model ' || n %% 3, n, 0.001 * n, 1.5, 'success'
					FROM generate_series(%d, 1, -1) AS n`, 1+random.IntN(9), 1+random.IntN(12))
				if random.IntN(4) == 0 {
					statement = fmt.Sprintf("UPDATE request_logs SET tokens_used = tokens_used + 1 WHERE id = %d", 1+random.IntN(500))
				}
				_, err := db.ExecContext(context.Background(), statement)
				assert.NoError(t, err)
			}
		})
	}
	writers.Wait()
	requireClean(t, address)
}

func TestLlmtallysOwnWriterIsLeftAlone(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	db := open(t, address)
	db.SetMaxOpenConns(1)
	exec(t, db, "SET llmtally.writer = 'on'", "INSERT INTO user_profiles (user_id, tokens_used) VALUES ('ann', 3)",
		"INSERT INTO request_logs (user_profile_id, tokens_used, total_cost, cost_nano) VALUES ('ann', 5, 1, 2)")
	assert.Equal(t, "0", *answer(t, db, "SELECT count(*) FROM usage_totals"))
	assert.Equal(t, "3", *answer(t, db, "SELECT tokens_used FROM user_profiles"))
	assert.Equal(t, "2", *answer(t, db, "SELECT cost_nano FROM request_logs"))
}

// A role that row-level security holds for cannot pass for the writer.
func TestNobodyElseCanPassForTheWriter(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	db := open(t, storetest.AsSuperuser(t, address))
	db.SetMaxOpenConns(1)
	exec(t, db, "INSERT INTO user_profiles (user_id) VALUES ('ann')", "SET llmtally.writer = 'on'", "SET ROLE anon",
		"INSERT INTO request_logs (user_profile_id, tokens_used, total_cost) VALUES ('ann', 5, 1)",
		"RESET ROLE", "RESET llmtally.writer")
	requireClean(t, address)
	assert.Equal(t, "1000000000", *answer(t, db, "SELECT cost_nano FROM request_logs"))
}

func TestWhatSumsCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Postgres(t))
	for _, column := range []string{
		"total_cost) VALUES (-0.1", "total_cost) VALUES ('NaN'", "total_cost) VALUES ('Infinity'", "total_cost) VALUES (100000001",
		"tokens_used) VALUES (-1", "tokens_used) VALUES (1000000000001", "prompt_tokens) VALUES (-5", "response_time) VALUES (-1",
		"response_time) VALUES ('NaN'", "created_at) VALUES ('infinity'", "created_at) VALUES ('0001-01-01 00:00:00+00 BC'",
		"created_at) VALUES ('10000-01-01 00:00:00+00'", "model) VALUES (repeat('m', 513)", "litellm_call_id) VALUES (repeat('c', 1025)",
		"litellm_call_id) VALUES (''",
	} {
		_, err := db.ExecContext(t.Context(), "INSERT INTO request_logs ("+column+")")
		assert.ErrorContains(t, err, "SQLSTATE 23514", column)
	}
}
