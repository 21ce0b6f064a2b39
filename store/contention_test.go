package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/storetest"
)

// openShared opens a database on PostgreSQL, and a connection past the store.
func openShared(t testing.TB, settings string) (*store.DB, *sql.DB) {
	t.Helper()
	address := storetest.Postgres(t)
	db, err := store.Open(t.Context(), address+settings, store.Options{AutoCreateUsers: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db, storetest.SQL(t, address)
}

// waitFor waits until a query says true.
func waitFor(t testing.TB, db *sql.DB, query string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var yes bool
		require.NoError(t, db.QueryRow(query).Scan(&yes))
		if yes {
			return
		}
		require.True(t, time.Now().Before(deadline), "never true: %s", query)
	}
}

const writerWaits = `
	SELECT EXISTS (
		SELECT FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'llmtally' AND wait_event_type = 'Lock'
	)`

func TestADeadlockWithAnotherSessionIsNotShownToClients(t *testing.T) {
	t.Parallel()
	db, other := openShared(t, "")
	storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`, `{"end_user":"bob"}`)
	session, err := other.Conn(t.Context())
	require.NoError(t, err)
	defer session.Close()
	run := func(statement string) {
		_, err := session.ExecContext(context.Background(), statement)
		require.NoError(t, err)
	}
	run("SET deadlock_timeout = '1h'") // so that it is the writer who is told
	run("BEGIN")
	run("SELECT FROM user_profiles WHERE user_id = 'bob' FOR UPDATE")
	stored := make(chan error, 1)
	go func() {
		_, err := db.Append(context.Background(), policy.System(),
			storetest.Log(t, `{"end_user":"bob","tokens_used":1}`), storetest.Log(t, `{"end_user":"ann","tokens_used":1}`))
		stored <- err
	}()
	waitFor(t, other, writerWaits)
	run("SELECT FROM user_profiles WHERE user_id = 'ann' FOR UPDATE") // until the writer has let go
	run("COMMIT")
	require.NoError(t, <-stored)
	var tokens int
	require.NoError(t, other.QueryRow("SELECT sum(tokens_used) FROM user_profiles").Scan(&tokens))
	assert.Equal(t, 2, tokens)
	storetest.RequireClean(t, db)
}

func TestALockThatIsNotHadInTimeIsTriedAgain(t *testing.T) {
	t.Parallel()
	db, other := openShared(t, "&lock_timeout=20ms")
	storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)
	tx, err := other.Begin()
	require.NoError(t, err)
	_, err = tx.Exec("SELECT FROM user_profiles WHERE user_id = 'ann' FOR UPDATE")
	require.NoError(t, err)
	stored := make(chan error, 1)
	go func() {
		_, err := db.Append(context.Background(), policy.System(), storetest.Log(t, `{"end_user":"ann","tokens_used":1}`))
		stored <- err
	}()
	waitFor(t, other, writerWaits)
	time.Sleep(50 * time.Millisecond) // so that it has given up at least once
	require.NoError(t, tx.Rollback())
	require.NoError(t, <-stored)
	storetest.RequireClean(t, db)
}

func TestWhatAnotherAttemptMayCureIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01", "55P03", "57014", "53200"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			db, other := openShared(t, "")
			for _, statement := range []string{
				"CREATE SEQUENCE attempts",
				"GRANT USAGE ON attempts TO llmtally",
				fmt.Sprintf(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
					BEGIN
						IF nextval('attempts') < 4 THEN
							RAISE EXCEPTION 'not now' USING ERRCODE = '%s';
						END IF;
						RETURN NULL;
					END $$`, code),
				"CREATE TRIGGER fail AFTER INSERT ON request_logs FOR EACH STATEMENT EXECUTE FUNCTION fail()",
			} {
				_, err := other.Exec(statement)
				require.NoError(t, err)
			}
			storetest.Append(t, db, policy.System(), `{"end_user":"ann","tokens_used":1}`)
			storetest.RequireClean(t, db)
			var logs, attempts int
			require.NoError(t, other.QueryRow("SELECT (SELECT count(*) FROM request_logs), last_value FROM attempts").Scan(&logs, &attempts))
			assert.Equal(t, 1, logs)
			assert.Equal(t, 4, attempts)
		})
	}
}

