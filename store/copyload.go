package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A loader writes logs as they are, many at once, on the writer's connection.
type loader struct {
	conn  *sql.Conn
	tx    *Tx
	batch *logBatch
}

// load runs fn in a transaction of the writer. Not by Write, since COPY needs
// the connection below the transaction, and since a copy that fails is begun
// anew from what the target holds then, whatever became of the commit.
func (db *DB) load(ctx context.Context, fn func(*loader) error) error {
	done := make(chan error, 1)
	err := db.queue.add(write{done: done, upkeep: func(conn *sql.Conn) (err error) {
		begun, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("a copy panicked: %v", r)
			}
			if err != nil {
				_ = begun.Rollback() // whatever it says, the connection is rolled back
			}
		}()
		tx := &Tx{Tx: begun, engine: db.engine, now: db.now}
		if err := fn(&loader{conn, tx, db.queue.writer.begin(tx)}); err != nil {
			return err
		}
		return begun.Commit()
	}})
	if err != nil {
		return err
	}
	return <-done
}

// insert stores the logs of a stream.
func (l *loader) insert(ctx context.Context, logs *logStream) error {
	if l.tx.engine.shared {
		return l.conn.Raw(func(driver any) error {
			conn, ok := driver.(*stdlib.Conn)
			if !ok {
				return fmt.Errorf("the driver's connection is a %T", driver)
			}
			_, err := conn.Conn().CopyFrom(ctx, pgx.Identifier{"request_logs"}, logColumnNames, logs)
			return err
		})
	}
	insert, err := l.tx.PrepareContext(ctx, insertAnyLogSQL)
	if err != nil {
		return err
	}
	defer insert.Close()
	for logs.Next() {
		if _, err := insert.ExecContext(ctx, logs.log.values()...); err != nil {
			return err
		}
	}
	return logs.Err()
}

// remove takes logs away that are there, and uncounts them.
func (l *loader) remove(ctx context.Context, ids []int64) (removed int64, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	rows, err := l.tx.QueryContext(ctx, fmt.Sprintf("DELETE FROM request_logs WHERE %s RETURNING %s",
		l.tx.engine.among("id", 1), strings.Join(logColumnNames[:ColMessages], ", ")), l.tx.engine.idList(ids))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		old, err := scanLog(rows.Scan, ColMessages)
		if err != nil {
			return 0, err
		}
		l.batch.tally.remove(&old)
		removed++
	}
	return removed, rows.Err()
}

// reachID makes the ids of logs to come higher than one that was given. SQLite
// does so by itself.
func (l *loader) reachID(ctx context.Context, id int64) error {
	if !l.tx.engine.shared || id <= 0 {
		return nil
	}
	return reach(ctx, l.tx, "request_logs", id)
}

// reach makes a table's next id higher than one that the source has given.
func reach(ctx context.Context, tx *Tx, table string, id int64) error {
	if tx.engine.shared {
		_, err := tx.ExecContext(ctx, `
			SELECT setval(s.name, greatest($2, coalesce(pg_sequence_last_value(s.name), 1)))
			FROM (SELECT CAST(pg_get_serial_sequence($1, 'id') AS regclass) AS name) AS s`, table, id)
		return err
	}
	result, err := tx.ExecContext(ctx, "UPDATE sqlite_sequence SET seq = max(seq, $2) WHERE name = $1", table, id)
	n, err := rowsAffected(result, err)
	if err == nil && n == 0 {
		_, err = tx.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", table, id)
	}
	return err
}

// reached returns the highest id that a table has given.
func (db *DB) reached(ctx context.Context, from querier, table string) (id int64, err error) {
	sql := "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = $1), 0)"
	if db.engine.shared {
		sql = "SELECT coalesce(pg_sequence_last_value(CAST(pg_get_serial_sequence($1, 'id') AS regclass)), 0)"
	}
	err = from.QueryRowContext(ctx, sql, table).Scan(&id)
	return id, err
}

// copySequences lets the target give no id that the source gave to a row which
// is gone by now.
func (c *copying) copySequences(ctx context.Context, source querier) error {
	reached := map[string]int64{}
	for _, t := range numberedTables {
		id, err := c.from.reached(ctx, source, t.name)
		if err != nil {
			return fmt.Errorf("reading the last id of %s: %w", t.name, err)
		}
		reached[t.name] = id
	}
	err := c.to.Write(ctx, func(tx *Tx) error {
		for table, id := range reached {
			if id <= 0 {
				continue
			}
			if err := reach(ctx, tx, table, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("setting the ids to come: %w", err)
	}
	return nil
}
