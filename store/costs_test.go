package store_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/advice"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

func openAtNoon(t testing.TB) *store.DB {
	t.Helper()
	return storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: func() time.Time { return askedAt }})
}

func costsOf(t testing.TB, db *store.DB, user string) store.Costs {
	t.Helper()
	c, err := db.Costs(t.Context(), policy.System(), user)
	require.NoError(t, err)
	return c
}

func allCosts(t testing.TB, db *store.DB) store.Costs {
	t.Helper()
	c, err := db.AllCosts(t.Context(), policy.System())
	require.NoError(t, err)
	return c
}

func TestNoHistoryIsAnAnswer(t *testing.T) {
	t.Parallel()
	db := openAtNoon(t)
	const empty = `{"total_cost":0,"most_expensive_model":null,"cost_by_provider":{},"cost_by_model":{},"recommendations":[]}`
	for _, c := range []store.Costs{costsOf(t, db, "nobody"), allCosts(t, db)} {
		text, err := json.Marshal(c)
		require.NoError(t, err)
		assert.JSONEq(t, empty, string(text))
	}
}

func TestCostsAreTheSumsOfTheLogsToTheNanoDollar(t *testing.T) {
	t.Parallel()
	db := openAtNoon(t)
	random := rand.New(rand.NewPCG(3, 3))
	models := []string{"gpt-4o", "openai/gpt-4o", "claude-sonnet-4", "my-own", ""}
	users := []string{`"end_user":"ann",`, `"end_user":"bob",`, ""}
	var logs []string
	for i := range 600 {
		cost := ""
		switch random.IntN(4) {
		case 0:
			cost = fmt.Sprintf(`,"total_cost":%.10f`, random.Float64()*random.Float64())
		case 1:
			cost = fmt.Sprintf(`,"total_cost":%d.0000000005`, random.IntN(90_000_000))
		}
		logs = append(logs, fmt.Sprintf(`{%s"litellm_call_id":"%d","model":%q,"status":%q,"created_at":"2026-%02d-15T00:00:00Z","prompt_tokens":%d,"completion_tokens":%d%s}`,
			users[random.IntN(3)], i, models[random.IntN(len(models))], []string{"success", "failure"}[random.IntN(2)], 1+random.IntN(3),
			random.IntN(3000), random.IntN(300), cost))
	}
	storetest.Append(t, db, policy.System(), logs...)
	_, err := db.Mutate(t.Context(), policy.System(), store.Mutation{Relation: "request_logs", Action: policy.Delete, Where: query.Is("litellm_call_id", "7")})
	require.NoError(t, err)
	storetest.RequireClean(t, db)

	for who, where := range map[string]string{"ann": "user_profile_id = 'ann'", "bob": "user_profile_id = 'bob'", "": "true"} {
		costs := allCosts(t, db)
		if who != "" {
			costs = costsOf(t, db, who)
		}
		assert.Equal(t, rawSums(t, db, "''", where)[""], &costs.TotalCost, who)
		assert.Equal(t, rawSums(t, db, "coalesce(model, '')", where), costs.CostByModel, who)
		assert.Equal(t, rawSums(t, db, "coalesce(provider, '')", where), costs.CostByProvider, who)
		for model, cost := range costs.CostByModel {
			assert.True(t, cost == nil || *cost <= *costs.CostByModel[*costs.MostExpensiveModel], model)
		}
	}
}

// rawSums adds up the logs themselves, each rounded to nano-dollars.
func rawSums(t testing.TB, db *store.DB, key, where string) map[string]*float64 {
	t.Helper()
	type sum struct {
		nano   int64
		priced bool
	}
	sums := map[string]sum{}
	require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Query(fmt.Sprintf("SELECT %s, total_cost FROM request_logs WHERE %s", key, where))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var cost *float64
			if err := rows.Scan(&name, &cost); err != nil {
				return err
			}
			s := sums[name]
			if cost != nil {
				s = sum{s.nano + store.NanoUSD(*cost), true}
			}
			sums[name] = s
		}
		return rows.Err()
	}))
	usd := map[string]*float64{}
	for name, s := range sums {
		usd[name] = nil
		if s.priced {
			v := float64(s.nano) / 1e9
			usd[name] = &v
		}
	}
	return usd
}

