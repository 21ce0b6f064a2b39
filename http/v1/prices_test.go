package v1_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// send sends a body. Headers are names and values in turn.
func (s *server) send(method string, c policy.Caller, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, strings.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/json")
	if c.Role != "" {
		r.Header.Set("Authorization", "Bearer "+s.token(c))
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.http.Client().Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	answered, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return answer{response.StatusCode, response.Header, string(answered)}
}

// read decodes a good answer.
func read[T any](s *server, path string) (v T) {
	s.t.Helper()
	require.NoError(s.t, json.Unmarshal([]byte(s.ok(service, path)), &v))
	return v
}

func (s *server) setPrice(body string) store.ModelPrice {
	s.t.Helper()
	a := s.send(http.MethodPost, service, "/v1/prices", body)
	require.Equal(s.t, http.StatusCreated, a.status, a.body)
	var p store.ModelPrice
	require.NoError(s.t, json.Unmarshal([]byte(a.body), &p))
	return p
}

func TestAnOverrideHoldsForTheNextLogAndIsListed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.send(http.MethodPost, service, "/v1/prices", `{"model":"m","provider":"Azure OpenAI","effective_from":"2026-02-01",
		"rates":{"input":2.5,"output":{"base":10,"tiers":[{"above":200000,"price":15}]}}}`)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	var set map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &set))
	assert.Equal(t, map[string]any{
		"id": set["id"], "source": "override", "provider": "azure", "model": "m", "effective_from": "2026-02-01T00:00:00+00:00",
		"hours": nil, "rates": map[string]any{"input": 2.5, "output": map[string]any{"base": 10.0, "tiers": []any{map[string]any{"above": 200000.0, "price": 15.0}}}},
		"match": map[string]any{"equals": "m"}, "context_window": nil, "deprecated": false,
	}, set)
	storetest.Append(t, s.db, service, `{"end_user":"ann","model":"m","provider":"azure","status":"success","prompt_tokens":1000000,"completion_tokens":0,"created_at":"2026-02-01"}`)
	assert.Contains(t, s.ok(service, "/v1/users/ann/costs"), `"total_cost":2.5,`)
	assert.Equal(t, []any{set}, read[[]any](s, "/v1/prices?source=override"))

	path := fmt.Sprintf("/v1/prices/%.0f", set["id"])
	assert.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, service, path).status)
	assert.Equal(t, "[]", strings.TrimSpace(s.ok(service, "/v1/prices?source=override")))
	requireProblem(t, s.do(http.MethodDelete, service, path), http.StatusNotFound)
	assert.Contains(t, s.ok(service, "/v1/users/ann/costs"), `"total_cost":2.5,`, "what was computed stays")
}

func TestPricesAreFilteredAndPaged(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.setPrice(`{"model":"zeta","rates":{"input":1}}`)
	s.setPrice(`{"model":"Alpha_1","rates":{"input":1}}`)
	models := func(query string) (names []string) {
		for _, p := range read[[]store.ModelPrice](s, "/v1/prices"+query) {
			names = append(names, p.Model)
		}
		return names
	}
	all := models("?limit=10000")
	assert.Len(t, all, len(price.Shipped())+2)
	assert.Equal(t, []string{"Alpha_1", "zeta"}, all[:2])
	assert.Equal(t, all[:100], models(""))
	assert.Equal(t, all[100:200], models("?offset=100"))
	assert.Equal(t, all[1:3], models("?limit=2&offset=1"))
	assert.Empty(t, models("?offset=100000"))
	assert.Equal(t, []string{"Alpha_1"}, models("?model=a_1"))
	assert.Empty(t, models("?source=import"))
	for _, p := range read[[]store.ModelPrice](s, "/v1/prices?provider=openai&model=4o-mini&source=shipped") {
		assert.Equal(t, "openai", p.Provider)
		assert.Contains(t, p.Model, "4o-mini")
	}
	a := s.get(service, "/v1/prices")
	assert.Equal(t, "no-store", a.header.Get("Cache-Control"))
	for _, query := range []string{"?limit=0", "?limit=10001", "?offset=-1", "?limit=x", "?source=mine"} {
		requireProblem(t, s.get(service, "/v1/prices"+query), http.StatusUnprocessableEntity)
	}
}

