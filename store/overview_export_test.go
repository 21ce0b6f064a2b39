package store

import (
	"context"
	"testing"
)

// ActiveUsersIn counts the users with a log in a span, by the way for few logs
// or for many.
func (db *DB) ActiveUsersIn(ctx context.Context, from, to Timestamp, many bool) (int64, error) {
	return db.activeUsers(ctx, hourSpan{from, to}, many)
}

// TopUsersIn lists the users who cost most, by the way for few logs or for many.
func (db *DB) TopUsersIn(ctx context.Context, from, to Timestamp, many bool) (TopUsers, error) {
	return db.topUsers(ctx, hourSpan{from, to}, many)
}

// MoreLogs says whether a span has more than n logs.
func (db *DB) MoreLogs(ctx context.Context, from, to Timestamp, n int64) (bool, error) {
	return db.moreLogs(ctx, hourSpan{from, to}, n)
}

// HoldRanking lets no ranking be made until the test ends.
func (db *DB) HoldRanking(t testing.TB) {
	db.rankings.turn <- struct{}{}
	t.Cleanup(func() { <-db.rankings.turn })
}

// IsRanked says whether a list of users in this order needs no preparing.
func (db *DB) IsRanked(by UserSort) bool {
	r := db.rankings.latest()
	return r != nil && db.rankings.orderOf(r, by) != nil
}