func TestTiesGoByNameAndNothingIsTheMostExpensiveOfNothing(t *testing.T) {
	t.Parallel()
	usd := func(v float64) *float64 { return &v }
	name := func(s string) *string { return &s }
	for about, tt := range map[string]struct {
		logs    []string
		most    *string
		byModel map[string]*float64
	}{
		"a tie":                             {[]string{`"model":"z","total_cost":1`, `"model":"b","total_cost":1`, `"model":"c","total_cost":1`}, name("b"), map[string]*float64{"z": usd(1), "b": usd(1), "c": usd(1)}},
		"one model of two providers":        {[]string{`"model":"z","provider":"p","total_cost":1`, `"model":"z","provider":"q","total_cost":1`, `"model":"b","total_cost":1.5`}, name("z"), map[string]*float64{"z": usd(2), "b": usd(1.5)}},
		"nothing has a cost":                {[]string{`"model":"z","tokens_used":1`, `"model":"b"`}, nil, map[string]*float64{"z": nil, "b": nil}},
		"all was free":                      {[]string{`"model":"z","total_cost":0`}, nil, map[string]*float64{"z": usd(0)}},
		"a part of a model's has a cost":    {[]string{`"model":"z","total_cost":1`, `"model":"z","tokens_used":5`}, name("z"), map[string]*float64{"z": usd(1)}},
		"a model that nobody named":         {[]string{`"total_cost":1`, `"model":null,"total_cost":1`, `"model":"a","total_cost":1`}, name(""), map[string]*float64{"": usd(2), "a": usd(1)}},
		"what has begun has no cost so far": {[]string{`"model":"z","status":"initiated"`}, nil, map[string]*float64{"z": nil}},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			db := openAtNoon(t)
			for _, l := range tt.logs {
				if !strings.Contains(l, "status") {
					l += `,"status":"success"`
				}
				storetest.Append(t, db, policy.System(), `{"end_user":"ann",`+l+`}`)
			}
			for _, c := range []store.Costs{costsOf(t, db, "ann"), allCosts(t, db)} {
				assert.Equal(t, tt.most, c.MostExpensiveModel)
				assert.Equal(t, tt.byModel, c.CostByModel)
			}
		})
	}
}

func TestAModelsCostSaysHowManyRequestsAreNotInIt(t *testing.T) {
	t.Parallel()
	db := openAtNoon(t)
	for _, l := range []string{
		`"provider":"p","total_cost":1,"tokens_used":5`, `"provider":"p","tokens_used":5`, `"provider":"p","tokens_used":5`, `"provider":"p"`,
		`"provider":"q","tokens_used":5`, `"provider":"r","total_cost":0,"tokens_used":5`, `"provider":"s"`,
	} {
		storetest.Append(t, db, policy.System(), `{"end_user":"ann","model":"z","status":"success",`+l+`}`)
	}
	one, nothing := 1.0, 0.0
	for _, c := range []store.Costs{costsOf(t, db, "ann"), allCosts(t, db)} {
		assert.Equal(t, map[advice.Name]store.ModelCost{
			{Provider: "p", Model: "z"}: {Cost: &one, Unpriced: 2}, {Provider: "q", Model: "z"}: {Unpriced: 1},
			{Provider: "r", Model: "z"}: {Cost: &nothing}, {Provider: "s", Model: "z"}: {},
		}, c.Models)
	}
}

func TestTheOverviewCountsWhatIsLinkedToNobody(t *testing.T) {
	t.Parallel()
	db := openAtNoon(t)
	storetest.Append(t, db, policy.System(), `{"end_user":"ann","model":"m","provider":"p","status":"success","total_cost":1}`,
		`{"model":"m","provider":"p","status":"success","total_cost":2}`)
	assert.Equal(t, 1.0, costsOf(t, db, "ann").TotalCost)
	assert.Equal(t, 3.0, allCosts(t, db).TotalCost)
	assert.Equal(t, 3.0, *allCosts(t, db).CostByProvider["p"])
	require.NoError(t, db.EraseUser(t.Context(), policy.System(), "ann"))
	assert.Equal(t, 2.0, allCosts(t, db).TotalCost)
}

