package store_test

import (
	"fmt"
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

// Prices that the tests reckon with by hand, USD per million tokens:
//
//	                   input  output  cache read  write 5m  write 1h
//	gpt-4o             2.5    10      1.25
//	claude-sonnet-4-0  3      15      0.3         3.75      6
//	gemini-2.5-flash   0.3    2.5     0.03
//	gemini-2.5-pro     1.25   10      0.125                           above 200,000: 2.5, 15, 0.25
//	o3                 10     40      0.5                             from 2025-06-10: 2, 8, 0.5
//	deepseek-chat      0.135  0.55    0.035                           00:30 to 16:30: 0.27, 1.1, 0.07
//
// TestShippedPricesAreThoseOfTheTests says so when the table changes.
func TestShippedPricesAreThoseOfTheTests(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for model, want := range map[string]string{
		"gpt-4o":                     `{"input":2.5,"output":10,"cache_read":1.25}`,
		"gpt-4o-mini":                `{"input":0.15,"output":0.6,"cache_read":0.075}`,
		"anthropic/claude-sonnet-4":  `{"input":3,"output":15,"cache_read":0.3,"cache_write":3.75,"cache_write_1h":6,"web_searches":10}`,
		"gemini-2.5-flash":           `{"input":0.3,"output":2.5,"cache_read":0.03,"input_audio":1,"cache_audio_read":0.1}`,
		"o3":                         `{"input":2,"output":8,"cache_read":0.5}`,
		"claude-haiku-4-5":           `{"input":1,"output":5,"cache_read":0.1,"cache_write":1.25,"cache_write_1h":2,"web_searches":10}`,
		"openrouter/foo/bar-1b:free": `{"input":0,"output":0}`,
	} {
		p, err := db.PriceAt(t.Context(), policy.System(), "", model, time.Date(2026, 1, 1, 20, 0, 0, 0, time.UTC))
		require.NoError(t, err, model)
		assert.JSONEq(t, want, string(p.Rates), model)
		assert.Equal(t, "shipped", p.Source)
	}
}

// A priced is what a log's row says of its cost, beside what every client sees.
type priced struct {
	cost     any // total_cost
	nano     any
	provider any
	ours     bool // whether llmtally computed it
}

func pricedRow(t testing.TB, db *store.DB, call string) (p priced) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow("SELECT total_cost, cost_nano, provider, price_id IS NOT NULL FROM request_logs WHERE litellm_call_id = $1", call).
			Scan(&p.cost, &p.nano, &p.provider, &p.ours)
	}))
	return p
}

