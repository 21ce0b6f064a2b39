package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestALogIsCountedForItsUserAtOnce(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(),
		`{"user_profile_id":"ann","model":"openai/gpt-4o","status":"Success","total_cost":0.0000012,
		  "response_time":1.5,"created_at":"2026-01-31T23:59:59.5Z","response":{"usage":{"prompt_tokens":10,"completion_tokens":5}}}`,
		`{"end_user":"ann","model":"gpt-4o-mini","status":"failure","created_at":"2026-02-01T00:00:00Z"}`)

	a, err := db.Analytics(t.Context(), policy.System(), "ann")
	require.NoError(t, err)
	assert.Equal(t, int64(2), a.TotalRequests)
	assert.Equal(t, int64(1), a.SuccessfulRequests)
	assert.Equal(t, int64(1), a.FailedRequests)
	assert.Equal(t, int64(15), a.TotalTokensFromLogs)
	assert.Equal(t, int64(15), a.TotalTokensCounter)
	assert.Equal(t, 0.0000012, a.TotalCost)
	assert.Equal(t, 1.5, *a.AvgResponseTime)
	assert.Equal(t, "gpt-4o-mini", *a.MostUsedModel, "a tie goes to the one used last")
	assert.Equal(t, "openai", *a.MostUsedProvider)
	assert.Equal(t, "2026-02-01T00:00:00+00:00", a.LastRequestTime.String())

	history, err := db.History(t.Context(), policy.System(), "ann", 50, 0)
	require.NoError(t, err)
	require.Len(t, history, 2)
	assert.Equal(t, "gpt-4o-mini", *history[0].Model)
	assert.Equal(t, int64(10), *history[1].PromptTokens)

	breakdown, err := db.Breakdown(t.Context(), policy.System(), "ann")
	require.NoError(t, err)
	require.Len(t, breakdown, 2)
	assert.Equal(t, 15.0, *breakdown[0].AvgTokensPerRequest)
	assert.Nil(t, breakdown[1].AvgTokensPerRequest)
	storetest.RequireClean(t, db)
}

func TestTheSameFinishedRequestChangesNothing(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	one := `{"user_profile_id":"ann","litellm_call_id":"c1","status":"success","tokens_used":7}`
	first := storetest.Append(t, db, policy.System(), one)
	again := storetest.Append(t, db, policy.System(), one, one)
	assert.Equal(t, store.Verdict{ID: first[0].ID}, first[0])
	assert.Equal(t, store.Verdict{ID: first[0].ID, Duplicate: true}, again[0])
	a, err := db.Analytics(t.Context(), policy.System(), "ann")
	require.NoError(t, err)
	assert.Equal(t, int64(7), a.TotalTokensFromLogs)
	storetest.RequireClean(t, db)
}

func TestAnInitiatedRequestIsCompletedByTheNextWithItsID(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(),
		`{"end_user":"ann","litellm_call_id":"c1","status":"initiated","model":"gpt-4o","messages":[{"role":"user"}],"created_at":"2026-01-01T00:00:00Z"}`,
		`{"litellm_call_id":"c1","status":"success","response_time":0.25,"total_cost":0.5,"response":{"usage":{"prompt_tokens":3,"completion_tokens":4}}}`,
		`{"litellm_call_id":"c1","status":"initiated","model":"late"}`)
	history, err := db.History(t.Context(), policy.System(), "ann", 50, 0)
	require.NoError(t, err)
	require.Len(t, history, 1)
	h := history[0]
	assert.Equal(t, "success", *h.Status)
	assert.Equal(t, "gpt-4o", *h.Model)
	assert.Equal(t, int64(7), *h.TokensUsed)
	assert.Equal(t, "2026-01-01T00:00:00+00:00", h.RequestTime.String())
	storetest.RequireClean(t, db)
}
