package store

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/llmtally/llmtally/migrations"
)

var postgresEngine = engine{
	open:      openPostgres,
	finish:    finishPostgres,
	measure:   measurePostgres,
	snapshot:  sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead},
	shared:    true,
	forUpdate: " FOR UPDATE",
	aborts:    true,
	newID:     "coalesce($1, nextval('request_logs_id_seq'))",
	words:     strings.NewReplacer("json_group_object", "json_object_agg", "CROSS JOIN", "JOIN"),
}

// openPostgres opens one connection for the writer, a pool for the readers, and
// one connection that holds the process's turns.
func openPostgres(ctx context.Context, db *DB) error {
	config, err := postgresConfig(db.path)
	if err != nil {
		return err
	}
	if err := migratePostgres(ctx, config.Copy()); err != nil {
		return connecting(err)
	}
	db.readers = openPool(config, true)
	writer := config.Copy()
	setting(writer, "llmtally.writer", "on") // it keeps the rollups itself
	if err := db.noticeDistribution(ctx, writer); err != nil {
		return err
	}
	db.line.dial, writer.DialFunc = writer.DialFunc, db.line.connect
	db.writer = openPool(writer, false)
	db.writer.SetMaxOpenConns(1)
	readers := max(4, 2*runtime.NumCPU())
	db.readers.SetMaxOpenConns(readers)
	db.readers.SetMaxIdleConns(readers)
	db.turns.db = openPool(config, true)
	db.turns.db.SetMaxOpenConns(1)
	return db.readers.PingContext(ctx)
}

func openPool(config *pgx.ConnConfig, readOnly bool) *sql.DB {
	return stdlib.OpenDB(*config, stdlib.OptionAfterConnect(settle(config, readOnly)), stdlib.OptionShouldPing(doubtful))
}

// migratePostgres brings the schema up to date, one process at a time.
func migratePostgres(ctx context.Context, config *pgx.ConnConfig) error {
	const everySecond, forMinutes = 1, 10 * 60
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(everySecond, forMinutes))
	if err != nil {
		return err
	}
	// Not the writer's: migrations need a connection of their own beside the lock's.
	schema := openPool(config, false)
	err = migrate(ctx, schema, goose.DialectPostgres, migrations.Postgres(), goose.WithSessionLocker(locker))
	return errors.Join(err, schema.Close())
}

// finishPostgres leaves nothing behind. With a server that is away, that is for
// others to do: see forgetMarks.
func finishPostgres(db *DB) error {
	err := errors.Join(db.turns.close(), db.queue.writer.forgetMarks())
	if disconnected(err) {
		return nil
	}
	return err
}
