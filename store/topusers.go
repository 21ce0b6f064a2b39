package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// topUsersCount is how many users TopUsers lists.
const topUsersCount = 10

// The users who cost most, from the logs of a span or from the rollup by month.
// Only what decides is added up for all users.
const (
	// By an expression, since SQLite would go through the index of each user's logs
	// to have them in groups, whoever has any in the span.
	topByLogSQL = `
		SELECT coalesce(user_profile_id, '') AS user_id
		FROM request_logs
		WHERE created_at >= $1 AND created_at < $2 AND user_profile_id IS NOT NULL
		GROUP BY 1
		ORDER BY coalesce(sum(cost_nano / 1e9), 0) DESC, coalesce(sum(tokens_used), 0) DESC, user_id
		LIMIT $3`
	// From user to user, so that other months cost nothing.
	topByMonthSQL = `
		SELECT u.user_id
		FROM user_profiles AS u
		CROSS JOIN usage_monthly AS m ON m.user_profile_id = u.user_id AND m.month >= $1 AND m.month < $2
		GROUP BY u.user_id
		ORDER BY sum(m.cost_usd + m.cost_nano / 1e9) DESC, sum(m.tokens) DESC, u.user_id
		LIMIT $3`
)

// topUsers lists the users who cost most in a span of few logs or many. Many
// would take too long: then it is whole months.
func (db *DB) topUsers(ctx context.Context, span hourSpan, many bool) (TopUsers, error) {
	list, sums, at := topByLogSQL, "usage_by_log", "created_at"
	if many {
		list, sums, at = topByMonthSQL, "usage_monthly", "month"
		span = hourSpan{span.from.Month(), (span.to - 1).nextMonth()}
	}
	type topUsersOf hourSpan
	return recently(ctx, db, topUsersOf(span), func(ctx context.Context) (TopUsers, error) {
		top := TopUsers{From: span.from, To: span.to, Users: []UserShare{}}
		ids, err := readTexts(db.readers.QueryContext(ctx, db.engine.sql(list), span.from, span.to, topUsersCount))
		if err != nil {
			return top, fmt.Errorf("listing the top users: %w", translate(err))
		}
		err = db.Snapshot(ctx, policy.System(), func(v *View) error {
			for _, id := range ids {
				u, err := v.userShare(id, query.Select{
					From: sums, Where: append(query.And{query.Is("user_profile_id", id)}, between(at, span.from, span.to)...),
				})
				if err != nil {
					return err
				}
				top.Users = append(top.Users, u)
			}
			return nil
		})
		slices.SortFunc(top.Users, func(a, b UserShare) int {
			return cmp.Or(cmp.Compare(b.Cost, a.Cost), cmp.Compare(b.Tokens, a.Tokens), cmp.Compare(a.UserID, b.UserID))
		})
		return top, err
	})
}

// userShare adds up what a select selects of a user.
func (v *View) userShare(userID string, q query.Select) (UserShare, error) {
	u := UserShare{UserID: userID}
	m, err := v.measure(q, 0, 0)
	if err != nil {
		return u, err
	}
	u.Requests, u.Failures, u.Tokens, u.Cost = m.requests, m.failures, m.tokens, USD(m.dollars, m.nano)
	_, err = v.Select(query.Select{
		From: "user_profiles", Columns: []query.Output{{Name: "email"}, {Name: "full_name"}}, Where: query.Is("user_id", userID),
	}, func(r query.Row) error {
		u.Email, u.FullName = text(r[0]), text(r[1])
		return nil
	})
	return u, err
}