func TestALogIsPricedToTheNanoDollarWhateverTheShapeOfItsUsage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		log      string
		provider string
		cost     float64
		nano     int64
	}{
		// 600×2.5 + 400×1.25 + 200×10
		"OpenAI chat": {`"model":"gpt-4o","response":{"usage":{"prompt_tokens":1000,"completion_tokens":200,"total_tokens":1200,
			"prompt_tokens_details":{"cached_tokens":400},"completion_tokens_details":{"reasoning_tokens":50}}}`, "openai", 0.004, 4_000_000},
		// 1000×2.5 + 1×1.25 + 3×10
		"OpenAI responses": {`"model":"gpt-4o-2024-08-06","response":{"usage":{"input_tokens":1001,"output_tokens":3,
			"input_tokens_details":{"cached_tokens":1},"output_tokens_details":{"reasoning_tokens":2}}}`, "openai", 0.00253125, 2_531_250},
		// 100×3 + 200×3.75 + 100×6 + 1000×0.3 + 50×15
		"Anthropic, cached for minutes and an hour": {`"model":"claude-sonnet-4-20250514","response":{"usage":{"input_tokens":100,"output_tokens":50,
			"cache_creation_input_tokens":300,"cache_read_input_tokens":1000,
			"cache_creation":{"ephemeral_5m_input_tokens":200,"ephemeral_1h_input_tokens":100}}}`, "anthropic", 0.0027, 2_700_000},
		// 100×3 + 300×3.75 + 1000×0.3 + 50×15
		"Anthropic, cached for minutes": {`"model":"claude-sonnet-4-20250514","response":{"usage":{"input_tokens":100,"output_tokens":50,
			"cache_creation_input_tokens":300,"cache_read_input_tokens":1000}}`, "anthropic", 0.002475, 2_475_000},
		// 400×0.3 + 600×0.03 + 140×2.5
		"Gemini": {`"model":"gemini-2.5-flash","response":{"usageMetadata":{"promptTokenCount":1000,"cachedContentTokenCount":600,
			"candidatesTokenCount":100,"thoughtsTokenCount":40,"totalTokenCount":1140}}`, "google", 0.000488, 488_000},
		// as Anthropic's: prompt_tokens has the cached ones already
		"LiteLLM, with both shapes": {`"model":"anthropic/claude-sonnet-4-20250514","response":{"usage":{"prompt_tokens":1400,"completion_tokens":50,
			"total_tokens":1450,"prompt_tokens_details":{"cached_tokens":1000},"cache_creation_input_tokens":300,
			"cache_read_input_tokens":1000}}`, "anthropic", 0.002475, 2_475_000},
		"columns alone":                  {`"model":"gpt-4o","prompt_tokens":1000,"completion_tokens":200,"cache_read_tokens":400`, "openai", 0.004, 4_000_000},
		"columns before the response":    {`"model":"gpt-4o","prompt_tokens":10,"completion_tokens":0,"response":{"usage":{"prompt_tokens":1000,"completion_tokens":200}}`, "openai", 0.000025, 25_000},
		"a failure's tokens, too":        {`"model":"gpt-4o","status":"failure","prompt_tokens":1000,"completion_tokens":0`, "openai", 0.0025, 2_500_000},
		"input alone, as of an embedder": {`"model":"text-embedding-3-small","prompt_tokens":1000000`, "openai", 0.02, 20_000_000},
		"one token":                      {`"model":"gemini-2.5-flash","prompt_tokens":1,"completion_tokens":0`, "google", 0.0000003, 300},
		"one cached token":               {`"model":"gpt-4o-mini","prompt_tokens":1,"completion_tokens":0,"cache_read_tokens":1`, "openai", 0.000000075, 75},
		// 200001×2.5 + 10×15, and 200000×1.25 + 10×10
		"a long request":      {`"model":"gemini-2.5-pro","prompt_tokens":200001,"completion_tokens":10`, "google", 0.5001525, 500_152_500},
		"a nearly long one":   {`"model":"gemini-2.5-pro","prompt_tokens":200000,"completion_tokens":10`, "google", 0.2501, 250_100_000},
		"before a price fell": {`"model":"o3","created_at":"2025-06-09T23:59:59.999999Z","prompt_tokens":1000,"completion_tokens":1000`, "openai", 0.05, 50_000_000},
		"when it had fallen":  {`"model":"o3","created_at":"2025-06-10T00:00:00Z","prompt_tokens":1000,"completion_tokens":1000`, "openai", 0.01, 10_000_000},
		"by day":              {`"model":"deepseek-chat","created_at":"2026-01-01T01:00:00Z","prompt_tokens":1000,"completion_tokens":1000`, "deepseek", 0.00137, 1_370_000},
		"by night":            {`"model":"deepseek-chat","created_at":"2026-01-01T20:00:00Z","prompt_tokens":1000,"completion_tokens":1000`, "deepseek", 0.000685, 685_000},
		"a free variant":      {`"model":"openrouter/foo/bar-1b:free","prompt_tokens":1000,"completion_tokens":1000`, "openrouter", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t)
			storetest.Append(t, db, policy.System(), `{"litellm_call_id":"c","end_user":"ann","status":"success",`+tt.log+`}`)
			assert.Equal(t, priced{tt.cost, tt.nano, tt.provider, true}, pricedRow(t, db, "c"))
			storetest.RequireClean(t, db)
		})
	}
}

