package store

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

func TestLogsComeInOrderFromAnIndex(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 1, 0)
	before := LogRow{ID: 7, CreatedAt: At(from)}
	for _, tt := range []struct {
		caller policy.Caller
		filter LogFilter
		index  string
	}{
		{policy.System(), LogFilter{}, "request_logs_created_at_idx"},
		{policy.System(), LogFilter{From: &from, To: &to}, "request_logs_created_at_idx"},
		{policy.System(), LogFilter{Before: before.Cursor(), Model: "m", Status: "failure"}, "request_logs_created_at_idx"},
		{policy.System(), LogFilter{UserID: "ann"}, "request_logs_user_created_at_idx"},
		{policy.System(), LogFilter{UserID: "ann", From: &from, To: &to, Before: before.Cursor()}, "request_logs_user_created_at_idx"},
		{policy.Caller{Role: policy.Authenticated, Subject: "ann"}, LogFilter{From: &from, Provider: "p"}, "request_logs_user_created_at_idx"},
	} {
		q, err := tt.filter.query()
		require.NoError(t, err)
		compiled, err := query.CompileSelect(Schema, tt.caller, q)
		require.NoError(t, err)
		plan := strings.Join(planOf(t, compiled.SQL, compiled.Args...), "\n")
		assert.Contains(t, plan, tt.index, compiled.SQL)
		assert.NotContains(t, plan, "TEMP B-TREE", compiled.SQL)
	}
}

func TestFailuresComeFromTheirOwnIndex(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"SEARCH request_logs USING INDEX request_logs_failures_idx (created_at>? AND created_at<?)"},
		planOf(t, failuresSQL, someMonth, someMonth, 10))
}
