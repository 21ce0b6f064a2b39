package store

import (
	"context"
	"fmt"
)

const activeUsersSQL = `
	SELECT count(*)
	FROM user_profiles AS p
	WHERE EXISTS (
		SELECT 1
		FROM request_logs AS l
		WHERE l.user_profile_id = p.user_id AND l.created_at >= $1 AND l.created_at < $2
	)`

// activeUsers counts the users with a log in a span, of so many requests in all.
func (db *DB) activeUsers(ctx context.Context, span hourSpan, requests int64) (n int64, err error) {
	if requests == 0 {
		return 0, nil
	}
	if err := db.readers.QueryRowContext(ctx, activeUsersSQL, span.from, span.to).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting the active users: %w", translate(err))
	}
	return n, nil
}