func TestWhatIsNotKnownCostsNobodyKnowsWhat(t *testing.T) {
	t.Parallel()
	for name, log := range map[string]string{
		"an unknown model":                  `"model":"my-own-model","prompt_tokens":10,"completion_tokens":5`,
		"an unknown model of a provider":    `"model":"openai/gpt-99-ultra","prompt_tokens":10,"completion_tokens":5`,
		"no model":                          `"provider":"openai","prompt_tokens":10,"completion_tokens":5`,
		"no tokens":                         `"model":"gpt-4o"`,
		"tokens in all, but not which":      `"model":"gpt-4o","tokens_used":100`,
		"a total in the response":           `"model":"gpt-4o","response":{"usage":{"total_tokens":100}}`,
		"output without input":              `"model":"gpt-4o","completion_tokens":100`,
		"input, and a total that is beyond": `"model":"gpt-4o","prompt_tokens":10,"tokens_used":100`,
		"a response in plain text":          `"model":"gpt-4o","response":"usage: none"`,
		"a request that has not ended":      `"model":"gpt-4o","status":"initiated","prompt_tokens":10,"completion_tokens":5`,
		"another provider of that name":     `"model":"gpt-4o","provider":"my-openai-compatible","prompt_tokens":10,"completion_tokens":5`,
		"a cost that is beyond any":         `"model":"o3","created_at":"2025-01-01","prompt_tokens":1000000000000,"completion_tokens":1000000000000,"tokens_used":1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t)
			if name == "a cost that is beyond any" {
				require.NoError(t, db.SavePrices(t.Context(), policy.System(), []price.Price{override(t, "", "o3", "", `{"input":1000000000,"output":1}`)}))
			}
			storetest.Append(t, db, policy.System(), `{"litellm_call_id":"c","end_user":"ann",`+log+`}`)
			p := pricedRow(t, db, "c")
			assert.Nil(t, p.cost, "never 0")
			assert.Nil(t, p.nano)
			assert.False(t, p.ours)
			storetest.RequireClean(t, db)
		})
	}
}

func TestACostThatTheSenderGaveStays(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for i, cost := range []float64{0, 0.0000000125, 7, 1e7} {
		call := fmt.Sprint("c", i)
		storetest.Append(t, db, policy.System(), fmt.Sprintf(
			`{"litellm_call_id":%q,"model":"gpt-4o","status":"success","prompt_tokens":1000,"completion_tokens":200,"total_cost":%g}`, call, cost))
		p := pricedRow(t, db, call)
		assert.Equal(t, cost, p.cost)
		assert.False(t, p.ours)
	}
	storetest.RequireClean(t, db)
}

func TestTheProviderIsThePrefixElseWhatThePriceTableSays(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for i, tt := range []struct{ model, sent, want string }{
		{"openai/gpt-4o", "", "openai"},
		{"gpt-4o", "", "openai"},
		{"gpt-99", "", "openai"},
		{"claude-sonnet-4-5", "", "anthropic"},
		{"gemini-2.5-flash", "", "google"},
		{"gemini/gemini-2.5-flash", "", "gemini"},
		{"gpt-4o", "azure", "azure"},
		{"gpt-4o", "My Own", "My Own"},
		{"my-own-model", "", ""},
		{"", "", ""},
	} {
		call := fmt.Sprint("c", i)
		storetest.Append(t, db, policy.System(), fmt.Sprintf(`{"litellm_call_id":%q,"model":%q,"provider":%q,"status":"success"}`, call, tt.model, tt.sent))
		assert.Equal(t, tt.want, pricedRow(t, db, call).provider, "%+v", tt)
	}
}

func assign(pairs ...any) (set []query.Assignment) {
	for i := 0; i < len(pairs); i += 2 {
		set = append(set, query.Assignment{Column: pairs[i].(string), Value: pairs[i+1]})
	}
	return set
}

func TestEveryDoorOfTheStorePricesALog(t *testing.T) {
	t.Parallel()
	system, anon, ann := policy.System(), storetest.Anon(), storetest.User("ann")
	const log = `{"litellm_call_id":"c","model":"gpt-4o","status":"success","prompt_tokens":1000,"completion_tokens":200,"cache_read_tokens":400}`
	const start = `{"litellm_call_id":"c","model":"gpt-4o","status":"initiated"}`
	row := assign("litellm_call_id", "c", "model", "gpt-4o", "status", "success",
		"prompt_tokens", int64(1000), "completion_tokens", int64(200), "cache_read_tokens", int64(400))
	end := assign("litellm_call_id", "c", "status", "success",
		"response", `{"usage":{"prompt_tokens":1000,"completion_tokens":200,"prompt_tokens_details":{"cached_tokens":400}}}`)
	add := func(by policy.Caller, log string) func(*testing.T, *store.DB) {
		return func(t *testing.T, db *store.DB) { storetest.Append(t, db, by, log) }
	}
	mutate := func(by policy.Caller, m store.Mutation) func(*testing.T, *store.DB) {
		return func(t *testing.T, db *store.DB) {
			m.Relation = "request_logs"
			_, err := db.Mutate(t.Context(), by, m)
			require.NoError(t, err)
		}
	}
	insert := func(set []query.Assignment, c store.Conflict) store.Mutation {
		m := store.Mutation{Action: policy.Insert, Rows: [][]query.Assignment{set}, Conflict: c}
		if c != store.Fail {
			m.Target = []string{"litellm_call_id"}
		}
		return m
	}
	update := store.Mutation{Action: policy.Update, Set: end[1:], Where: query.Is("litellm_call_id", "c")}
	shown := insert(row, store.Fail)
	shown.Show = func(*store.View, []any) error { return nil }
	for name, steps := range map[string][]func(*testing.T, *store.DB){
		"Append by the service role":        {add(system, log)},
		"Append by a user":                  {add(ann, log)},
		"Append by anon":                    {add(anon, log)},
		"a completion by Append":            {add(system, start), add(anon, `{"litellm_call_id":"c","status":"success","prompt_tokens":1000,"completion_tokens":200,"cache_read_tokens":400}`)},
		"an insert by the service role":     {mutate(system, insert(row, store.Fail))},
		"an insert that is shown":           {mutate(system, shown)},
		"an insert by a user":               {mutate(ann, insert(row, store.Fail))},
		"an insert by anon":                 {mutate(anon, insert(row, store.Fail))},
		"an upsert of a new row":            {mutate(system, insert(row, store.Merge))},
		"an upsert by anon that completes":  {add(anon, start), mutate(anon, insert(end, store.Merge))},
		"an insert that completes":          {add(system, start), mutate(system, insert(end, store.Fail))},
		"an upsert onto a finished row":     {add(system, `{"litellm_call_id":"c","model":"gpt-4o","status":"success"}`), mutate(system, insert(end, store.Merge))},
		"an update that brings the tokens":  {add(system, `{"litellm_call_id":"c","model":"gpt-4o","status":"success"}`), mutate(system, update)},
		"an update that ends what began":    {add(system, start), mutate(system, update)},
		"a second, repeated end":            {add(system, log), add(system, log)},
		"an end whose cost is null, for it": {add(system, start), add(system, `{"litellm_call_id":"c","status":"success","total_cost":null,"prompt_tokens":1000,"completion_tokens":200,"cache_read_tokens":400}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openWithAnnAndBob(t, true)
			for _, step := range steps {
				step(t, db)
				storetest.RequireClean(t, db)
			}
			assert.Equal(t, priced{0.004, int64(4_000_000), "openai", true}, pricedRow(t, db, "c"))
		})
	}
}

