package store

import (
	"context"
	"fmt"
)

// TryTurn takes the turn to do something that only one of the processes that
// share a database should do at a time; mine is false when another has it. The
// turn ends with release, or with the process. A SQLite database is one
// process's own.
func (db *DB) TryTurn(ctx context.Context, name string) (release func(), mine bool, err error) {
	if !db.engine.shared {
		return func() {}, true, nil
	}
	conn, err := db.readers.Conn(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("taking a turn: %w", err)
	}
	const lock = "hashtext('llmtally'), hashtext($1)"
	if err = conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock("+lock+")", name).Scan(&mine); err != nil || !mine {
		_ = conn.Close()
		return nil, false, err
	}
	return func() {
		// A connection that is lost has given its locks back.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock("+lock+")", name)
		_ = conn.Close()
	}, true, nil
}

// Shared says whether other processes may write at the same time.
func (db *DB) Shared() bool { return db.engine.shared }
