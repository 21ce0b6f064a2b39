package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Copying says how a database is copied to another.
type Copying struct {
	// Overwrite makes the target as the source is even where it was written to
	// since the last copy: every log is compared.
	Overwrite bool
	// Last ends the source's notes of what changes when the copy has come to its
	// end: a copy after that compares every log.
	Last bool
	// Progress is told of logs that were copied, of about how many in all.
	Progress func(copied, total int64)

	// hook is called between steps; a test fails there.
	hook func(step string) error
	// chunkLogs is how many new logs, and how many that changed, one transaction
	// copies; 0 means as many as are good.
	chunkLogs int
}

// Copied says what a copy did.
type Copied struct {
	Copied   int64     // logs that were written to the target
	Replaced int64     // logs that were taken away from it: most were written anew
	Compared bool      // every log was compared, since it was not noted which had changed
	AsOf     Timestamp // the target is as the source was at this moment
	Took     time.Duration
}

// A copying is a copy under way.
type copying struct {
	Copying
	from, to           *DB
	sourceID, targetID string
	record             copyRecord
	done               Copied
	notedLogs          int
	unsaved            int64 // logs that were reported and may be rolled back
	reported, total    int64
}

// Copy makes another database, of whichever engine, equal to this one: profiles,
// logs with their ids, tokens_usage, prices, alert rules, channels, alerts and
// deliveries. Rollups follow the logs in each transaction, so that they agree with
// the logs wherever a copy stops. What jobs note of themselves is not copied.
//
// A copy that was interrupted goes on where it was, and another copies only what
// is new or has changed since. The source may be written to meanwhile, and is as
// one moment has it when Copy returns. The error is ErrNotACopy when the target
// holds anything else; then nothing was changed there.
//
// It takes three steps: the logs by id, in many transactions, each from a
// snapshot of its own; those that changed behind it, of which the source makes
// notes (see madeForCopying); and what little is left, together with everything
// else, from one last snapshot, with which the result is compared.
func (db *DB) Copy(ctx context.Context, to *DB, how Copying) (Copied, error) {
	begin := time.Now()
	c := copying{Copying: how, from: db, to: to}
	c.notedLogs = c.chunkLogs
	if c.chunkLogs == 0 {
		c.chunkLogs, c.notedLogs = maxCopiedLogs, maxNotedLogs
	}
	err := c.run(ctx)
	c.done.Took = time.Since(begin)
	return c.done, err
}

// at tells the hook of a step.
func (c *copying) at(step string) error {
	if c.hook == nil {
		return nil
	}
	return c.hook(step)
}

func (c *copying) run(ctx context.Context) error {
	release, mine, err := c.to.TryTurn(ctx, "copy")
	if err != nil {
		return err
	}
	if !mine {
		return errors.New("the target is being copied to already")
	}
	defer release()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := c.fromSnapshot(ctx, func(s *sql.Tx) error { return c.copyTables(ctx, s, false) }); err != nil {
		return err
	}
	for more := true; more; {
		err := c.fromSnapshot(ctx, func(s *sql.Tx) (err error) {
			// The last logs come from the same moment as all the rest.
			if more, err = c.copyChunk(ctx, s); err != nil || more {
				return err
			}
			return c.end(ctx, s)
		})
		if err != nil {
			return err
		}
	}
	if c.Last {
		return c.finish(ctx)
	}
	return nil
}

// prepare finds out what there is to do.
func (c *copying) prepare(ctx context.Context) (err error) {
	if c.to.engine.distributed {
		return errors.New("the target is distributed: copy to a database that is not, and distribute it then")
	}
	if c.sourceID, err = c.from.databaseID(ctx); err != nil {
		return err
	}
	if c.targetID, err = c.to.databaseID(ctx); err != nil {
		return err
	}
	if c.sourceID == c.targetID {
		return fmt.Errorf("%w: it is the source itself, or a copy of its file", ErrNotACopy)
	}
	if err := c.examine(ctx); err != nil {
		return err
	}
	// From now on the target is what it is during a copy.
	c.record.Tables = ""
	if err := c.to.Write(ctx, func(tx *Tx) error { return c.saveRecord(tx.Tx) }); err != nil {
		return err
	}
	if err := c.at("before noting"); err != nil {
		return err
	}
	lost, err := c.note(ctx)
	if err != nil {
		return err
	}
	counted, err := countedLogs(ctx, c.from.readers)
	if err != nil {
		return err
	}
	c.total = max(0, int64(counted.Requests-c.record.Logs.Requests))
	if c.Overwrite || lost {
		c.done.Compared = true
		return c.compareLogs(ctx)
	}
	return nil
}

// moved reports logs; negative ones were rolled back.
func (c *copying) moved(logs int64) {
	c.unsaved += logs
	c.reported += logs
	if c.Progress != nil && (logs < 0 || c.reported%500 == 0) {
		c.Progress(c.reported, max(c.total, c.reported))
	}
}

// fromSnapshot reads one moment of the source. What others got in the way of is
// tried again, and a lost connection is waited for.
func (c *copying) fromSnapshot(ctx context.Context, fn func(*sql.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := c.inSnapshot(ctx, fn)
		if err == nil || ctx.Err() != nil || attempt == mostAttempts || !again(err) && !disconnected(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(min(firstPause<<attempt, longestPause)):
		}
	}
}

func (c *copying) inSnapshot(ctx context.Context, fn func(*sql.Tx) error) error {
	s, err := c.from.readers.BeginTx(ctx, &c.from.engine.snapshot)
	if err != nil {
		return err
	}
	defer s.Rollback() //nolint:errcheck // nothing was written
	if c.from.engine.shared {
		// It waits while the target is written to.
		if _, err := s.ExecContext(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
			return err
		}
	}
	return fn(s)
}

// end brings everything beside the logs in line, and looks whether both sides
// are equal.
func (c *copying) end(ctx context.Context, s *sql.Tx) error {
	asOf := c.from.now()
	if err := c.copyTables(ctx, s, true); err != nil {
		return err
	}
	if err := c.copySequences(ctx, s); err != nil {
		return err
	}
	if err := c.at("before comparing"); err != nil {
		return err
	}
	if err := c.compareAll(ctx, s); err != nil {
		return err
	}
	digest, err := c.to.tablesDigest(ctx)
	if err != nil {
		return err
	}
	c.record.Tables = digest
	if err := c.to.Write(ctx, func(tx *Tx) error { return c.saveRecord(tx.Tx) }); err != nil {
		return err
	}
	c.done.AsOf = asOf
	return nil
}
