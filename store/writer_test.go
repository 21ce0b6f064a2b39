package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// hold keeps the writer busy until the function that it returns is called.
func hold(t testing.TB, db *store.DB) (release func()) {
	t.Helper()
	started, finish, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- db.Write(context.Background(), func(*store.Tx) error {
			close(started)
			<-finish
			return nil
		})
	}()
	<-started
	return func() {
		t.Helper()
		close(finish)
		require.NoError(t, <-done)
	}
}

// appendLater queues a log behind a held writer. The channel gets its outcome.
func appendLater(ctx context.Context, t testing.TB, db *store.DB, object string) <-chan error {
	t.Helper()
	before := db.QueueDepth()
	outcome := make(chan error, 1)
	l := storetest.Log(t, object)
	go func() {
		verdicts, err := db.Append(ctx, policy.System(), l)
		if err == nil {
			err = verdicts[0].Err
		}
		outcome <- err
	}()
	for db.QueueDepth() == before {
		runtime.Gosched()
	}
	return outcome
}

func countLogs(t testing.TB, db *store.DB) int64 {
	t.Helper()
	n, err := db.Run(t.Context(), policy.System(), query.Select{From: "request_logs"}, func(query.Row) error { return nil })
	require.NoError(t, err)
	return n
}

func TestABadLogAmongManyCostsOnlyItself(t *testing.T) {
	t.Parallel()
	db := storetest.OpenWith(t, store.Options{})
	logs := []store.Log{}
	for i := range 50 {
		object := `{"status":"success"}`
		if i%7 == 3 {
			object = `{"user_profile_id":"unknown"}`
		}
		logs = append(logs, storetest.Log(t, object))
	}
	verdicts, err := db.Append(t.Context(), policy.System(), logs...)
	require.NoError(t, err)
	for i, v := range verdicts {
		if i%7 == 3 {
			assert.Equal(t, store.CodeForeignKey, codeOf(v.Err), "log %d", i)
			assert.Zero(t, v.ID)
		} else {
			require.NoError(t, v.Err, "log %d", i)
			assert.Positive(t, v.ID)
		}
	}
	assert.Equal(t, int64(43), countLogs(t, db))
	storetest.RequireClean(t, db)
}

// A sum that leaves 64 bits shows only when the batch is saved: the whole batch
// fails, and its logs are stored one by one.
func TestALogThatOverflowsASumCostsOnlyItself(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"tokens", "cost_usd", "response_us"} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t)
			storetest.Append(t, db, policy.System(), `{"user_profile_id":"ann","model":"m","status":"success"}`)
			require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(fmt.Sprintf("UPDATE usage_totals SET %s = $1", column), int64(math.MaxInt64))
				return err
			}))
			release := hold(t, db)
			neighbour := appendLater(t.Context(), t, db, `{"user_profile_id":"bob","tokens_used":5,"total_cost":1}`)
			culprit := appendLater(t.Context(), t, db,
				`{"user_profile_id":"ann","model":"m","tokens_used":5,"total_cost":1.000000001,"response_time":2,"status":"success"}`)
			another := appendLater(t.Context(), t, db, `{"user_profile_id":"ann","model":"other","tokens_used":5}`)
			release()
			require.NoError(t, <-neighbour)
			require.NoError(t, <-another)
			assert.Equal(t, store.CodeOutOfRange, codeOf(<-culprit))
			assert.Equal(t, int64(3), countLogs(t, db))
		})
	}
}

// One user's costs must not make everybody's answers fail.
func TestNoNumberOfCostlyLogsBreaksAnAnswer(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	logs := make([]store.Log, 100)
	for i := range logs {
		logs[i] = storetest.Log(t, fmt.Sprintf(`{"end_user":"ann","model":"m%d","total_cost":100000000,"created_at":"2026-01-01T00:00:00Z"}`, i))
	}
	_, err := db.Append(t.Context(), storetest.Anon(), logs...)
	require.NoError(t, err)
	_, err = db.AllAnalytics(t.Context(), policy.System(), 100, 0)
	assert.NoError(t, err)
	_, err = db.Run(t.Context(), policy.System(), query.Select{From: "monthly_token_usage"}, func(query.Row) error { return nil })
	assert.NoError(t, err)
	assert.NoError(t, db.Check(t.Context(), func(store.Difference) {}))
}

func TestAFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	db := storetest.OpenWith(t, store.Options{QueueRows: 3})
	release := hold(t, db)
	var waiting []<-chan error
	for range 3 {
		waiting = append(waiting, appendLater(t.Context(), t, db, `{}`))
	}
	assert.Equal(t, 3, db.QueueDepth())
	_, err := db.Append(t.Context(), policy.System(), storetest.Log(t, `{}`))
	assert.Equal(t, store.ErrBusy, err)
	release()
	for _, w := range waiting {
		require.NoError(t, <-w)
	}
	assert.Equal(t, int64(3), countLogs(t, db))
	storetest.Append(t, db, policy.System(), `{}`)
}

