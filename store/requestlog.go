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

// A CostOrigin says where a log's cost comes from.
type CostOrigin string

// The origins.
const (
	CostBySender   CostOrigin = "sender"
	CostByLLMTally CostOrigin = "llmtally"
	CostUnknown    CostOrigin = "unknown"
)

// A BillPrice is the entry of the price list that a cost was computed with.
type BillPrice struct {
	ID       int64      `json:"id" doc:"0 for a variant that costs nothing and is in no list."`
	Source   string     `json:"source" enum:"shipped,import,override"`
	Provider string     `json:"provider" doc:"Empty in an override for any provider."`
	Model    string     `json:"model"`
	From     *Timestamp `json:"from" format:"date-time" doc:"When it began to hold; null for always."`
	Hours    string     `json:"hours" doc:"The hours of the day (UTC) that it is for; empty for all."`
}

// A BillLine is what one class of tokens cost.
type BillLine struct {
	Class           string  `json:"class" doc:"input, output, cache_read, cache_write and so on: each token in the most specific class that has a price."`
	Unit            string  `json:"unit" enum:"tokens,searches,requests"`
	Tokens          int64   `json:"tokens" doc:"So many units."`
	PricePerMillion float64 `json:"price_per_million" doc:"USD per million units."`
	Cost            float64 `json:"cost" doc:"USD."`
}

// RequestLog returns the log of an id whole, or ErrNotFound when there is none
// that the caller may see.
func (db *DB) RequestLog(ctx context.Context, caller policy.Caller, id int64) (RequestLog, error) {
	rows, err := collect(ctx, db, caller, query.Select{From: "request_logs", Where: query.Is("id", id)}, requestLogFrom)
	if err == nil && len(rows) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return RequestLog{}, err
	}
	return rows[0], nil
}

func requestLogFrom(r query.Row) RequestLog {
	return RequestLog{
		ID: integer(r[ColID]), CreatedAt: moment(r[ColCreatedAt]), UserID: text(r[ColUserProfileID]),
		EndUser: text(r[ColEndUser]), Provider: text(r[ColProvider]), Model: text(r[ColModel]),
		Status: text(r[ColStatus]), CallID: text(r[ColCallID]), ResponseTime: optional[float64](r[ColResponseTime]),
		TokensUsed: optional[int64](r[ColTokensUsed]), PromptTokens: optional[int64](r[ColPromptTokens]),
		CompletionTokens: optional[int64](r[ColCompletionTokens]), CacheReadTokens: optional[int64](r[ColCacheReadTokens]),
		CacheWriteTokens: optional[int64](r[ColCacheWriteTokens]), ReasoningTokens: optional[int64](r[ColReasoningTokens]),
		TotalCost: optional[float64](r[ColTotalCost]), PromptCostPerToken: optional[float64](r[ColPromptCostPerToken]),
		CompletionCostPerToken: optional[float64](r[ColCompletionCostPerToken]),
		Messages:               js(r[ColMessages]), Response: js(r[ColResponse]), Error: js(r[ColError]),
		AdditionalDetails: js(r[ColAdditionalDetails]),
		CostBy:            CostUnknown, Bill: []BillLine{},
	}
}
