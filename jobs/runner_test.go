package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// A handClock is a clock that stands until it is moved.
type handClock struct{ at atomic.Int64 }

func newHandClock(at time.Time) *handClock {
	c := &handClock{}
	c.at.Store(at.UnixNano())
	return c
}

func (c *handClock) now() time.Time          { return time.Unix(0, c.at.Load()) } // in whatever zone the machine has
func (c *handClock) move(d time.Duration)    { c.at.Add(int64(d)) }
func (c *handClock) set(at time.Time)        { c.at.Store(at.UnixNano()) }
func (c *handClock) stored() store.Timestamp { return store.At(c.now()) }

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// A log is what a runner wrote, for any number of goroutines.
type log struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}
func (l *log) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.Buffer.String() }

// A house is a runner with its database, clock and log.
type house struct {
	*jobs.Runner
	t     testing.TB
	db    *store.DB
	clock *handClock
	log   *log
}

func newHouse(t testing.TB, all ...jobs.Job) *house {
	t.Helper()
	h := &house{t: t, db: storetest.Open(t), clock: newHandClock(noon), log: &log{}}
	runner, err := jobs.New(h.db, all, jobs.Settings{Now: h.clock.now, Log: slog.New(slog.NewTextHandler(h.log, nil))})
	require.NoError(t, err)
	h.Runner = runner
	t.Cleanup(func() { require.NoError(t, runner.Stop(context.Background())) })
	return h
}

func (h *house) record(name string) store.JobRecord {
	h.t.Helper()
	r, err := h.db.Job(context.Background(), name)
	require.NoError(h.t, err)
	return r
}

// started starts the runner.
func (h *house) started() *house {
	h.t.Helper()
	require.NoError(h.t, h.Start())
	return h
}

// A gate is a job that says when it has begun, and ends when it is let.
type gate struct{ begun, leave chan struct{} }

func newGate() *gate { return &gate{begun: make(chan struct{}, 10), leave: make(chan struct{})} }