func TestThePriceOfAModelIsFoundByAnyOfItsNamesAtAnyTime(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.setPrice(`{"model":"m","effective_from":"2026-02-01T00:00:00Z","rates":{"input":7}}`)
	for query, want := range map[string]string{
		"model=gpt-4o-2024-08-06":          `{"input":2.5,"output":10,"cache_read":1.25}`,
		"model=openai/gpt-4o":              `{"input":2.5,"output":10,"cache_read":1.25}`,
		"model=gpt-4o&provider=":           `{"input":2.5,"output":10,"cache_read":1.25}`,
		"model=o3&at=2025-06-09":           `{"input":10,"output":40,"cache_read":0.5}`,
		"model=o3&at=2025-06-10T00:00:00Z": `{"input":2,"output":8,"cache_read":0.5}`,
		"model=o3":                         `{"input":2,"output":8,"cache_read":0.5}`,
		"model=m":                          `{"input":7}`,
		"model=openrouter/foo/bar:free":    `{"input":0,"output":0}`,
		"model=" + url.QueryEscape("openrouter/a b/c:free"):          `{"input":0,"output":0}`,
		"model=m&at=" + url.QueryEscape("2026-02-01T01:00:00+01:00"): `{"input":7}`,
	} {
		p := read[store.ModelPrice](s, "/v1/prices/match?"+query)
		assert.JSONEq(t, want, string(p.Rates), query)
	}
	for _, query := range []string{"model=unheard-of", "model=m&at=2026-01-31", "model=gpt-4o&provider=my-own", "model=%20"} {
		a := s.get(service, "/v1/prices/match?"+query)
		requireProblem(t, a, http.StatusNotFound)
		assert.Contains(t, a.body, "POST /v1/prices", "what to do")
	}
	for _, query := range []string{"", "provider=openai", "model=m&at=yesterday"} {
		requireProblem(t, s.get(service, "/v1/prices/match?"+query), http.StatusUnprocessableEntity)
	}
}

func TestABadPriceIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for body, want := range map[string]string{
		`{"model":"m","rates":{"input":-1}}`:                                          "negative",
		`{"model":"m","rates":{"input":"2.5e99"}}`:                                    "rates",
		`{"model":"m","rates":{"input":1e99}}`:                                        "1,000,000,000",
		`{"model":"m","rates":{"input":true}}`:                                        "rates",
		`{"model":"m","rates":{"inputs":1}}`:                                          `inputs`,
		`{"model":"m","rates":{}}`:                                                    "at least one rate",
		`{"model":"m","rates":null}`:                                                  "rate",
		`{"model":"m","rates":[1]}`:                                                   "rates",
		`{"model":"m","rates":2.5}`:                                                   "rates",
		`{"model":"m"}`:                                                               "rates",
		`{"rates":{"input":1}}`:                                                       "model",
		`{"model":"","rates":{"input":1}}`:                                            "needs a model",
		`{"model":" ","rates":{"input":1}}`:                                           "needs a model",
		`{"model":"a*b","rates":{"input":1}}`:                                         "at its end only",
		`{"model":"m","rates":{"input":1},"effective_from":"soon"}`:                   "soon",
		`{"model":"m","rates":{"input":1},"effective_from":5}`:                        "effective_from",
		`{"model":"m","rates":{"input":{"base":1,"tiers":[{"above":-5,"price":1}]}}}`: "above",
		`{"model":"m","rates":{"input":{"base":1,"tiers":[{"above":5,"price":-1}]}}}`: "negative",
	} {
		a := s.send(http.MethodPost, service, "/v1/prices", body)
		requireProblem(t, a, http.StatusUnprocessableEntity)
		assert.Contains(t, a.body, want, body)
	}
	for _, body := range []string{"", "{", "nothing"} {
		a := s.send(http.MethodPost, service, "/v1/prices", body)
		requireProblem(t, a, http.StatusBadRequest)
	}
	assert.Equal(t, "[]", strings.TrimSpace(s.ok(service, "/v1/prices?source=override")))
	assert.Nil(t, s.setPrice(`{"model":"m","rates":{"input":1},"effective_from":"0000-01-01"}`).EffectiveFrom, "before all times is always")
}

