package store_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// follow returns a caller's tail.
func follow(t testing.TB, db *store.DB, caller policy.Caller, cursor string) *store.Tail {
	t.Helper()
	tail, err := db.Tail(t.Context(), caller, cursor)
	require.NoError(t, err)
	return tail
}

// read reads so many events of a tail, however long they take.
func read(t testing.TB, tail *store.Tail, n int) (events []store.TailEvent) {
	t.Helper()
	for len(events) < n {
		more, err := tail.Next(t.Context(), time.Minute)
		require.NoError(t, err)
		events = append(events, more...)
	}
	require.Len(t, events, n)
	return events
}

// requireSilent requires that a tail has nothing to show: a log that comes now
// is the next.
func requireSilent(t testing.TB, db *store.DB, tail *store.Tail) {
	t.Helper()
	v := storetest.Append(t, db, policy.System(), `{"end_user":"ann","model":"the end"}`)
	assert.Equal(t, v[0].ID, read(t, tail, 1)[0].RequestID)
}

// ids are the logs of events; one that has ended is negative.
func ids(events []store.TailEvent) (all []int64) {
	for _, e := range events {
		if e.Completed {
			all = append(all, -e.RequestID)
		} else {
			all = append(all, e.RequestID)
		}
	}
	return all
}

func TestATailShowsWhatComesOnceAndInOrder(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), `{"end_user":"ann","model":"before"}`)
	tail := follow(t, db, policy.System(), "")
	var want []int64
	for i := range 450 { // more than one reading takes
		v := storetest.Append(t, db, policy.System(), fmt.Sprintf(`{"end_user":"user %d","model":"m","status":"success"}`, i%7))
		want = append(want, v[0].ID)
	}
	events := read(t, tail, len(want))
	assert.Equal(t, want, ids(events))
	assert.Equal(t, "user 1", *events[1].UserID)
	assert.Equal(t, "m", *events[1].Model)
	requireSilent(t, db, tail)
}

func TestATailShowsThatARequestHasEnded(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	tail := follow(t, db, policy.System(), "")
	begun := storetest.Append(t, db, policy.System(),
		`{"end_user":"ann","status":"initiated","litellm_call_id":"a"}`, `{"end_user":"ann","status":"initiated","litellm_call_id":"b"}`)
	a, b := begun[0].ID, begun[1].ID
	assert.Equal(t, []int64{a, b}, ids(read(t, tail, 2)))
	storetest.Append(t, db, policy.System(), `{"end_user":"ann","status":"success","litellm_call_id":"b","tokens_used":7}`)
	ended := read(t, tail, 1)
	assert.Equal(t, []int64{-b}, ids(ended))
	assert.Equal(t, "success", *ended[0].Status)
	assert.EqualValues(t, 7, *ended[0].TokensUsed)

	again := follow(t, db, policy.System(), ended[0].Cursor)
	storetest.Append(t, db, policy.System(), `{"end_user":"ann","status":"failure","litellm_call_id":"a"}`)
	for _, tail := range []*store.Tail{tail, again} {
		assert.Equal(t, []int64{-a}, ids(read(t, tail, 1)))
	}
	requireSilent(t, db, tail)
}

func TestATailForgetsAnUnfinishedLogThatIsErased(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	tail := follow(t, db, policy.System(), "")
	storetest.Append(t, db, policy.System(), `{"end_user":"bob","status":"initiated","litellm_call_id":"a"}`)
	read(t, tail, 1)
	withOpen := tail.Cursor()
	require.NoError(t, db.EraseUser(t.Context(), policy.System(), "bob"))
	requireSilent(t, db, tail)
	assert.Greater(t, len(withOpen), len(tail.Cursor()))
}

func TestATailGoesOnAfterAnyEvent(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	tail := follow(t, db, policy.System(), "")
	for i := range 12 {
		storetest.Append(t, db, policy.System(),
			fmt.Sprintf(`{"end_user":"ann","status":%q,"litellm_call_id":"call %d"}`, []string{"initiated", "success"}[i%2], i))
	}
	events := read(t, tail, 12)
	for i := 0; i < 12; i += 4 {
		storetest.Append(t, db, policy.System(), fmt.Sprintf(`{"end_user":"ann","status":"success","litellm_call_id":"call %d"}`, i))
	}
	events = append(events, read(t, tail, 3)...)
	assert.Equal(t, []int64{-1, -5, -9}, ids(events[12:]))
	for i, e := range events {
		// A log that had ended before the tail went on is shown ended.
		var want []int64
		open := map[int64]bool{}
		for j, e := range events[:12] {
			if j > i {
				want = append(want, e.RequestID)
			} else if *e.Status == "initiated" {
				open[e.RequestID] = true
			}
		}
		var ended []int64
		for j, e := range events[12:] {
			if open[e.RequestID] && 12+j > i {
				ended = append(ended, -e.RequestID)
			}
		}
		want = append(ended, want...)
		if len(want) > 0 {
			assert.Equal(t, want, ids(read(t, follow(t, db, policy.System(), e.Cursor), len(want))), "after event %d", i)
		}
	}
}

