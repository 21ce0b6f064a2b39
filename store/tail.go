package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// A Tail follows the logs that one caller may see, as they come, in the order of
// their ids. It shows each log once, and once more when it was shown while it
// was `initiated` and has come to its end; of those it remembers the newest
// hundred. Logs whose sender gave them an id below the newest are history, and
// not shown; nor are those of a transaction on PostgreSQL that somebody else kept
// open for more than ten seconds.
//
// A Tail asks the database by itself: the writer does no more for it than to say
// that there is something new. One goroutine uses it.
type Tail struct {
	db      *DB
	caller  policy.Caller
	cursor  tailCursor
	horizon horizon
	looked  time.Time
	behind  bool // there are logs beyond the horizon
	full    bool // the last look read no further than it may: there is more
}

// A TailEvent is a log that is new, or one that has come to its end.
type TailEvent struct {
	Activity
	ErrorKind string // as in a LogRow: empty for a log that did not fail
	Completed bool   // whether it was shown before
	Cursor    string // where a tail goes on after this event
}

// How a tail looks for what is new: when it is told of a commit, but so many
// times a second at most, unless it has not read all yet; and now and then by
// itself, since other processes may write. It reads so many logs at a time, and of those that are not the caller's
// so many more.
const (
	tailPause  = 250 * time.Millisecond
	tailLook   = time.Second
	tailEvents = 200
	tailRows   = 2000
)

// Tail returns a tail that goes on after the event of a cursor, or begins with
// what comes from now on when that is empty.
func (db *DB) Tail(ctx context.Context, caller policy.Caller, cursor string) (*Tail, error) {
	if !policy.For(caller, "user_recent_activity", policy.Select).Any() {
		return nil, errPermission("user_recent_activity")
	}
	t := &Tail{db: db, caller: caller}
	if cursor != "" {
		var err error
		if t.cursor, err = parseTailCursor(cursor); err != nil {
			return nil, err
		}
	}
	newest, _, err := t.horizon.ask(ctx, db)
	if err != nil {
		return nil, translate(err)
	}
	// A cursor beyond the newest log is of another database, or of logs that are
	// gone.
	if cursor == "" || t.cursor.after > newest {
		t.cursor = tailCursor{after: newest}
	}
	return t, nil
}

// Cursor returns where a tail goes on after all that this one has looked at.
func (t *Tail) Cursor() string { return t.cursor.String() }

// Next waits for events and returns them, 200 at most, or none when nothing has
// come for so long. It returns ErrClosed when the database is about to close,
// and ctx's error when that ends.
func (t *Tail) Next(ctx context.Context, wait time.Duration) ([]TailEvent, error) {
	enough := time.NewTimer(wait)
	defer enough.Stop()
	for {
		news := t.db.news.next()
		if t.db.queue.ends() {
			return nil, ErrClosed
		}
		if pause := tailPause - time.Since(t.looked); pause > 0 && !t.full {
			if over, err := t.rest(ctx, enough.C, pause, nil); over || err != nil {
				return nil, err
			}
			continue
		}
		t.looked = time.Now()
		events, err := t.look(ctx)
		if err != nil || len(events) > 0 {
			return events, err
		}
		if t.behind || t.full {
			continue
		}
		if over, err := t.rest(ctx, enough.C, tailLook, news); over || err != nil {
			return nil, err
		}
	}
}

// rest waits for a pause to pass or for news. over says that the caller has
// waited long enough.
func (t *Tail) rest(ctx context.Context, enough <-chan time.Time, pause time.Duration, news <-chan struct{}) (over bool, err error) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return true, ctx.Err()
	case <-enough:
		return true, nil
	case <-timer.C:
	case <-news:
	}
	return false, nil
}

// look reads what is new.
func (t *Tail) look(ctx context.Context) ([]TailEvent, error) {
	t.full = false
	ended, err := t.lookForEnds(ctx)
	if err != nil {
		return nil, err
	}
	if t.behind, err = t.horizon.look(ctx, t.db); err != nil {
		return nil, err
	}
	var events []TailEvent
	if t.horizon.settled <= t.cursor.after {
		events = t.finish(ended)
	} else if events, err = t.lookForNew(ctx, ended); err != nil {
		return nil, err
	}
	return events, t.nameErrors(ctx, events)
}

// nameErrors adds what went wrong, which the view does not tell.
func (t *Tail) nameErrors(ctx context.Context, events []TailEvent) error {
	var ids []any
	for _, e := range events {
		if e.Status != nil && failed(*e.Status) {
			ids = append(ids, e.RequestID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	kinds := map[int64]string{}
	_, err := t.db.Run(ctx, t.caller, query.Select{
		From:    "request_logs",
		Columns: []query.Output{{Name: "id"}, {Name: "error"}},
		Where:   query.In{Place: query.Column("id"), Values: ids},
	}, func(r query.Row) error {
		kinds[integer(r[0])] = errorKind([]byte(text(r[1])))
		return nil
	})
	for i := range events {
		events[i].ErrorKind = kinds[events[i].RequestID]
	}
	return err
}

// lookForEnds reads which of the logs that were shown unfinished have ended, or
// are gone.
func (t *Tail) lookForEnds(ctx context.Context) ([]Activity, error) {
	if len(t.cursor.open) == 0 {
		return nil, nil
	}
	ids := make([]any, len(t.cursor.open))
	for i, id := range t.cursor.open {
		ids[i] = id
	}
	return collect(ctx, t.db, t.caller, query.Select{
		From:  "user_recent_activity",
		Where: query.In{Place: query.Column("request_id"), Values: ids},
		Order: []query.Order{{Column: "request_id"}},
	}, activityFrom)
}

// finish makes events of the logs that have ended.
func (t *Tail) finish(found []Activity) (events []TailEvent) {
	for _, id := range slices.Clone(t.cursor.open) {
		i := slices.IndexFunc(found, func(a Activity) bool { return a.RequestID == id })
		if i >= 0 && found[i].initiated() {
			continue
		}
		t.cursor.closed(id)
		if i >= 0 {
			events = append(events, TailEvent{Activity: found[i], Completed: true, Cursor: t.cursor.String()})
		}
	}
	return events
}

// lookForNew reads the logs up to the horizon in the order of their ids, whoever
// they belong to, and lets the policy decide on each: the other way round the
// caller's logs would be searched for the few new ones.
func (t *Tail) lookForNew(ctx context.Context, ended []Activity) ([]TailEvent, error) {
	var fresh []Activity
	last, rows := t.cursor.after, 0
	grant := policy.For(t.caller, "user_recent_activity", policy.Select)
	_, err := t.db.Run(ctx, policy.System(), query.Select{
		From: "user_recent_activity",
		Where: query.And{
			query.Compare{Column: "request_id", Op: query.Gt, Value: t.cursor.after},
			query.Compare{Column: "request_id", Op: query.Lte, Value: t.horizon.settled},
		},
		Order: []query.Order{{Column: "request_id"}},
		Limit: query.Limit(tailRows),
	}, func(r query.Row) error {
		rows++
		if a := activityFrom(r); grant.Reaches(a.text) {
			fresh = append(fresh, a)
		}
		last = integer(r[0])
		if len(fresh) == tailEvents {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	events := t.finish(ended)
	if err == nil && rows < tailRows {
		last = t.horizon.settled
	} else {
		t.full = true
	}
	for _, a := range fresh {
		t.cursor.after = a.RequestID
		if a.initiated() {
			t.cursor.opened(a.RequestID)
		}
		events = append(events, TailEvent{Activity: a, Cursor: t.cursor.String()})
	}
	t.cursor.after = last
	return events, nil
}
