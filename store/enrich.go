package store

import (
	"strings"
	"time"

	"github.com/llmtally/llmtally/store/usage"
)

// The states of a request that mean something to llmtally. Any other status is
// kept and counts as a request, neither a success nor a failure.
const (
	StatusInitiated = "initiated"
	StatusSuccess   = "success"
	StatusFailure   = "failure"
	StatusError     = "error"
)

// fillPlain fills what needs nothing but the log and the clock.
func (l *Log) fillPlain(now time.Time) {
	if !l.Has(ColCreatedAt) {
		l.CreatedAt = At(now)
		l.fill(ColCreatedAt)
	}
	l.Status = strings.ToLower(l.Status)
	if l.CallID == "" {
		l.clear(ColCallID) // an empty id identifies nothing
	}
}

// fillTokens takes over the counts that the response gives.
func (l *Log) fillTokens(t usage.Tokens) {
	l.fillCount(ColPromptTokens, t.Prompt)
	l.fillCount(ColCompletionTokens, t.Completion)
	l.fillCount(ColCacheReadTokens, t.CacheRead)
	l.fillCount(ColCacheWriteTokens, t.CacheWrite)
	l.fillCount(ColReasoningTokens, t.Reasoning)
	if t.Prompt == nil && t.Completion == nil && l.TokensUsed == 0 {
		l.fillTotal(t.Total)
	}
	if l.TokensUsed == 0 && (l.Has(ColPromptTokens) || l.Has(ColCompletionTokens)) {
		total := min(l.PromptTokens+l.CompletionTokens, usage.Max)
		l.fillTotal(&total)
	}
}

func (l *Log) lacksTokens() bool {
	const wanted columnSet = 1<<ColPromptTokens | 1<<ColCompletionTokens |
		1<<ColCacheReadTokens | 1<<ColCacheWriteTokens | 1<<ColReasoningTokens
	return l.known&wanted != wanted
}

func (l *Log) fillCount(c LogColumn, n *int64) {
	if n != nil && !l.Has(c) {
		*logTable[c].field(l).(*int64) = *n
		l.fill(c)
	}
}

func (l *Log) fillTotal(n *int64) {
	if n != nil && *n > 0 {
		l.TokensUsed = *n
		l.fill(ColTokensUsed)
	}
}

// providerOf returns the provider that a model's name begins with, as LiteLLM
// writes it (`openai/gpt-4o`), or "". The first part of a resource name
// (`models/gemini-2.0-flash`) is no provider.
func providerOf(model string) string {
	prefix, rest, ok := strings.Cut(model, "/")
	if !ok || prefix == "" || rest == "" || len(prefix) > maxProvider {
		return ""
	}
	switch prefix {
	case "models", "publishers", "projects", "accounts", "tunedModels", "endpoints":
		return ""
	}
	return prefix
}

// finished says whether the request has come to its end.
func (l *Log) finished() bool { return l.Status != StatusInitiated }
