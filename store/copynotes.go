package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// While a database is being copied it goes on being written to, for hours or
// days. To find what changed behind the copy, both sides could be compared, but
// that reads all there is, JSON included, each time; and a column that says when
// a row was changed is not told of by deletes, nor kept by those who write past
// llmtally. So the source notes which logs change.
//
// Triggers write a note for each log that is updated or deleted, whoever does it,
// in the same transaction. They are made by the first copy and go with the last:
// a database that nobody copies has none. A log that comes is found by its id,
// beyond the last that was copied, and needs no note, unless it may be overlooked
// so: on SQLite one that names an id below the highest; on PostgreSQL every one,
// since transactions end in another order than their ids begin. Those notes are
// one insert for each statement, and most are thrown away unread.
//
// A note says no more than that a log may differ. It is acted on by making the
// target's log what the source's is now, be that nothing, and taken back
// afterwards: a note that comes meanwhile has a number of its own, and stays. So
// nothing hangs on the order in which notes become visible, and doing it twice
// does no harm.
//
// Each target has notes of its own.

// madeForCopying are the statements that make the notes, and what they are about.
func (db *DB) madeForCopying(schema string) []string {
	if !db.engine.shared {
		return []string{
			`CREATE TABLE IF NOT EXISTS copy_targets (target TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID`,
			`CREATE TABLE IF NOT EXISTS copy_notes (
				number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
				target TEXT    NOT NULL,
				log_id INTEGER NOT NULL
			) STRICT`,
			`CREATE TRIGGER copy_notes_inserted AFTER INSERT ON request_logs
			WHEN NEW.id < (SELECT max(id) FROM request_logs)
			BEGIN
				INSERT INTO copy_notes (target, log_id) SELECT target, NEW.id FROM copy_targets;
			END`,
			`CREATE TRIGGER copy_notes_updated AFTER UPDATE ON request_logs
			BEGIN
				INSERT INTO copy_notes (target, log_id) SELECT target, OLD.id FROM copy_targets;
				INSERT INTO copy_notes (target, log_id) SELECT target, NEW.id FROM copy_targets WHERE NEW.id <> OLD.id;
			END`,
			`CREATE TRIGGER copy_notes_deleted AFTER DELETE ON request_logs
			BEGIN
				INSERT INTO copy_notes (target, log_id) SELECT target, OLD.id FROM copy_targets;
			END`,
		}
	}
	return []string{
		`CREATE TABLE IF NOT EXISTS copy_targets (target text NOT NULL PRIMARY KEY)`,
		`CREATE TABLE IF NOT EXISTS copy_notes (
			number bigserial PRIMARY KEY,
			target text NOT NULL,
			log_id bigint NOT NULL
		)`,
		`SELECT protect('copy_targets'), protect('copy_notes')`,
		// Whoever changes a log need not be allowed to see the notes.
		fmt.Sprintf(`CREATE OR REPLACE FUNCTION note_changed_logs() RETURNS trigger
		LANGUAGE plpgsql SECURITY DEFINER SET search_path = %s, pg_temp
		AS $$
		BEGIN
			IF TG_OP = 'INSERT' THEN
				INSERT INTO copy_notes (target, log_id)
				SELECT t.target, l.id FROM copy_targets AS t CROSS JOIN added AS l;
			ELSIF TG_OP = 'DELETE' THEN
				INSERT INTO copy_notes (target, log_id)
				SELECT t.target, l.id FROM copy_targets AS t CROSS JOIN removed AS l;
			ELSIF TG_OP = 'UPDATE' THEN
				INSERT INTO copy_notes (target, log_id)
				SELECT t.target, l.id
				FROM copy_targets AS t CROSS JOIN (SELECT id FROM removed UNION SELECT id FROM added) AS l;
			ELSE
				INSERT INTO copy_notes (target, log_id)
				SELECT t.target, l.id FROM copy_targets AS t CROSS JOIN request_logs AS l;
			END IF;
			RETURN NULL;
		END
		$$`, pgx.Identifier{schema}.Sanitize()),
		`CREATE TRIGGER copy_notes_inserted AFTER INSERT ON request_logs REFERENCING NEW TABLE AS added
			FOR EACH STATEMENT EXECUTE FUNCTION note_changed_logs()`,
		`CREATE TRIGGER copy_notes_updated AFTER UPDATE ON request_logs
			REFERENCING OLD TABLE AS removed NEW TABLE AS added
			FOR EACH STATEMENT EXECUTE FUNCTION note_changed_logs()`,
		`CREATE TRIGGER copy_notes_deleted AFTER DELETE ON request_logs REFERENCING OLD TABLE AS removed
			FOR EACH STATEMENT EXECUTE FUNCTION note_changed_logs()`,
		`CREATE TRIGGER copy_notes_truncated BEFORE TRUNCATE ON request_logs
			FOR EACH STATEMENT EXECUTE FUNCTION note_changed_logs()`,
	}
}

// unmadeForCopying takes everything away again.
func (db *DB) unmadeForCopying() []string {
	var statements []string
	for _, trigger := range db.noteTriggers() {
		if db.engine.shared {
			trigger += " ON request_logs"
		}
		statements = append(statements, "DROP TRIGGER IF EXISTS "+trigger)
	}
	if db.engine.shared {
		statements = append(statements, "DROP FUNCTION IF EXISTS note_changed_logs()")
	}
	return append(statements, "DROP TABLE IF EXISTS copy_notes", "DROP TABLE IF EXISTS copy_targets")
}

