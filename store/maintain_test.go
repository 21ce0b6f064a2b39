package store_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestUnfinishedRequestsAreCountedAndLeftAsTheyAre(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	border := *moment("2026-01-01T11:00:00Z")
	n, oldest, err := db.Unfinished(t.Context(), border)
	require.NoError(t, err)
	assert.Zero(t, n)
	assert.Nil(t, oldest)

	storetest.Append(t, db, policy.System(),
		`{"created_at":"2026-01-01T10:59:59.999999Z","status":"initiated","end_user":"ann","litellm_call_id":"late"}`,
		`{"created_at":"2026-01-01T09:00:00.5Z","status":"initiated","end_user":"ann","litellm_call_id":"later"}`,
		`{"created_at":"2026-01-01T11:00:00Z","status":"initiated","end_user":"ann"}`,
		`{"created_at":"2026-01-01T08:00:00Z","status":"failure","end_user":"ann"}`,
		`{"created_at":"2026-01-01T07:00:00Z","status":"success","end_user":"ann"}`)
	for range 2 {
		n, oldest, err = db.Unfinished(t.Context(), border)
		require.NoError(t, err)
		assert.Equal(t, int64(2), n, "an hour old to the microsecond is not over an hour old")
		assert.Equal(t, moment("2026-01-01T09:00:00.5Z"), oldest)
	}
	ann, err := db.Analytics(t.Context(), policy.System(), "ann")
	require.NoError(t, err)
	assert.Equal(t, int64(1), ann.FailedRequests, "unfinished is not failed")
	assert.Equal(t, int64(5), ann.TotalRequests)

	storetest.Append(t, db, policy.System(), `{"status":"success","litellm_call_id":"later"}`)
	n, oldest, err = db.Unfinished(t.Context(), border)
	require.NoError(t, err)
	assert.Equal(t, int64(1), n, "however late it ends")
	assert.Equal(t, moment("2026-01-01T10:59:59.999999Z"), oldest)
}

func TestACheckpointMovesTheLogAndEmptiesIt(t *testing.T) {
	t.Parallel()
	db := storetest.OpenFile(t)
	storetest.Append(t, db, policy.System(), storetest.FullLog("ann", "c1"))
	require.Positive(t, walSize(t, db))
	c, err := db.Checkpoint(t.Context())
	require.NoError(t, err)
	assert.Positive(t, c.Pages)
	assert.Equal(t, store.Checkpoint{Pages: c.Pages, Moved: c.Pages, Emptied: true}, c)
	assert.Zero(t, walSize(t, db))
	again, err := db.Checkpoint(t.Context())
	require.NoError(t, err)
	assert.Equal(t, store.Checkpoint{Emptied: true}, again)
	storetest.Append(t, db, policy.System(), storetest.FullLog("ann", "c2"))
	storetest.RequireClean(t, db)
}

func walSize(t testing.TB, db *store.DB) int64 {
	t.Helper()
	stat, err := os.Stat(db.Path() + "-wal")
	require.NoError(t, err)
	return stat.Size()
}

// longerThanUpkeepWaits is far below the writer's usual patience.
const longerThanUpkeepWaits = 2 * time.Second

func TestACheckpointWaitsForNoReader(t *testing.T) {
	t.Parallel()
	db := storetest.OpenFile(t)
	storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)
	require.NoError(t, db.Snapshot(t.Context(), policy.System(), func(v *store.View) error {
		_, err := v.Select(query.Select{From: "request_logs"}, func(query.Row) error { return nil })
		require.NoError(t, err)
		storetest.Append(t, db, policy.System(), `{"end_user":"bob"}`)
		begin := time.Now()
		c, err := db.Checkpoint(t.Context())
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), longerThanUpkeepWaits)
		assert.Less(t, c.Moved, c.Pages, "what the reader may not see yet")
		assert.False(t, c.Emptied)
		return nil
	}))
	c, err := db.Checkpoint(t.Context())
	require.NoError(t, err)
	assert.True(t, c.Emptied)
}

func TestUpkeepWaitsForNoOtherProcess(t *testing.T) {
	t.Parallel()
	db := storetest.OpenFile(t)
	storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)
	tx, err := storetest.SQL(t, db.Path()).Begin()
	require.NoError(t, err)
	begin := time.Now()
	c, err := db.Checkpoint(t.Context())
	require.NoError(t, err)
	assert.Equal(t, c.Pages, c.Moved)
	assert.False(t, c.Emptied, "that needs the writer's lock")
	assert.Less(t, time.Since(begin), longerThanUpkeepWaits)

	require.NoError(t, tx.Rollback())

	require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error {
		var milliseconds int
		defer func() { assert.Equal(t, 10_000, milliseconds, "a write waits as long as ever") }()
		return tx.QueryRow("PRAGMA busy_timeout").Scan(&milliseconds)
	}))
}

func TestUpkeepTakesItsTurnAmongTheWrites(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	release := hold(t, db)
	outcomes := make(chan error, 2)
	go func() { _, err := db.Optimize(context.Background()); outcomes <- err }()
	logged := appendLater(t.Context(), t, db, `{"end_user":"ann"}`)
	go func() { _, err := db.Checkpoint(context.Background()); outcomes <- err }()
	release()
	require.NoError(t, <-logged)
	require.NoError(t, <-outcomes)
	require.NoError(t, <-outcomes)
	storetest.RequireClean(t, db)
}

func TestUpkeepThatNobodyWantsAnyMoreIsNotDone(t *testing.T) {
	t.Parallel()
	db := storetest.OpenFile(t)
	ended, end := context.WithCancel(t.Context())
	end()
	_, err := db.Optimize(ended)
	require.ErrorIs(t, err, context.Canceled)
	_, err = db.Checkpoint(ended)
	require.ErrorIs(t, err, context.Canceled)
	finished, err := db.Optimize(t.Context())
	require.NoError(t, err)
	assert.True(t, finished)
	require.NoError(t, db.Close())
	_, err = db.Optimize(t.Context())
	require.ErrorIs(t, err, store.ErrClosed)
}
