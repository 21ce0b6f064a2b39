package store

import (
	"context"
	"fmt"
	"time"
)

// EndSession keeps that a session of the dashboard was signed out, until it would
// have ended by itself.
func (db *DB) EndSession(ctx context.Context, id string, until time.Time) error {
	return db.Write(ctx, func(tx *Tx) error {
		if _, err := tx.Exec("DELETE FROM ended_sessions WHERE until < $1", db.now()); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO ended_sessions (id, until) VALUES ($1, $2) ON CONFLICT DO NOTHING", id, At(until))
		return err
	})
}

// SessionHasEnded says whether a session was signed out, here or by another
// process on this database.
func (db *DB) SessionHasEnded(ctx context.Context, id string) (ended bool, err error) {
	err = db.readers.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM ended_sessions WHERE id = $1)", id).Scan(&ended)
	if err != nil {
		return false, fmt.Errorf("reading an ended session: %w", translate(err))
	}
	return ended, nil
}