func (db *DB) noteTriggers() []string {
	names := []string{"copy_notes_inserted", "copy_notes_updated", "copy_notes_deleted"}
	if db.engine.shared {
		names = append(names, "copy_notes_truncated")
	}
	return names
}

// noting says whether the source notes what changes for this target, and has
// from the moment that the copy began.
func (c *copying) noting(ctx context.Context) (bool, error) {
	triggers := `SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'request_logs' AND name LIKE 'copy_notes_%'`
	tables := `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('copy_targets', 'copy_notes')`
	if c.from.engine.shared {
		triggers = `SELECT count(*) FROM pg_trigger
			WHERE tgrelid = CAST('request_logs' AS regclass) AND tgname LIKE 'copy_notes_%' AND tgenabled IN ('O', 'A')`
		tables = `SELECT count(to_regclass(name)) FROM unnest(CAST('{copy_targets,copy_notes}' AS text[])) AS t (name)`
	}
	for _, must := range []struct {
		sql string
		n   int
	}{{tables, 2}, {triggers, len(c.from.noteTriggers())}} {
		var n int
		if err := c.from.readers.QueryRowContext(ctx, must.sql).Scan(&n); err != nil || n < must.n {
			return false, err
		}
	}
	var known bool
	err := c.from.readers.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM copy_targets WHERE target = $1)", c.targetID).Scan(&known)
	return known, err
}

// note makes the source note what changes from now on. lost says that it did
// not until now, though it should have: any log may have changed.
func (c *copying) note(ctx context.Context) (lost bool, err error) {
	if c.from.engine.distributed { // which has no triggers
		return c.record.Logs != logCounts{}, nil
	}
	noting, err := c.noting(ctx)
	if err != nil || noting {
		return false, err
	}
	schema := ""
	if c.from.engine.shared {
		if err := c.from.readers.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
			return false, err
		}
	}
	err = c.from.Write(ctx, func(tx *Tx) error {
		var statements []string
		if c.from.engine.shared {
			// Making a trigger waits until all who write have finished, and others
			// wait behind it: not for long.
			statements = append(statements, "SET LOCAL lock_timeout = '3s'")
		}
		for _, trigger := range c.from.noteTriggers() {
			if c.from.engine.shared {
				trigger += " ON request_logs"
			}
			statements = append(statements, "DROP TRIGGER IF EXISTS "+trigger)
		}
		for _, statement := range append(statements, c.from.madeForCopying(schema)...) {
			if _, err := tx.Exec(statement); err != nil {
				return fmt.Errorf("%s: %w", clip(statement), err)
			}
		}
		_, err := tx.Exec("INSERT INTO copy_targets (target) VALUES ($1) ON CONFLICT DO NOTHING", c.targetID)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("having the source note what changes: %w", err)
	}
	return c.record.Logs != logCounts{}, nil
}

// maxNotes bounds the notes that are read at once, maxForgotten those that one
// transaction takes back, and maxNotedLogs the logs that one transaction copies
// again for them.
const (
	maxNotes     = 100_000
	maxForgotten = 10_000
	maxNotedLogs = 5_000
)

// notes are some that the source has made, and the logs up to the last copied
// one that they are about.
type notes struct {
	numbers []int64
	ids     []int64
	more    bool // there are others
}

// readNotes reads the oldest notes. Those about logs beyond the last copied one
// have served: the logs are seen by whoever sees the note, and still to come.
func (c *copying) readNotes(ctx context.Context, source querier, last int64) (n notes, err error) {
	if c.from.engine.distributed {
		return n, nil
	}
	rows, err := source.QueryContext(ctx,
		"SELECT number, log_id FROM copy_notes WHERE target = $1 ORDER BY number LIMIT $2", c.targetID, maxNotes)
	if err != nil {
		return n, fmt.Errorf("reading what has changed: %w", err)
	}
	defer rows.Close()
	seen := map[int64]bool{}
	for rows.Next() {
		var number, id int64
		if err := rows.Scan(&number, &id); err != nil {
			return n, err
		}
		if id <= last && !seen[id] {
			if len(n.ids) == c.notedLogs {
				n.more = true
				return n, nil
			}
			seen[id] = true
			n.ids = append(n.ids, id)
		}
		n.numbers = append(n.numbers, number)
	}
	n.more = len(n.numbers) == maxNotes
	return n, rows.Err()
}

// forget takes back notes that were acted on.
func (c *copying) forget(ctx context.Context, n notes) error {
	for len(n.numbers) > 0 {
		some := n.numbers[:min(len(n.numbers), maxForgotten)]
		n.numbers = n.numbers[len(some):]
		err := c.from.Write(ctx, func(tx *Tx) error {
			_, err := tx.Exec("DELETE FROM copy_notes WHERE "+tx.engine.among("number", 1), tx.engine.idList(some))
			return err
		})
		if err != nil {
			return fmt.Errorf("taking back notes: %w", err)
		}
	}
	return nil
}

// finish ends the notes for this target, and all that makes them with those for
// the last.
func (c *copying) finish(ctx context.Context) error {
	if c.from.engine.distributed {
		return nil
	}
	err := c.from.Write(ctx, func(tx *Tx) error {
		if _, err := tx.Exec("DELETE FROM copy_targets WHERE target = $1", c.targetID); err != nil {
			return err
		}
		var others bool
		if err := tx.QueryRow("SELECT EXISTS (SELECT 1 FROM copy_targets)").Scan(&others); err != nil {
			return err
		}
		if others {
			_, err := tx.Exec("DELETE FROM copy_notes WHERE target = $1", c.targetID)
			return err
		}
		for _, statement := range c.from.unmadeForCopying() {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ending the notes of the source: %w", err)
	}
	return nil
}
