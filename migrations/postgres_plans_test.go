package migrations_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// What is asked of one user, or of the newest, is looked up: it takes as long for
// ten million logs as for these.
var lookups = []string{
	"SELECT * FROM (SELECT * FROM user_request_analytics WHERE user_id = 'user 7') AS t",
	"SELECT * FROM (SELECT * FROM monthly_token_usage WHERE user_profile_id = 'user 7') AS t",
	"SELECT * FROM (SELECT * FROM user_token_breakdown WHERE user_profile_id = 'user 7') AS t",
	"SELECT * FROM get_user_request_history('user 7')",
	"SELECT * FROM get_user_token_breakdown('user 7')",
	"SELECT * FROM user_recent_activity ORDER BY request_time DESC, request_id DESC LIMIT 20",
	"SELECT sum(tokens) FROM (SELECT * FROM usage_by_log WHERE user_profile_id = 'user 7') AS t WHERE created_at > now() - interval '1 day'",
}

func TestOneUsersQuestionsAreIndexLookups(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.AsSuperuser(t, storetest.Postgres(t)))
	exec(t, db, "INSERT INTO user_profiles (user_id) SELECT 'user ' || n FROM generate_series(0, 999) AS n",
		`INSERT INTO request_logs (created_at, user_profile_id, model, provider, tokens_used)
			SELECT now() - n * interval '5 minutes', 'user ' || n % 1000, 'model ' || n % 4, 'provider ' || n % 3, 1
			FROM generate_series(1, 30000) AS n`,
		"VACUUM ANALYZE")
	for _, caller := range []policy.Caller{{Role: policy.Service}, {Role: policy.Authenticated, Subject: "user 7"}} {
		as(t, db, caller, func(tx *sql.Tx) {
			for _, query := range lookups {
				rows, err := tx.Query("EXPLAIN " + query)
				require.NoError(t, err)
				var plan []string
				for rows.Next() {
					var line string
					require.NoError(t, rows.Scan(&line))
					plan = append(plan, line)
				}
				require.NoError(t, rows.Err())
				require.NoError(t, rows.Close())
				assert.NotContains(t, strings.Join(plan, "\n"), "Seq Scan", "%s: %s", caller.Role, query)
			}
		})
	}
}

func TestASchemaOfItsOwnWillDo(t *testing.T) {
	t.Parallel()
	address := storetest.PostgresBare(t)
	exec(t, open(t, address), "CREATE SCHEMA books", "CREATE TABLE request_logs (id text)")
	address += "&search_path=books"
	books, err := store.Open(t.Context(), address, store.Options{AutoCreateUsers: true})
	require.NoError(t, err)
	storetest.Append(t, books, policy.System(), `{"user_profile_id":"ann","tokens_used":3}`)
	require.NoError(t, books.Close())
	db := open(t, storetest.AsSuperuser(t, address))
	as(t, db, policy.Caller{Role: policy.Authenticated, Subject: "ann"}, func(tx *sql.Tx) {
		// Nothing of it is on the path of whoever asks.
		_, err := tx.Exec("SET LOCAL search_path = ''")
		require.NoError(t, err)
		_, err = tx.Exec("INSERT INTO books.request_logs (user_profile_id, tokens_used, total_cost) VALUES ('ann', 4, 0.5)")
		require.NoError(t, err)
		var tokens int
		require.NoError(t, tx.QueryRow("SELECT total_tokens_from_logs FROM books.user_request_analytics").Scan(&tokens))
		assert.Equal(t, 7, tokens)
		require.NoError(t, tx.QueryRow("SELECT total_tokens FROM books.get_user_token_breakdown('ann')").Scan(&tokens))
		assert.Equal(t, 7, tokens)
		require.NoError(t, tx.Commit())
	})
	requireClean(t, address)
	assert.Equal(t, "id", *answer(t, db, "SELECT string_agg(attname, ' ') FROM pg_attribute WHERE attrelid = 'public.request_logs'::regclass AND attnum > 0"),
		"another schema's table is not ours")
}

func TestLlmtallyAndOthersWriteAtOnce(t *testing.T) {
	t.Parallel()
	address := storetest.Postgres(t)
	books, err := store.Open(t.Context(), address, store.Options{AutoCreateUsers: true})
	require.NoError(t, err)
	db := open(t, address)
	exec(t, db, "INSERT INTO user_profiles (user_id) VALUES ('ann'), ('bob')")
	others := make(chan error, 60)
	go func() {
		defer close(others)
		for range 60 {
			_, err := db.Exec(`INSERT INTO request_logs (user_profile_id, model, tokens_used, status, response_time)
				VALUES ('bob', 'b', 1, 'success', 1), ('ann', 'a', 2, 'success', 1), (NULL, 'a', 3, 'success', 1)`)
			others <- err
		}
	}()
	for range 60 {
		storetest.Append(t, books, policy.System(), `{"user_profile_id":"bob","model":"b","tokens_used":1,"status":"success","response_time":1}`,
			`{"user_profile_id":"ann","model":"a","tokens_used":2,"status":"success","response_time":1}`, `{"model":"a","tokens_used":3,"response_time":1}`)
	}
	for err := range others {
		assert.NoError(t, err)
	}
	storetest.RequireClean(t, books)
	require.NoError(t, books.Close())
	assert.Equal(t, "120", *answer(t, db, "SELECT tokens_used FROM user_profiles WHERE user_id = 'bob'"))
}
