package browser_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// books are what ann and bob have used.
var books = storetest.Filled(options, func(db *store.DB) error {
	return appendAll(db,
		`{"user_profile_id":"ann","created_at":"2026-08-02T10:00:00Z","model":"gpt-4o-mini","provider":"openai","status":"success",
		  "prompt_tokens":50,"completion_tokens":10,"total_cost":0.5,"response_time":2.5}`,
		`{"user_profile_id":"ann","created_at":"2026-10-10T08:00:00Z","model":"gpt-4o","provider":"openai","status":"success",
		  "prompt_tokens":1000,"completion_tokens":500,"total_cost":0.0125,"response_time":1.5,
		  "messages":[{"role":"user","content":"Why is the sky blue?"}],"response":{"choices":[{"message":{"role":"assistant","content":"Because air scatters blue light most."}}]}}`,
		`{"user_profile_id":"ann","created_at":"2026-10-13T09:00:00Z","model":"gpt-4o","provider":"openai","status":"failure",
		  "response_time":0.2,"error":{"message":"slow down","type":"rate_limit_error"}}`,
		`{"user_profile_id":"bob","created_at":"2026-10-14T10:00:00Z","model":"claude-sonnet-4","provider":"anthropic","status":"success",
		  "prompt_tokens":7,"completion_tokens":3,"total_cost":0.0000012,"response_time":0.82}`,
		`{"user_profile_id":"=1+1","created_at":"2026-10-14T11:00:00Z","model":"=cmd|' /C calc'!A0","provider":"openai","status":"success",
		  "prompt_tokens":5,"completion_tokens":5,"total_cost":0.01,"response_time":0.4}`,
	)
})

// booksServer returns a server with the books.
func booksServer(t testing.TB) *server {
	t.Helper()
	return serverOn(t, books(t))
}

func appendAll(db *store.DB, objects ...string) error {
	logs := make([]store.Log, len(objects))
	for i, o := range objects {
		l, _, invalid, err := store.DecodeLog([]byte(o))
		if err == nil {
			err = invalid
		}
		if err != nil {
			return fmt.Errorf("log %d: %w", i, err)
		}
		logs[i] = l
	}
	verdicts, err := db.Append(context.Background(), policy.System(), logs...)
	if err != nil {
		return err
	}
	for i, v := range verdicts {
		if v.Err != nil {
			return fmt.Errorf("log %d: %w", i, v.Err)
		}
	}
	return nil
}

// newestOf returns the id of the user's newest request.
func (s *server) newestOf(t testing.TB, user string) string {
	t.Helper()
	rows, err := s.db.Logs(t.Context(), policy.System(), store.LogFilter{UserID: user, Limit: 1})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	return strconv.FormatInt(rows[0].ID, 10)
}

// rules returns the rules of alerts.
func (s *server) rules(t testing.TB) []store.AlertRule {
	t.Helper()
	rules, err := s.db.AlertRules(t.Context(), policy.System())
	require.NoError(t, err)
	require.NotEmpty(t, rules)
	return rules
}

// newestRule returns the id of the newest rule of alerts.
func (s *server) newestRule(t testing.TB) string {
	t.Helper()
	var newest int64
	for _, rule := range s.rules(t) {
		newest = max(newest, rule.ID)
	}
	return strconv.FormatInt(newest, 10)
}
