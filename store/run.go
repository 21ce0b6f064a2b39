package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// Run does what a client asked for, as far as the policy lets the caller, and
// returns how many rows were read or changed. each gets the rows of a Select as
// they come; the row is only valid during the call.
//
// As in PostgreSQL, a read that no rule allows finds no rows, and an update or
// delete reaches only rows that the caller sees. What no rule allows to be
// written is an *Error with CodePrivilege, and nothing is.
func (db *DB) Run(ctx context.Context, caller policy.Caller, q query.Query, each func(query.Row) error) (int64, error) {
	switch q := q.(type) {
	case query.Select:
		return db.read(ctx, caller, q, each)
	case query.Insert:
		if q.Relation == "request_logs" {
			return db.insertLog(ctx, caller, q)
		}
		return db.writeChecked(ctx, caller, change{q.Relation, policy.Insert, q.Set, nil})
	case query.Update:
		return db.writeChecked(ctx, caller, change{q.Relation, policy.Update, q.Set, q.Where})
	case query.Delete:
		return db.writeChecked(ctx, caller, change{q.Relation, policy.Delete, nil, q.Where})
	default:
		return 0, fmt.Errorf("unknown query %T", q)
	}
}

func (db *DB) read(ctx context.Context, caller policy.Caller, q query.Select, each func(query.Row) error) (int64, error) {
	compiled, err := query.CompileSelect(Schema, caller, q)
	if err != nil {
		return 0, nameError(err)
	}
	stmt, err := db.reads.prepare(ctx, compiled.SQL)
	if err != nil {
		return 0, fmt.Errorf("preparing a query: %w", err)
	}
	defer db.reads.release(stmt)
	rows, err := stmt.QueryContext(ctx, compiled.Args...)
	if err != nil {
		return 0, fmt.Errorf("running a query: %w", translate(err))
	}
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
		n++
		if err := each(row); err != nil {
			return n, err
		}
	}
	return n, translate(rows.Err())
}

// nameError gives an unknown relation or column its code.
func nameError(err error) error {
	var unknown *query.UnknownName
	if !errors.As(err, &unknown) {
		return err
	}
	if unknown.Kind == "relation" {
		return errorf(CodeUnknownRelation, "%s", unknown.Error())
	}
	return errorf(CodeUnknownColumn, "%s", unknown.Error())
}
