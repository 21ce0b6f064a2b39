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
	"io/fs"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
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
	// Guest leaves the upkeep before closing to the process that serves the
	// database, whose writer it would hold up.
	Guest bool
}

// A DB is an open database. Its methods may be called from many goroutines.
type DB struct {
	opts     Options
	path     string
	engine   *engine
	writer   *sql.DB // exactly one connection
	readers  *sql.DB // read-only
	reads    statements
	queue    *writeQueue
	lookups  lookups
	alerted  chan struct{}
	news     news // for tails
	recent   recent
	rankings *rankings
	line     line         // the writer's, to a server
	turns    processTurns // among those that share the database
	limits   limits

	rebuilding sync.Mutex // one month at a time: see RebuildMonth

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
	db := &DB{
		opts: opts, path: path, engine: engineFor(path), alerted: make(chan struct{}, 1), recent: recent{now: opts.Now},
		rankings: newRankings(), limits: usualLimits,
	}
	if err := db.open(ctx); err != nil {
		_ = db.turns.close()
		db.closePools()
		return nil, fmt.Errorf("opening %s: %w", Shown(path), err)
	}
	return db, nil
}

// CheckPath says whether Open could take the path at all. Its error does not
// repeat a password.
func CheckPath(path string) error {
	if !strings.Contains(path, "://") || IsServer(path) {
		return nil
	}
	return fmt.Errorf("opening %s: give a file for SQLite, or postgres://user:password@host/name", Shown(path))
}

// Shown returns a path for people and logs: without a password.
func Shown(path string) string {
	if !strings.Contains(path, "://") {
		return path
	}
	u, err := url.Parse(path)
	if err != nil {
		return "the database"
	}
	u.RawQuery = "" // it may hold a password too
	return u.Redacted()
}

func (db *DB) open(ctx context.Context) (err error) {
	if err := db.engine.open(ctx, db); err != nil {
		return err
	}
	db.reads.db = db.readers
	if db.queue, err = newWriteQueue(db); err != nil {
		return err
	}
	if err := db.takeOverPrices(ctx); err != nil {
		return err
	}
	return db.lookups.load(ctx, db)
}

func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, files fs.FS, options ...goose.ProviderOption) error {
	provider, err := goose.NewProvider(dialect, db, files, append(options, goose.WithDisableGlobalRegistry(true))...)
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

// readyWithin bounds how long a server is asked whether it is there.
const readyWithin = 3 * time.Second

// Ready says whether the database can be read and takes writes, in a few
// seconds at most.
func (db *DB) Ready(ctx context.Context) error {
	if db.queue.isClosed() {
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	var found int
	return db.readers.QueryRowContext(ctx,
		"SELECT count(*) FROM (SELECT 1 FROM user_profiles LIMIT 1) AS any_user").Scan(&found)
}

// Close stops taking writes, commits those that wait, checkpoints, and closes.
// It may be called more than once.
func (db *DB) Close() error {
	db.closing.Do(func() {
		db.closed = db.queue.close()
		if !db.opts.Guest {
			db.closed = errors.Join(db.closed, db.engine.finish(db))
		}
		db.closed = errors.Join(db.closed, db.closePools())
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
