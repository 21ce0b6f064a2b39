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
// Run is Reader.Select for reads and Mutate for writes, in their plainest form.
func (db *DB) Run(ctx context.Context, caller policy.Caller, q query.Query, each func(query.Row) error) (int64, error) {
	m := Mutation{}
	switch q := q.(type) {
	case query.Select:
		return db.Reader(ctx, caller).Select(q, each)
	case query.Insert:
		m = Mutation{Relation: q.Relation, Action: policy.Insert, Rows: [][]query.Assignment{q.Set}}
	case query.Update:
		m = Mutation{Relation: q.Relation, Action: policy.Update, Set: q.Set, Where: q.Where}
	case query.Delete:
		m = Mutation{Relation: q.Relation, Action: policy.Delete, Where: q.Where}
	default:
		return 0, fmt.Errorf("unknown query %T", q)
	}
	outcome, err := db.Mutate(ctx, caller, m)
	return int64(len(outcome.Keys)), err
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
