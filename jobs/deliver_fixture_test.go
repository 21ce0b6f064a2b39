package jobs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// A postOffice is a deliverer with its database, on a clock that stands until
// it is moved.
type postOffice struct {
	*Deliverer
	t     testing.TB
	db    *store.DB
	clock atomic.Int64
}

var opened = time.Date(2026, 3, 18, 12, 0, 0, 0, time.UTC)

func (p *postOffice) now() time.Time       { return time.Unix(0, p.clock.Load()).UTC() }
func (p *postOffice) move(d time.Duration) { p.clock.Add(int64(d)) }

func openPostOffice(t testing.TB, settings notify.Settings) *postOffice {
	t.Helper()
	p := &postOffice{t: t}
	p.clock.Store(opened.UnixNano())
	p.db = storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: p.now})
	settings.Now = p.now
	if settings.Timeout == 0 {
		settings.Timeout = time.Minute
	}
	p.Deliverer = NewDeliverer(p.db, notify.New(settings), "https://llmtally.example", p.now)
	return p
}

// onLoopback is for receivers on this machine.
var onLoopback = notify.Settings{AllowPrivate: true}

// turns starts what is due, and waits until it is done.
func (p *postOffice) turns(n int) {
	for range n {
		p.turn(context.Background(), func() {})
		p.wg.Wait()
	}
}

func (p *postOffice) channel(name, kind, target, secret string) store.AlertChannel {
	p.t.Helper()
	c, err := p.db.SaveAlertChannel(context.Background(), policy.System(),
		store.AlertChannel{Name: name, Kind: kind, Target: target, Enabled: true}, &secret)
	require.NoError(p.t, err)
	return c
}

// hook makes a webhook channel for a receiver.
func (p *postOffice) hook(name string, r *receiver) store.AlertChannel {
	p.t.Helper()
	return p.channel(name, notify.Webhook, r.URL+"/hook/"+name, "")
}

func (p *postOffice) enable(c store.AlertChannel, enabled bool) {
	p.t.Helper()
	c.Enabled = enabled
	_, err := p.db.SaveAlertChannel(context.Background(), policy.System(), c, nil)
	require.NoError(p.t, err)
}

// alert makes the shipped rule on costs fire for the user.
func (p *postOffice) alert(users ...string) {
	p.t.Helper()
	for _, user := range users {
		storetest.Append(p.t, p.db, policy.System(), fmt.Sprintf(`{"end_user":%q,"status":"success","total_cost":11}`, user))
	}
}

// state returns how far the only alert of the user has come to a channel.
func (p *postOffice) state(user, channel string) store.DeliveryState {
	p.t.Helper()
	alerts, err := p.db.Alerts(context.Background(), policy.System(), store.AlertFilter{UserID: user, Limit: 10})
	require.NoError(p.t, err)
	require.Len(p.t, alerts, 1)
	for _, d := range alerts[0].Deliveries {
		if d.Channel == channel {
			return d
		}
	}
	return store.DeliveryState{}
}

// next is the time until a delivery's next attempt.
func (p *postOffice) next(user, channel string) time.Duration {
	p.t.Helper()
	s := p.state(user, channel)
	require.NotNil(p.t, s.NextAttemptAt, "%+v", s)
	return s.NextAttemptAt.Time().Sub(p.now())
}

// A receiver is a real HTTP server that keeps what it was sent.
type receiver struct {
	*httptest.Server
	answer   atomic.Pointer[http.HandlerFunc]
	mu       sync.Mutex
	requests []received
	got      chan received // the same, to wait for
}

type received struct {
	header http.Header
	body   string
}

func (r received) id() string { return r.header.Get("webhook-id") }

func receive(t testing.TB, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{got: make(chan received, 1000)}
	r.answer.Store(&answer)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		got := received{request.Header, string(body)}
		r.mu.Lock()
		r.requests = append(r.requests, got)
		r.mu.Unlock()
		r.got <- got
		(*r.answer.Load())(w, request)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) becomes(answer http.HandlerFunc) { r.answer.Store(&answer) }

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.requests...)
}

func (r *receiver) hits() int { return len(r.all()) }

func taken(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func answering(status int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
	}
}

func hanging(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// A mailbox is a mail server that takes everything (RFC 5321), without TLS.
type mailbox struct {
	port  int
	mails chan string
}

func openMailbox(t testing.TB) *mailbox {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	m := &mailbox{port: listener.Addr().(*net.TCPAddr).Port, mails: make(chan string, 10)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go m.serve(conn)
		}
	}()
	return m
}

func (m *mailbox) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 mail.test ESMTP")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
		case "EHLO":
			say("250-mail.test\r\n250 8BITMIME")
		case "DATA":
			say("354 go on")
			var mail strings.Builder
			for line != ".\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
				mail.WriteString(line)
			}
			m.mails <- mail.String()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}