func TestAShippedPriceIsNotDeleted(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := read[[]store.ModelPrice](s, "/v1/prices?limit=1")[0]
	a := s.do(http.MethodDelete, service, fmt.Sprint("/v1/prices/", p.ID))
	requireProblem(t, a, http.StatusUnprocessableEntity)
	assert.Contains(t, a.body, "set an override")
	for _, id := range []string{"x", "0.5", "99999999999999999999"} {
		requireProblem(t, s.do(http.MethodDelete, service, "/v1/prices/"+id), http.StatusUnprocessableEntity)
	}
}

func TestPricesAreForTheServiceRoleAndHaveNoPlaceAmongTheTables(t *testing.T) {
	t.Parallel()
	s := books(t)
	const body = `{"model":"m","rates":{"input":1}}`
	requireProblem(t, s.send(http.MethodPost, nobody, "/v1/prices", body), http.StatusUnauthorized)
	requireProblem(t, s.send(http.MethodPost, anon, "/v1/prices", body), http.StatusUnauthorized)
	requireProblem(t, s.send(http.MethodPost, ann, "/v1/prices", body), http.StatusForbidden)
	for _, table := range []string{"model_prices", "price_list", "book_state"} {
		for _, caller := range []policy.Caller{service, ann, anon} {
			assert.Equal(t, http.StatusNotFound, s.get(caller, "/rest/v1/"+table).status)
			assert.Equal(t, http.StatusNotFound, s.send(http.MethodPost, caller, "/rest/v1/"+table, `{}`).status)
		}
	}
	for _, column := range []string{"price_id", "cost_nano"} {
		a := s.get(service, "/rest/v1/request_logs?select="+column)
		assert.Equal(t, http.StatusBadRequest, a.status, a.body)
		a = s.send(http.MethodPost, service, "/rest/v1/request_logs", fmt.Sprintf(`{"model":"gpt-4o",%q:1}`, column))
		assert.Equal(t, http.StatusBadRequest, a.status, a.body)
	}
}

func TestUnpricedModelsAreListedMostRequestsFirst(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	assert.Equal(t, "[]", strings.TrimSpace(s.ok(service, "/v1/prices/unpriced")))
	storetest.Append(t, s.db, service,
		`{"model":"b","provider":"p","status":"success","tokens_used":1,"created_at":"2026-03-31T10:00:00Z"}`,
		`{"model":"a","provider":"p","end_user":"ann","status":"success","tokens_used":2,"created_at":"2026-03-30T10:30:00Z"}`,
		`{"model":"a","provider":"p","end_user":"ann","status":"success","prompt_tokens":3,"created_at":"2026-03-30T10:00:00Z"}`,
		`{"model":"gpt-4o","end_user":"ann","status":"success","prompt_tokens":3,"completion_tokens":3}`,
		`{"end_user":"ann","status":"success","tokens_used":9,"created_at":"2026-03-31T10:00:00Z"}`)
	assert.JSONEq(t, `[
		{"model":"a","provider":"p","requests":2,"tokens":5,"last_seen":"2026-03-30T10:30:00+00:00"},
		{"model":"","provider":"","requests":1,"tokens":9,"last_seen":"2026-03-31T10:00:00+00:00"},
		{"model":"b","provider":"p","requests":1,"tokens":1,"last_seen":"2026-03-31T10:00:00+00:00"}
	]`, s.ok(service, "/v1/prices/unpriced"))
	require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, service, "/v1/users/ann").status)
	assert.JSONEq(t, `[{"model":"b","provider":"p","requests":1,"tokens":1,"last_seen":"2026-03-31T10:00:00+00:00"}]`, s.ok(service, "/v1/prices/unpriced"))
}

