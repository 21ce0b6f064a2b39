package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"runtime"
	"strings"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/llmtally/llmtally/migrations"
)

var sqliteEngine = engine{
	open:     openSQLite,
	snapshot: sql.TxOptions{ReadOnly: true},
	measure:  measureSQLite,
	finish: func(db *DB) error {
		_, err := db.writer.Exec("PRAGMA optimize")
		if err == nil {
			_, err = db.writer.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
		}
		return err
	},
	newID: "$1",
}

func openSQLite(ctx context.Context, db *DB) (err error) {
	if err := makePrivate(db.path); err != nil {
		return err
	}
	if db.writer, err = sql.Open("sqlite", dsn(db.path, writerPragmas)+"&_txlock=immediate"); err != nil {
		return err
	}
	db.writer.SetMaxOpenConns(1)
	if err := migrate(ctx, db.writer, goose.DialectSQLite3, migrations.SQLite()); err != nil {
		return err
	}
	if db.readers, err = sql.Open("sqlite", dsn(db.path, readerPragmas)+"&mode=ro"); err != nil {
		return err
	}
	readers := max(2, runtime.NumCPU())
	db.readers.SetMaxOpenConns(readers)
	db.readers.SetMaxIdleConns(readers)
	return db.readers.PingContext(ctx)
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
