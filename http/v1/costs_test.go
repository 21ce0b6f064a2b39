package v1_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestCostsOfNoHistoryAreZero(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const empty = `{"total_cost":0,"most_expensive_model":null,"cost_by_provider":{},"cost_by_model":{},"recommendations":[]}`
	assert.JSONEq(t, empty, s.ok(service, "/v1/overview/costs"))
	b := books(t)
	assert.JSONEq(t, empty, b.ok(service, "/v1/users/cara/costs"))
	requireProblem(t, b.get(service, "/v1/users/nobody/costs"), http.StatusNotFound)
}

func TestCostsAreKeptByTheClientAndAskedForAgain(t *testing.T) {
	t.Parallel()
	s := books(t)
	for _, path := range []string{"/v1/users/ann/costs", "/v1/overview/costs"} {
		a := s.get(service, path)
		require.Equal(t, http.StatusOK, a.status)
		assert.Equal(t, "private, max-age=300", a.header.Get("Cache-Control"))
		tag := a.header.Get("ETag")
		assert.NotEmpty(t, tag)
		assert.Equal(t, http.StatusNotModified, s.get(service, path, "If-None-Match", tag).status)
		storetest.Append(t, s.db, service, `{"user_profile_id":"ann","model":"gpt-4o","provider":"openai","total_cost":1,"status":"success"}`)
		assert.Equal(t, http.StatusOK, s.get(service, path, "If-None-Match", tag).status)
	}
}

func TestAllCostsHaveWhatNobodyWasLinkedTo(t *testing.T) {
	t.Parallel()
	s := books(t)
	storetest.Append(t, s.db, anon, `{"model":"gpt-4o","provider":"openai","status":"success","total_cost":2}`)
	var all store.Costs
	require.NoError(t, json.Unmarshal([]byte(s.ok(service, "/v1/overview/costs")), &all))
	// 0.000000013 + 0.25 + 0.1 of ann's, 0.5 of bob's, 2 of nobody's
	assert.Equal(t, 2.850000013, all.TotalCost)
	assert.Equal(t, 2.250000013, *all.CostByModel["gpt-4o"])
}

func TestOthersDoingsDoNotShowInAUsersCosts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	log := func(user string, output int) string {
		return fmt.Sprintf(`{"end_user":%q,"model":"gpt-4o","status":"success","prompt_tokens":2000,"completion_tokens":%d,
			"messages":[{"role":"system","content":%q}]}`, user, output, strings.Repeat("x", 2000))
	}
	add := func(user string, n, output int) {
		var logs []string
		for range n {
			logs = append(logs, log(user, output))
		}
		storetest.Append(t, s.db, service, logs...)
	}
	add("ann", 20, 1000)
	before := s.get(ann, "/v1/users/ann/costs")
	require.Equal(t, http.StatusOK, before.status)
	add("bob", 40, 10)
	add("", 40, 10)
	storetest.Append(t, s.db, service, `{"end_user":"bob","model":"m","status":"failure","total_cost":5}`, `{"end_user":"bob","model":"unheard-of","tokens_used":5,"status":"success"}`)
	after := s.get(ann, "/v1/users/ann/costs")
	assert.Equal(t, before.body, after.body)
	assert.Equal(t, before.header.Get("ETag"), after.header.Get("ETag"))
	assert.NotContains(t, after.body, "long_output")
	assert.Contains(t, s.ok(service, "/v1/users/ann/costs"), "long_output", "the service role may compare")
}
