package store_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// pretendCitus gives a database what pretends to be Citus.
func pretendCitus(t testing.TB, path string) {
	t.Helper()
	stub, err := os.ReadFile("testdata/citus-stub.sql")
	require.NoError(t, err)
	require.NoError(t, execAll(path, string(stub)))
}

// execAll runs statements as the owner of the database.
func execAll(path, statements string) error {
	db, err := store.Open(context.Background(), path, store.Options{})
	if err != nil {
		return err
	}
	err = db.Write(context.Background(), func(tx *store.Tx) error { _, err := tx.Exec(statements); return err })
	return errors.Join(err, db.Close())
}

// distributed returns the place of an empty database that Distribute has been
// through, and that refuses what a cluster would of single rows.
func distributed(t testing.TB) string {
	t.Helper()
	path := storetest.Postgres(t)
	pretendCitus(t, path)
	distribute(t, path)
	require.NoError(t, execAll(path, `
		CREATE TRIGGER stays BEFORE UPDATE OF litellm_call_id ON request_logs FOR EACH ROW EXECUTE FUNCTION refuse_to_move();
		CREATE TRIGGER stays BEFORE UPDATE OF user_profile_id ON usage_totals FOR EACH ROW EXECUTE FUNCTION refuse_to_move();
		CREATE TRIGGER stays BEFORE UPDATE OF user_profile_id ON usage_monthly FOR EACH ROW EXECUTE FUNCTION refuse_to_move()`))
	return path
}

func distribute(t testing.TB, path string) (done []string) {
	t.Helper()
	db, err := store.Open(t.Context(), path, store.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Distribute(t.Context(), 8, func(s store.DistributeStep) { done = append(done, s.Name) }))
	return done
}

func TestDistributingNeedsPostgreSQLWithCitus(t *testing.T) {
	t.Parallel()
	_, err := open(t, onSQLite.fresh(t)).DistributePlan(t.Context(), 8)
	require.ErrorContains(t, err, "copy this one there first")
	db := open(t, storetest.Postgres(t))
	plan, err := db.DistributePlan(t.Context(), 8)
	require.ErrorIs(t, err, store.ErrNoCitus)
	for _, step := range plan {
		assert.NotEmpty(t, step.SQL, step.Name)
	}
	require.ErrorIs(t, db.Distribute(t.Context(), 8, nil), store.ErrNoCitus)
}

func TestDistributingKeepsEveryRowAndIsDoneOnce(t *testing.T) {
	t.Parallel()
	path := storetest.Postgres(t)
	db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true})
	require.NoError(t, err)
	fillOddly(t, db)
	require.NoError(t, db.Close())
	before := dump(t, path)
	pretendCitus(t, path)

	done := distribute(t, path)
	assert.Len(t, done, 9)
	assert.Empty(t, distribute(t, path), "nothing is left to do")

	after := dump(t, path)
	for _, table := range everyTable {
		if table == "request_logs" {
			continue // some have got call ids
		}
		assert.Equal(t, before[table], after[table], table)
	}
	raw := storetest.SQL(t, path)
	assert.Equal(t, []string{
		"request_logs distributed litellm_call_id", "tokens_usage distributed user_profile_id",
		"usage_monthly distributed user_profile_id", "usage_totals distributed user_profile_id", "user_profiles reference <none>",
	}, texts(t, raw, "SELECT concat_ws(' ', table_name, citus_table_type, distribution_column) FROM citus_tables ORDER BY 1"))
	assert.Equal(t, []string{"0"}, texts(t, raw, "SELECT count(*) FROM request_logs WHERE litellm_call_id IS NULL"))
	assert.NotEmpty(t, texts(t, raw, "SELECT id FROM request_logs WHERE litellm_call_id LIKE 'llmtally-%'"))
	assert.Equal(t, []string{"tokens_usage_user_profile_id_fkey f", "request_logs_user_profile_id_fkey t"}, texts(t, raw,
		"SELECT concat_ws(' ', conname, CASE WHEN condeferred THEN 't' ELSE 'f' END) FROM pg_constraint WHERE contype = 'f' AND confrelid = 'user_profiles'::regclass ORDER BY condeferred"))
	storetest.RequireClean(t, open(t, path))
}

func TestDistributingGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	path := storetest.Postgres(t)
	pretendCitus(t, path)
	seen := map[string]bool{}
	for finished := false; !finished; {
		db, err := store.Open(t.Context(), path, store.Options{})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		err = db.Distribute(ctx, 8, func(s store.DistributeStep) {
			if n++; n == 2 {
				cancel() // before the second step
				return
			}
			assert.False(t, seen[s.Name], "%s is done again", s.Name)
			seen[s.Name] = true
		})
		finished = err == nil
		if !finished {
			require.ErrorIs(t, err, context.Canceled)
		}
		cancel()
		require.NoError(t, db.Close())
	}
	assert.Len(t, seen, 9)
}

