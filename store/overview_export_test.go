package store

import "context"

// ActiveUsersIn counts the users with a log in a span, by the way for so many
// requests.
func (db *DB) ActiveUsersIn(ctx context.Context, from, to Timestamp, requests int64) (int64, error) {
	return db.activeUsers(ctx, hourSpan{from, to}, requests)
}

// TopUsersIn lists the users who cost most, by the way for so many requests.
func (db *DB) TopUsersIn(ctx context.Context, from, to Timestamp, requests int64) (TopUsers, error) {
	return db.topUsers(ctx, hourSpan{from, to}, requests)
}

// Numbers of requests that each way is for.
const (
	FewRequests  = fewLogs
	ManyRequests = fewLogs + 1
)

// IsRanked says whether a list of users in this order needs no preparing.
func (db *DB) IsRanked(by UserSort) bool {
	r := db.rankings.latest()
	return r != nil && db.rankings.orderOf(r, by) != nil
}
