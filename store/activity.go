package store

import (
	"context"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// An Activity is a row of the view user_recent_activity: one request, with the
// user it is linked to, if any.
type Activity struct {
	RequestID        int64     `json:"request_id"`
	RequestTime      Timestamp `json:"request_time" format:"date-time"`
	UserID           *string   `json:"user_id"`
	Email            *string   `json:"email"`
	FullName         *string   `json:"full_name"`
	SubscriptionTier *string   `json:"subscription_tier"`
	Model            *string   `json:"model"`
	Provider         *string   `json:"provider"`
	Status           *string   `json:"status"`
	TokensUsed       *int64    `json:"tokens_used"`
	TotalCost        *float64  `json:"total_cost" doc:"USD; null when the price is unknown."`
	ResponseTime     *float64  `json:"response_time" doc:"Seconds; 0 when unknown."`
}

// Activity returns the newest requests that the caller may see.
func (db *DB) Activity(ctx context.Context, caller policy.Caller, limit int64) ([]Activity, error) {
	return collect(ctx, db, caller, query.Select{From: "user_recent_activity", Limit: &limit}, activityFrom)
}

func activityFrom(r query.Row) Activity {
	return Activity{
		RequestID: integer(r[0]), RequestTime: moment(r[1]), UserID: optional[string](r[2]),
		Email: optional[string](r[3]), FullName: optional[string](r[4]),
		SubscriptionTier: optional[string](r[5]), Model: optional[string](r[6]),
		Provider: optional[string](r[7]), Status: optional[string](r[8]),
		TokensUsed: optional[int64](r[9]), TotalCost: optional[float64](r[10]),
		ResponseTime: optional[float64](r[11]),
	}
}

// initiated says whether the request had not ended.
func (a *Activity) initiated() bool { return a.Status != nil && *a.Status == StatusInitiated }

// text returns a column for the policy: "" when it is null.
func (a *Activity) text(column string) string {
	if column == "user_id" && a.UserID != nil {
		return *a.UserID
	}
	return ""
}

// UserCounts returns how many users the caller may see, and how many of them
// have a request.
func (db *DB) UserCounts(ctx context.Context, caller policy.Caller) (total, active int64, err error) {
	users, err := collect(ctx, db, caller, query.Select{
		From: "user_profiles", Columns: []query.Output{{Name: "user_id", Func: query.Count}},
	}, func(r query.Row) int64 { return integer(r[0]) })
	if err != nil {
		return 0, 0, err
	}
	seen, err := collect(ctx, db, caller, query.Select{
		From: "usage_totals", Columns: []query.Output{{Name: "user_profile_id", Func: query.CountDistinct}},
	}, func(r query.Row) int64 { return integer(r[0]) })
	if err != nil {
		return 0, 0, err
	}
	return users[0], seen[0], nil
}
