package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/llmtally/llmtally/policy"
)

// A strictInsert is an insert of logs that is done whole or not at all, as SQL
// does it. It shares transactions with other inserts all the same.
type strictInsert struct {
	Mutation
	outcome Outcome
	err     error
	undone  bool // it was refused after it had changed something
}

// namesIDs says whether a strict insert names ids of logs, which need looks at
// rows before each insert.
func (r *appendRequest) namesIDs() bool {
	return r.strict != nil && slices.ContainsFunc(r.logs, func(l Log) bool { return l.Has(ColID) })
}

// insertLogs inserts a client's logs.
func (db *DB) insertLogs(ctx context.Context, caller policy.Caller, m Mutation) (Outcome, error) {
	r := &appendRequest{caller: caller, strict: &strictInsert{Mutation: m}}
	grant := policy.For(caller, "request_logs", policy.Insert)
	for _, set := range m.Rows {
		l, err := logFrom(set)
		if err != nil {
			return Outcome{}, err
		}
		if err := prepare(&l, caller, grant); err != nil {
			return Outcome{}, err
		}
		db.enrich(&l)
		r.logs = append(r.logs, l)
	}
	if m.Rollback || m.Show != nil {
		return db.insertLogsAlone(ctx, r)
	}
	if err := db.queue.do(write{logs: r}); err != nil {
		return Outcome{}, err
	}
	return r.strict.outcome, r.strict.err
}

// insertLogsAlone inserts in a transaction of its own, where more than the
// insert is to happen.
func (db *DB) insertLogsAlone(ctx context.Context, r *appendRequest) (Outcome, error) {
	m := r.strict.Mutation
	err := db.Write(ctx, func(tx *Tx) error {
		b := db.queue.writer.begin(tx)
		if err := b.storeStrict(r); err != nil {
			return err
		}
		if r.strict.err != nil {
			return r.strict.err
		}
		if err := b.finish(); err != nil {
			return err
		}
		if m.Show != nil {
			if err := m.Show(&View{ctx: ctx, db: db, caller: r.caller, tx: tx.Tx}, r.strict.outcome.Keys); err != nil {
				return err
			}
		}
		return undone(m, nil)
	})
	return r.strict.outcome, redone(m, err)
}

// storeStrict stores a request's logs, or notes why none is stored. The error
// is the transaction's.
func (b *logBatch) storeStrict(r *appendRequest) error {
	s := r.strict
	s.outcome, s.err = Outcome{}, nil
	// A single row that is refused has changed nothing.
	if len(r.logs) == 1 && s.Accept == nil && !b.db.engine.aborts {
		s.err = b.storeStrictly(r.caller, &r.logs[0], s)
		return ownFault(s.err)
	}
	if _, err := b.tx.Exec("SAVEPOINT strict"); err != nil {
		return err
	}
	shared := b.tally
	b.tally = newTally()
	for i := range r.logs {
		if s.err = b.storeStrictly(r.caller, &r.logs[i], s); s.err != nil {
			break
		}
	}
	if s.err == nil {
		s.err = s.accept(len(s.outcome.Keys))
	}
	own := b.tally
	b.tally = shared
	if s.err == nil {
		shared.absorb(own)
		_, err := b.tx.Exec("RELEASE strict")
		return err
	}
	if err := ownFault(s.err); err != nil {
		return err
	}
	_, err := b.tx.Exec("ROLLBACK TO strict")
	if err == nil {
		_, err = b.tx.Exec("RELEASE strict")
	}
	return err
}

// ownFault returns the errors that are the database's own, and nil for what the
// request or its Accept is to be told.
func ownFault(err error) error {
	var refused *Error
	var sqliteError *sqlite.Error
	var pgError *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(translate(err), &refused):
		if refused.Code == CodeDiskFull {
			return err
		}
		return nil
	case errors.As(err, &sqliteError), errors.As(err, &pgError), disconnected(err),
		errors.Is(err, sql.ErrTxDone), errors.Is(err, sql.ErrConnDone):
		return err
	default:
		return nil
	}
}

func (b *logBatch) storeStrictly(caller policy.Caller, l *Log, s *strictInsert) error {
	if err := b.link(caller, l); err != nil {
		return err
	}
	if l.Has(ColID) {
		done, err := b.storeAtID(caller, l, s)
		if done || err != nil {
			return err
		}
	}
	id, inserted, err := b.insert(l)
	if err != nil {
		return taken(err, l, caller)
	}
	if inserted {
		b.tally.add(l)
		s.outcome.Keys = append(s.outcome.Keys, id)
		s.outcome.Inserted++
		return nil
	}
	old, err := b.load(b.stmts.byCallID, l.CallID)
	if err != nil {
		return err
	}
	return b.resolve(caller, &old, l, s, "litellm_call_id")
}

// storeAtID deals with a log that names its id, where a row of that id is.
func (b *logBatch) storeAtID(caller policy.Caller, l *Log, s *strictInsert) (done bool, err error) {
	old, err := b.load(b.stmts.byID, l.ID)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, b.resolve(caller, &old, l, s, "id")
}

// resolve deals with a log whose call id or id is taken.
func (b *logBatch) resolve(caller policy.Caller, old, l *Log, s *strictInsert, column string) error {
	takesOver, err := s.resolution(caller, old, l, column)
	if err != nil || !takesOver {
		return err
	}
	if err := b.rewrite(old, completion(caller, old, l)); err != nil {
		return taken(err, l, caller)
	}
	s.outcome.Keys = append(s.outcome.Keys, old.ID)
	return nil
}

// resolution says whether a row takes over a log that has its call id or id.
func (s *strictInsert) resolution(caller policy.Caller, old, l *Log, column string) (takesOver bool, err error) {
	targeted := len(s.Target) == 1 && s.Target[0] == column || s.Target == nil && column == "id"
	if s.Conflict == Ignore && targeted {
		return false, nil
	}
	switch {
	case column == "litellm_call_id" && completes(caller, old, l):
	case s.Conflict == Fail || !targeted:
		if column == "id" {
			return false, taken(&Error{Code: CodeUnique, column: "request_logs.id"}, l, caller)
		}
		return false, errCallTaken(l, caller)
	case caller.Role == policy.Anon && column == "litellm_call_id":
		return false, nil // accepted, and nothing changes
	case !policy.For(caller, "request_logs", policy.Update).Reaches(old.text):
		return false, errorf(CodePrivilege, "new row violates row-level security policy (USING expression) for table %q", "request_logs")
	}
	for _, key := range s.outcome.Keys {
		if key == old.ID {
			return false, errTwice()
		}
	}
	return true, nil
}
