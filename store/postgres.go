package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/llmtally/llmtally/migrations"
)

var postgresEngine = engine{
	open:      openPostgres,
	finish:    func(*DB) error { return nil },
	snapshot:  sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead},
	shared:    true,
	forUpdate: " FOR UPDATE",
	aborts:    true,
	committed: commitPostgres,
	newID:     "coalesce($1, nextval('request_logs_id_seq'))",
	words:     strings.NewReplacer("CROSS JOIN", "JOIN", "/ 1e9", "* 0.000000001"),
}

// openPostgres opens one connection for the writer and a pool for the readers.
func openPostgres(ctx context.Context, db *DB) error {
	config, err := pgx.ParseConfig(db.path)
	if err != nil {
		return errors.New("the address cannot be read: give postgres://user:password@host/name") // the error may hold the password
	}
	config.RuntimeParams["timezone"] = "UTC"
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "llmtally"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	writer := config.Copy()
	writer.RuntimeParams["llmtally.writer"] = "on" // it keeps the rollups itself
	db.writer = stdlib.OpenDB(*writer)
	db.writer.SetMaxOpenConns(1)
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	// Migrations need a connection of their own beside the lock's.
	schema := stdlib.OpenDB(*config)
	err = migrate(ctx, schema, goose.DialectPostgres, migrations.Postgres(), goose.WithSessionLocker(locker))
	if err := errors.Join(err, schema.Close()); err != nil {
		return err
	}
	config.RuntimeParams["default_transaction_read_only"] = "on"
	db.readers = stdlib.OpenDB(*config)
	readers := max(4, 2*runtime.NumCPU())
	db.readers.SetMaxOpenConns(readers)
	db.readers.SetMaxIdleConns(readers)
	return db.readers.PingContext(ctx)
}

// translatePostgres turns PostgreSQL's errors into the store's, by SQLSTATE.
func translatePostgres(e *pgconn.PgError, err error) error {
	switch e.Code {
	case CodeUnique, CodeNotNull:
		return &Error{Code: e.Code, Message: e.Message, column: constraintOf(e)}
	case CodeForeignKey:
		return errorf(CodeForeignKey, "a foreign key constraint is violated")
	case CodeCheck:
		return errorf(CodeCheck, "a check constraint is violated")
	case CodeOutOfRange:
		return errorf(CodeOutOfRange, "a value, or a sum that it adds to, is out of range")
	case CodeDiskFull:
		return diskFull(err)
	case CodeInvalidText, CodeBadTime, CodeTimeRange, CodeBadCharacter, CodeTooLong, "2201B", "22023", "22P05":
		return &Error{Code: e.Code, Message: e.Message, Hint: e.Hint}
	}
	return err
}

// constraintOf returns what a constraint is about, as SQLite names it:
// `table.column, table.column`.
func constraintOf(e *pgconn.PgError) string {
	if e.ColumnName != "" {
		return e.TableName + "." + e.ColumnName
	}
	r, ok := Schema[e.TableName]
	if !ok {
		return e.ConstraintName
	}
	for _, key := range append([][]string{r.Key}, r.Unique...) {
		if e.ConstraintName == r.Name+"_pkey" || e.ConstraintName == r.Name+"_"+strings.Join(key, "_")+"_key" {
			names := make([]string, len(key))
			for i, column := range key {
				names[i] = r.Name + "." + column
			}
			return strings.Join(names, ", ")
		}
	}
	return e.ConstraintName
}

// Codes after which the same transaction may well succeed: a serialization
// failure, a deadlock, a lock that was not had in time.
var retried = map[string]bool{"40001": true, "40P01": true, "55P03": true}

// again says whether a transaction that failed so is worth another try.
func again(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && retried[e.Code]
}

// disconnected says whether an error means that the connection is gone, and not
// that the database refused something: then the transaction may be run again.
func disconnected(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// Connection exceptions; a server that shuts down, crashes or starts.
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P")
	}
	var connect *pgconn.ConnectError
	var network *net.OpError
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}

// commitPostgres commits. When the connection is lost before the answer comes,
// nobody knows whether the commit was done, and to run the transaction again
// could store its logs twice: so the server is asked, as soon as it is back,
// what became of the transaction.
func commitPostgres(db *DB, tx *Tx) error {
	var id string
	if err := tx.QueryRow("SELECT coalesce(CAST(pg_current_xact_id_if_assigned() AS text), '')").Scan(&id); err != nil {
		return err
	}
	err := tx.Commit()
	if err == nil || id == "" || !disconnected(err) {
		return err
	}
	for wait := db.patience(); ; {
		var status sql.NullString
		asked := db.writer.QueryRow("SELECT pg_xact_status(CAST(CAST($1 AS text) AS xid8))", id).Scan(&status)
		switch {
		case asked == nil && status.String == "committed":
			return nil
		case asked == nil && status.String != "in progress":
			return err // it was not: run it again
		case asked == nil:
			time.Sleep(firstPause) // the server has not noticed yet that we are gone
		case !wait.worthwhile(asked):
			return fmt.Errorf("finding out whether a commit was done: %w", asked)
		}
	}
}