func advised(c store.Costs, kind string) (found []advice.Recommendation) {
	for _, r := range c.Recommendations {
		if r.Kind == kind {
			found = append(found, r)
		}
	}
	return found
}

func TestACheaperModelIsAdvisedForTheUsersOwnTokens(t *testing.T) {
	t.Parallel()
	db := openAtNoon(t)
	const log = `{"end_user":%q,"model":"claude-opus-4-1","status":"success","response":{"usage":{"input_tokens":1000,"output_tokens":200,
		"cache_read_input_tokens":8000,"cache_creation_input_tokens":1000}}}`
	for range 10 {
		storetest.Append(t, db, policy.System(), fmt.Sprintf(log, "ann"))
	}
	storetest.Append(t, db, policy.System(), fmt.Sprintf(log, "bob"))
	// opus 4.1: 15, 75, 1.5, 18.75: 0.015 + 0.015 + 0.012 + 0.01875 = 0.06075
	c := costsOf(t, db, "ann")
	assert.Equal(t, 0.6075, c.TotalCost)
	found := advised(c, "cheaper_model")
	require.Len(t, found, 1)
	r := found[0]
	other, err := db.PriceAt(t.Context(), policy.System(), "anthropic", r.Figures["cheaper_model"].(string), askedAt)
	require.NoError(t, err)
	assert.Equal(t, "anthropic", other.Provider)
	assert.False(t, other.Deprecated)
	var rates map[string]float64
	require.NoError(t, json.Unmarshal(other.Rates, &rates), "tokens of a model without tiers")
	then := (10_000*rates["input"] + 2000*rates["output"] + 80_000*rates["cache_read"] + 10_000*rates["cache_write"]) / 1e6
	assert.Equal(t, 0.6075, r.Figures["cost_now"])
	assert.InDelta(t, then, r.Figures["cost_then"], 1e-12)
	assert.InDelta(t, 0.6075-then, *r.Amount, 1e-12)
	assert.Greater(t, *r.Amount, 0.2*0.6075)
}

func TestFailuresAndUnpricedUsageAreFoundInTheLogs(t *testing.T) {
	t.Parallel()
	db := openAtNoon(t)
	storetest.Append(t, db, policy.System(),
		`{"end_user":"ann","model":"m","status":"success","prompt_tokens":900,"completion_tokens":100,"total_cost":1}`,
		`{"end_user":"ann","model":"m","status":"failure","total_cost":0.25}`, `{"end_user":"ann","model":"m","status":"error","total_cost":0.0000000005}`,
		`{"end_user":"ann","model":"m","status":"failure"}`,
		`{"end_user":"ann","model":"n","status":"success","tokens_used":500}`)
	c := costsOf(t, db, "ann")
	require.Len(t, c.Recommendations, 2)
	unpriced, failed := c.Recommendations[0], c.Recommendations[1]
	assert.Equal(t, "failed_requests", failed.Kind)
	assert.Equal(t, 0.250000001, *failed.Amount)
	assert.Equal(t, int64(3), failed.Figures["failures"])
	assert.Equal(t, "unpriced_usage", unpriced.Kind)
	assert.InDelta(t, 0.6250000005, *unpriced.Amount, 1e-9, "500 tokens at 1.250000001 USD a thousand")
}

