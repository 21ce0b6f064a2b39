package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// profile makes a user with an address and a name.
func profile(id, email, name string) store.Mutation {
	return store.Mutation{Relation: "user_profiles", Action: policy.Insert, Rows: [][]query.Assignment{{
		{Column: "user_id", Value: id},
		{Column: "email", Value: email},
		{Column: "full_name", Value: name},
	}}}
}

// whole appends a log and reads it whole.
func whole(t testing.TB, db *store.DB, object string) store.RequestLog {
	t.Helper()
	v := storetest.Append(t, db, policy.System(), object)
	l, err := db.RequestLog(t.Context(), policy.System(), v[0].ID)
	require.NoError(t, err)
	return l
}

func TestALogIsReadWhole(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	_, err := db.Mutate(t.Context(), policy.System(), profile("ann", "ann@example.com", "Ann Ä."))
	require.NoError(t, err)
	l := whole(t, db, `{"user_profile_id":"ann","end_user":"a","created_at":"2026-03-01T01:02:03.5Z","model":"m","provider":"p",
		"status":"failure","litellm_call_id":"x","response_time":1.5,"tokens_used":18,"prompt_tokens":10,"completion_tokens":8,
		"cache_read_tokens":3,"cache_write_tokens":2,"reasoning_tokens":1,"total_cost":0.0000012,
		"prompt_cost_per_token":0.5,"completion_cost_per_token":0.25,
		"messages":[{"role":"user","content":"hi <b>"}],"response":{"a":[1, 2]},"error":{"code":"E"},"additional_details":"text"}`)
	text, err := json.Marshal(l)
	require.NoError(t, err)
	assert.JSONEq(t, `{"id":1,"created_at":"2026-03-01T01:02:03.5+00:00","user_profile_id":"ann","email":"ann@example.com","full_name":"Ann Ä.",
		"end_user":"a","provider":"p","model":"m","status":"failure","litellm_call_id":"x","response_time":1.5,"tokens_used":18,
		"prompt_tokens":10,"completion_tokens":8,"cache_read_tokens":3,"cache_write_tokens":2,"reasoning_tokens":1,"total_cost":0.0000012,
		"prompt_cost_per_token":0.5,"completion_cost_per_token":0.25,"messages":[{"role":"user","content":"hi <b>"}],
		"response":{"a":[1,2]},"error":{"code":"E"},"additional_details":"text",
		"error_kind":"E","cost_by":"sender","price":null,"bill":[]}`, string(text))
}

func TestALogIsReadByWhoMaySeeIt(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	v := storetest.Append(t, db, policy.System(), `{"user_profile_id":"ann"}`, `{}`)
	for _, tt := range []struct {
		caller policy.Caller
		log    int
		seen   bool
	}{
		{policy.System(), 0, true}, {policy.System(), 1, true},
		{storetest.User("ann"), 0, true}, {storetest.User("ann"), 1, false}, {storetest.User("bob"), 0, false},
		{storetest.Anon(), 0, false}, {storetest.Anon(), 1, false}, {policy.Caller{}, 1, false},
	} {
		l, err := db.RequestLog(t.Context(), tt.caller, v[tt.log].ID)
		if !tt.seen {
			require.ErrorIs(t, err, store.ErrNotFound, "%v", tt)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, v[tt.log].ID, l.ID)
	}
	_, err := db.RequestLog(t.Context(), policy.System(), 99)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func savePrice(t testing.TB, db *store.DB, model string, from time.Time, rates price.Rates) {
	t.Helper()
	p, err := price.NewOverride("", model, from, rates)
	require.NoError(t, err)
	require.NoError(t, db.SavePrices(t.Context(), policy.System(), []price.Price{p}))
}

func TestABillSaysHowACostCameAbout(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	const tokens = `"created_at":"2026-03-01T00:00:00Z","model":"house/model","status":"success","prompt_tokens":1000,"completion_tokens":200,"cache_read_tokens":400`
	assert.Equal(t, store.CostUnknown, whole(t, db, `{`+tokens+`}`).CostBy)

	from := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	rates := price.Rates{}
	require.NoError(t, json.Unmarshal([]byte(`{"input":3,"output":15,"cache_read":0.3,"requests":2}`), &rates))
	savePrice(t, db, "house/*", from, rates)
	l := whole(t, db, `{`+tokens+`}`)
	assert.Equal(t, store.CostByLLMTally, l.CostBy)
	require.NotNil(t, l.Price)
	begins := store.At(from)
	assert.Equal(t, store.BillPrice{ID: l.Price.ID, Source: "override", Model: "house/*", From: &begins}, *l.Price)
	assert.Equal(t, []store.BillLine{
		{Class: "input", Unit: "tokens", Tokens: 600, PricePerMillion: 3, Cost: 0.0018},
		{Class: "output", Unit: "tokens", Tokens: 200, PricePerMillion: 15, Cost: 0.003},
		{Class: "cache_read", Unit: "tokens", Tokens: 400, PricePerMillion: 0.3, Cost: 0.00012},
		{Class: "requests", Unit: "requests", Tokens: 1, PricePerMillion: 2000, Cost: 0.002},
	}, l.Bill)
	assert.InDelta(t, 0.00692, *l.TotalCost, 1e-12)

	sent := whole(t, db, `{`+tokens+`,"total_cost":0.5}`)
	assert.Equal(t, store.CostBySender, sent.CostBy)
	assert.Empty(t, sent.Bill)

	require.NoError(t, json.Unmarshal([]byte(`{"input":4,"output":15}`), &rates))
	savePrice(t, db, "house/*", from, rates)
	l, err := db.RequestLog(t.Context(), policy.System(), l.ID)
	require.NoError(t, err)
	assert.Equal(t, store.CostByLLMTally, l.CostBy)
	assert.NotNil(t, l.Price)
	assert.Empty(t, l.Bill, "the price was changed since")
}

func TestTheBillOfAShippedPriceAddsUp(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for _, object := range []string{
		`{"model":"openai/gpt-4o","prompt_tokens":120,"completion_tokens":185,"cache_read_tokens":64}`,
		`{"model":"anthropic/claude-sonnet-4","prompt_tokens":5000,"completion_tokens":17,"cache_read_tokens":2000,"cache_write_tokens":1000}`,
		`{"model":"gemini/gemini-2.5-pro","prompt_tokens":300000,"completion_tokens":1000,"reasoning_tokens":900}`,
	} {
		l := whole(t, db, object)
		require.Equal(t, store.CostByLLMTally, l.CostBy, object)
		require.NotEmpty(t, l.Bill, object)
		assert.Equal(t, "shipped", l.Price.Source)
		sum := 0.0
		for _, line := range l.Bill {
			sum += line.Cost
			assert.InDelta(t, line.Cost, float64(line.Tokens)*line.PricePerMillion/1e6, 1e-12)
		}
		assert.InDelta(t, *l.TotalCost, sum, 1e-12)
	}
}
