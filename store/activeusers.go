package store

import (
	"context"
	"fmt"
)

const (
	activeAmongLogsSQL = `
		SELECT count(DISTINCT user_profile_id)
		FROM request_logs
		WHERE created_at >= $1 AND created_at < $2`
	// One look into the index for each user.
	activeByUserSQL = `
		SELECT count(*)
		FROM user_profiles AS p
		WHERE EXISTS (
			SELECT 1
			FROM request_logs AS l
			WHERE l.user_profile_id = p.user_id AND l.created_at >= $1 AND l.created_at < $2
		)`
)

// activeUsers counts the users with a log in a span of few logs or many.
func (db *DB) activeUsers(ctx context.Context, span hourSpan, many bool) (int64, error) {
	type activeUsersIn hourSpan
	return recently(ctx, db, activeUsersIn(span), func(ctx context.Context) (n int64, err error) {
		statement := activeAmongLogsSQL
		if many {
			statement = activeByUserSQL
		}
		if err := db.readers.QueryRowContext(ctx, statement, span.from, span.to).Scan(&n); err != nil {
			return 0, fmt.Errorf("counting the active users: %w", translate(err))
		}
		return n, nil
	})
}