func TestLongAnswersAreComparedOnlyForThoseWhoMaySeeEverybody(t *testing.T) {
	t.Parallel()
	db := openAtNoon(t)
	ann := storetest.User("ann")
	add := func(user string, n, output int) {
		var logs []string
		for range n {
			logs = append(logs, fmt.Sprintf(`{"end_user":%q,"model":"gpt-4o","status":"success","prompt_tokens":10,"completion_tokens":%d}`, user, output))
		}
		storetest.Append(t, db, policy.System(), logs...)
	}
	own := func() string {
		c, err := db.Costs(t.Context(), ann, "ann")
		require.NoError(t, err)
		text, err := json.Marshal(c)
		require.NoError(t, err)
		return string(text)
	}
	add("ann", 10, 1000)
	before := own()
	assert.Empty(t, advised(costsOf(t, db, "ann"), "long_output"), "there is nobody else")
	add("bob", 15, 100)
	storetest.Append(t, db, policy.System(), `{"model":"gpt-4o","status":"success","prompt_tokens":10,"completion_tokens":100}`)
	add("", 4, 100) // nobody's count, too
	found := advised(costsOf(t, db, "ann"), "long_output")
	require.Len(t, found, 1)
	assert.Equal(t, 0.09, *found[0].Amount, "(10,000 - 1,000) tokens × 10 a million")
	assert.Equal(t, int64(20), found[0].Figures["others_requests"])
	assert.Equal(t, 100.0, found[0].Figures["others_average_output_tokens"])
	assert.Empty(t, advised(costsOf(t, db, "bob"), "long_output"), "bob's are short")
	assert.Empty(t, advised(allCosts(t, db), "long_output"), "everybody has nobody to compare with")
	assert.Equal(t, before, own(), "ann learns nothing of others")
	save(t, db, override(t, "", "unheard-of", "", `{"input":1,"output":1}`))
	require.NoError(t, db.EraseUser(t.Context(), policy.System(), "bob"))
	assert.Equal(t, before, own())
}

func TestAUserSeesTheirOwnCostsAndNoOthers(t *testing.T) {
	t.Parallel()
	db := openAtNoon(t)
	storetest.Append(t, db, policy.System(), `{"end_user":"ann","model":"m","status":"success","total_cost":1,"prompt_tokens":1}`, `{"model":"m","status":"success","total_cost":1}`)
	for name, caller := range map[string]policy.Caller{"bob": storetest.User("bob"), "anon": storetest.Anon(), "nobody": {}} {
		c, err := db.Costs(t.Context(), caller, "ann")
		require.NoError(t, err)
		assert.Zero(t, c.TotalCost, name)
		assert.Empty(t, c.CostByModel, name)
		c, err = db.AllCosts(t.Context(), caller)
		require.NoError(t, err)
		assert.Empty(t, c.CostByModel, name)
	}
}

// BenchmarkCosts analyses the costs of a generated database.
func BenchmarkCosts(b *testing.B) {
	db := storetest.Generated(b, *benchRows, *benchUsers, *benchKeep)
	benchCosts(b, db, storetest.GeneratedUser(0))
}

// BenchmarkCostsWithMessages does so where the newest 500 requests have
// messages, and of those the heaviest user's are all.
func BenchmarkCostsWithMessages(b *testing.B) {
	for _, kilobytes := range []int{2, 20, 200} {
		b.Run(fmt.Sprintf("KB=%d", kilobytes), func(b *testing.B) {
			db := storetest.Open(b)
			system := strings.Repeat("You are a helpful assistant. ", kilobytes*1024/29)
			for i := range 50 {
				var logs []store.Log
				for j := range 12 {
					logs = append(logs, storetest.Log(b, fmt.Sprintf(`{"end_user":"u","model":"claude-sonnet-4","status":"success","prompt_tokens":%d,"completion_tokens":10,
						"messages":[{"role":"system","content":%q},{"role":"user","content":"%d"}]}`, kilobytes*256, system, i*12+j)))
				}
				_, err := db.Append(b.Context(), policy.System(), logs...)
				require.NoError(b, err)
			}
			benchCosts(b, db, "u")
		})
	}
}

func benchCosts(b *testing.B, db *store.DB, user string) {
	b.Helper()
	for name, ask := range map[string]func() (store.Costs, error){
		"heaviest": func() (store.Costs, error) { return db.Costs(b.Context(), policy.System(), user) },
		"themself": func() (store.Costs, error) { return db.Costs(b.Context(), storetest.User(user), user) },
		"all":      func() (store.Costs, error) { return db.AllCosts(b.Context(), policy.System()) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
