package jobs

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

// every is a schedule finer than any that a text can ask for.
type every time.Duration

func (e every) Next(t time.Time) time.Time { return t.Add(time.Duration(e)) }

func TestTheClockRunsAJobAgainAndAgainAlsoAfterAPanicButNeverTwiceAtOnce(t *testing.T) {
	t.Parallel()
	var runs, atOnce, most atomic.Int64
	enough := make(chan struct{})
	r, err := New(storetest.Open(t), []Job{{Name: "often", Schedule: "@yearly", Run: func(ctx context.Context) (string, error) {
		most.Store(max(most.Load(), atOnce.Add(1)))
		defer atOnce.Add(-1)
		switch runs.Add(1) {
		case 1:
			panic("the first time")
		case 2:
			time.Sleep(20 * time.Millisecond) // the clock ticks on meanwhile
		case 4:
			close(enough)
		}
		return "", nil
	}}}, Settings{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	r.jobs[0].schedule = every(2 * time.Millisecond)
	require.NoError(t, r.Start())
	<-enough
	require.NoError(t, r.Stop(t.Context()))
	assert.Equal(t, int64(1), most.Load())
}

func TestTheClockSkipsAJobThatRuns(t *testing.T) {
	t.Parallel()
	runs := 0
	r, err := New(storetest.Open(t), []Job{{Name: "slow", Schedule: "@yearly", Run: func(context.Context) (string, error) {
		runs++
		return "", nil
	}}}, Settings{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	j := r.jobs[0]
	require.NoError(t, r.begin(j))
	r.byClock(j)
	assert.Zero(t, runs)
	r.end(j)
	r.byClock(j)
	assert.Equal(t, 1, runs)
	require.NoError(t, r.Stop(t.Context()))
	r.byClock(j)
	assert.Equal(t, 1, runs)
}
