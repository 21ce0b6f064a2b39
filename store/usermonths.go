package store

import (
	"context"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// A UserMonth is what a user used in one UTC month.
type UserMonth struct {
	Month    Timestamp // its first moment
	Requests int64
	Tokens   int64
	Cost     float64 // USD
}

// UserMonths returns the months in which a user used anything, in order.
func (db *DB) UserMonths(ctx context.Context, caller policy.Caller, userID string) ([]UserMonth, error) {
	return collect(ctx, db, caller, query.Select{
		From: "monthly_token_usage",
		Columns: []query.Output{
			{Name: "period_start"},
			{Name: "request_count"},
			{Name: "total_tokens"},
			{Name: "total_cost"},
		},
		Where: query.Is("user_profile_id", userID),
		Order: []query.Order{{Column: "period_start"}},
	}, func(r query.Row) UserMonth {
		return UserMonth{Month: moment(r[0]), Requests: integer(r[1]), Tokens: integer(r[2]), Cost: float(r[3])}
	})
}
