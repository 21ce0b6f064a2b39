package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

func TestEachAlertGoesOnceToEachChannel(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	one, two := receive(t, taken), receive(t, taken)
	p.hook("one", one)
	p.hook("two", two)
	p.alert("ann", "bob")
	p.turns(3)
	ids := map[string]bool{}
	for _, r := range []*receiver{one, two} {
		require.Equal(t, 2, r.hits())
		for i, got := range r.all() {
			assert.Contains(t, got.body, fmt.Sprintf(`"user_id":%q`, []string{"ann", "bob"}[i]), "the oldest first")
			ids[got.id()] = true
		}
	}
	assert.Len(t, ids, 4, "each delivery has an id of its own")
	s := p.state("ann", "one")
	now := store.At(opened)
	assert.Equal(t, store.DeliveryState{Channel: "one", State: "delivered", Attempts: 1, DeliveredAt: &now}, s)
}

func TestAWebhookIsSignedAndHasLiteLLMsFields(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	r := receive(t, taken)
	const secret = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0"
	p.channel("hook", notify.Webhook, r.URL, secret)
	p.alert("ann \"O\" \n😀")
	p.turns(1)
	require.Equal(t, 1, r.hits())
	got := r.all()[0]
	require.NoError(t, notify.Verify(secret, got.header, []byte(got.body), p.now()))
	require.Error(t, notify.Verify("another", got.header, []byte(got.body), p.now()))
	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(got.body), &body))
	for field, want := range map[string]any{
		"spend": 11.0, "max_budget": 10.0, "user_id": "ann \"O\" \n😀", "event": "budget_crossed", "event_group": "internal_user",
		"metric": "cost", "scope": "everyone", "period": "total", "threshold": 100.0, "limit": 10.0, "used": 11.0,
		"rule": "A user's cost in total", "url": "https://llmtally.example", "fired_at": "2026-03-18T12:00:00Z", "window_start": nil,
	} {
		assert.Equal(t, want, body[field], field)
	}
	assert.Equal(t, got.id(), body["id"])
	assert.NotEmpty(t, body["event_message"])
}

func TestAnAlertGoesByMail(t *testing.T) {
	t.Parallel()
	box := openMailbox(t)
	p := openPostOffice(t, notify.Settings{SMTP: notify.SMTP{Host: "127.0.0.1", Port: box.port, From: "llmtally@example.com", TLS: "none"}})
	p.channel("mail", notify.Email, "ann@example.com, bob@example.com", "")
	p.alert("ann")
	p.turns(1)
	require.Equal(t, "delivered", p.state("ann", "mail").State, "%+v", p.state("ann", "mail"))
	mail := <-box.mails
	assert.Contains(t, mail, "Subject: llmtally: A user's cost in total (ann)")
	assert.Contains(t, mail, "<ann@example.com>, <bob@example.com>")
	assert.Contains(t, mail, "$11.00, above 100 % of the limit of $10.00.")
}

// Whatever a receiver does, nothing is lost, and nobody else waits.
func TestAReceiverThatIsDownForAnHourGetsEverythingAfterwards(t *testing.T) {
	t.Parallel()
	elsewhere := receive(t, taken)
	for name, down := range map[string]http.HandlerFunc{
		"answers 500":      answering(http.StatusInternalServerError),
		"answers 404":      answering(http.StatusNotFound),
		"redirects":        answering(http.StatusTemporaryRedirect, "Location", elsewhere.URL),
		"closes":           func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"asks for a pause": answering(http.StatusTooManyRequests, "Retry-After", "60"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openPostOffice(t, onLoopback)
			bad, good := receive(t, down), receive(t, taken)
			p.hook("bad", bad)
			p.hook("good", good)
			p.alert("ann", "bob")
			for p.now().Before(opened.Add(time.Hour)) {
				p.turns(1)
				if p.now().Equal(opened) {
					require.Equal(t, 2, good.hits())
				}
				p.move(10 * time.Second)
			}
			p.alert("cid")
			p.turns(1)
			require.Equal(t, 3, good.hits())
			require.Less(t, bad.hits(), 40, "it is not asked all the time")
			for _, user := range []string{"ann", "bob", "cid"} {
				s := p.state(user, "bad")
				require.Equal(t, "pending", s.State)
				if s.Attempts > 0 {
					require.NotEmpty(t, s.LastError)
				}
			}
			before := ids(bad.all())
			bad.becomes(taken)
			failed := bad.hits()
			p.move(time.Hour)
			p.turns(1)
			after := bad.all()[failed:]
			require.Len(t, after, 3)
			for _, got := range after[1:] {
				require.NotEqual(t, after[0].id(), got.id())
			}
			for id := range before {
				require.Contains(t, ids(after), id, "the same id at each attempt")
			}
			for _, user := range []string{"ann", "bob", "cid"} {
				s := p.state(user, "bad")
				require.Equal(t, "delivered", s.State)
				require.Empty(t, s.LastError)
			}
			p.move(24 * time.Hour)
			p.turns(2)
			require.Equal(t, failed+3, bad.hits())
			require.Equal(t, 3, good.hits())
		})
	}
	t.Cleanup(func() { assert.Zero(t, elsewhere.hits(), "redirects are not followed") })
}

