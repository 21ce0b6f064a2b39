package store

import (
	"context"

	"github.com/llmtally/llmtally/policy"
)

// Statistics are about the database itself.
type Statistics struct {
	Engine        string     `json:"engine" enum:"SQLite,PostgreSQL"`
	Version       string     `json:"version" doc:"The engine's."`
	Size          int64      `json:"size" doc:"Bytes; on SQLite without the WAL."`
	WALSize       *int64     `json:"wal_size" doc:"Bytes; null on PostgreSQL."`
	FreeBytes     *int64     `json:"free_bytes" doc:"Of size, what is free for new rows; null on PostgreSQL."`
	Logs          int64      `json:"logs"`
	Users         int64      `json:"users"`
	Oldest        *Timestamp `json:"oldest" format:"date-time" doc:"When the oldest logged request began; null without any."`
	Newest        *Timestamp `json:"newest" format:"date-time" doc:"When the newest logged request began."`
	QueueDepth    int        `json:"queue_depth" doc:"Logs that wait to be written by this process."`
	QueueCapacity int        `json:"queue_capacity"`
	Unfinished    int64      `json:"unfinished" doc:"Requests that began and have not ended."`
	LastBackup    *Timestamp `json:"last_backup" format:"date-time" doc:"Null when none was made."`
}

// Statistics returns what is known about the database. It is for the service
// role alone.
func (db *DB) Statistics(ctx context.Context, caller policy.Caller) (Statistics, error) {
	if !policy.For(caller, "traffic_hourly", policy.Select).Any() {
		return Statistics{}, errPermission("traffic_hourly")
	}
	s := Statistics{Engine: "SQLite", QueueDepth: db.QueueDepth(), QueueCapacity: db.opts.QueueRows}
	if db.engine.shared {
		s.Engine = "PostgreSQL"
	}
	return s, nil
}
