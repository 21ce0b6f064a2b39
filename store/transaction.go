package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// A logWriter turns batches of append requests into transactions. Only the
// writer's goroutine uses it.
type logWriter struct {
	db      *DB
	tally   *tally
	stmts   logStatements
	budgets *budgetWatch
	marks   commitMarks
	lost    time.Time // when the server went away; zero while it is there
}

// write stores the logs of all requests in one transaction. When that fails for
// a reason that one log may have, it tries them in halves, and halves of these,
// so that one fails alone. The error is for all requests.
func (w *logWriter) write(requests []*appendRequest) error {
	var together, single []*appendRequest
	for _, r := range requests {
		if w.db.engine.shared && r.namesIDs() {
			single = append(single, r)
		} else {
			together = append(together, r)
		}
	}
	if len(together) > 0 {
		err := w.storeAll(together)
		if err != nil && !rowFault(err) {
			return err // nothing is stored yet
		}
		if err != nil {
			w.storeApart(logByLog(together))
		}
	}
	for _, r := range single {
		w.storeApart([]*appendRequest{r})
	}
	return nil
}

// rowFault says whether an error is about what was written, not about the
// database as a whole.
func rowFault(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code != CodeDiskFull
}

// logByLog takes requests apart, as far as their logs fare each for itself.
func logByLog(requests []*appendRequest) (parts []*appendRequest) {
	for _, r := range requests {
		if r.strict != nil {
			parts = append(parts, r)
			continue
		}
		for i := range r.logs {
			if r.verdicts[i].Err == nil {
				parts = append(parts, &appendRequest{
					caller: r.caller, logs: r.logs[i : i+1], verdicts: r.verdicts[i : i+1],
				})
			}
		}
	}
	return parts
}

// storeApart stores what can be stored, and tells each of the others why not.
func (w *logWriter) storeApart(requests []*appendRequest) {
	if len(requests) == 0 {
		return
	}
	err := w.storeAll(requests)
	if err != nil && rowFault(err) && len(requests) > 1 {
		half := len(requests) / 2
		w.storeApart(requests[:half])
		w.storeApart(requests[half:])
		return
	}
	for _, r := range requests {
		r.refuse(err)
	}
}

func (r *appendRequest) refuse(err error) {
	switch {
	case err == nil:
	case r.strict != nil:
		r.strict.err = err
	default:
		r.verdicts[0].Err = err
	}
}

// errUndo says that a transaction holds something of a request that is refused
// as a whole.
var errUndo = errors.New("a request is refused after it has changed something")

// storeAll stores the requests in one transaction. One that is refused after it
// has changed something is left out of another.
func (w *logWriter) storeAll(requests []*appendRequest) error {
	for {
		err := w.transaction(func(tx *Tx) error { return w.store(tx, requests) })
		if err != errUndo {
			return err
		}
		var rest []*appendRequest
		for _, r := range requests {
			if r.strict == nil || !r.strict.undone {
				rest = append(rest, r)
			}
		}
		if len(rest) == 0 {
			return nil
		}
		requests = rest
	}
}

// transaction runs fn, and commits when it returns nil. What another process
// caused to fail is tried again, and a lost connection waited for: fn may run
// several times.
func (w *logWriter) transaction(fn func(*Tx) error) error {
	wait := patience{writer: w}
	for {
		err := w.attempt(fn)
		if err == nil {
			w.answered()
			return nil
		}
		if !w.db.engine.shared {
			return translate(err)
		}
		if !wait.worthwhile(err) {
			return wait.outcome(err)
		}
	}
}

// attempt runs fn in a transaction once. The writer has a context of its own: a
// client that hangs up must not take a half-done batch with it.
func (w *logWriter) attempt(fn func(*Tx) error) (err error) {
	begun, err := w.db.writer.BeginTx(w.db.queue.ctx, nil)
	if err != nil {
		return err
	}
	tx := &Tx{Tx: begun, engine: w.db.engine, now: w.db.now}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a write panicked: %v", r)
		}
		if err != nil {
			// A failed rollback leaves nothing to undo: the connection is
			// rolled back when it is reused or closed.
			_ = tx.Rollback()
		}
		w.budgets.ended(err == nil)
		if readOnly(err) {
			w.reconnect()
		}
	}()
	if err = fn(tx); err != nil {
		return err
	}
	if err = w.commit(tx); err != nil {
		return err
	}
	if tx.alerted {
		w.db.wakeDelivery()
	}
	w.db.news.tell()
	return nil
}

// reconnect leaves a server that takes no writes: the next connection may lead
// to one that does.
func (w *logWriter) reconnect() {
	conn, err := w.db.writer.Conn(context.Background())
	if err != nil {
		return
	}
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}

func (w *logWriter) store(tx *Tx, requests []*appendRequest) error {
	b := w.begin(tx)
	store := b.storeEach
	if w.db.engine.shared && !requests[0].namesIDs() {
		store = b.storeTogether
	}
	if err := store(requests); err != nil {
		return err
	}
	return b.finish()
}
