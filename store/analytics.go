package store

import (
	"context"
	"encoding/json"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// Analytics is a row of the view user_request_analytics.
type Analytics struct {
	UserID              string     `json:"user_id"`
	Email               *string    `json:"email"`
	FullName            *string    `json:"full_name"`
	SubscriptionTier    *string    `json:"subscription_tier"`
	TotalTokensCounter  int64      `json:"total_tokens_counter" doc:"Tokens used, as kept in the user's profile."`
	TotalRequests       int64      `json:"total_requests"`
	SuccessfulRequests  int64      `json:"successful_requests"`
	FailedRequests      int64      `json:"failed_requests"`
	TotalTokensFromLogs int64      `json:"total_tokens_from_logs" doc:"Tokens used, as summed over the logs."`
	TotalCost           float64    `json:"total_cost" doc:"USD."`
	AvgResponseTime     *float64   `json:"avg_response_time" doc:"Seconds, over finished requests whose time is known."`
	MostUsedModel       *string    `json:"most_used_model"`
	MostUsedProvider    *string    `json:"most_used_provider"`
	LastRequestTime     *Timestamp `json:"last_request_time" format:"date-time"`
}

// Analytics returns a user's row, or ErrNotFound when there is none that the
// caller may see.
func (db *DB) Analytics(ctx context.Context, caller policy.Caller, userID string) (Analytics, error) {
	rows, err := collect(ctx, db, caller, query.Select{
		From: "user_request_analytics", Where: query.Is("user_id", userID),
	}, analyticsFrom)
	if err == nil && len(rows) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Analytics{}, err
	}
	return rows[0], nil
}

// AllAnalytics returns the rows of the users that the caller may see, by user
// id.
func (db *DB) AllAnalytics(ctx context.Context, caller policy.Caller, limit, offset int64) ([]Analytics, error) {
	return collect(ctx, db, caller, query.Select{
		From: "user_request_analytics", Order: []query.Order{{Column: "user_id"}},
		Limit: &limit, Offset: offset,
	}, analyticsFrom)
}

func analyticsFrom(r query.Row) Analytics {
	return Analytics{
		UserID: text(r[0]), Email: optional[string](r[1]), FullName: optional[string](r[2]),
		SubscriptionTier: optional[string](r[3]), TotalTokensCounter: integer(r[4]),
		TotalRequests: integer(r[5]), SuccessfulRequests: integer(r[6]), FailedRequests: integer(r[7]),
		TotalTokensFromLogs: integer(r[8]), TotalCost: float(r[9]), AvgResponseTime: optional[float64](r[10]),
		MostUsedModel: optional[string](r[11]), MostUsedProvider: optional[string](r[12]),
		LastRequestTime: optionalMoment(r[13]),
	}
}

// A HistoryRow is a row of the function get_user_request_history.
type HistoryRow struct {
	ID               int64           `json:"id"`
	RequestTime      Timestamp       `json:"request_time" format:"date-time"`
	Model            *string         `json:"model"`
	Provider         *string         `json:"provider"`
	Status           *string         `json:"status"`
	TokensUsed       *int64          `json:"tokens_used"`
	PromptTokens     *int64          `json:"prompt_tokens"`
	CompletionTokens *int64          `json:"completion_tokens"`
	TotalCost        *float64        `json:"total_cost" doc:"USD; null when the price is unknown."`
	ResponseTime     *float64        `json:"response_time" doc:"Seconds; 0 when unknown."`
	EndUser          *string         `json:"end_user"`
	Error            json.RawMessage `json:"error"`
}

// historyColumns answer a HistoryRow.
var historyColumns = []query.Output{
	{Name: "id"},
	{Name: "created_at", As: "request_time"},
	{Name: "model"},
	{Name: "provider"},
	{Name: "status"},
	{Name: "tokens_used"},
	{Name: "prompt_tokens"},
	{Name: "completion_tokens"},
	{Name: "total_cost"},
	{Name: "response_time"},
	{Name: "end_user"},
	{Name: "error"},
}

// History returns a user's requests, newest first, ties by id descending.
func (db *DB) History(ctx context.Context, caller policy.Caller, userID string, limit, offset int64) ([]HistoryRow, error) {
	return db.history(ctx, caller, query.Is("user_profile_id", userID), limit, offset)
}

