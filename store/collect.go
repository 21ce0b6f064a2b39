package store

import (
	"context"
	"encoding/json"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// collect runs a select and returns its rows as values of a type of ours, never
// nil.
func collect[T any](ctx context.Context, db *DB, caller policy.Caller, q query.Select, from func(query.Row) T) ([]T, error) {
	rows := []T{}
	_, err := db.Run(ctx, caller, q, func(r query.Row) error {
		rows = append(rows, from(r))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// The functions below read a cell as the type that its column has. Null reads
// as the zero value.

func text(cell any) string { s, _ := cell.(string); return s }

func integer(cell any) int64 { n, _ := cell.(int64); return n }

func float(cell any) float64 {
	if n, ok := cell.(int64); ok {
		return float64(n)
	}
	f, _ := cell.(float64)
	return f
}

// optional reads null as nil.
func optional[T any](cell any) *T {
	v, ok := cell.(T)
	if !ok {
		return nil
	}
	return &v
}

func moment(cell any) Timestamp {
	t, err := parseStored(text(cell))
	if err != nil {
		return 0
	}
	return t
}

func optionalMoment(cell any) *Timestamp {
	if cell == nil {
		return nil
	}
	t := moment(cell)
	return &t
}

func js(cell any) json.RawMessage {
	if cell == nil {
		return json.RawMessage("null")
	}
	return json.RawMessage(text(cell))
}
