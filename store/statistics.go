package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/llmtally/llmtally/policy"
)

// Statistics are about the database itself.
type Statistics struct {
	Engine        string     `json:"engine" enum:"SQLite,PostgreSQL"`
	Version       string     `json:"version" doc:"The engine's."`
	Size          int64      `json:"size" doc:"Bytes; on SQLite without the write-ahead log."`
	WALSize       *int64     `json:"wal_size" doc:"Bytes of SQLite's write-ahead log; null on PostgreSQL."`
	FreeBytes     *int64     `json:"free_bytes" doc:"What of size is free for new rows; null on PostgreSQL."`
	Logs          int64      `json:"logs" doc:"All that were counted."`
	Users         int64      `json:"users"`
	Oldest        *Timestamp `json:"oldest" format:"date-time" doc:"When the oldest logged request began; null without any."`
	Newest        *Timestamp `json:"newest" format:"date-time" doc:"When the newest logged request began."`
	QueueDepth    int        `json:"queue_depth" doc:"Logs that wait to be written by this process."`
	QueueCapacity int        `json:"queue_capacity"`
	Unfinished    int64      `json:"unfinished" doc:"Requests that began and have not ended."`
	LastBackup    *Timestamp `json:"last_backup" format:"date-time" doc:"Null when none was made."`
}

// statisticsSQL counts without reading logs: from the rollup, and from indexes.
const statisticsSQL = `
	SELECT
		(SELECT CAST(coalesce(sum(requests), 0) AS BIGINT) FROM traffic_hourly),
		(SELECT count(*) FROM user_profiles),
		(SELECT min(created_at) FROM request_logs),
		(SELECT max(created_at) FROM request_logs),
		(SELECT count(*) FROM request_logs WHERE status = 'initiated')`

// Statistics returns what is known about the database. It is for the service
// role alone.
func (db *DB) Statistics(ctx context.Context, caller policy.Caller) (Statistics, error) {
	if !policy.For(caller, "traffic_hourly", policy.Select).Any() {
		return Statistics{}, errPermission("traffic_hourly")
	}
	s := Statistics{QueueDepth: db.QueueDepth(), QueueCapacity: db.opts.QueueRows}
	var oldest, newest *string
	err := db.readers.QueryRowContext(ctx, statisticsSQL).Scan(&s.Logs, &s.Users, &oldest, &newest, &s.Unfinished)
	if err != nil {
		return s, fmt.Errorf("counting what is stored: %w", translate(err))
	}
	s.Oldest, s.Newest = stored(oldest), stored(newest)
	if err := db.engine.measure(ctx, db, &s); err != nil {
		return s, fmt.Errorf("measuring the database: %w", translate(err))
	}
	return s, nil
}

func measureSQLite(ctx context.Context, db *DB, s *Statistics) error {
	s.Engine = "SQLite"
	var page, pages, free int64
	err := db.readers.QueryRowContext(ctx, `
		SELECT sqlite_version(), page_size, page_count, freelist_count
		FROM pragma_page_size, pragma_page_count, pragma_freelist_count`).Scan(&s.Version, &page, &pages, &free)
	if err != nil {
		return err
	}
	s.Size = page * pages
	free *= page
	s.FreeBytes = &free
	wal, err := walSize(db.path)
	s.WALSize = &wal
	return err
}

// walSize asks for the size alone: to open the file, and close it, would drop
// SQLite's locks.
func walSize(path string) (int64, error) {
	file, err := os.Stat(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return file.Size(), nil
}

func measurePostgres(ctx context.Context, db *DB, s *Statistics) error {
	s.Engine = "PostgreSQL"
	return db.readers.QueryRowContext(ctx,
		"SELECT current_setting('server_version'), pg_database_size(current_database())").Scan(&s.Version, &s.Size)
}
