package store

import (
	"encoding/json"

	"github.com/llmtally/llmtally/store/query"
)

// A Log is one row of request_logs: one LLM request. A column is absent (the
// sender did not name it), null, or has a value; Has and Sent tell. A column
// without a value holds its type's zero. Set columns through the Set methods,
// which check values and keep track.
type Log struct {
	ID                     int64
	CreatedAt              Timestamp
	UserProfileID          string
	EndUser                string
	Provider               string
	Model                  string
	Status                 string
	CallID                 string  // litellm_call_id
	ResponseTime           float64 // seconds
	TokensUsed             int64
	PromptTokens           int64 // all input, cache included
	CompletionTokens       int64 // all output, reasoning included
	CacheReadTokens        int64
	CacheWriteTokens       int64
	ReasoningTokens        int64
	TotalCost              float64 // USD
	PromptCostPerToken     float64
	CompletionCostPerToken float64
	Messages               json.RawMessage
	Response               json.RawMessage
	Error                  json.RawMessage
	AdditionalDetails      json.RawMessage

	// priceID is the price that TotalCost was computed with; 0 when the sender
	// gave it or it is unknown.
	priceID int64

	sent  columnSet // named by the sender, as null or with a value
	known columnSet // with a value
}

// A LogColumn is a column of request_logs.
type LogColumn uint8

// The columns, in the order of the table.
const (
	ColID LogColumn = iota
	ColCreatedAt
	ColUserProfileID
	ColEndUser
	ColProvider
	ColModel
	ColStatus
	ColCallID
	ColResponseTime
	ColTokensUsed
	ColPromptTokens
	ColCompletionTokens
	ColCacheReadTokens
	ColCacheWriteTokens
	ColReasoningTokens
	ColTotalCost
	ColPromptCostPerToken
	ColCompletionCostPerToken
	ColMessages
	ColResponse
	ColError
	ColAdditionalDetails
	logColumnCount
)

type columnSet uint32

func (s columnSet) has(c LogColumn) bool { return s&(1<<c) != 0 }
func (s *columnSet) add(c LogColumn)     { *s |= 1 << c }
func (s *columnSet) remove(c LogColumn)  { *s &^= 1 << c }

// Has says whether the column has a value.
func (l *Log) Has(c LogColumn) bool { return l.known.has(c) }

// Sent says whether the sender named the column, be it as null.
func (l *Log) Sent(c LogColumn) bool { return l.sent.has(c) }

// mark notes a value that the sender gave.
func (l *Log) mark(c LogColumn) { l.sent.add(c); l.known.add(c) }

// fill notes a value that the sender did not give.
func (l *Log) fill(c LogColumn) { l.known.add(c) }

// A logColumn describes a column: its published name, its type, the most bytes
// its text may have, its value when the sender leaves it out, and where a Log
// keeps it.
type logColumn struct {
	name     string
	kind     query.Type
	maxBytes int
	absent   any
	field    func(*Log) any
}

// Texts that keys and indexes are made of are bounded, so that every engine can
// index them (PostgreSQL's limit is 2,704 bytes for all columns of an index).
const (
	maxUserID   = 1024
	maxProvider = 256
	maxModel    = 512
	maxStatus   = 64
)