func ids(all []received) map[string]bool {
	ids := map[string]bool{}
	for _, got := range all {
		ids[got.id()] = true
	}
	return ids
}

func TestAMachineThatIsOffLosesNothing(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	p.channel("gone", notify.Webhook, "http://127.0.0.1:1/", "") // where nobody listens
	p.alert("ann")
	p.turns(1)
	s := p.state("ann", "gone")
	assert.Equal(t, "pending", s.State)
	assert.Contains(t, s.LastError, "connection refused")
	assert.Equal(t, 10*time.Second, p.next("ann", "gone"))
}

func TestAReceiverThatHangsHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback) // with a minute's patience
	slow, good := receive(t, hanging), receive(t, taken)
	p.hook("slow", slow)
	p.hook("good", good)
	p.alert("ann")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	<-slow.got
	<-good.got
	p.alert("bob")
	require.Contains(t, (<-good.got).body, `"user_id":"bob"`, "while the other still hangs")
	require.Equal(t, 1, slow.hits())
	cancel()
	<-done
	for _, user := range []string{"ann", "bob"} {
		s := p.state(user, "slow")
		assert.Equal(t, "pending", s.State)
		assert.Zero(t, s.Attempts, "an attempt that llmtally broke off is none")
	}
	slow.becomes(taken)
	p.turns(1)
	assert.Equal(t, "delivered", p.state("ann", "slow").State)
	assert.Equal(t, "delivered", p.state("bob", "slow").State)
	assert.Equal(t, slow.all()[0].id(), slow.all()[1].id())
}

func TestAnAttemptThatTakesTooLongIsMadeAgain(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, notify.Settings{AllowPrivate: true, Timeout: 20 * time.Millisecond})
	r := receive(t, hanging)
	p.hook("slow", r)
	p.alert("ann")
	p.turns(1)
	s := p.state("ann", "slow")
	require.Equal(t, "pending", s.State)
	require.Equal(t, int64(1), s.Attempts)
	require.Contains(t, s.LastError, "did not answer in time")
	r.becomes(taken)
	for p.state("ann", "slow").State != "delivered" { // a busy machine may take longer
		p.move(15 * time.Minute)
		p.turns(1)
	}
}

func TestThePauseDoublesUpToAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	r := receive(t, answering(http.StatusInternalServerError))
	p.hook("hook", r)
	p.alert("ann")
	var pauses []time.Duration
	for range 10 {
		p.turns(2)
		pause := p.next("ann", "hook")
		pauses = append(pauses, pause/time.Second)
		p.move(pause - time.Microsecond)
		p.turns(1)
		p.move(time.Microsecond)
	}
	assert.Equal(t, []time.Duration{10, 20, 40, 80, 160, 320, 640, 900, 900, 900}, pauses)
	assert.Equal(t, 10, r.hits(), "never before its time")
}

func TestWhatAReceiverSaysAboutWhenToComeBackIsHeeded(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "3": 10 * time.Second, "86400": time.Hour, "": 10 * time.Second, "soon": 10 * time.Second,
		opened.Add(5 * time.Minute).Format(http.TimeFormat): 5 * time.Minute,
	} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			p := openPostOffice(t, onLoopback)
			r := receive(t, answering(http.StatusTooManyRequests, "Retry-After", header))
			p.hook("hook", r)
			p.alert("ann", "bob")
			p.turns(3)
			assert.Equal(t, want, p.next("ann", "hook"))
			assert.Equal(t, want, p.next("bob", "hook"), "that is about all that waits")
			assert.Equal(t, 1, r.hits())
		})
	}
}