// HistoryBefore returns a user's requests that come after the request of that
// id in History's order. ErrNotFound means that the user has no such request.
func (db *DB) HistoryBefore(ctx context.Context, caller policy.Caller, userID string, id, limit, offset int64) ([]HistoryRow, error) {
	own := query.Is("user_profile_id", userID)
	anchors, err := collect(ctx, db, caller, query.Select{
		From: "request_logs", Columns: []query.Output{{Name: "created_at"}},
		Where: query.And{own, query.Is("id", id)},
	}, func(r query.Row) string { return text(r[0]) })
	if err != nil {
		return nil, err
	}
	if len(anchors) == 0 {
		return nil, ErrNotFound
	}
	at := anchors[0]
	return db.history(ctx, caller, query.And{
		own,
		query.Compare{Column: "created_at", Op: query.Lte, Value: at},
		query.Or{
			query.Compare{Column: "created_at", Op: query.Lt, Value: at},
			query.Compare{Column: "id", Op: query.Lt, Value: id},
		},
	}, limit, offset)
}

// historySelect asks for the rows of get_user_request_history.
func historySelect(where query.Expr, limit *int64, offset int64) query.Select {
	return query.Select{
		From: "request_logs", Columns: historyColumns, Where: where,
		Order: newestFirst("created_at", "id"), Limit: limit, Offset: offset,
	}
}

func (db *DB) history(ctx context.Context, caller policy.Caller, where query.Expr, limit, offset int64) ([]HistoryRow, error) {
	return collect(ctx, db, caller, historySelect(where, &limit, offset), func(r query.Row) HistoryRow {
		return HistoryRow{
			ID: integer(r[0]), RequestTime: moment(r[1]), Model: optional[string](r[2]),
			Provider: optional[string](r[3]), Status: optional[string](r[4]), TokensUsed: optional[int64](r[5]),
			PromptTokens: optional[int64](r[6]), CompletionTokens: optional[int64](r[7]),
			TotalCost: optional[float64](r[8]), ResponseTime: optional[float64](r[9]),
			EndUser: optional[string](r[10]), Error: js(r[11]),
		}
	})
}

// A BreakdownRow is a row of the function get_user_token_breakdown.
type BreakdownRow struct {
	Model               string     `json:"model"`
	Provider            string     `json:"provider"`
	RequestCount        int64      `json:"request_count"`
	TotalTokens         int64      `json:"total_tokens"`
	TotalCost           float64    `json:"total_cost" doc:"USD."`
	AvgTokensPerRequest *float64   `json:"avg_tokens_per_request" doc:"Over requests whose tokens are known."`
	LastUsed            *Timestamp `json:"last_used" format:"date-time"`
}

// breakdownSelect asks for the rows of get_user_token_breakdown.
func breakdownSelect(userID any) query.Select {
	return query.Select{
		From: "user_token_breakdown",
		Columns: []query.Output{
			{Name: "model"},
			{Name: "provider"},
			{Name: "request_count"},
			{Name: "total_tokens"},
			{Name: "total_cost"},
			{Name: "avg_tokens_per_request"},
			{Name: "last_used"},
		},
		Where: query.Is("user_profile_id", userID),
	}
}

// Breakdown returns a user's usage by model and provider, most tokens first.
func (db *DB) Breakdown(ctx context.Context, caller policy.Caller, userID string) ([]BreakdownRow, error) {
	return collect(ctx, db, caller, breakdownSelect(userID), func(r query.Row) BreakdownRow {
		return BreakdownRow{
			Model: text(r[0]), Provider: text(r[1]), RequestCount: integer(r[2]), TotalTokens: integer(r[3]),
			TotalCost: float(r[4]), AvgTokensPerRequest: optional[float64](r[5]), LastUsed: optionalMoment(r[6]),
		}
	})
}

// UserExists says whether the user has a profile that the caller may see.
func (db *DB) UserExists(ctx context.Context, caller policy.Caller, userID string) (bool, error) {
	n, err := db.Run(ctx, caller, query.Select{
		From: "user_profiles", Columns: []query.Output{{Name: "user_id"}}, Where: query.Is("user_id", userID),
	}, func(query.Row) error { return nil })
	return n > 0, err
}
