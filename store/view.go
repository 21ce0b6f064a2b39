package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// A View reads for one caller: from one snapshot, or from inside a transaction
// that writes.
type View struct {
	ctx    context.Context
	db     *DB
	caller policy.Caller
	tx     *sql.Tx // nil: each select sees the newest commit
}

// Reader returns a view whose selects each see the newest commit.
func (db *DB) Reader(ctx context.Context, caller policy.Caller) *View {
	return &View{ctx: ctx, db: db, caller: caller}
}

// within returns a view from inside a transaction, for the program's own use.
func (db *DB) within(ctx context.Context, tx *Tx) *View {
	return &View{ctx: ctx, db: db, caller: policy.System(), tx: tx.Tx}
}

// Snapshot calls fn with a view of one moment.
func (db *DB) Snapshot(ctx context.Context, caller policy.Caller, fn func(*View) error) error {
	tx, err := db.readers.BeginTx(ctx, &db.engine.snapshot)
	if err != nil {
		return fmt.Errorf("beginning a snapshot: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return fn(&View{ctx: ctx, db: db, caller: caller, tx: tx})
}

// Caller returns for whom the view reads.
func (v *View) Caller() policy.Caller { return v.caller }

// Select reads rows as far as the policy lets the caller, and returns how many.
// each gets them as they come; a row is only valid during the call.
func (v *View) Select(q query.Select, each func(query.Row) error) (int64, error) {
	compiled, err := query.CompileSelect(Schema, v.caller, q)
	if err != nil {
		return 0, nameError(err)
	}
	rows, done, err := v.query(compiled)
	if err != nil {
		return 0, fmt.Errorf("running a query: %w", translate(err))
	}
	defer done()
	defer rows.Close()
	row := make(query.Row, len(compiled.Columns))
	targets := make([]any, len(row))
	for i := range row {
		targets[i] = &row[i]
	}
	n := int64(0)
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return n, fmt.Errorf("reading a row: %w", err)
		}
		for i, c := range compiled.Columns {
			row[i] = cell(c.Type, row[i])
		}
		n++
		if err := each(row); err != nil {
			return n, err
		}
	}
	return n, translate(rows.Err())
}

// query runs a statement: a prepared one, except on the writer's connection.
func (v *View) query(s query.Statement) (rows *sql.Rows, done func(), err error) {
	if v.tx != nil {
		rows, err = v.tx.QueryContext(v.ctx, s.SQL, s.Args...)
		return rows, func() {}, err
	}
	for attempt := 0; ; attempt++ {
		rows, done, err = v.queryPrepared(s)
		// After a restart of the server each pooled connection fails once, and
		// reading again changes nothing.
		if err == nil || attempt >= v.db.readers.Stats().MaxOpenConnections || !disconnected(err) || v.ctx.Err() != nil {
			return rows, done, err
		}
	}
}

func (v *View) queryPrepared(s query.Statement) (rows *sql.Rows, done func(), err error) {
	stmt, err := v.db.reads.prepare(v.ctx, s.SQL)
	if err != nil {
		return nil, nil, err
	}
	done = func() { v.db.reads.release(stmt) }
	if rows, err = stmt.QueryContext(v.ctx, s.Args...); err != nil {
		done()
	}
	return rows, done, err
}
