package store

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
)

// turns holds the writer, lets each step queue its first write behind the one
// before, and returns when all are done.
func turns(t *testing.T, db *DB, steps ...func() error) {
	t.Helper()
	finish, started, done := make(chan struct{}), make(chan struct{}), make(chan error, 1+len(steps))
	go func() {
		done <- db.Write(context.Background(), func(*Tx) error { close(started); <-finish; return nil })
	}()
	<-started
	for i, step := range steps {
		go func() { done <- step() }()
		for queued := 0; queued <= i; {
			runtime.Gosched()
			db.queue.mu.Lock()
			queued = len(db.queue.waiting)
			db.queue.mu.Unlock()
		}
	}
	close(finish)
	for range 1 + len(steps) {
		require.NoError(t, <-done)
	}
}

func TestOptimizingGivesUpBeforeItHoldsUpTheLogs(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "a.db"), Options{AutoCreateUsers: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	finished, err := db.optimize(t.Context(), 0)
	require.NoError(t, err)
	assert.False(t, finished)
	require.NoError(t, db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec("INSERT INTO user_profiles (user_id) VALUES ('ann')")
		return err
	}))
	finished, err = db.optimize(t.Context(), time.Minute)
	require.NoError(t, err)
	assert.True(t, finished)
}

func TestALogThatComesAroundARebuildIsInItOrMakesTheMonthStaleAgain(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "a.db"), Options{AutoCreateUsers: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	month, err := parseStored(someMonth)
	require.NoError(t, err)
	log := func() error {
		l := Log{CreatedAt: month}
		l.mark(ColCreatedAt)
		if err := l.SetText(ColUserProfileID, "ann"); err != nil {
			return err
		}
		_, err := db.Append(context.Background(), policy.System(), l)
		return err
	}
	rebuild := func() error { _, err := db.RebuildMonth(context.Background(), month); return err }
	counted := func() (requests int) {
		require.NoError(t, db.readers.QueryRow("SELECT coalesce(sum(request_count), 0) FROM tokens_usage").Scan(&requests))
		return requests
	}
	stale := func() []Timestamp {
		months, err := db.StaleMonths(t.Context())
		require.NoError(t, err)
		return months
	}

	turns(t, db, log, rebuild)
	assert.Equal(t, 1, counted(), "it was there when the rebuild began")
	assert.Empty(t, stale())

	turns(t, db, rebuild, log)
	assert.Equal(t, []Timestamp{month}, stale(), "it came while the rebuild was under way, seen by it or not")
	require.NoError(t, rebuild())
	assert.Equal(t, 2, counted())
	assert.Empty(t, stale())
}
