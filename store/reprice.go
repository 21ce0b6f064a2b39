package store

import (
	"context"
	"fmt"
)

// Repricing says which logs Reprice looks at: those without a cost, and those
// whose cost llmtally has computed. A cost that the sender gave is never
// touched.
type Repricing struct {
	Model string    // only this one, as the logs name it; "" means all
	Since Timestamp // only logs from this moment on; 0 means all
	// UnpricedOnly leaves alone what has a cost.
	UnpricedOnly bool
}

// A Repriced says what Reprice did.
type Repriced struct {
	Looked  int64 // logs that were looked at
	Changed int64 // that have another cost now
	Without int64 // that have tokens and no known price
}

// repriceChunk is how many logs one transaction looks at, so that the logs of
// others wait only a moment.
const repriceChunk = 500

// Reprice gives logs the cost that the price table says, as of when each was
// made; the rollups change with them. It goes by id, in short transactions, and
// reports after each: when it is stopped, what was done stays done, and running
// it again does the rest.
func (db *DB) Reprice(ctx context.Context, what Repricing, report func(Repriced)) (Repriced, error) {
	var done Repriced
	for after := int64(0); ; {
		ids, err := db.repriceable(ctx, what, after)
		if err != nil {
			return done, fmt.Errorf("finding logs to price: %w", err)
		}
		if len(ids) == 0 {
			return done, nil
		}
		var chunk Repriced
		if err := db.Write(ctx, func(tx *Tx) (err error) {
			chunk, err = db.repriceSome(tx, ids)
			return err
		}); err != nil {
			return done, fmt.Errorf("pricing logs: %w", err)
		}
		done.Looked += chunk.Looked
		done.Changed += chunk.Changed
		done.Without += chunk.Without
		report(done)
		after = ids[len(ids)-1]
	}
}

// RepriceableLogs counts what Reprice would look at.
func (db *DB) RepriceableLogs(ctx context.Context, what Repricing) (n int64, err error) {
	where, args := what.where()
	err = db.readers.QueryRowContext(ctx, "SELECT count(*) FROM request_logs WHERE "+where, args...).Scan(&n)
	return n, err
}

// where selects the logs. The unpriced ones are in an index of their own.
func (w Repricing) where() (string, []any) {
	const unpriced = "total_cost IS NULL AND tokens_used > 0"
	where := unpriced
	if !w.UnpricedOnly {
		where = "(" + unpriced + " OR price_id IS NOT NULL)"
	}
	return where + " AND ($1 = '' OR coalesce(model, '') = $1) AND created_at >= $2",
		[]any{w.Model, max(w.Since, minTimestamp).Stored()}
}

func (db *DB) repriceable(ctx context.Context, what Repricing, after int64) (ids []int64, err error) {
	where, args := what.where()
	rows, err := db.readers.QueryContext(ctx,
		"SELECT id FROM request_logs WHERE "+where+" AND id > $3 ORDER BY id LIMIT $4", append(args, after, repriceChunk)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (db *DB) repriceSome(tx *Tx, ids []int64) (done Repriced, err error) {
	b := db.queue.writer.begin(tx)
	for _, id := range ids {
		old, err := b.load(b.stmts.byID, id)
		switch {
		case err == ErrNotFound || err == nil && old.Has(ColTotalCost) && old.priceID == 0:
			continue // deleted or priced by its sender since it was found
		case err != nil:
			return done, err
		}
		done.Looked++
		row := old
		row.unprice()
		db.enrich(&row)
		if !row.Has(ColTotalCost) {
			if !old.Has(ColTotalCost) {
				done.Without++
			}
			continue // a cost whose price is known no more is better than none
		}
		if old.Has(ColTotalCost) && row.TotalCost == old.TotalCost {
			continue
		}
		if err := b.replace(&old, &row); err != nil {
			return done, err
		}
		done.Changed++
	}
	return done, b.finish()
}