func TestAPatchPricesAnewWhatLlmtallyPricedAndLeavesTheSendersCost(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		set                 []query.Assignment
		computed, fromOther any // the cost afterwards: of a computed one, and of the sender's
		ours                bool
	}{
		"other tokens":             {assign("completion_tokens", int64(0)), 0.002, 0.5, true},
		"another model":            {assign("model", "gpt-4o-mini"), 0.00024, 0.5, true}, // 600×0.15 + 400×0.075 + 200×0.6
		"a model without a price":  {assign("model", "my-own"), nil, 0.5, false},
		"no model":                 {assign("model", nil), nil, 0.5, false},
		"a model at another time":  {assign("model", "o3", "created_at", "2025-01-01T00:00:00.000000Z"), 0.0142, 0.5, true}, // 600×10 + 400×0.5 + 200×40
		"unknown tokens":           {assign("prompt_tokens", nil), nil, 0.5, false},
		"a request that goes on":   {assign("status", "initiated"), nil, 0.5, false},
		"a failure":                {assign("status", "failure"), 0.004, 0.5, true},
		"what costs nothing":       {assign("end_user", "zoe"), 0.004, 0.5, true},
		"a cost":                   {assign("total_cost", 0.25), 0.25, 0.25, false},
		"a cost of nothing":        {assign("total_cost", 0.0), 0.0, 0.0, false},
		"a cost and tokens":        {assign("total_cost", 0.25, "prompt_tokens", int64(1)), 0.25, 0.25, false},
		"null for a cost":          {assign("total_cost", nil), 0.004, 0.004, true},
		"the same tokens":          {assign("prompt_tokens", int64(1000)), 0.004, 0.5, true},
		"another provider's price": {assign("provider", "my-openai-compatible"), nil, 0.5, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t)
			storetest.Append(t, db, policy.System(),
				`{"litellm_call_id":"ours","end_user":"ann","model":"gpt-4o","status":"success","prompt_tokens":1000,"completion_tokens":200,"cache_read_tokens":400,"created_at":"2026-01-01"}`,
				`{"litellm_call_id":"theirs","end_user":"ann","model":"gpt-4o","status":"success","prompt_tokens":1000,"completion_tokens":200,"cache_read_tokens":400,"created_at":"2026-01-01","total_cost":0.5}`)
			_, err := db.Mutate(t.Context(), policy.System(), store.Mutation{Relation: "request_logs", Action: policy.Update, Set: tt.set})
			require.NoError(t, err)
			ours, theirs := pricedRow(t, db, "ours"), pricedRow(t, db, "theirs")
			assert.Equal(t, tt.computed, ours.cost)
			assert.Equal(t, tt.ours, ours.ours)
			assert.Equal(t, tt.fromOther, theirs.cost)
			storetest.RequireClean(t, db)
		})
	}
}

