package store

import (
	"context"
	"fmt"
)

// topUsersCount is how many users TopUsers lists.
const topUsersCount = 10

const topByMonthSQL = `
	SELECT p.user_id, coalesce(p.email, ''), coalesce(p.full_name, ''),
		t.requests, t.failures, t.tokens, t.cost_usd, t.cost_nano
	FROM (
		SELECT user_profile_id,
			CAST(sum(requests) AS BIGINT) AS requests, CAST(sum(failures) AS BIGINT) AS failures,
			CAST(sum(tokens) AS BIGINT) AS tokens,
			CAST(sum(cost_usd) AS BIGINT) AS cost_usd, CAST(sum(cost_nano) AS BIGINT) AS cost_nano
		FROM usage_monthly
		WHERE month >= $1 AND month < $2
		GROUP BY user_profile_id
		ORDER BY sum(cost_usd) + sum(cost_nano) / 1e9 DESC, sum(tokens) DESC, user_profile_id
		LIMIT $3
	) AS t
	JOIN user_profiles AS p ON p.user_id = t.user_profile_id
	ORDER BY t.cost_usd + t.cost_nano / 1e9 DESC, t.tokens DESC, p.user_id`

// topUsers lists the users who cost most in a span, of so many requests in all.
func (db *DB) topUsers(ctx context.Context, span hourSpan, requests int64) (TopUsers, error) {
	top := TopUsers{From: span.from.Month(), To: (span.to - 1).nextMonth(), Users: []UserShare{}}
	rows, err := db.readers.QueryContext(ctx, topByMonthSQL, top.From, top.To, topUsersCount)
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
}