var logTable = [logColumnCount]logColumn{
	ColID:                     {"id", query.Int, 0, nil, func(l *Log) any { return &l.ID }},
	ColCreatedAt:              {"created_at", query.Time, 0, nil, func(l *Log) any { return &l.CreatedAt }},
	ColUserProfileID:          {"user_profile_id", query.Text, maxUserID, nil, func(l *Log) any { return &l.UserProfileID }},
	ColEndUser:                {"end_user", query.Text, maxUserID, "", func(l *Log) any { return &l.EndUser }},
	ColProvider:               {"provider", query.Text, maxProvider, "", func(l *Log) any { return &l.Provider }},
	ColModel:                  {"model", query.Text, maxModel, "", func(l *Log) any { return &l.Model }},
	ColStatus:                 {"status", query.Text, maxStatus, "", func(l *Log) any { return &l.Status }},
	ColCallID:                 {"litellm_call_id", query.Text, maxUserID, nil, func(l *Log) any { return &l.CallID }},
	ColResponseTime:           {"response_time", query.Real, 0, 0.0, func(l *Log) any { return &l.ResponseTime }},
	ColTokensUsed:             {"tokens_used", query.Int, 0, int64(0), func(l *Log) any { return &l.TokensUsed }},
	ColPromptTokens:           {"prompt_tokens", query.Int, 0, nil, func(l *Log) any { return &l.PromptTokens }},
	ColCompletionTokens:       {"completion_tokens", query.Int, 0, nil, func(l *Log) any { return &l.CompletionTokens }},
	ColCacheReadTokens:        {"cache_read_tokens", query.Int, 0, nil, func(l *Log) any { return &l.CacheReadTokens }},
	ColCacheWriteTokens:       {"cache_write_tokens", query.Int, 0, nil, func(l *Log) any { return &l.CacheWriteTokens }},
	ColReasoningTokens:        {"reasoning_tokens", query.Int, 0, nil, func(l *Log) any { return &l.ReasoningTokens }},
	ColTotalCost:              {"total_cost", query.Double, 0, nil, func(l *Log) any { return &l.TotalCost }},
	ColPromptCostPerToken:     {"prompt_cost_per_token", query.Double, 0, nil, func(l *Log) any { return &l.PromptCostPerToken }},
	ColCompletionCostPerToken: {"completion_cost_per_token", query.Double, 0, nil, func(l *Log) any { return &l.CompletionCostPerToken }},
	ColMessages:               {"messages", query.JSON, 0, "{}", func(l *Log) any { return &l.Messages }},
	ColResponse:               {"response", query.JSON, 0, "{}", func(l *Log) any { return &l.Response }},
	ColError:                  {"error", query.JSON, 0, "{}", func(l *Log) any { return &l.Error }},
	ColAdditionalDetails:      {"additional_details", query.JSON, 0, "{}", func(l *Log) any { return &l.AdditionalDetails }},
}

func logColumns() []query.ColumnSpec {
	columns := make([]query.ColumnSpec, len(logTable))
	for i, c := range logTable {
		columns[i] = query.ColumnSpec{Name: c.name, Type: c.kind}
	}
	return columns
}

// LogColumnNamed returns the column of that published name.
func LogColumnNamed(name string) (LogColumn, bool) {
	c, ok := logColumnByName[name]
	return c, ok
}

var logColumnByName = func() map[string]LogColumn {
	byName := make(map[string]LogColumn, len(logTable))
	for i, c := range logTable {
		byName[c.name] = LogColumn(i)
	}
	return byName
}()

// clear takes a column's value away.
func (l *Log) clear(c LogColumn) {
	l.known.remove(c)
	switch field := logTable[c].field(l).(type) {
	case *string:
		*field = ""
	case *int64:
		*field = 0
	case *Timestamp:
		*field = 0
	case *float64:
		*field = 0
	case *json.RawMessage:
		*field = nil
	}
}

// value returns what the column of the stored row shall be.
func (l *Log) value(c LogColumn) any {
	if !l.known.has(c) {
		if l.sent.has(c) {
			return nil
		}
		return logTable[c].absent
	}
	switch v := logTable[c].field(l).(type) {
	case *Timestamp:
		return v.Stored()
	case *string:
		return *v
	case *int64:
		return *v
	case *float64:
		return *v
	case *json.RawMessage:
		return string(*v)
	default:
		panic("a log column has a field of an unknown type")
	}
}

// text returns a text column for the policy: "" when it is null.
func (l *Log) text(column string) string {
	c, ok := logColumnByName[column]
	if !ok || !l.Has(c) {
		return ""
	}
	s, _ := l.value(c).(string)
	return s
}

// costNano is the column beside total_cost that sums add.
func (l *Log) costNano() any {
	if !l.Has(ColTotalCost) {
		return nil
	}
	return NanoUSD(l.TotalCost)
}

// merge lays over l whatever change names, nulls included.
func (l *Log) merge(change *Log) {
	for c := range logColumnCount {
		if !change.sent.has(c) {
			continue
		}
		l.sent.add(c)
		l.known.remove(c)
		if change.known.has(c) {
			l.known.add(c)
		}
		switch from := logTable[c].field(change).(type) {
		case *string:
			*logTable[c].field(l).(*string) = *from
		case *int64:
			*logTable[c].field(l).(*int64) = *from
		case *Timestamp:
			*logTable[c].field(l).(*Timestamp) = *from
		case *float64:
			*logTable[c].field(l).(*float64) = *from
		case *json.RawMessage:
			*logTable[c].field(l).(*json.RawMessage) = *from
		}
	}
	switch {
	case change.sent.has(ColTotalCost):
		l.priceID = 0 // the sender's word
	case l.priceID != 0 && change.sent&pricedBy != 0:
		l.unprice()
	}
}