func TestARequestLargerThanTheQueueIsTakenWhenNothingWaits(t *testing.T) {
	t.Parallel()
	db := storetest.OpenWith(t, store.Options{QueueRows: 2})
	storetest.Append(t, db, policy.System(), `{}`, `{}`, `{}`, `{}`)
	assert.Equal(t, int64(4), countLogs(t, db))
}

func TestCloseCommitsWhatWaits(t *testing.T) {
	t.Parallel()
	path := storetest.Path(t)
	db, err := store.Open(t.Context(), path, store.Options{})
	require.NoError(t, err)
	release := hold(t, db)
	var waiting []<-chan error
	for range 20 {
		waiting = append(waiting, appendLater(t.Context(), t, db, `{"status":"success"}`))
	}
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	release()
	require.NoError(t, <-closed)
	for _, w := range waiting {
		require.NoError(t, <-w)
	}
	require.NoError(t, db.Close(), "closing twice is closing once")
	_, err = db.Append(t.Context(), policy.System(), storetest.Log(t, `{}`))
	assert.Equal(t, store.ErrClosed, err)
	assert.Equal(t, store.ErrClosed, db.Write(t.Context(), func(*store.Tx) error { return nil }))

	again, err := store.Open(t.Context(), path, store.Options{})
	require.NoError(t, err)
	defer again.Close()
	assert.Equal(t, int64(20), countLogs(t, again))
}

func TestAWriteThatFailsOrPanicsLeavesNothing(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	insert := func(tx *store.Tx) {
		_, err := tx.Exec("INSERT INTO user_profiles (user_id) VALUES ('half')")
		assert.NoError(t, err)
	}
	mistake := errors.New("a mistake")
	err := db.Write(t.Context(), func(tx *store.Tx) error { insert(tx); return mistake })
	assert.ErrorIs(t, err, mistake)
	err = db.Write(t.Context(), func(tx *store.Tx) error { insert(tx); panic("a slip") })
	assert.ErrorContains(t, err, "a slip")
	err = db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO tokens_usage (user_profile_id, period_start, period_end) VALUES ('none', '2026-01-01T00:00:00.000000Z', '2026-02-01T00:00:00.000000Z')")
		return err
	})
	assert.Equal(t, store.CodeForeignKey, codeOf(err))
	exists, err := db.UserExists(t.Context(), policy.System(), "half")
	require.NoError(t, err)
	assert.False(t, exists)
	storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)
	storetest.RequireClean(t, db)
}

func TestACallerThatHangsUpTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	release := hold(t, db)
	before := appendLater(t.Context(), t, db, `{"end_user":"ann","tokens_used":1}`)
	ctx, hangUp := context.WithCancel(t.Context())
	leaver := appendLater(ctx, t, db, `{"end_user":"ann","tokens_used":2}`)
	after := appendLater(t.Context(), t, db, `{"end_user":"ann","tokens_used":4}`)
	hangUp()
	assert.ErrorIs(t, appendGone(ctx, t, db), context.Canceled, "a log that was not queued is not stored")
	release()
	require.NoError(t, <-before)
	require.NoError(t, <-after)
	require.NoError(t, <-leaver, "it was under way, and its sender hears what became of it")
	a, err := db.Analytics(t.Context(), policy.System(), "ann")
	require.NoError(t, err)
	assert.Equal(t, int64(7), a.TotalTokensFromLogs)
	storetest.RequireClean(t, db)
}

func appendGone(ctx context.Context, t testing.TB, db *store.DB) error {
	t.Helper()
	_, err := db.Append(ctx, policy.System(), storetest.Log(t, `{"end_user":"ann","tokens_used":8}`))
	return err
}

func TestLogsFromManyCallersAreEachStoredOnce(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for k := range 10 {
				verdicts, err := db.Append(t.Context(), policy.System(),
					storetest.Log(t, fmt.Sprintf(`{"end_user":"u%d","litellm_call_id":"%d","tokens_used":1}`, i%3, k)),
					storetest.Log(t, `{"end_user":"all","tokens_used":1}`))
				assert.NoError(t, err)
				assert.NoError(t, verdicts[0].Err)
			}
		})
	}
	callers.Wait()
	assert.Equal(t, int64(90), countLogs(t, db))
	storetest.RequireClean(t, db)
}

func TestNoLogsAreNoError(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	verdicts, err := db.Append(t.Context(), policy.System())
	require.NoError(t, err)
	assert.Empty(t, verdicts)
}
