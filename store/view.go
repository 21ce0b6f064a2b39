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
	tx, err := readAgain(ctx, db, func() (*sql.Tx, error) { return db.readers.BeginTx(ctx, &db.engine.snapshot) })
	if err != nil {
		return fmt.Errorf("beginning a snapshot: %w", translate(err))
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
			return n, fmt.Errorf("reading a row: %w", translate(err))
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
	p, err := readAgain(v.ctx, v.db, func() (prepared, error) { return v.queryPrepared(s) })
	return p.rows, p.done, err
}

// readAgain reads anew over another connection where one was lost: after a
// restart of the server each of the pool's fails once, and reading changes
// nothing.
func readAgain[T any](ctx context.Context, db *DB, read func() (T, error)) (T, error) {
	for attempt := 0; ; attempt++ {
		found, err := read()
		if err == nil || attempt >= db.readers.Stats().MaxOpenConnections || !disconnected(err) || ctx.Err() != nil {
			return found, err
		}
	}
}

type prepared struct {
	rows *sql.Rows
	done func() // gives the statement back
}

func (v *View) queryPrepared(s query.Statement) (prepared, error) {
	stmt, err := v.db.reads.prepare(v.ctx, s.SQL)
	if err != nil {
		return prepared{}, err
	}
	done := func() { v.db.reads.release(stmt) }
	rows, err := stmt.QueryContext(v.ctx, s.Args...)
	if err != nil {
		done()
	}
	return prepared{rows, done}, err
}
