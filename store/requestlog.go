package store

import (
	"context"
	"encoding/json"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// A RequestLog is one log whole. Texts that are unknown are empty.
type RequestLog struct {
	ID                     int64           `json:"id"`
	CreatedAt              Timestamp       `json:"created_at" format:"date-time" doc:"When the request began."`
	UserID                 string          `json:"user_profile_id" doc:"Empty for a log that no user is linked to."`
	Email                  string          `json:"email"`
	FullName               string          `json:"full_name"`
	EndUser                string          `json:"end_user"`
	Provider               string          `json:"provider"`
	Model                  string          `json:"model"`
	Status                 string          `json:"status"`
	CallID                 string          `json:"litellm_call_id"`
	ResponseTime           *float64        `json:"response_time" doc:"Seconds; null when unknown."`
	TokensUsed             *int64          `json:"tokens_used"`
	PromptTokens           *int64          `json:"prompt_tokens" doc:"All input, cache included."`
	CompletionTokens       *int64          `json:"completion_tokens" doc:"All output, reasoning included."`
	CacheReadTokens        *int64          `json:"cache_read_tokens"`
	CacheWriteTokens       *int64          `json:"cache_write_tokens"`
	ReasoningTokens        *int64          `json:"reasoning_tokens"`
	TotalCost              *float64        `json:"total_cost" doc:"USD; null when the price is unknown."`
	PromptCostPerToken     *float64        `json:"prompt_cost_per_token" doc:"USD, as the sender said."`
	CompletionCostPerToken *float64        `json:"completion_cost_per_token" doc:"USD, as the sender said."`
	Messages               json.RawMessage `json:"messages"`
	Response               json.RawMessage `json:"response"`
	Error                  json.RawMessage `json:"error"`
	AdditionalDetails      json.RawMessage `json:"additional_details"`

	ErrorKind string     `json:"error_kind" doc:"As in the overview; empty when it did not fail."`
	CostBy    CostOrigin `json:"cost_by" enum:"sender,llmtally,unknown"`
	Price     *BillPrice `json:"price" doc:"The price that llmtally computed the cost with; null when the sender gave the cost, when it is unknown, or when the price is no longer listed."`
	Bill      []BillLine `json:"bill" doc:"How llmtally computed the cost; empty when it did not, or when the price was changed since."`
}

// RequestLog returns the log of an id whole, or ErrNotFound when there is none
// that the caller may see.
func (db *DB) RequestLog(ctx context.Context, caller policy.Caller, id int64) (l RequestLog, err error) {
	err = db.Snapshot(ctx, caller, func(v *View) error {
		n, err := v.Select(query.Select{From: "request_logs", Where: query.Is("id", id)}, func(r query.Row) error {
			l = requestLogFrom(r)
			return nil
		})
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := v.nameUser(&l); err != nil {
			return err
		}
		return v.explainCost(&l)
	})
	return l, err
}

// nameUser gives the log what the caller may see of its user's profile.
func (v *View) nameUser(l *RequestLog) error {
	if l.UserID == "" {
		return nil
	}
	_, err := v.Select(query.Select{
		From: "user_profiles", Columns: []query.Output{{Name: "email"}, {Name: "full_name"}}, Where: query.Is("user_id", l.UserID),
	}, func(r query.Row) error {
		l.Email, l.FullName = text(r[0]), text(r[1])
		return nil
	})
	return err
}

// requestLogFrom reads a row of request_logs. A response time of 0 is unknown.
func requestLogFrom(r query.Row) RequestLog {
	l := RequestLog{
		ID: integer(r[ColID]), CreatedAt: moment(r[ColCreatedAt]), UserID: text(r[ColUserProfileID]),
		EndUser: text(r[ColEndUser]), Provider: text(r[ColProvider]), Model: text(r[ColModel]),
		Status: text(r[ColStatus]), CallID: text(r[ColCallID]), ResponseTime: knownTime(r[ColResponseTime]),
		TokensUsed: optional[int64](r[ColTokensUsed]), PromptTokens: optional[int64](r[ColPromptTokens]),
		CompletionTokens: optional[int64](r[ColCompletionTokens]), CacheReadTokens: optional[int64](r[ColCacheReadTokens]),
		CacheWriteTokens: optional[int64](r[ColCacheWriteTokens]), ReasoningTokens: optional[int64](r[ColReasoningTokens]),
		TotalCost: optional[float64](r[ColTotalCost]), PromptCostPerToken: optional[float64](r[ColPromptCostPerToken]),
		CompletionCostPerToken: optional[float64](r[ColCompletionCostPerToken]),
		Messages:               js(r[ColMessages]), Response: js(r[ColResponse]), Error: js(r[ColError]),
		AdditionalDetails: js(r[ColAdditionalDetails]), Bill: []BillLine{},
	}
	if failed(l.Status) {
		l.ErrorKind = errorKind(l.Error)
	}
	return l
}

// knownTime reads a response time, of which 0 is unknown.
func knownTime(cell any) *float64 {
	seconds := optional[float64](cell)
	if seconds != nil && *seconds == 0 {
		return nil
	}
	return seconds
}

func failed(status string) bool { return status == StatusFailure || status == StatusError }
