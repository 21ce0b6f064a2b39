package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Unfinished counts the requests that began before a moment and have not ended,
// and returns when the oldest began; nil when there is none. They are neither
// successes nor failures.
func (db *DB) Unfinished(ctx context.Context, olderThan Timestamp) (count int64, oldest *Timestamp, err error) {
	var first sql.NullString
	if err := db.readers.QueryRowContext(ctx, unfinishedSQL, olderThan).Scan(&count, &first); err != nil {
		return 0, nil, fmt.Errorf("counting unfinished requests: %w", err)
	}
	oldest, err = parseNullable(first)
	return count, oldest, err
}

const unfinishedSQL = `
	SELECT count(*), min(created_at)
	FROM request_logs
	WHERE status = 'initiated' AND created_at < $1`

// optimizeLimit is how long Optimize may hold the writer. SQLite counts all rows
// of a table that it looks at: a few milliseconds for 100,000.
const optimizeLimit = 250 * time.Millisecond

// Optimize brings what the query planner knows of the tables up to date, where
// they have become ten times what they were. It reports false when that would
// hold up the logs of others for longer than a moment: then it is left to Close.
//
// PostgreSQL does this by itself.
func (db *DB) Optimize(ctx context.Context) (finished bool, err error) {
	if db.engine.shared {
		return true, nil
	}
	return db.optimize(ctx, optimizeLimit)
}

func (db *DB) optimize(ctx context.Context, limit time.Duration) (finished bool, err error) {
	err = db.maintain(ctx, func(c *sql.Conn) error {
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		_, err := c.ExecContext(limited, "PRAGMA optimize")
		finished = err == nil
		if limited.Err() != nil && ctx.Err() == nil {
			return nil
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("optimizing: %w", err)
	}
	return finished, nil
}

// A Checkpoint says how much of the write-ahead log went into the database file.
type Checkpoint struct {
	Pages   int64 // in the log
	Moved   int64 // of these, in the database file now; readers may hold up the rest
	Emptied bool  // the log's file gave its space back
}

// Checkpoint moves the write-ahead log into the database file, as far as
// readers let it, and waits for none of them longer than a moment. PostgreSQL
// does this by itself.
func (db *DB) Checkpoint(ctx context.Context) (c Checkpoint, err error) {
	if db.engine.shared {
		return Checkpoint{Emptied: true}, nil
	}
	err = db.maintain(ctx, func(conn *sql.Conn) error {
		run := func(mode string) (busy bool, pages, moved int64, err error) {
			err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &moved)
			return busy, pages, moved, err
		}
		// First the moving, which waits for nobody; only where nothing is left
		// to move, the emptying.
		busy, pages, moved, err := run("PASSIVE")
		c.Pages, c.Moved = pages, moved
		if err != nil || busy || moved < pages {
			return err
		}
		busy, _, _, err = run("TRUNCATE")
		c.Emptied = err == nil && !busy
		return err
	})
	if err != nil {
		return c, fmt.Errorf("checkpointing: %w", err)
	}
	return c, nil
}

// maintain runs fn on the writer's connection between two transactions. What
// another connection holds is waited for a moment only: logs are waiting.
func (db *DB) maintain(ctx context.Context, fn func(*sql.Conn) error) error {
	upkeep := func(c *sql.Conn) (err error) {
		if err := ctx.Err(); err != nil {
			return err
		}
		// Not ctx: the connection must get its own timeout back.
		var usual int
		if err := c.QueryRowContext(context.Background(), "PRAGMA busy_timeout").Scan(&usual); err != nil {
			return err
		}
		if err := setBusyTimeout(c, 50); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, setBusyTimeout(c, usual)) }()
		return fn(c)
	}
	done := make(chan error, 1)
	if err := db.queue.add(write{upkeep: upkeep, done: done}); err != nil {
		return err
	}
	return <-done
}

func setBusyTimeout(c *sql.Conn, milliseconds int) error {
	_, err := c.ExecContext(context.Background(), fmt.Sprintf("PRAGMA busy_timeout = %d", milliseconds))
	return err
}

func (q *writeQueue) runUpkeep(fn func(*sql.Conn) error) error {
	c, err := q.db.writer.Conn(context.Background())
	if err != nil {
		return err
	}
	return errors.Join(fn(c), c.Close())
}
