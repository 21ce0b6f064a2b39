package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// openOwn opens a database on a server of the test's own.
func openOwn(t testing.TB, opts store.Options) (*storetest.Server, *store.DB) {
	t.Helper()
	server := storetest.PostgresServer(t)
	opts.AutoCreateUsers = true
	db, err := store.Open(t.Context(), server.Database(t), opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return server, db
}

func TestLogsWaitForAServerThatIsAwayUntilTheQueueIsFull(t *testing.T) {
	t.Parallel()
	const rows, senders = 50, 400
	server, db := openOwn(t, store.Options{QueueRows: rows})
	storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)
	server.Stop(t, true)
	errs := make(chan error, senders)
	for i := range senders {
		l := storetest.Log(t, fmt.Sprintf(`{"end_user":"ann","model":"m%d"}`, i))
		go func() {
			_, err := db.Append(context.Background(), policy.System(), l)
			errs <- err
		}()
	}
	// Beside those that wait, a batch may be under way.
	busy, stored := 0, 0
	for busy < senders-2*rows {
		require.ErrorIs(t, <-errs, store.ErrBusy)
		busy++
	}
	server.Start(t)
	for range senders - busy {
		switch err := <-errs; {
		case errors.Is(err, store.ErrBusy):
			busy++
		default:
			require.NoError(t, err)
			stored++
		}
	}
	assert.GreaterOrEqual(t, stored, rows)
	var n int
	require.NoError(t, storetest.SQL(t, db.Path()).QueryRow("SELECT count(*) FROM request_logs").Scan(&n))
	assert.Equal(t, 1+stored, n)
	storetest.RequireClean(t, db)
}

func TestAServerThatStaysAwayIsToldOf(t *testing.T) {
	t.Parallel()
	server, db := openOwn(t, store.Options{})
	db.SetPatience(300*time.Millisecond, time.Minute)
	server.Stop(t, false)
	append1 := func() error {
		_, err := db.Append(context.Background(), policy.System(), storetest.Log(t, `{"end_user":"ann"}`))
		return err
	}
	err := append1()
	require.ErrorIs(t, err, store.ErrAway)
	assert.True(t, store.Away(err))
	require.ErrorIs(t, append1(), store.ErrAway, "and the next is told sooner")
	require.ErrorIs(t, db.Write(t.Context(), func(*store.Tx) error { return nil }), store.ErrAway)
	_, err = db.Analytics(t.Context(), policy.System(), "ann")
	assert.True(t, store.Away(err), "%v", err)
	assert.True(t, store.Away(db.Ready(t.Context())))
	_, _, err = db.TryTurn(t.Context(), "something")
	assert.True(t, store.Away(err), "%v", err)

	server.Start(t)
	require.NoError(t, append1())
	var n int
	require.NoError(t, storetest.SQL(t, db.Path()).QueryRow("SELECT count(*) FROM request_logs").Scan(&n))
	assert.Equal(t, 1, n, "what was refused is not stored")
}

func TestWhatWaitsTooLongBehindALockIsTakenBack(t *testing.T) {
	t.Parallel()
	db, other := openShared(t, "")
	db.SetPatience(time.Minute, 300*time.Millisecond)
	tx, err := other.Begin()
	require.NoError(t, err)
	_, err = tx.Exec("LOCK TABLE request_logs")
	require.NoError(t, err)
	first := make(chan error, 1)
	go func() {
		_, err := db.Append(context.Background(), policy.System(), storetest.Log(t, `{"end_user":"ann"}`))
		first <- err
	}()
	waitFor(t, other, writerWaits)
	_, err = db.Append(context.Background(), policy.System(), storetest.Log(t, `{"end_user":"bob"}`))
	require.ErrorIs(t, err, store.ErrAway)
	require.NoError(t, tx.Commit())
	require.NoError(t, <-first, "what was under way is done")
	var n int
	require.NoError(t, other.QueryRow("SELECT count(*) FROM request_logs").Scan(&n))
	assert.Equal(t, 1, n)
	assert.Zero(t, db.QueueDepth())
}

func TestReadsRecoverByThemselvesAfterARestart(t *testing.T) {
	t.Parallel()
	for _, immediate := range []bool{false, true} {
		t.Run(fmt.Sprintf("immediate=%v", immediate), func(t *testing.T) {
			t.Parallel()
			server, db := openOwn(t, store.Options{})
			storetest.Append(t, db, policy.System(), `{"end_user":"ann","model":"m"}`)
			read := func() error {
				var wg sync.WaitGroup
				errs := make([]error, 16) // so that all connections are used
				for i := range errs {
					wg.Go(func() {
						if _, err := db.Analytics(context.Background(), policy.System(), "ann"); err != nil {
							errs[i] = err
							return
						}
						_, errs[i] = db.Breakdown(context.Background(), policy.System(), "ann")
					})
				}
				wg.Wait()
				return errors.Join(errs...)
			}
			require.NoError(t, read())
			server.Restart(t, immediate)
			_, err := db.AlertChannels(context.Background(), policy.System())
			require.NoError(t, err, "at once, over a connection that is dead")
			storetest.RequireClean(t, db)
			require.NoError(t, read(), "over all of them")
			require.NoError(t, db.Ready(t.Context()))
			release, mine, err := db.TryTurn(t.Context(), "something")
			require.NoError(t, err)
			require.True(t, mine)
			release()
			storetest.Append(t, db, policy.System(), `{"end_user":"ann","model":"m"}`)
		})
	}
}

func TestATurnIsOneProcesssAtATimeAndEndsWithIt(t *testing.T) {
	t.Parallel()
	db, other := openShared(t, "")
	second, err := store.Open(t.Context(), db.Path(), store.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, second.Close()) }()
	turn := func(db *store.DB, name string) (func(), bool) {
		release, mine, err := db.TryTurn(t.Context(), name)
		require.NoError(t, err)
		return release, mine
	}
	var releases []func()
	for i := range 30 { // more than there are connections to read over
		release, mine := turn(db, fmt.Sprint("turn ", i))
		require.True(t, mine)
		releases = append(releases, release)
	}
	_, err = db.Analytics(t.Context(), policy.System(), "nobody")
	require.ErrorIs(t, err, store.ErrNotFound, "reads go on")
	_, mine := turn(second, "turn 7")
	assert.False(t, mine)
	_, mine = turn(db, "turn 7")
	assert.False(t, mine, "nor twice in a process")
	releases[7]()
	release, mine := turn(second, "turn 7")
	assert.True(t, mine)
	release()

	// As when the process dies: its connection goes.
	_, err = other.Exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	require.NoError(t, err)
	waitFor(t, other, `SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
	release, mine = turn(second, "turn 3")
	assert.True(t, mine)
	release()
	releases[3]() // gives back what is lost already
	release, mine = turn(db, "turn 3")
	assert.True(t, mine)
	release()
}
