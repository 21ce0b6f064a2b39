// Package store keeps the books: the domain types, every SQL statement, and
// the one writer.
//
// There are three doors. Append takes logs, and returns when they are committed
// and on disk. Run does whatever a client asks for, as far as the policy lets
// its caller. Write is for the program's own jobs and commands. All writes go
// through one goroutine, which commits what is waiting in one transaction; the
// rollups that reads are answered from change in the same transaction as the
// logs that they count.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/llmtally/llmtally/migrations"
)

// Options are a database's settings. The zero value is ready for use.
type Options struct {
	// AutoCreateUsers makes a profile for a user that the service role logs
	// for and that does not exist yet.
	AutoCreateUsers bool
	// QueueRows bounds the logs that wait to be written; 0 means 16,384.
	QueueRows int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log receives what no caller can be told; nil means slog.Default.
	Log *slog.Logger
}

// A DB is an open database. Its methods may be called from many goroutines.
type DB struct {
	opts    Options
	path    string
	writer  *sql.DB // exactly one connection
	readers *sql.DB // read-only
	reads   statements
	queue   *writeQueue

	closing sync.Once
	closed  error
}

// Open opens the SQLite database at path, makes it if need be, and migrates it.
func Open(ctx context.Context, path string, opts Options) (*DB, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	if opts.QueueRows == 0 {
		opts.QueueRows = 16_384
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	db := &DB{opts: opts, path: path}
	if err := db.open(ctx); err != nil {
		db.closePools()
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return db, nil
}

// CheckPath says whether Open could take the path at all. Its error does not
// repeat a password.
func CheckPath(path string) error {
	if !strings.Contains(path, "://") {
		return nil
	}
	shown := "the database"
	if u, err := url.Parse(path); err == nil {
		shown = u.Redacted()
	}
	return fmt.Errorf("opening %s: only SQLite files are supported", shown)
}

func (db *DB) open(ctx context.Context) (err error) {
	if err := makePrivate(db.path); err != nil {
		return err
	}
	if db.writer, err = sql.Open("sqlite", dsn(db.path, writerPragmas)+"&_txlock=immediate"); err != nil {
		return err
	}
	db.writer.SetMaxOpenConns(1)
	if err := migrate(ctx, db.writer); err != nil {
		return err
	}
	if db.readers, err = sql.Open("sqlite", dsn(db.path, readerPragmas)+"&mode=ro"); err != nil {
		return err
	}
	readers := max(2, runtime.NumCPU())
	db.readers.SetMaxOpenConns(readers)
	db.readers.SetMaxIdleConns(readers)
	if err := db.readers.PingContext(ctx); err != nil {
		return err
	}
	db.reads.db = db.readers
	db.queue, err = newWriteQueue(db)
	return err
}

// The page size only matters when the file is made. Pages of 16 KB hold several
// full logs; a checkpoint every 64 MB of WAL keeps its fsyncs rare.
var (
	writerPragmas = []string{
		"busy_timeout(10000)", "page_size(16384)", "journal_mode(WAL)", "synchronous(FULL)",
		"foreign_keys(1)", "wal_autocheckpoint(4096)", "journal_size_limit(134217728)", "cache_size(-16000)",
		"temp_store(MEMORY)",
	}
	readerPragmas = []string{
		"busy_timeout(10000)", "query_only(1)", "foreign_keys(1)", "cache_size(-8000)", "temp_store(MEMORY)",
	}
)

// dsn returns the driver's name for a file. It must be in the file: form, or
// the driver drops mode=ro.
func dsn(path string, pragmas []string) string {
	parts := make([]string, len(pragmas))
	for i, p := range pragmas {
		parts[i] = "_pragma=" + p
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.Join(parts, "&")
}

// makePrivate creates the file for its owner alone: it holds what users say. A
// file that is there stays as it is and is not opened, since closing it would
// drop SQLite's locks on it.
func makePrivate(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func migrate(ctx context.Context, db *sql.DB) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite(),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}

// Path returns where the database is.
func (db *DB) Path() string { return db.path }

// Ready says whether the database can be read and takes writes.
func (db *DB) Ready(ctx context.Context) error {
	if db.queue.isClosed() {
		return ErrClosed
	}
	var found int
	return db.readers.QueryRowContext(ctx,
		"SELECT count(*) FROM (SELECT 1 FROM user_profiles LIMIT 1)").Scan(&found)
}

// Close stops taking writes, commits those that wait, checkpoints, and closes.
// It may be called more than once.
func (db *DB) Close() error {
	db.closing.Do(func() {
		db.queue.close()
		_, err := db.writer.Exec("PRAGMA optimize")
		if err == nil {
			_, err = db.writer.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
		}
		db.closed = errors.Join(err, db.closePools())
	})
	return db.closed
}

func (db *DB) closePools() error {
	var errs []error
	if db.readers != nil {
		errs = append(errs, db.reads.close(), db.readers.Close())
	}
	if db.writer != nil {
		errs = append(errs, db.writer.Close())
	}
	return errors.Join(errs...)
}