func TestATailBeginsWhereNothingIsShownTwice(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	tail := follow(t, db, policy.System(), "")
	storetest.Append(t, db, storetest.Anon(), `{"model":"m"}`)
	read(t, tail, 1)
	requireSilent(t, db, follow(t, db, policy.System(), tail.Cursor()))
	requireSilent(t, db, follow(t, db, policy.System(), "zzzzzz.1"))
	for _, cursor := range []string{"x y", "-1", ".", "1.", "1.2", "5.1.0", "1.-1", "zzzzzzzzzzzzzzzz", "5\n"} {
		_, err := db.Tail(t.Context(), policy.System(), cursor)
		var refused *store.Error
		require.ErrorAs(t, err, &refused, "%q", cursor)
		assert.Equal(t, store.CodeInvalidText, refused.Code)
	}
}

func TestATailShowsACallerTheirOwnLogs(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	hers, his := follow(t, db, storetest.User("ann"), ""), follow(t, db, storetest.User("bob"), "")
	logs := make([]string, 3000) // more than one reading looks at
	for i := range logs {
		logs[i] = `{"end_user":"cara"}`
	}
	logs[1], logs[2999] = `{"end_user":"ann"}`, `{"end_user":"ann"}`
	logs[2], logs[3] = `{"end_user":"bob"}`, `{}`
	v := storetest.Append(t, db, policy.System(), logs...)
	assert.Equal(t, []int64{v[1].ID, v[2999].ID}, ids(read(t, hers, 2)))
	assert.Equal(t, []int64{v[2].ID}, ids(read(t, his, 1)))
	for _, caller := range []policy.Caller{{}, storetest.Anon(), {Role: "nobody", Subject: "ann"}} {
		_, err := db.Tail(t.Context(), caller, "")
		var refused *store.Error
		require.ErrorAs(t, err, &refused, "%v", caller)
		assert.Equal(t, store.CodePrivilege, refused.Code)
	}
}

func TestATailShowsWhatAnotherProcessWrites(t *testing.T) {
	t.Parallel()
	path := storetest.Path(t)
	var dbs [2]*store.DB
	for i := range dbs {
		db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		dbs[i] = db
	}
	tail := follow(t, dbs[0], policy.System(), "")
	v := storetest.Append(t, dbs[1], policy.System(), `{"end_user":"ann","status":"initiated","litellm_call_id":"a"}`)
	assert.Equal(t, []int64{v[0].ID}, ids(read(t, tail, 1)))
	storetest.Append(t, dbs[1], policy.System(), `{"end_user":"ann","status":"success","litellm_call_id":"a"}`)
	assert.Equal(t, []int64{-v[0].ID}, ids(read(t, tail, 1)))
}

func TestATailShowsALogThatIsCommittedAfterAHigherOne(t *testing.T) {
	t.Parallel()
	db, other := openShared(t, "")
	storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)
	tail := follow(t, db, policy.System(), "")
	tx, err := other.Begin()
	require.NoError(t, err)
	var lower, lowest int64
	require.NoError(t, tx.QueryRow("SELECT nextval('request_logs_id_seq')").Scan(&lowest))
	require.NoError(t, tx.QueryRow("INSERT INTO request_logs (model) VALUES ('slow') RETURNING id").Scan(&lower))
	higher := storetest.Append(t, db, policy.System(), `{"model":"fast"}`)[0].ID
	require.Greater(t, higher, lower)
	none, err := tail.Next(t.Context(), time.Second)
	require.NoError(t, err)
	assert.Empty(t, none)
	_, err = tx.Exec("INSERT INTO request_logs (id, model) VALUES ($1, 'slow')", lowest)
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	assert.Equal(t, []int64{lowest, lower, higher}, ids(read(t, tail, 3)))
	requireSilent(t, db, tail)
}

func TestATailEndsWithTheDatabase(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*store.DB){
		"about to close": (*store.DB).PrepareToClose,
		"closed":         func(db *store.DB) { _ = db.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t)
			tail := follow(t, db, policy.System(), "")
			failed := make(chan error)
			go func() { _, err := tail.Next(context.Background(), math.MaxInt64); failed <- err }()
			end(db)
			require.ErrorIs(t, <-failed, store.ErrClosed)
		})
	}
	db := storetest.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := follow(t, db, policy.System(), "").Next(ctx, math.MaxInt64)
	require.ErrorIs(t, err, context.Canceled)
}

// Whoever has to wait between full looks never catches up with a busy server.
func TestATailReadsOnAtOnceWhileThereIsMore(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	tail, err := db.Tail(t.Context(), policy.System(), "")
	require.NoError(t, err)
	storetest.Append(t, db, policy.System(), slices.Repeat([]string{`{"model":"m"}`}, 450)...)
	first, err := tail.Next(t.Context(), time.Minute)
	require.NoError(t, err)
	assert.Len(t, first, 200)
	for _, n := range []int{200, 50} {
		more, err := tail.Next(t.Context(), 0)
		require.NoError(t, err)
		assert.Len(t, more, n, "no pause is so short")
	}
}
