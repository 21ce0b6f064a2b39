package store

import (
	"context"
	"slices"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// A Mutation is a client's insert, update or delete. All of it is done or
// nothing.
type Mutation struct {
	Relation string
	Action   policy.Action
	Rows     [][]query.Assignment // of an insert
	Set      []query.Assignment   // of an update
	Where    query.Expr           // of an update or delete; nil means every row

	// Conflict says what an insert does with a row whose Target columns are
	// taken; no Target means the primary key.
	Conflict Conflict
	Target   []string

	// Accept looks at how many rows were changed before they are committed; its
	// error undoes them. Nil accepts any number.
	Accept func(rows int64) error
	// Show reads rows by their keys in the same transaction: those inserted or
	// updated as they are now, those deleted as they were.
	Show func(v *View, keys []any) error
	// Rollback does everything, and then undoes it.
	Rollback bool
}

// A Conflict is what an insert does with a row that is there already.
type Conflict uint8

// The ways to deal with a conflict.
const (
	Fail   Conflict = iota // CodeUnique
	Ignore                 // leave the row as it is
	Merge                  // give the row the columns that the insert names
)

// An Outcome is what a mutation did.
type Outcome struct {
	Keys     []any // of the rows inserted, updated or deleted, in order
	Inserted int64
}

// Mutate makes a change as far as the policy lets the caller. As in PostgreSQL,
// an update or delete reaches only rows that the caller sees, and what no rule
// allows to be written is an *Error with CodePrivilege.
//
// Logs are enriched, linked and counted whichever way they change. A log that
// is still initiated is completed by an insert with its call id, even where
// Conflict is Fail. To anon a finished log never changes: a Merge onto it is
// accepted and does nothing.
func (db *DB) Mutate(ctx context.Context, caller policy.Caller, m Mutation) (Outcome, error) {
	r, err := m.check(caller)
	if err != nil {
		return Outcome{}, err
	}
	if m.Relation == "request_logs" && m.Action == policy.Insert {
		return db.insertLogs(ctx, caller, m)
	}
	var outcome Outcome
	again := false
	err = db.Write(ctx, func(tx *Tx) (err error) {
		c := changer{db: db, tx: tx, caller: caller, relation: r, Mutation: m, again: &again}
		outcome, err = c.run(ctx)
		return undone(m, err)
	})
	return outcome, redone(m, err)
}

// errRollback undoes a transaction that did what was asked.
var errRollback = errorf("00000", "rolled back as asked")

func undone(m Mutation, err error) error {
	if err == nil && m.Rollback {
		return errRollback
	}
	return err
}

func redone(m Mutation, err error) error {
	if m.Rollback && err == errRollback {
		return nil
	}
	return err
}

// check refuses what can be refused without looking at rows.
func (m *Mutation) check(caller policy.Caller) (*query.Relation, error) {
	r, ok := Schema[m.Relation]
	if !ok || r.Private {
		return nil, errorf(CodeUnknownRelation, "relation %q does not exist", m.Relation)
	}
	if r.Key == nil {
		return nil, errorf(CodeNotWritable, "cannot write to view %q", m.Relation)
	}
	grant := policy.For(caller, m.Relation, m.Action)
	for _, set := range append(slices.Clone(m.Rows), m.Set) {
		for _, a := range set {
			if _, ok := r.Column(a.Column); !ok {
				return nil, errorf(CodeUnknownColumn, "column %q of relation %q does not exist", a.Column, m.Relation)
			}
			if grant.Any() && !grant.Writable(a.Column) {
				return nil, errPermission(m.Relation)
			}
		}
	}
	for _, column := range m.Target {
		if _, ok := r.Column(column); !ok {
			return nil, errorf(CodeUnknownColumn, "column %q does not exist", column)
		}
	}
	if m.Conflict != Fail && m.Target != nil && !r.IsUnique(m.Target) {
		return nil, errorf("42P10", "there is no unique or exclusion constraint matching the ON CONFLICT specification")
	}
	if m.Action == policy.Insert && !grant.Any() {
		return nil, errRowSecurity(m.Relation)
	}
	return r, nil
}

// accept asks Accept about the rows changed.
func (m *Mutation) accept(rows int) error {
	if m.Accept == nil {
		return nil
	}
	return m.Accept(int64(rows))
}

// logFrom returns the log that assignments describe.
func logFrom(set []query.Assignment) (l Log, err error) {
	for _, a := range set {
		c, ok := LogColumnNamed(a.Column)
		if !ok {
			return l, errorf(CodeUnknownColumn, "column request_logs.%s does not exist", a.Column)
		}
		if err := l.Set(c, a.Value); err != nil {
			return l, err
		}
	}
	return l, nil
}