func TestACostOfTheSendersIsTheirsAfterAnyNumberOfPatches(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), `{"litellm_call_id":"c","model":"gpt-4o","status":"success","prompt_tokens":1000,"completion_tokens":0}`)
	for _, set := range [][]query.Assignment{assign("total_cost", 0.5), assign("prompt_tokens", int64(1)), assign("model", "o3"), assign("created_at", "2025-01-01T00:00:00.000000Z")} {
		_, err := db.Mutate(t.Context(), policy.System(), store.Mutation{Relation: "request_logs", Action: policy.Update, Set: set})
		require.NoError(t, err)
		assert.Equal(t, priced{0.5, int64(500_000_000), "openai", false}, pricedRow(t, db, "c"))
	}
	done := reprice(t, db, store.Repricing{})
	assert.Equal(t, store.Repriced{}, done)
}

// override reads an override; from may be empty.
func override(t testing.TB, provider, model, from, rates string) price.Price {
	t.Helper()
	var r price.Rates
	require.NoError(t, r.UnmarshalJSON([]byte(rates)))
	var at time.Time
	if from != "" {
		var err error
		at, err = time.Parse(time.RFC3339, from)
		require.NoError(t, err)
	}
	p, err := price.NewOverride(provider, model, at, r)
	require.NoError(t, err)
	return p
}