func TestAnAlertThatAReceiverNeverTakesDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	r := receive(t, nil)
	r.becomes(func(w http.ResponseWriter, _ *http.Request) {
		if strings.Contains(r.all()[r.hits()-1].body, "poison") {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	p.hook("hook", r)
	p.alert("poison", "poison too", "ann", "bob")
	for range 12 {
		p.turns(1)
		p.move(10 * time.Second)
	}
	p.move(time.Hour)
	p.alert("cid")
	p.turns(1)
	for _, user := range []string{"ann", "bob", "cid"} {
		assert.Equal(t, "delivered", p.state(user, "hook").State, user)
	}
	assert.Equal(t, "pending", p.state("poison", "hook").State)
	assert.Contains(t, p.state("poison too", "hook").LastError, "400")
}

func TestAfterAWeekADeliveryIsGivenUpAndSeenToBe(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	r := receive(t, answering(http.StatusInternalServerError))
	p.hook("hook", r)
	p.alert("ann")
	for p.state("ann", "hook").State == "pending" {
		p.turns(1)
		if p.state("ann", "hook").State == "pending" {
			p.move(p.next("ann", "hook"))
		}
	}
	s := p.state("ann", "hook")
	assert.Equal(t, "given up", s.State)
	assert.Contains(t, s.LastError, "500")
	assert.Nil(t, s.NextAttemptAt)
	assert.Nil(t, s.DeliveredAt)
	assert.Equal(t, int64(r.hits()), s.Attempts)
	assert.Greater(t, p.now().Sub(opened), 7*24*time.Hour)
	assert.Less(t, p.now().Sub(opened), 7*24*time.Hour+time.Hour)
	r.becomes(taken)
	p.move(24 * time.Hour)
	hits := r.hits()
	p.turns(2)
	assert.Equal(t, hits, r.hits())
}

func TestADisabledChannelWaitsAndIsServedWhenItIsEnabled(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	r := receive(t, taken)
	c := p.hook("hook", r)
	p.alert("ann")
	p.enable(c, false)
	p.turns(2)
	p.move(3 * 24 * time.Hour)
	p.turns(1)
	assert.Zero(t, r.hits())
	assert.Equal(t, "pending", p.state("ann", "hook").State)
	p.alert("bob")
	assert.Equal(t, store.DeliveryState{}, p.state("bob", "hook"), "what fires meanwhile is not for it")
	p.enable(c, true)
	p.turns(1)
	assert.Equal(t, 1, r.hits())
	assert.Equal(t, "delivered", p.state("ann", "hook").State)
}

func TestDeletingAChannelDropsWhatWaits(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	r := receive(t, taken)
	c := p.hook("hook", r)
	p.alert("ann")
	require.NoError(t, p.db.DeleteAlertChannel(t.Context(), policy.System(), c.ID))
	p.turns(2)
	assert.Zero(t, r.hits())
	_, ok, err := p.db.NextDelivery(t.Context())
	require.NoError(t, err)
	assert.False(t, ok)
}

func TestManyAlertsGoInTheirOrder(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, onLoopback)
	r := receive(t, taken)
	p.hook("hook", r)
	var users []string
	for i := range 2*perTurn + 7 {
		users = append(users, fmt.Sprintf("u%03d", i))
	}
	p.alert(users...)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	for _, user := range users {
		require.Contains(t, (<-r.got).body, fmt.Sprintf(`"user_id":%q`, user))
	}
	cancel()
	<-done
}

func TestPrivateReceiversAreRefusedUnlessTheyAreAllowed(t *testing.T) {
	t.Parallel()
	p := openPostOffice(t, notify.Settings{})
	r := receive(t, taken)
	p.hook("inside", r)
	p.alert("ann")
	p.turns(1)
	assert.Zero(t, r.hits())
	s := p.state("ann", "inside")
	assert.Equal(t, "pending", s.State)
	assert.Contains(t, s.LastError, "an address of this machine, where alerts are not sent unless private receivers are allowed")
	assert.NotContains(t, s.LastError, "/hook/")
}
