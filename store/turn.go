package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync"
)

// processTurns are what this process alone does at the moment, of all that share a
// database. One connection holds them: readers must not run out of theirs
// because much is being done, and a server has only so many.
type processTurns struct {
	mu   sync.Mutex
	db   *sql.DB // of one connection
	conn *sql.Conn
	held map[string]*sql.Conn
}

// TryTurn takes the turn to do something that only one of the processes that
// share a database should do at a time; mine is false when another has it, or
// this one has it already. The turn ends with release, with the process, or with
// its connection. A SQLite database is one process's own.
func (db *DB) TryTurn(ctx context.Context, name string) (release func(), mine bool, err error) {
	if !db.engine.shared {
		return func() {}, true, nil
	}
	t := &db.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[name] != nil {
		return nil, false, nil
	}
	// Not ctx's end: it would take the connection, and all other turns with it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	mine, err = t.try(ctx, name)
	if err != nil && disconnected(err) {
		mine, err = t.try(ctx, name) // the server was restarted since the last turn
	}
	if err != nil {
		return nil, false, fmt.Errorf("taking a turn: %w", err)
	}
	if !mine {
		return nil, false, nil
	}
	if t.held == nil {
		t.held = map[string]*sql.Conn{}
	}
	t.held[name] = t.conn
	return func() { t.release(name) }, true, nil
}

const turnSQL = "(hashtext('llmtally'), hashtext($1))"

func (t *processTurns) try(ctx context.Context, name string) (mine bool, err error) {
	if t.conn == nil {
		if t.conn, err = t.db.Conn(ctx); err != nil {
			t.conn = nil
			return false, err
		}
	}
	err = t.conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock"+turnSQL, name).Scan(&mine)
	if err != nil {
		t.drop()
	}
	return mine, err
}

// drop closes the connection, and with it all that it holds.
func (t *processTurns) drop() {
	if t.conn == nil {
		return
	}
	_ = t.conn.Raw(func(any) error { return driver.ErrBadConn }) // so that it is not used again
	_ = t.conn.Close()
	t.conn = nil
}

func (t *processTurns) release(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	conn := t.held[name]
	delete(t.held, name)
	if conn == nil || conn != t.conn {
		return // a connection that is lost has given its locks back
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock"+turnSQL, name); err != nil {
		t.drop()
	}
}

func (t *processTurns) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.db == nil {
		return nil
	}
	t.drop()
	return t.db.Close()
}

// Shared says whether other processes may write at the same time.
func (db *DB) Shared() bool { return db.engine.shared }
