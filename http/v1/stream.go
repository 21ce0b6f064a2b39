package v1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/http/record"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// StreamSettings are what an operator may choose about streams. Zero values
// mean the defaults.
type StreamSettings struct {
	Most      int           // streams at once; 100
	Heartbeat time.Duration // the longest silence; 15 seconds
	Patience  time.Duration // how long a client may take none of what is sent; 10 seconds
	Now       func() time.Time
}

// A stream's events.
const (
	eventRequest   = "request"   // a log that is new
	eventCompleted = "completed" // one that was sent before it had ended
)

// StreamPath is where Stream is to be routed to.
const StreamPath = "/v1/activity/stream"

// retryAfter is when a client should ask again whose stream ended.
const retryAfter = 2 * time.Second

// Streams answers with server-sent events.
type Streams struct {
	db       *store.DB
	settings StreamSettings
	places   chan struct{}
	newest   int // 0: all are sent
}

// Stream returns a handler of server-sent events: each log that the caller may
// see, as it comes, and again when it is completed. It takes the caller from
// the request's context (auth.WithCaller). The limit of streams is the
// handler's.
func Stream(db *store.DB, settings StreamSettings) *Streams {
	if settings.Most == 0 {
		settings.Most = 100
	}
	if settings.Heartbeat == 0 {
		settings.Heartbeat = 15 * time.Second
	}
	if settings.Patience == 0 {
		settings.Patience = 10 * time.Second
	}
	if settings.Now == nil {
		settings.Now = time.Now
	}
	return &Streams{db: db, settings: settings, places: make(chan struct{}, settings.Most)}
}

// Newest returns a handler for a reader who shows the newest n logs: of those that
// come at once it sends no more. The limit of streams is the same one.
func (s *Streams) Newest(n int) *Streams {
	some := *s
	some.newest = n
	return &some
}

// worthSending leaves out the new logs that others of these follow too soon.
func (s *Streams) worthSending(events []store.TailEvent) []store.TailEvent {
	fresh := 0
	for _, e := range events {
		if !e.Completed {
			fresh++
		}
	}
	return slices.DeleteFunc(events, func(e store.TailEvent) bool {
		if s.newest == 0 || e.Completed {
			return false
		}
		fresh--
		return fresh >= s.newest
	})
}

func (s *Streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller := auth.From(r.Context())
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		problem.New(http.StatusServiceUnavailable, "too many streams are open").
			WithHint("ask again after the time in Retry-After").Write(w)
		return
	}
	tail, err := s.db.Tail(r.Context(), caller, resumed(r))
	if err != nil {
		p := problem.From(err, caller.Role)
		if p.Status >= http.StatusInternalServerError {
			record.Fail(r.Context(), err)
		}
		p.Write(w)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	if r.Method == http.MethodHead {
		return
	}
	ctx, cancel := s.untilExpiry(r.Context(), caller)
	defer cancel()
	out := &eventWriter{w: w, control: http.NewResponseController(w), patience: s.settings.Patience}
	if err := s.send(ctx, out, tail); !ended(err) {
		record.Fail(r.Context(), err)
	}
	_ = out.patiently() // for what the server writes at the end
}

// resumed returns where the client has come to. The header is the later word: a
// browser asks for the same address again.
func resumed(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("after")
}

// untilExpiry ends a stream with the token that opened it.
func (s *Streams) untilExpiry(ctx context.Context, caller policy.Caller) (context.Context, context.CancelFunc) {
	if exp, err := jwt.MapClaims(caller.Claims).GetExpirationTime(); err == nil && exp != nil {
		return context.WithTimeout(ctx, exp.Sub(s.settings.Now()))
	}
	return context.WithCancel(ctx)
}

// ended says whether a stream ended as streams do.
func ended(err error) bool {
	return errors.Is(err, store.ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, errGone)
}

// send writes events until something ends the stream, and returns that.
func (s *Streams) send(ctx context.Context, out *eventWriter, tail *store.Tail) error {
	// The server's limits are for requests that end.
	if err := out.control.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("preparing a stream: %w", err)
	}
	out.text = fmt.Appendf(out.text, "retry: %d\nid: %s\n\n", retryAfter.Milliseconds(), tail.Cursor())
	for {
		if err := out.flush(); err != nil {
			return err
		}
		events, err := tail.Next(ctx, s.settings.Heartbeat)
		if err != nil {
			return err
		}
		for _, e := range s.worthSending(events) {
			if err := out.add(e); err != nil {
				return err
			}
		}
		if len(events) == 0 {
			out.text = append(out.text, ":\nid: "+tail.Cursor()+"\n\n"...)
		}
	}
}

// errGone says that a client is gone, or does not take what is sent.
var errGone = errors.New("the client is gone")

// An eventWriter gathers events and sends them.
type eventWriter struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	text     []byte
}

// A streamRow is what an event tells of a log.
type streamRow struct {
	store.Activity
	ErrorKind string `json:"error_kind" doc:"What the provider or client calls the error, else the beginning of its message; empty for a log that did not fail."`
}

func (o *eventWriter) add(e store.TailEvent) error {
	name := eventRequest
	if e.Completed {
		name = eventCompleted
	}
	row, err := json.Marshal(streamRow{e.Activity, e.ErrorKind})
	if err != nil {
		return err
	}
	o.text = fmt.Appendf(o.text, "event: %s\nid: %s\ndata: %s\n\n", name, e.Cursor, row)
	return nil
}

// patiently gives the next write its time.
func (o *eventWriter) patiently() error {
	return o.control.SetWriteDeadline(time.Now().Add(o.patience))
}

func (o *eventWriter) flush() error {
	if err := o.patiently(); err != nil {
		return fmt.Errorf("limiting a write: %w", err)
	}
	if _, err := o.w.Write(o.text); err != nil {
		return errors.Join(errGone, err)
	}
	if err := o.control.Flush(); err != nil {
		return errors.Join(errGone, err)
	}
	o.text = o.text[:0]
	return nil
}
