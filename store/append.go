package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/llmtally/llmtally/policy"
)

// A Verdict says what became of one log.
type Verdict struct {
	// ID is the row's id; 0 when the caller may not know it.
	ID int64
	// Duplicate is set when the caller can see that the finished request was
	// there already; nothing changed.
	Duplicate bool
	// Err is an *Error when the log was refused.
	Err error
}

// An appendRequest is one caller's logs on their way through the queue.
type appendRequest struct {
	caller   policy.Caller
	logs     []Log
	verdicts []Verdict
	strict   *strictInsert // nil: each log fares for itself
}

// Append enriches, links and stores logs, and returns when they are committed
// and on disk, with one verdict a log: a bad log costs its neighbours nothing.
// The error is for all of them: ErrBusy when the queue is full, ErrClosed, an
// *Error with CodeDiskFull, or an internal one; then none is stored. Append
// takes the logs over: they must not be used afterwards.
//
// A log whose call id is known completes the row when that is still initiated,
// and otherwise changes nothing.
func (db *DB) Append(ctx context.Context, caller policy.Caller, logs ...Log) ([]Verdict, error) {
	r := &appendRequest{caller: caller, logs: logs, verdicts: make([]Verdict, len(logs))}
	grant := policy.For(caller, "request_logs", policy.Insert)
	for i := range logs {
		if err := prepare(&logs[i], caller, grant); err != nil {
			r.verdicts[i].Err = err
			continue
		}
		db.enrich(&logs[i])
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	if err := db.queue.add(write{logs: r, done: done}); err != nil {
		return nil, err
	}
	// Not ctx: the writer goes on, and the caller should know the outcome.
	if err := <-done; err != nil {
		return nil, err
	}
	return r.verdicts, nil
}

// prepare refuses what the caller may not log, before it takes the writer's
// time. A user logs for themself.
func prepare(l *Log, caller policy.Caller, grant policy.Grant) error {
	if !grant.Any() {
		return errPermission("request_logs")
	}
	if caller.Role != policy.Service {
		// Ids are the database's; a taken one would tell of a foreign row.
		l.clear(ColID)
		l.sent.remove(ColID)
	}
	if caller.Role == policy.Authenticated && l.UserProfileID == "" {
		if err := l.setString(ColUserProfileID, caller.Subject); err != nil {
			return err
		}
	}
	if !grant.Allows(l.text) {
		return errRowSecurity("request_logs")
	}
	return nil
}

// A logWriter turns batches of append requests into transactions. Only the
// writer's goroutine uses it.
type logWriter struct {
	db      *DB
	tally   *tally
	stmts   logStatements
	budgets *budgetWatch
}

// write stores the logs of all requests in one transaction. When that fails for
// a reason that one log may have, each log is tried in a transaction of its
// own, so that it fails alone. The error is for all requests.
func (w *logWriter) write(requests []*appendRequest) error {
	err := w.storeAll(requests)
	if err == nil || !rowFault(err) {
		return err
	}
	for _, r := range requests {
		if r.strict != nil {
			if err := w.storeAll([]*appendRequest{r}); err != nil {
				r.strict.err = err
			}
			continue
		}
		for i := range r.logs {
			if r.verdicts[i].Err != nil {
				continue
			}
			single := &appendRequest{caller: r.caller, logs: r.logs[i : i+1], verdicts: []Verdict{{}}}
			err := w.storeAll([]*appendRequest{single})
			r.verdicts[i] = single.verdicts[0]
			if err != nil {
				r.verdicts[i].Err = err
			}
		}
	}
	return nil
}

// rowFault says whether an error is about what was written, not about the
// database as a whole.
func rowFault(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code != CodeDiskFull
}

func (w *logWriter) storeAll(requests []*appendRequest) error {
	return w.transaction(func(tx *Tx) error { return w.store(tx, requests) })
}

// transaction runs fn, and commits when it returns nil. What another process
// caused to fail is tried again, and a lost connection waited for: fn may run
// several times.
func (w *logWriter) transaction(fn func(*Tx) error) error {
	wait := w.db.patience()
	for {
		err := w.attempt(fn)
		if err == nil || !wait.worthwhile(err) {
			return translate(err)
		}
	}
}

// attempt runs fn in a transaction once. The writer has a context of its own: a
// client that hangs up must not take a half-done batch with it.
func (w *logWriter) attempt(fn func(*Tx) error) (err error) {
	begun, err := w.db.writer.BeginTx(context.Background(), nil)
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
	return nil
}

// commit commits. Where the connection is lost meanwhile, the database is asked
// what became of the transaction.
func (w *logWriter) commit(tx *Tx) error {
	if w.db.engine.committed == nil {
		return tx.Commit()
	}
	return w.db.engine.committed(w.db, tx)
}

// A logBatch is one transaction's changes to logs.
type logBatch struct {
	*logWriter
	tx    *Tx
	tally *tally          // of what is being stored; it hides the writer's
	users map[string]bool // that logs of this transaction were linked to
}

// begin starts counting a transaction's changes to logs; finish writes what was
// counted.
func (w *logWriter) begin(tx *Tx) *logBatch {
	w.tally.reset()
	return &logBatch{logWriter: w, tx: tx, tally: w.tally, users: map[string]bool{}}
}

// finish also raises the alerts that the changes give cause to.
func (b *logBatch) finish() error {
	if err := b.tally.save(b.tx.Tx, &b.stmts); err != nil {
		return err
	}
	tables := b.db.lookups.current.Load()
	for _, user := range b.tally.sortedUsers() {
		if err := b.budgets.check(b.tx, tables, user, b.tally.users[user]); err != nil {
			return err
		}
	}
	return nil
}

func (w *logWriter) store(tx *Tx, requests []*appendRequest) error {
	b := w.begin(tx)
	var linked []linkedLog
	for _, r := range requests {
		if r.strict != nil {
			if err := b.storeStrict(r); err != nil {
				return err
			}
			continue
		}
		for i := range r.logs {
			if r.verdicts[i].Err != nil {
				continue
			}
			l := linkedLog{&r.logs[i], r.caller, &r.verdicts[i]}
			switch ok, err := b.linkLog(l); {
			case err != nil:
				return err
			case !ok:
			case b.stmts.insertMany != nil:
				linked = append(linked, l)
			default:
				if err := b.storeLog(l); err != nil {
					return err
				}
			}
		}
	}
	if err := b.storeMany(linked); err != nil {
		return err
	}
	return b.finish()
}

// A linkedLog is a log whose user is known, and who wants to know what becomes
// of it.
type linkedLog struct {
	*Log
	caller  policy.Caller
	verdict *Verdict
}

// linkLog finds the log's user; false when that refuses the log. The error is
// the transaction's.
func (b *logBatch) linkLog(l linkedLog) (ok bool, err error) {
	err = b.link(l.caller, l.Log)
	var refused *Error
	if errors.As(err, &refused) {
		*l.verdict = Verdict{Err: refused}
		return false, nil
	}
	if l.UserProfileID != "" {
		b.users[l.UserProfileID] = true
	}
	return err == nil, err
}

func (b *logBatch) storeLog(l linkedLog) error {
	id, inserted, err := b.insert(l.Log)
	if err != nil {
		return err
	}
	l.ID = id
	return b.stored(l, inserted)
}

// storeMany stores logs in one statement.
func (b *logBatch) storeMany(logs []linkedLog) error {
	if len(logs) == 0 {
		return nil
	}
	plain := make([]*Log, len(logs))
	for i, l := range logs {
		plain[i] = l.Log
	}
	inserted, err := b.insertMany(plain)
	if err != nil {
		return err
	}
	for i, l := range logs {
		if err := b.stored(l, inserted[i]); err != nil {
			return err
		}
	}
	return nil
}

// stored counts a log that was inserted. One whose call id was there completes
// that row, if need be.
func (b *logBatch) stored(l linkedLog, inserted bool) (err error) {
	if !inserted {
		*l.verdict, err = b.complete(l.caller, l.Log)
		return err
	}
	b.tally.add(l.Log)
	*l.verdict = Verdict{}
	if l.caller.Role != policy.Anon {
		l.verdict.ID = l.ID
	}
	return nil
}
