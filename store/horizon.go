package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A horizon finds out up to which id the logs have settled: below it none will
// appear any more, except those whose sender gave them an id. On SQLite that is
// the newest, since transactions come one after the other. On PostgreSQL a log
// may be committed before another of a lower id. But whoever takes an id holds a
// lock on the sequence until the transaction ends, so what was the newest id has
// settled when all those have ended who had the lock at that time.
type horizon struct {
	settled int64

	newest  int64    // to settle next
	holders []string // the transactions that it waits for
	since   time.Time
}

// horizonPatience is how long a transaction that has taken an id may hold up
// the horizon. Who forgets to commit must not stop every tail.
const horizonPatience = 10 * time.Second

const (
	newestLogSQL = `SELECT coalesce(max(id), 0) FROM request_logs`
	// The newest log is of the moment when the statement begins; the locks are
	// looked at later.
	newestAndHoldersSQL = `
		SELECT (SELECT coalesce(max(id), 0) FROM request_logs), coalesce((
			SELECT string_agg(DISTINCT virtualtransaction, ' ')
			FROM pg_locks
			WHERE locktype = 'relation' AND relation = 'request_logs_id_seq'::regclass
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND mode = 'RowExclusiveLock'
		), '')`
)

// look moves the horizon, and says whether there is something beyond it.
func (h *horizon) look(ctx context.Context, db *DB) (beyond bool, err error) {
	newest, holders, err := h.ask(ctx, db)
	if err != nil {
		return false, fmt.Errorf("looking for new logs: %w", translate(err))
	}
	waitsFor := func(holder string) bool { return slices.Contains(holders, holder) }
	if slices.ContainsFunc(h.holders, waitsFor) && time.Since(h.since) < horizonPatience {
		return true, nil
	}
	// What it waited for has ended; whoever has taken an id since has a higher one.
	h.settled = max(h.settled, h.newest)
	h.newest, h.holders, h.since = newest, holders, time.Now()
	if len(holders) == 0 {
		h.settled = max(h.settled, newest)
	}
	return h.settled < newest, nil
}

func (h *horizon) ask(ctx context.Context, db *DB) (newest int64, holders []string, err error) {
	if !db.engine.shared {
		err = db.readers.QueryRowContext(ctx, newestLogSQL).Scan(&newest)
		return newest, nil, err
	}
	var list string
	err = db.readers.QueryRowContext(ctx, newestAndHoldersSQL).Scan(&newest, &list)
	return newest, strings.Fields(list), err
}