// TestEveryDoorPricesAlike sends one request through each: 600 × 2.5 + 400 ×
// 1.25 + 200 × 10 USD a million.
func TestEveryDoorPricesAlike(t *testing.T) {
	t.Parallel()
	const usage = `"usage":{"prompt_tokens":1000,"completion_tokens":200,"total_tokens":1200,"prompt_tokens_details":{"cached_tokens":400}}`
	const log = `{"litellm_call_id":"c","model":"gpt-4o","status":"success","response":{` + usage + `}}`
	const litellm = `{"id":"c","model":"gpt-4o","custom_llm_provider":"openai","status":"success","startTime":1767225600.25,"endTime":1767225601.75,
		"prompt_tokens":1000,"completion_tokens":200,"total_tokens":1200,"metadata":{"usage_object":{"prompt_tokens":1000,"completion_tokens":200,
		"prompt_tokens_details":{"cached_tokens":400},"cache_read_input_tokens":400}}%s}`
	const traces = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},
		{"key":"gen_ai.response.id","value":{"stringValue":"c"}},{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}},
		{"key":"gen_ai.usage.input_tokens","value":{"intValue":"1000"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"200"}},
		{"key":"gen_ai.usage.cache_read.input_tokens","value":{"intValue":"400"}}%s]}]}]}]}`
	const merge = "resolution=merge-duplicates"
	const start = `{"litellm_call_id":"c","model":"gpt-4o","status":"initiated"}`
	for name, tt := range map[string]struct {
		path, body, prefer string
		callers            []policy.Caller
		before             string
		cost               any
	}{
		"/v1/logs":                     {"/v1/logs", log, "", []policy.Caller{service, ann, anon}, "", 0.004},
		"/v1/logs, NDJSON":             {"/v1/logs", log + "\n" + `{"model":"gpt-4o"}`, "", []policy.Caller{service}, "", 0.004},
		"/v1/logs, a completion":       {"/v1/logs", log, "", []policy.Caller{service, anon}, start, 0.004},
		"/v1/litellm":                  {"/v1/litellm", fmt.Sprintf(litellm, ""), "", []policy.Caller{service, ann, anon}, "", 0.004},
		"/v1/litellm, with a cost":     {"/v1/litellm", fmt.Sprintf(litellm, `,"response_cost":0`), "", []policy.Caller{service}, "", 0.0},
		"/v1/litellm, a cost of null":  {"/v1/litellm", fmt.Sprintf(litellm, `,"response_cost":null`), "", []policy.Caller{service}, "", 0.004},
		"/v1/traces":                   {"/v1/traces", fmt.Sprintf(traces, ""), "", []policy.Caller{service, ann, anon}, "", 0.004},
		"/v1/traces, a completion":     {"/v1/traces", fmt.Sprintf(traces, ""), "", []policy.Caller{service, anon}, start, 0.004},
		"/v1/traces, with a cost":      {"/v1/traces", fmt.Sprintf(traces, `,{"key":"gen_ai.usage.cost","value":{"doubleValue":0.25}}`), "", []policy.Caller{service}, "", 0.25},
		"/rest/v1, an insert":          {"/rest/v1/request_logs", log, "return=representation", []policy.Caller{service, ann, anon}, "", 0.004},
		"/rest/v1, minimal":            {"/rest/v1/request_logs", log, "return=minimal", []policy.Caller{service, ann, anon}, "", 0.004},
		"/rest/v1, an upsert":          {"/rest/v1/request_logs?on_conflict=litellm_call_id", log, merge, []policy.Caller{service, anon}, "", 0.004},
		"/rest/v1, a completion":       {"/rest/v1/request_logs?on_conflict=litellm_call_id", log, merge + ",return=representation", []policy.Caller{service, anon}, start, 0.004},
		"/rest/v1, with a cost":        {"/rest/v1/request_logs", strings.Replace(log, `"status"`, `"total_cost":0.5,"status"`, 1), "", []policy.Caller{service, anon}, "", 0.5},
		"/rest/v1, LiteLLM's callback": {"/rest/v1/request_logs?on_conflict=litellm_call_id", `{"litellm_call_id":"c","model":"gpt-4o","response":"hello","total_cost":0.25,"response_time":1,"status":"success"}`, merge, []policy.Caller{anon}, start, 0.25},
	} {
		for _, caller := range tt.callers {
			t.Run(fmt.Sprintf("%s by %s", name, caller.Role), func(t *testing.T) {
				t.Parallel()
				s := books(t)
				if tt.before != "" {
					storetest.Append(t, s.db, anon, tt.before)
				}
				a := s.send(http.MethodPost, caller, tt.path, tt.body, "Prefer", tt.prefer)
				require.Less(t, a.status, 300, a.body)
				var cost, provider any
				_, err := s.db.Run(t.Context(), service, query.Select{
					From: "request_logs", Columns: []query.Output{{Name: "total_cost"}, {Name: "provider"}}, Where: query.Is("litellm_call_id", "c"),
				}, func(r query.Row) error { cost, provider = r[0], r[1]; return nil })
				require.NoError(t, err)
				assert.Equal(t, tt.cost, cost)
				assert.Equal(t, "openai", provider)
				storetest.RequireClean(t, s.db)
			})
		}
	}
}

func TestAnonIsToldNothingThatWasComputed(t *testing.T) {
	t.Parallel()
	const log = `{"litellm_call_id":"c","model":"gpt-4o","status":"success","prompt_tokens":1000,"completion_tokens":200}`
	for name, tt := range map[string]struct{ path, prefer, sent, want string }{
		"all columns":         {"", "return=representation", log, "[" + log + "]"},
		"the computed ones":   {"?select=total_cost,provider,tokens_used,id", "return=representation", log, "[{}]"},
		"a completion":        {"?on_conflict=litellm_call_id", "return=representation,resolution=merge-duplicates", log, "[" + log + "]"},
		"a cost that it sent": {"?select=total_cost,provider", "return=representation", `{"model":"gpt-4o","total_cost":0.5}`, `[{"total_cost":0.5}]`},
	} {
		for _, there := range []string{"", `{"litellm_call_id":"c","status":"initiated","end_user":"ann","model":"o3"}`} {
			s := books(t)
			if there != "" && strings.Contains(tt.path, "on_conflict") {
				storetest.Append(t, s.db, service, there)
			}
			a := s.send(http.MethodPost, anon, "/rest/v1/request_logs"+tt.path, tt.sent, "Prefer", tt.prefer)
			require.Equal(t, http.StatusCreated, a.status, a.body)
			assert.JSONEq(t, tt.want, a.body, name)
		}
	}
	s := books(t)
	priced := s.send(http.MethodPost, anon, "/v1/logs", `[{"model":"gpt-4o","prompt_tokens":1,"completion_tokens":1}]`)
	unpriced := s.send(http.MethodPost, anon, "/v1/logs", `[{"model":"mine","prompt_tokens":1,"completion_tokens":1}]`)
	assert.Equal(t, unpriced.body, priced.body, "nor which models have a price")

	own := s.send(http.MethodPost, ann, "/rest/v1/request_logs?select=total_cost,provider", log, "Prefer", "return=representation")
	assert.JSONEq(t, `[{"total_cost":0.0045,"provider":"openai"}]`, own.body, "a user sees their own row")
}
