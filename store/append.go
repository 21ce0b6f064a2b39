package store

import (
	"context"
	"errors"

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
// The error is for all of them: ErrBusy when the queue is full, ErrAway when the
// server does not come back, ErrClosed, an *Error with CodeDiskFull, or an
// internal one; then none is stored. Append
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
	if err := db.queue.do(write{logs: r}); err != nil {
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

// A logBatch is one transaction's changes to logs.
type logBatch struct {
	*logWriter
	tx    *Tx
	tally *tally          // of what is being stored; it hides the writer's
	users map[string]bool // whether they exist, as far as it is known
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
	return b.budgets.check(b.tx, tables, b.tally.sortedUsers(), b.tally.users)
}

// storeEach stores logs one by one.
func (b *logBatch) storeEach(requests []*appendRequest) error {
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
			if err := b.storeLog(r.caller, &r.logs[i], &r.verdicts[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *logBatch) storeLog(caller policy.Caller, l *Log, verdict *Verdict) error {
	err := b.link(caller, l)
	var refused *Error
	if errors.As(err, &refused) {
		*verdict = Verdict{Err: refused}
		return nil
	}
	if err != nil {
		return err
	}
	id, inserted, err := b.insert(l)
	if err != nil {
		return err
	}
	if !inserted {
		*verdict, err = b.complete(caller, l)
		return err
	}
	l.ID = id
	b.tally.add(l)
	*verdict = insertedVerdict(caller, l)
	return nil
}

func insertedVerdict(caller policy.Caller, l *Log) Verdict {
	if caller.Role == policy.Anon {
		return Verdict{}
	}
	return Verdict{ID: l.ID}
}
