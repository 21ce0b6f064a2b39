package store

import (
	"context"
	"time"

	"github.com/llmtally/llmtally/policy"
)

// A Measured is a measurement for tests to see.
type Measured struct {
	From, To                         Timestamp
	Requests, Failures, Tokens, Nano int64
}

// Measure measures a rule for the user, or for its whole scope when user is "".
func (db *DB) Measure(r AlertRule, user string, now time.Time) (Measured, error) {
	if err := r.complete(); err != nil {
		return Measured{}, err
	}
	m, err := db.Reader(context.Background(), policy.System()).measureAny(&r, user, now)
	return Measured{m.from, m.to, m.requests, m.failures, m.tokens, m.dollars*nanosPerUSD + m.nano}, err
}

// WatchUsers makes a database remember the budgets of so many users.
func (db *DB) WatchUsers(n int) error {
	return db.Write(context.Background(), func(*Tx) error {
		db.queue.writer.budgets.users.Resize(n)
		return nil
	})
}