func (g *gate) run(ctx context.Context) (string, error) {
	g.begun <- struct{}{}
	select {
	case <-g.leave:
		return "left", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func idle(context.Context) (string, error) { return "", nil }

func TestJobsAreListedAsSoonAsTheRunnerStarts(t *testing.T) {
	t.Parallel()
	h := newHouse(t,
		jobs.Job{Name: "hourly", Purpose: "this", Schedule: "5 * * * *", Run: idle},
		jobs.Job{Name: "asleep", Purpose: "that", Schedule: "", AtStart: true, Run: idle}).started()
	all, err := h.db.Jobs(t.Context())
	require.NoError(t, err)
	next := store.At(noon.Add(5 * time.Minute))
	assert.Equal(t, []store.JobRecord{
		{Name: "asleep", Purpose: "that", Schedule: "off"},
		{Name: "hourly", Purpose: "this", Schedule: "5 * * * *", NextRunAt: &next},
	}, all)
}

func TestABadScheduleOrANameTwiceIsRefusedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	_, err := jobs.New(db, []jobs.Job{{Name: "monthly", Schedule: "TZ=0"}}, jobs.Settings{})
	require.EqualError(t, err, `the job monthly: "TZ=0" is not a schedule: schedules are in UTC, without a time zone`)
	_, err = jobs.New(db, []jobs.Job{{Name: "a"}, {Name: "a"}}, jobs.Settings{})
	require.ErrorContains(t, err, "two jobs a")
}

func TestTheRecordSaysWhatAJobDidAndHowLongItTook(t *testing.T) {
	t.Parallel()
	var h *house
	h = newHouse(t, jobs.Job{Name: "count", Purpose: "p", Schedule: "0 13 * * *", Run: func(context.Context) (string, error) {
		assert.Equal(t, "running", *h.record("count").LastResult)
		h.clock.move(90 * time.Minute)
		return "counted 3", nil
	}}).started()
	require.NoError(t, h.RunAndWait(t.Context(), "count"))
	began, next := store.At(noon), store.At(noon.Add(25*time.Hour))
	assert.Equal(t, store.JobRecord{
		Name: "count", Purpose: "p", Schedule: "0 13 * * *", NextRunAt: &next, LastStartedAt: &began,
		LastDuration: new(5400.0), LastResult: new("ok"), LastMessage: new("counted 3"),
	}, h.record("count"))
}

func TestAFailureIsKeptAndLogged(t *testing.T) {
	t.Parallel()
	failure := errors.New("the disk is full")
	h := newHouse(t, jobs.Job{Name: "count", Run: func(context.Context) (string, error) { return "half", failure }}).started()
	require.ErrorIs(t, h.RunAndWait(t.Context(), "count"), failure)
	assert.Equal(t, "failed", *h.record("count").LastResult)
	assert.Equal(t, "the disk is full", *h.record("count").LastMessage)
	assert.Contains(t, h.log.String(), "the disk is full")
}

func TestAJobThatPanicsIsRunAgain(t *testing.T) {
	t.Parallel()
	runs := 0
	h := newHouse(t, jobs.Job{Name: "shaky", Run: func(context.Context) (string, error) {
		if runs++; runs == 1 {
			panic("a secret")
		}
		return "better", nil
	}}).started()
	require.ErrorContains(t, h.RunAndWait(t.Context(), "shaky"), "panicked")
	r := h.record("shaky")
	assert.Equal(t, "panicked", *r.LastResult)
	assert.NotContains(t, *r.LastMessage, "secret", "that is for the log alone")
	assert.Contains(t, h.log.String(), "a secret")
	assert.Contains(t, h.log.String(), "runner_test.go", "where it happened")

	require.NoError(t, h.RunAndWait(t.Context(), "shaky"))
	assert.Equal(t, "ok", *h.record("shaky").LastResult)
}

func TestALongMessageIsCutShort(t *testing.T) {
	t.Parallel()
	h := newHouse(t, jobs.Job{Name: "chatty", Run: func(context.Context) (string, error) {
		return string(bytes.Repeat([]byte("ä"), 100_000)), nil
	}}).started()
	require.NoError(t, h.RunAndWait(t.Context(), "chatty"))
	assert.Len(t, *h.record("chatty").LastMessage, 1000+len("…"))
}

func TestAJobThatRunsIsNotStartedAgain(t *testing.T) {
	t.Parallel()
	g := newGate()
	h := newHouse(t, jobs.Job{Name: "slow", Run: g.run}, jobs.Job{Name: "quick", Run: idle}).started()
	require.NoError(t, h.Run(t.Context(), "slow"))
	assert.Equal(t, "running", *h.record("slow").LastResult, "at once")
	<-g.begun
	require.ErrorIs(t, h.Run(t.Context(), "slow"), store.ErrJobRunning)
	require.ErrorIs(t, h.RunAndWait(t.Context(), "slow"), store.ErrJobRunning)
	require.NoError(t, h.RunAndWait(t.Context(), "quick"), "a slow job holds up no other")
	close(g.leave)
	waitFor(t, func() bool { return *h.record("slow").LastResult == "ok" })
	waitFor(t, func() bool { return h.Run(t.Context(), "slow") == nil })
}

// waitFor waits for what another goroutine is about to do.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	require.Eventually(t, done, 10*time.Second, time.Millisecond)
}

func TestAJobOutlivesTheRequestThatAskedForIt(t *testing.T) {
	t.Parallel()
	g := newGate()
	h := newHouse(t, jobs.Job{Name: "slow", Run: g.run}).started()
	asking, leave := context.WithCancel(t.Context())
	require.NoError(t, h.Run(asking, "slow"))
	<-g.begun
	leave()
	close(g.leave)
	waitFor(t, func() bool { return *h.record("slow").LastResult == "ok" })
}

func TestAnUnknownJobIsNotFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t, jobs.Job{Name: "known", Run: idle}).started()
	for _, name := range []string{"", "unknown", "Known", "known "} {
		assert.ErrorIs(t, h.Run(t.Context(), name), store.ErrNotFound)
		assert.ErrorIs(t, h.RunAndWait(t.Context(), name), store.ErrNotFound)
	}
}

func TestAtTheStartJobsRunOneAfterTheOtherInTheBackground(t *testing.T) {
	t.Parallel()
	first, second := newGate(), newGate()
	h := newHouse(t,
		jobs.Job{Name: "first", Schedule: "@yearly", AtStart: true, Run: first.run},
		jobs.Job{Name: "off", Schedule: "off", AtStart: true, Run: func(context.Context) (string, error) { panic("it is off") }},
		jobs.Job{Name: "later", Schedule: "@yearly", Run: func(context.Context) (string, error) { panic("not at the start") }},
		jobs.Job{Name: "second", Schedule: "@yearly", AtStart: true, Run: second.run}).started()
	<-first.begun
	assert.Nil(t, h.record("second").LastResult)
	close(first.leave)
	<-second.begun
	close(second.leave)
	waitFor(t, func() bool { return *h.record("second").LastResult == "ok" })
	assert.Nil(t, h.record("off").LastResult)
	assert.Nil(t, h.record("later").LastResult)
	require.ErrorContains(t, h.RunAndWait(t.Context(), "off"), "it is off", "by hand it runs")
}

func TestStopEndsWhatRunsAndWaitsForIt(t *testing.T) {
	t.Parallel()
	g := newGate()
	h := newHouse(t,
		jobs.Job{Name: "slow", Schedule: "@yearly", AtStart: true, Run: g.run},
		jobs.Job{Name: "next", Schedule: "@yearly", AtStart: true, Run: idle}).started()
	<-g.begun
	require.NoError(t, h.Stop(t.Context()))
	r := h.record("slow")
	assert.Equal(t, "interrupted", *r.LastResult, "recorded, since the database is open still")
	assert.Equal(t, "it was stopped before its end", *r.LastMessage)
	assert.Nil(t, h.record("next").LastResult)
	require.ErrorIs(t, h.Run(t.Context(), "next"), store.ErrClosed)
	require.ErrorIs(t, h.RunAndWait(t.Context(), "next"), store.ErrClosed)
	require.ErrorIs(t, h.Start(), store.ErrClosed)
	require.NoError(t, h.Stop(t.Context()), "again")
}

func TestStopNamesTheJobsThatDoNotEnd(t *testing.T) {
	t.Parallel()
	deaf := newGate()
	h := newHouse(t, jobs.Job{Name: "deaf", Run: func(context.Context) (string, error) { return deaf.run(context.Background()) }}).started()
	require.NoError(t, h.Run(t.Context(), "deaf"))
	<-deaf.begun
	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.EqualError(t, h.Stop(impatient), "jobs are running still: deaf")
	close(deaf.leave)
}

func TestTwoRunnersInARowShareTheirRecords(t *testing.T) {
	t.Parallel()
	h := newHouse(t, jobs.Job{Name: "a", Run: idle}, jobs.Job{Name: "b", Run: idle}).started()
	require.NoError(t, h.RunAndWait(t.Context(), "a"))
	require.NoError(t, h.db.RecordJobStart(t.Context(), "a", h.clock.stored(), nil)) // and the process was killed
	require.NoError(t, h.Stop(t.Context()))
	next, err := jobs.New(h.db, []jobs.Job{{Name: "a", Run: idle}}, jobs.Settings{Now: h.clock.now})
	require.NoError(t, err)
	require.NoError(t, next.Start())
	defer func() { require.NoError(t, next.Stop(context.Background())) }()
	all, err := h.db.Jobs(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, "interrupted", *all[0].LastResult)
}
