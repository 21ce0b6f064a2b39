package store

import (
	"context"
	"fmt"
)

// topUsersCount is how many users TopUsers lists.
const topUsersCount = 10

// The sums by user of a span, from the logs or from the rollup by month.
const (
	usersByLogSQL = `
		SELECT user_profile_id, count(*) AS requests,
			count(*) FILTER (WHERE status IN ('failure', 'error')) AS failures,
			coalesce(sum(tokens_used), 0) AS tokens,
			coalesce(sum(cost_nano / 1000000000), 0) AS cost_usd,
			coalesce(sum(cost_nano % 1000000000), 0) AS cost_nano
		FROM request_logs
		WHERE created_at >= $1 AND created_at < $2 AND user_profile_id IS NOT NULL
		GROUP BY user_profile_id`
	// From user to user, so that other months cost nothing.
	usersByMonthSQL = `
		SELECT u.user_id AS user_profile_id, sum(m.requests) AS requests, sum(m.failures) AS failures,
			sum(m.tokens) AS tokens, sum(m.cost_usd) AS cost_usd, sum(m.cost_nano) AS cost_nano
		FROM user_profiles AS u
		CROSS JOIN usage_monthly AS m ON m.user_profile_id = u.user_id AND m.month >= $1 AND m.month < $2
		GROUP BY u.user_id`
)

// topUsersSQL lists the users of such sums who cost most, $3 at most.
func topUsersSQL(sums string) string {
	return `
		SELECT p.user_id, coalesce(p.email, ''), coalesce(p.full_name, ''),
			CAST(t.requests AS BIGINT), CAST(t.failures AS BIGINT), CAST(t.tokens AS BIGINT),
			CAST(t.cost_usd AS BIGINT), CAST(t.cost_nano AS BIGINT)
		FROM (
			SELECT *
			FROM (` + sums + `) AS s
			ORDER BY s.cost_usd + s.cost_nano / 1e9 DESC, s.tokens DESC, s.user_profile_id
			LIMIT $3
		) AS t
		JOIN user_profiles AS p ON p.user_id = t.user_profile_id
		ORDER BY t.cost_usd + t.cost_nano / 1e9 DESC, t.tokens DESC, p.user_id`
}

// topUsers lists the users who cost most in a span of so many requests. The logs
// of a longer one would take too long: then it is whole months.
func (db *DB) topUsers(ctx context.Context, span hourSpan, requests int64) (TopUsers, error) {
	statement := topUsersSQL(usersByLogSQL)
	if requests > fewLogs {
		statement = topUsersSQL(usersByMonthSQL)
		span = hourSpan{span.from.Month(), (span.to - 1).nextMonth()}
	}
	type topUsersOf hourSpan
	return recently(db, topUsersOf(span), span, func() (TopUsers, error) {
		top := TopUsers{From: span.from, To: span.to, Users: []UserShare{}}
		rows, err := db.readers.QueryContext(ctx, db.engine.sql(statement), span.from, span.to, topUsersCount)
		if err != nil {
			return top, fmt.Errorf("listing the top users: %w", translate(err))
		}
		defer rows.Close()
		for rows.Next() {
			var u UserShare
			var dollars, nano int64
			if err := rows.Scan(&u.UserID, &u.Email, &u.FullName, &u.Requests, &u.Failures, &u.Tokens, &dollars, &nano); err != nil {
				return top, fmt.Errorf("reading a top user: %w", err)
			}
			u.Cost = USD(dollars, nano)
			top.Users = append(top.Users, u)
		}
		return top, rows.Err()
	})
}
