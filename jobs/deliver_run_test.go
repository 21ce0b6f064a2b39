package jobs

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// running runs the deliverer until the function that it returns is called.
func (p *postOffice) running() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	return func() { cancel(); <-done }
}

func TestACommitWakesTheDeliverer(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	r := receive(t, taken)
	c := p.hook("hook", r)
	defer p.running()()
	p.alert("ann")
	assert.Contains(t, (<-r.got).body, `"user_id":"ann"`)
	p.alert("bob")
	assert.Contains(t, (<-r.got).body, `"user_id":"bob"`)
	p.enable(c, false)
	p.enable(c, true)
	p.alert("cid")
	assert.Contains(t, (<-r.got).body, `"user_id":"cid"`)
}

func TestADelivererThatStopsLeavesTheRestForTheNext(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	r := receive(t, hanging)
	p.hook("hook", r)
	p.alert("ann", "bob")
	stop := p.running()
	<-r.got
	stop()
	require.Equal(t, 1, r.hits())
	r.becomes(taken)
	defer p.running()()
	assert.Contains(t, (<-r.got).body, `"user_id":"ann"`)
	assert.Contains(t, (<-r.got).body, `"user_id":"bob"`)
}

// A receiver that took an alert must not get it again and again because the
// disk is full.
func TestAnOutcomeThatCannotBeWrittenDownMeansNoOtherAttempt(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{"taken": taken, "refused": answering(http.StatusInternalServerError)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openPostOffice(t, onLoopback)
			p.noteAgain = time.Millisecond
			r := receive(t, answer)
			p.hook("hook", r)
			p.alert("ann")
			allow := storetest.Refuse(t, p.db, "UPDATE", "alert_deliveries", "")
			stop := p.running()
			defer stop()
			<-r.got
			for range 20 {
				// Saving a channel wakes the deliverer.
				p.enable(store.AlertChannel{ID: 1, Name: "hook", Kind: notify.Webhook, Target: r.URL}, true)
			}
			assert.Equal(t, 1, r.hits())
			allow()
			for p.state("ann", "hook").Attempts == 0 {
				time.Sleep(time.Millisecond)
			}
			assert.Equal(t, 1, r.hits())
		})
	}
}

func TestADelivererWithoutADatabaseStillStops(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	r := receive(t, hanging)
	p.hook("hook", r)
	p.alert("ann")
	stop := p.running()
	<-r.got
	require.NoError(t, p.db.Close())
	stop()
}

// Erasing a user takes alerts away while they are on their way.
func TestAnAlertThatIsErasedOnItsWayDisturbsNobody(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	r := receive(t, nil)
	r.becomes(func(http.ResponseWriter, *http.Request) {
		if r.hits() == 1 {
			assert.NoError(t, p.db.EraseUser(context.Background(), policy.System(), "ann"))
		}
	})
	p.hook("hook", r)
	p.alert("ann", "bob")
	p.turns(2)
	assert.Equal(t, "delivered", p.state("bob", "hook").State)
	assert.Equal(t, 2, r.hits())
}

// safeBuffer is a buffer for many goroutines.
type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// Not parallel: it takes over the program's log.
func TestNeitherTheLogNorAnAlertRepeatsASecret(t *testing.T) {
	var log safeBuffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(was)
	p := openPostOffice(t, onLoopback)
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sssecret-answer", http.StatusBadGateway) })
	p.channel("hook", notify.Webhook, r.URL+"/sssecret-path?key=sssecret-query", "sssecret-key")
	p.channel("slack", notify.Slack, r.URL+"/services/sssecret-slack", "")
	p.channel("mail", notify.Email, "sssecret-person@example.com", "")
	p.alert("ann")
	p.turns(2)
	assert.Contains(t, log.String(), "an alert could not be delivered")
	alerts, err := p.db.Alerts(t.Context(), policy.System(), store.AlertFilter{Limit: 10})
	require.NoError(t, err)
	for _, d := range alerts[0].Deliveries {
		assert.NotEmpty(t, d.LastError)
		assert.NotContains(t, d.LastError, "sssecret")
	}
	assert.NotContains(t, log.String(), "sssecret")
}
