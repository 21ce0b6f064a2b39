package jobs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/llmtally/llmtally/jobs/notify"
	"github.com/llmtally/llmtally/store"
)

// A Deliverer carries alerts from the database's outbox to their channels, each
// at least once. A channel that is slow or down holds up nobody else's.
type Deliverer struct {
	db      *store.DB
	sender  *notify.Sender
	baseURL string
	now     func() time.Time

	noteAgain time.Duration // the pause after an outcome could not be written

	mu   sync.Mutex
	busy map[int64]bool // channels that are being sent to
	wg   sync.WaitGroup
}

// NewDeliverer returns a deliverer that sends through the sender. baseURL is
// the dashboard's address for messages, or "".
func NewDeliverer(db *store.DB, sender *notify.Sender, baseURL string, now func() time.Time) *Deliverer {
	return &Deliverer{
		db: db, sender: sender, baseURL: baseURL, now: now,
		noteAgain: firstPause, busy: map[int64]bool{},
	}
}

const (
	// perTurn bounds what is sent to one channel before the outbox is looked
	// at again.
	perTurn = 50
	// lookAgain is how often the outbox is looked at when nothing wakes the
	// deliverer: another process may have put something there.
	lookAgain = time.Minute
)

// Run delivers until ctx ends, and waits for what is under way.
func (d *Deliverer) Run(ctx context.Context) {
	defer d.wg.Wait()
	again := make(chan struct{}, 1)
	for {
		wait := d.turn(ctx, func() {
			select {
			case again <- struct{}{}:
			default:
			}
		})
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-d.db.AlertsWaiting():
		case <-again:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// turn starts sending whatever is due, each channel on its own, and returns how
// long to wait for more. done is called when a channel's turn is over.
func (d *Deliverer) turn(ctx context.Context, done func()) time.Duration {
	due, err := d.db.DueDeliveries(ctx, perTurn)
	if err != nil {
		if ctx.Err() == nil {
			slog.Error("reading the outbox of alerts", "error", err)
		}
		return lookAgain
	}
	channels := map[int64]bool{}
	for _, delivery := range due {
		channels[delivery.Channel.ID] = true
	}
	for channel := range channels {
		if !d.claim(channel) {
			continue // its turn will end, and look again
		}
		d.wg.Go(func() {
			mine, err := d.serve(ctx, channel)
			if err != nil && ctx.Err() == nil {
				slog.Error("reading the outbox of alerts", "error", err)
			}
			d.release(channel)
			if mine {
				done()
			}
		})
	}
	return d.pause(ctx)
}

// serve sends what is due for a channel, unless another process is at it.
func (d *Deliverer) serve(ctx context.Context, channel int64) (mine bool, err error) {
	release, mine, err := d.db.TryTurn(ctx, "deliver to "+strconv.FormatInt(channel, 10))
	if err != nil || !mine {
		return false, err
	}
	defer release()
	// Again, since another process may have sent some of it just now.
	due, err := d.db.DueDeliveries(ctx, perTurn)
	if err != nil {
		return false, err
	}
	d.send(ctx, slices.DeleteFunc(due, func(x store.Delivery) bool { return x.Channel.ID != channel }))
	return true, nil
}

// pause is how long until the next attempt is due.
func (d *Deliverer) pause(ctx context.Context) time.Duration {
	next, ok, err := d.db.NextDelivery(ctx)
	if err != nil || !ok {
		return lookAgain
	}
	return min(max(next.Sub(d.now()), time.Second), lookAgain)
}

func (d *Deliverer) claim(channel int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[channel] {
		return false
	}
	d.busy[channel] = true
	return true
}

func (d *Deliverer) release(channel int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.busy, channel)
}

// send sends one channel's deliveries. After a failure the rest waits with the
// one that failed: a receiver that is down is asked once a pause.
func (d *Deliverer) send(ctx context.Context, deliveries []store.Delivery) {
	for _, delivery := range deliveries {
		if ctx.Err() != nil || !d.attempt(ctx, delivery) {
			return
		}
	}
}

// attempt sends one delivery and notes the outcome.
func (d *Deliverer) attempt(ctx context.Context, delivery store.Delivery) (ok bool) {
	channel := notify.Channel{Kind: delivery.Channel.Kind, Target: delivery.Channel.Target, Secret: delivery.Secret}
	err := d.sender.Send(ctx, channel, d.message(delivery))
	if err == nil {
		d.note(ctx, func(ctx context.Context) error { return d.db.Delivered(ctx, delivery.ID) })
		return true
	}
	if ctx.Err() != nil {
		return false // it stays due
	}
	next := d.nextAttempt(delivery, err)
	slog.Warn("an alert could not be delivered", "channel", delivery.Channel.Name, "to", channel.Shown(),
		"attempt", delivery.Attempts+1, "next", next, "error", err)
	d.note(ctx, func(ctx context.Context) error {
		return d.db.DeliveryFailed(ctx, delivery.ID, err.Error(), next)
	})
	return false
}

// note writes down an attempt's outcome, also when ctx has ended. As long as that
// fails (a full disk, say) the channel waits: without the outcome there would be
// another attempt at once, and another.
func (d *Deliverer) note(ctx context.Context, outcome func(context.Context) error) {
	for {
		err := outcome(context.WithoutCancel(ctx))
		if err == nil {
			return
		}
		slog.Error("noting what became of an alert's delivery", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(d.noteAgain):
		}
	}
}

const (
	firstPause = 10 * time.Second
	mostPause  = 15 * time.Minute
	giveUp     = 7 * 24 * time.Hour // after the alert fired
)

// nextAttempt doubles the pause with each attempt, and heeds a receiver that
// says when to come back. After a week it gives up: the zero time.
func (d *Deliverer) nextAttempt(delivery store.Delivery, err error) time.Time {
	now := d.now()
	if now.Sub(delivery.Alert.FiredAt.Time()) > giveUp {
		return time.Time{}
	}
	pause := min(firstPause<<min(delivery.Attempts, 10), mostPause)
	var refused *notify.Refused
	if errors.As(err, &refused) && refused.RetryAfter > pause {
		pause = min(refused.RetryAfter, time.Hour)
	}
	return now.Add(pause)
}

func (d *Deliverer) message(delivery store.Delivery) notify.Message {
	a := delivery.Alert
	m := notify.Message{
		ID: "llmtally-" + strconv.FormatInt(delivery.ID, 10), AlertID: a.ID, Rule: a.Rule,
		Metric: string(a.Metric), Scope: string(a.Scope), ScopeValue: a.ScopeValue, Period: string(a.Window),
		Threshold: a.Threshold, Limit: a.Limit, Used: a.Used, Text: a.Message,
		FiredAt: a.FiredAt.Time(), BaseURL: d.baseURL,
	}
	if a.UserID != nil {
		m.UserID = *a.UserID
	}
	if a.WindowStart != nil && a.WindowEnd != nil {
		m.WindowStart, m.WindowEnd = a.WindowStart.Time(), a.WindowEnd.Time()
	}
	return m
}
