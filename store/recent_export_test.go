package store

import (
	"context"
	"time"
)

// How long answers are kept, and which.
const (
	RecentCost = recentCost
	RecentAge  = recentAge
	RecentKept = recentKept
)

// Recently answers a question as one that takes long is answered.
func (db *DB) Recently(ctx context.Context, question string, ask func(context.Context) (int, error)) (int, error) {
	return recently(ctx, db, question, ask)
}

// ForgetRecent forgets the answers that are kept.
func (db *DB) ForgetRecent() { db.recent.forget() }

// RecentIsAt says when the answer to a question that is kept was made.
func (db *DB) RecentIsAt(question string) time.Time {
	db.recent.mu.Lock()
	defer db.recent.mu.Unlock()
	kept, _ := db.recent.answers.Peek(question)
	return kept.made
}