func TestARowThatPostgreSQLRefusesCostsOnlyItself(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"22000", "22P02", "23514", "54001"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			db, other := openShared(t, "")
			for _, statement := range []string{
				fmt.Sprintf(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
					BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '%s'; END $$`, code),
				"CREATE TRIGGER refuse BEFORE INSERT ON request_logs FOR EACH ROW WHEN (NEW.model = 'bad') EXECUTE FUNCTION refuse()",
			} {
				_, err := other.Exec(statement)
				require.NoError(t, err)
			}
			logs := make([]store.Log, 100)
			for i := range logs {
				model := "good"
				if i == 7 || i == 60 {
					model = "bad"
				}
				logs[i] = storetest.Log(t, fmt.Sprintf(`{"end_user":"u%d","model":%q,"tokens_used":1}`, i%5, model))
			}
			verdicts, err := db.Append(t.Context(), policy.System(), logs...)
			require.NoError(t, err)
			for i, v := range verdicts {
				var refused *store.Error
				if i == 7 || i == 60 {
					require.ErrorAs(t, v.Err, &refused, "log %d", i)
					assert.Equal(t, code, refused.Code)
				} else {
					assert.NoError(t, v.Err, "log %d", i)
					assert.NotZero(t, v.ID)
				}
			}
			storetest.RequireClean(t, db)
			var n int
			require.NoError(t, other.QueryRow("SELECT count(*) FROM request_logs").Scan(&n))
			assert.Equal(t, 98, n)
		})
	}
}

func TestALogThatIsDeletedWhileItIsSentAgainIsStoredOrNot(t *testing.T) {
	t.Parallel()
	db, other := openShared(t, "")
	const log = `{"litellm_call_id":"c","end_user":"ann","tokens_used":1}`
	storetest.Append(t, db, policy.System(), log)
	// The writer finds the call id taken, and then the row gone.
	tx, err := other.Begin()
	require.NoError(t, err)
	_, err = tx.Exec("SET LOCAL llmtally.writer = ''") // this one counts by the triggers
	require.NoError(t, err)
	_, err = tx.Exec("DELETE FROM request_logs")
	require.NoError(t, err)
	stored := make(chan error, 1)
	go func() {
		_, err := db.Append(context.Background(), policy.System(), storetest.Log(t, log))
		stored <- err
	}()
	waitFor(t, other, strings.Replace(writerWaits, "application_name = 'llmtally' AND ", "", 1))
	require.NoError(t, tx.Commit())
	require.NoError(t, <-stored)
	var logs int
	require.NoError(t, other.QueryRow("SELECT count(*) FROM request_logs").Scan(&logs))
	assert.Equal(t, 1, logs)
	storetest.RequireClean(t, db)
}

func TestAChangeOfPricesOrRulesReachesOtherProcessesWithinTheNextLogs(t *testing.T) {
	t.Parallel()
	db, other := openShared(t, "")
	second, err := store.Open(t.Context(), db.Path(), store.Options{AutoCreateUsers: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, second.Close()) }()
	const log = `{"end_user":"ann","provider":"house","model":"house-1","prompt_tokens":1000000,"status":"success"}`
	storetest.Append(t, second, policy.System(), log)

	require.NoError(t, db.SavePrices(t.Context(), policy.System(), []price.Price{override(t, "", "house-1", "", `{"input":3,"output":1}`)}))
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		storetest.Append(t, second, policy.System(), log)
		var priced bool
		require.NoError(t, other.QueryRow("SELECT EXISTS (SELECT FROM request_logs WHERE total_cost = 3)").Scan(&priced))
		if priced {
			break
		}
		require.True(t, time.Now().Before(deadline))
	}

	rule, err := db.SaveAlertRule(t.Context(), policy.System(), store.AlertRule{
		Name: "one cent", Metric: store.MetricCost, Scope: store.ScopeEveryone, PerUser: true,
		Window: store.WindowTotal, Limit: 0.01, Thresholds: []float64{100}, Enabled: true,
	})
	require.NoError(t, err)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		storetest.Append(t, second, policy.System(), log)
		var fired int
		require.NoError(t, other.QueryRow("SELECT count(*) FROM alerts WHERE rule_id = $1", rule.ID).Scan(&fired))
		if fired > 0 {
			assert.Equal(t, 1, fired)
			break
		}
		require.True(t, time.Now().Before(deadline))
	}
}

func TestARuleThatCannotBeMeasuredCostsNoLogs(t *testing.T) {
	t.Parallel()
	db, other := openShared(t, "")
	storetest.Append(t, db, policy.System(), `{"end_user":"ann","model":"a"}`, `{"end_user":"ann","model":"b"}`)
	_, err := other.Exec("UPDATE usage_totals SET tokens = 9000000000000000000") // twice that is no bigint
	require.NoError(t, err)
	second, err := store.Open(t.Context(), db.Path(), store.Options{AutoCreateUsers: true}) // that has measured nothing yet
	require.NoError(t, err)
	defer func() { require.NoError(t, second.Close()) }()
	for range 3 {
		storetest.Append(t, second, policy.System(), `{"end_user":"ann","model":"c"}`, `{"end_user":"bob","model":"c"}`)
	}
	var n int
	require.NoError(t, other.QueryRow("SELECT count(*) FROM request_logs").Scan(&n))
	assert.Equal(t, 8, n)
}
