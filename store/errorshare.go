package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// maxFailures bounds the failures that are looked at to say what fails most.
const maxFailures = 1000

const failuresSQL = `
	SELECT id, created_at, coalesce(model, ''), coalesce(provider, ''), error
	FROM request_logs
	WHERE status IN ('failure', 'error') AND created_at >= $1 AND created_at < $2
	ORDER BY created_at DESC, id DESC
	LIMIT $3`

// errorShares tells what failed most among the newest failures of a span, and
// whether there were more.
func (db *DB) errorShares(ctx context.Context, span hourSpan) (shares []ErrorShare, partial bool, err error) {
	rows, err := db.readers.QueryContext(ctx, failuresSQL, span.from, span.to, maxFailures+1)
	if err != nil {
		return nil, false, fmt.Errorf("listing failures: %w", translate(err))
	}
	defer rows.Close()
	type name struct{ kind, model, provider string }
	at := map[name]int{}
	shares = []ErrorShare{}
	for n := 0; rows.Next(); n++ {
		if n == maxFailures {
			partial = true
			break
		}
		var s ErrorShare
		var when string
		var object *string
		if err := rows.Scan(&s.LastID, &when, &s.Model, &s.Provider, &object); err != nil {
			return nil, false, fmt.Errorf("reading a failure: %w", err)
		}
		if object != nil {
			s.Kind = errorKind([]byte(*object))
		}
		s.Last = moment(when)
		k := name{s.Kind, s.Model, s.Provider}
		i, known := at[k]
		if !known {
			i = len(shares)
			at[k] = i
			shares = append(shares, s)
		}
		shares[i].Count++
	}
	slices.SortStableFunc(shares, func(a, b ErrorShare) int { return cmp.Compare(b.Count, a.Count) })
	return shares, partial, rows.Err()
}
