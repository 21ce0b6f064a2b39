package store

import (
	"context"
	"encoding/json"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// ExportUser calls each with everything that is stored about a user, of one
// moment: an object of kind user_profiles, then those of tokens_usage and of
// request_logs, with the columns of these tables. The object is only valid
// during the call. ErrNotFound means that there is no such user for the caller
// to see; then each is not called.
func (db *DB) ExportUser(ctx context.Context, caller policy.Caller, userID string, each func(kind string, object json.RawMessage) error) error {
	return db.Snapshot(ctx, caller, func(v *View) error {
		for _, table := range []struct {
			name, user string
			order      []query.Order
		}{
			{"user_profiles", "user_id", nil},
			{"tokens_usage", "user_profile_id", []query.Order{{Column: "id"}}},
			{"request_logs", "user_profile_id", []query.Order{{Column: "created_at"}, {Column: "id"}}},
		} {
			columns := Schema[table.name].Columns
			var object []byte
			n, err := v.Select(query.Select{From: table.name, Where: query.Is(table.user, userID), Order: table.order}, func(r query.Row) (err error) {
				object, err = appendObject(object[:0], columns, r)
				if err != nil {
					return err
				}
				return each(table.name, object)
			})
			if err != nil {
				return err
			}
			if n == 0 && table.name == "user_profiles" {
				return ErrNotFound
			}
		}
		return nil
	})
}

// appendObject appends a row as a JSON object.
func appendObject(b []byte, columns []query.ColumnSpec, row query.Row) ([]byte, error) {
	b = append(b, '{')
	for i, c := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), c.Name...), `":`...)
		value := row[i]
		switch {
		case value == nil:
			b = append(b, "null"...)
			continue
		case c.Type == query.JSON:
			b = append(b, text(value)...)
			continue
		case c.Type == query.Time:
			value = moment(value)
		}
		cell, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		b = append(b, cell...)
	}
	return append(b, '}'), nil
}
