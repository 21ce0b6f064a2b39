package store

import (
	"context"
	"database/sql"
	"strings"
)

// An engine is what differs between SQLite and PostgreSQL. Everything else is
// the same Go, and the same SQL with the same $1 placeholders: functions that
// only one engine has are made for the other (sqlitefunc.go, and PostgreSQL's
// migrations).
type engine struct {
	// open opens the pools and brings the schema up to date.
	open func(ctx context.Context, db *DB) error
	// finish is the upkeep before a database is closed.
	finish func(db *DB) error
	// measure says how large the database is.
	measure func(ctx context.Context, db *DB, s *Statistics) error
	// snapshot begins a transaction that reads one moment.
	snapshot sql.TxOptions

	// shared says that other processes may write at the same time: a row of a
	// rollup is added to or made in one statement, and an insert tells the id
	// itself.
	shared bool
	// forUpdate locks rows that are read to be changed.
	forUpdate string
	// distributed says that the tables are spread over many servers by Citus: see
	// distribute.go.
	distributed bool
	// aborts says that a failed statement spoils its transaction.
	aborts bool

	// newID is a log's id: $1, or a new one where that is null.
	newID string
	// words replace SQLite's where it has its own: the join that keeps its
	// order; a quotient that PostgreSQL would round.
	words *strings.Replacer
}

// sql returns a statement in the engine's words.
func (e *engine) sql(statement string) string {
	if e.words == nil {
		return statement
	}
	return e.words.Replace(statement)
}

func engineFor(path string) *engine {
	if IsServer(path) {
		return &postgresEngine
	}
	return &sqliteEngine
}

// IsServer says whether a path names a database on a server, not a file.
func IsServer(path string) bool {
	return strings.HasPrefix(path, "postgres://") || strings.HasPrefix(path, "postgresql://")
}