func TestALogWithoutACallIDGetsOneWhereTheDatabaseIsDistributed(t *testing.T) {
	t.Parallel()
	path := distributed(t)
	db := open(t, path)
	for _, caller := range []policy.Caller{policy.System(), storetest.Anon(), storetest.User("ann")} {
		storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)
		storetest.Append(t, db, caller, `{"model":"m","litellm_call_id":""}`, `{"model":"m","litellm_call_id":null}`, `{"model":"m"}`)
	}
	runAll(t, db, query.Insert{Relation: "request_logs", Set: []query.Assignment{{Column: "model", Value: "m"}}})
	raw := storetest.SQL(t, path)
	assert.Equal(t, []string{"13 13"}, texts(t, raw,
		"SELECT count(*) || ' ' || count(DISTINCT litellm_call_id) FROM request_logs WHERE litellm_call_id LIKE 'llmtally-%'"))
	for _, value := range []any{"other", nil} {
		_, err := db.Run(t.Context(), policy.System(), query.Update{
			Relation: "request_logs", Set: []query.Assignment{{Column: "litellm_call_id", Value: value}}, Where: query.Is("id", int64(1)),
		}, nil)
		var refused *store.Error
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, "0A000", refused.Code)
	}
	storetest.RequireClean(t, db)
}

// The books are right whatever is done, with the keys of a cluster, and no
// statement moves a row or locks rows of many servers.
func TestTheBooksEqualTheLogsWhereTheDatabaseIsDistributed(t *testing.T) {
	t.Parallel()
	done := 0
	rapid.Check(t, func(rt *rapid.T) {
		if done++; done > 3 {
			return
		}
		program := rapid.SliceOfN(opGen, 120, 180).Draw(rt, "program")
		path := distributed(t)
		db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true})
		require.NoError(rt, err)
		defer func() { require.NoError(rt, db.Close()) }()
		m := machine{rt: rt, db: db, raw: openRaw(t, rt, path)}
		defer m.raw.close()
		for _, o := range program {
			m.step(o)
		}
		m.compare()
	})
}

func TestRowsOfADistributedDatabaseAreLockedByTheirCallIDs(t *testing.T) {
	t.Parallel()
	server := storetest.PostgresServer(t, "log_statement=all", "fsync=off")
	path := server.Database(t)
	pretendCitus(t, path)
	distribute(t, path)
	db := open(t, path)
	fillOddly(t, db)
	storetest.Append(t, db, policy.System(), `{"litellm_call_id":"open","status":"success"}`)
	runAll(t, db,
		query.Update{Relation: "request_logs", Set: []query.Assignment{{Column: "model", Value: "x"}}, Where: query.Is("model", "first")},
		query.Delete{Relation: "request_logs", Where: query.Is("user_profile_id", "user-3")},
		query.Update{Relation: "user_profiles", Set: []query.Assignment{{Column: "email", Value: "x"}}})
	require.NoError(t, db.EraseUser(t.Context(), policy.System(), "user-4"))
	_, err := db.Reprice(t.Context(), store.Repricing{}, func(store.Repriced) {})
	require.NoError(t, err)
	storetest.RequireClean(t, db)
	locks := 0
	for line := range strings.Lines(server.Log(t)) {
		if !strings.Contains(line, "FOR UPDATE") {
			continue
		}
		locks++
		byCall := strings.Contains(line, "litellm_call_id = $")
		assert.True(t, byCall || strings.Contains(line, "user_profiles"), line)
	}
	assert.Positive(t, locks)
}

func TestADistributedDatabaseIsCopiedBackByComparing(t *testing.T) {
	t.Parallel()
	path := distributed(t)
	db, target := open(t, path), open(t, onSQLite.fresh(t))
	fillOddly(t, db)
	copyTo(t, db, target)
	runAll(t, db, query.Delete{Relation: "request_logs", Where: query.Is("litellm_call_id", "call-7")})
	done := copyTo(t, db, target)
	assert.True(t, done.Compared)
	assert.EqualValues(t, 1, done.Replaced)
	back := storetest.Postgres(t)
	copyTo(t, target, open(t, back))
	requireEqual(t, path, back)
	_, err := target.Copy(t.Context(), db, store.Copying{})
	require.ErrorContains(t, err, "the target is distributed")
}
