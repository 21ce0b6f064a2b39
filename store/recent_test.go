package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// A slowQuestion is one whose answer is how often it was asked, and takes as long
// as it says by a clock that stands still otherwise.
type slowQuestion struct {
	db    *store.DB
	clock atomic.Int64 // nanoseconds
	takes time.Duration
	asked atomic.Int64
	err   error
	ends  chan struct{} // of each time that it is asked
	goOn  chan struct{} // if there is one, before each end
}

func newSlowQuestion(t *testing.T) *slowQuestion {
	q := &slowQuestion{takes: store.RecentCost + 1, ends: make(chan struct{}, 100)}
	q.db = storetest.OpenWith(t, store.Options{Now: func() time.Time { return busyEnd.Add(time.Duration(q.clock.Load())) }})
	return q
}

func (q *slowQuestion) pass(d time.Duration) { q.clock.Add(int64(d)) }

func (q *slowQuestion) ask(t *testing.T) int {
	answer, err := q.db.Recently(t.Context(), "how often?", func(context.Context) (int, error) {
		defer func() { q.ends <- struct{}{} }()
		n := q.asked.Add(1)
		if q.goOn != nil {
			<-q.goOn
		}
		q.pass(q.takes)
		return int(n), q.err
	})
	require.NoError(t, err)
	return answer
}

// renewed waits until an answer is kept that was made later.
func (q *slowQuestion) renewed(t *testing.T, than time.Time) {
	<-q.ends
	require.Eventually(t, func() bool { return q.db.RecentIsAt("how often?").After(than) }, time.Minute, time.Millisecond)
}

func TestWhatTookLongIsAnsweredFromMemoryAndMadeAnewMeanwhile(t *testing.T) {
	t.Parallel()
	q := newSlowQuestion(t)
	assert.Equal(t, 1, q.ask(t))
	<-q.ends
	q.pass(store.RecentAge)
	assert.Equal(t, 1, q.ask(t), "kept")
	assert.EqualValues(t, 1, q.asked.Load())

	before := q.db.RecentIsAt("how often?")
	q.goOn = make(chan struct{})
	q.pass(1)
	for range 5 {
		assert.Equal(t, 1, q.ask(t), "given once more, without waiting")
	}
	q.goOn <- struct{}{}
	q.renewed(t, before)
	assert.EqualValues(t, 2, q.asked.Load(), "one at a time makes it anew")
	assert.Equal(t, 2, q.ask(t))

	q.goOn = nil
	q.pass(store.RecentKept + 1)
	assert.Equal(t, 3, q.ask(t), "too old to be shown")
}

func TestWhatIsQuickIsNotKept(t *testing.T) {
	t.Parallel()
	q := newSlowQuestion(t)
	q.takes = store.RecentCost
	assert.Equal(t, 1, q.ask(t))
	assert.Equal(t, 2, q.ask(t))
}

func TestAnAnswerThatCannotBeMadeAnewIsTriedAgain(t *testing.T) {
	t.Parallel()
	q := newSlowQuestion(t)
	assert.Equal(t, 1, q.ask(t))
	<-q.ends
	q.pass(store.RecentAge + 1)
	q.err = errors.New("the disk is gone")
	assert.Equal(t, 1, q.ask(t))
	<-q.ends
	q.err = nil
	require.Eventually(t, func() bool { return q.ask(t) == 3 }, time.Minute, time.Millisecond)
}

// An erased user is in no answer that is given afterwards.
func TestNothingIsKeptOfWhatWasAskedBeforeAllWasForgotten(t *testing.T) {
	t.Parallel()
	q := newSlowQuestion(t)
	q.goOn = make(chan struct{})
	answered := make(chan int)
	go func() { answered <- q.ask(t) }()
	require.Eventually(t, func() bool { return q.asked.Load() == 1 }, time.Minute, time.Millisecond)
	q.db.ForgetRecent()
	q.goOn <- struct{}{}
	assert.Equal(t, 1, <-answered)
	close(q.goOn)
	assert.Equal(t, 2, q.ask(t))
}

func TestAnOverviewIsPreparedForThePageThatIsOpenedFirst(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	db := storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: func() time.Time {
		return busyEnd.Add(time.Duration(clock.Add(int64(store.RecentCost + 1)))) // whatever it is about, it takes long
	}})
	log := func(user string) {
		storetest.Append(t, db, policy.System(), logAt(busyEnd.Add(-time.Hour), fmt.Sprintf(`,"user_profile_id":%q`, user)))
	}
	log("ann")
	require.NoError(t, db.PrepareOverview(t.Context(), 30))
	log("ben")
	from := time.Date(busyEnd.Year(), busyEnd.Month(), busyEnd.Day()-29, 0, 0, 0, 0, time.UTC)
	o, err := db.Overview(t.Context(), policy.System(), from, busyEnd, store.ByDay, time.UTC)
	require.NoError(t, err)
	assert.EqualValues(t, 2, o.Range.Requests)
	assert.EqualValues(t, 1, o.Range.ActiveUsers, "as prepared")
	assert.Len(t, o.TopUsers.Users, 1, "as prepared")
}
