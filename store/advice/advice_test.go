package advice_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/store/advice"
	"github.com/llmtally/llmtally/store/price"
)

var now = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

// tableOf makes a price table of Anthropic's models, rates in JSON by name.
func tableOf(t rapid.TB, models ...string) *price.Table {
	t.Helper()
	var prices []price.Price
	for i := 0; i < len(models); i += 2 {
		var rates price.Rates
		require.NoError(t, rates.UnmarshalJSON([]byte(models[i+1])))
		prices = append(prices, price.Price{
			ID: int64(i + 1), Source: price.SourceShipped, Provider: "anthropic", Model: models[i], Match: price.Equals(models[i]), Rates: rates,
		})
	}
	return price.NewTable(prices)
}

const (
	opus   = `{"input":10,"output":50,"cache_read":1,"cache_write":12.5}`
	sonnet = `{"input":3,"output":15,"cache_read":0.3,"cache_write":3.75}`
	haiku  = `{"input":1,"output":5,"cache_read":0.1,"cache_write":1.25}`
)

// ofOpus is 100 requests that cost, in USD:
// 500,000 plain × 10, 400,000 read × 1, 100,000 written × 12.5, 200,000 out × 50,
// each a million: 5 + 0.4 + 1.25 + 10 = 16.65.
func ofOpus() advice.Usage {
	return advice.Usage{
		Provider: "anthropic", Model: "claude-opus-9", Requests: 100, Counted: 100,
		Tokens:    price.Usage{Input: 1_000_000, CacheRead: 400_000, CacheWrite: 100_000, Output: 200_000, Requests: 100},
		AllTokens: 1_200_000, Cost: 16.65,
	}
}

func kinds(all []advice.Recommendation) (kinds []string) {
	for _, r := range all {
		kinds = append(kinds, r.Kind+" "+r.Model)
	}
	return kinds
}

// one requires that there is one recommendation, and returns it.
func one(t *testing.T, in advice.Input) advice.Recommendation {
	t.Helper()
	in.At = now
	all := advice.Recommend(in)
	require.Len(t, all, 1, "%v", kinds(all))
	return all[0]
}

func none(t *testing.T, in advice.Input, why ...any) {
	t.Helper()
	in.At = now
	assert.Empty(t, kinds(advice.Recommend(in)), why...)
}

func TestThereIsNothingToDoAboutNoUsage(t *testing.T) {
	t.Parallel()
	all := advice.Recommend(advice.Input{Prices: tableOf(t)})
	assert.NotNil(t, all, "in JSON it is a list")
	assert.Empty(t, all)
}

func TestACheaperModelIsReckonedWithTheSameTokens(t *testing.T) {
	t.Parallel()
	r := one(t, advice.Input{
		Usage: []advice.Usage{ofOpus()}, Prices: tableOf(t, "claude-opus-9", opus, "claude-haiku-9", haiku),
	})
	assert.Equal(t, "cheaper_model", r.Kind)
	assert.Equal(t, "saving", r.AmountIs)
	assert.Equal(t, "claude-opus-9", r.Model)
	assert.Equal(t, "anthropic", r.Provider)
	assert.Equal(t, 14.985, *r.Amount, "16.65 less a tenth of it")
	assert.Equal(t, map[string]any{
		"cheaper_model": "claude-haiku-9", "cost_now": 16.65, "cost_then": 1.665, "requests": int64(100),
		"input_tokens": int64(1_000_000), "output_tokens": int64(200_000),
		"cache_read_tokens": int64(400_000), "cache_write_tokens": int64(100_000),
	}, r.Figures)
	assert.Equal(t, "claude-haiku-9 would have cost $1.67 instead of $16.65 for the same tokens as claude-opus-9. "+
		"Try it where its answers are good enough.", r.Message)
}

func TestTheModelNearestInPriceThatIsWorthTheChangeIsAdvised(t *testing.T) {
	t.Parallel()
	const nearly = `{"input":8.1,"output":40.5,"cache_read":0.81,"cache_write":10.125}`
	const aFifth = `{"input":8,"output":40,"cache_read":0.8,"cache_write":10}`
	for name, tt := range map[string]struct {
		models []string
		others float64 // what other models cost
		want   string
		saving float64
	}{
		"the nearest":                                 {[]string{"claude-haiku-9", haiku, "claude-sonnet-9", sonnet}, 0, "claude-sonnet-9", 11.655},
		"less than a fifth is too little":             {[]string{"claude-sonnet-9", nearly}, 0, "", 0},
		"a fifth is enough":                           {[]string{"claude-sonnet-9", aFifth}, 0, "claude-sonnet-9", 3.33},
		"one that is too near is passed over":         {[]string{"claude-haiku-9", haiku, "claude-sonnet-9", nearly}, 0, "claude-haiku-9", 14.985},
		"less than a twentieth of all is too little":  {[]string{"claude-sonnet-9", aFifth}, 50, "", 0},
		"then one that saves more is worth it":        {[]string{"claude-haiku-9", haiku, "claude-sonnet-9", aFifth}, 50, "claude-haiku-9", 14.985},
		"of a large bill, that is too little as well": {[]string{"claude-haiku-9", haiku, "claude-sonnet-9", aFifth}, 300, "", 0},
		"nothing is cheaper":                          {[]string{"claude-sonnet-9", opus}, 0, "", 0},
		"there is nothing else":                       {nil, 0, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := advice.Input{
				Usage:  []advice.Usage{ofOpus(), {Provider: "x", Model: "not-in-the-list", Requests: 1, Counted: 1, Cost: tt.others}},
				Prices: tableOf(t, append(tt.models, "claude-opus-9", opus)...),
			}
			if tt.want == "" {
				none(t, in)
				return
			}
			r := one(t, in)
			assert.Equal(t, tt.want, r.Figures["cheaper_model"])
			assert.Equal(t, tt.saving, *r.Amount)
		})
	}
}

func TestASavingIsOfWhatWasPaid(t *testing.T) {
	t.Parallel()
	prices := tableOf(t, "claude-opus-9", opus, "claude-haiku-9", haiku)
	for name, tt := range map[string]struct {
		paid     float64
		unpriced int64
		saving   float64 // 0: nothing is advised
	}{
		"the list's price":                      {16.65, 0, 14.985},
		"more than the list's, before it fell":  {33.3, 0, 14.985},
		"less, by contract":                     {8.325, 0, 6.66},
		"hardly more than the other would cost": {2, 0, 0},
		"nothing":                               {0, 0, 0},
		"of part of it only":                    {2, 50, 14.985},
	} {
		u := ofOpus()
		u.Cost, u.UnpricedRequests = tt.paid, tt.unpriced
		in := advice.Input{Usage: []advice.Usage{u}, Prices: prices}
		if tt.saving == 0 {
			none(t, in, name)
			continue
		}
		r := one(t, in)
		assert.InDelta(t, tt.saving, *r.Amount, 1e-12, name)
		assert.LessOrEqual(t, *r.Amount, r.Figures["cost_now"], name)
	}
}

func TestTiersGoByTheAverageRequest(t *testing.T) {
	t.Parallel()
	const tiered = `{"input":{"base":3,"tiers":[{"above":200000,"price":6}]},"output":15}`
	prices := tableOf(t, "claude-opus-9", `{"input":10,"output":50}`, "claude-sonnet-9", tiered)
	usage := func(requests int64) advice.Input {
		return advice.Input{Prices: prices, Usage: []advice.Usage{{
			Provider: "anthropic", Model: "claude-opus-9", Requests: requests, Counted: requests,
			Tokens: price.Usage{Input: 1_000_000, Output: 0, Requests: requests}, AllTokens: 1_000_000, Cost: 10,
		}}}
	}
	assert.Equal(t, 7.0, *one(t, usage(5)).Amount, "200,000 tokens a request are below the tier")
	assert.Equal(t, 4.0, *one(t, usage(4)).Amount, "250,000 are beyond it")
}

func TestFailedRequestsAreALossOfWhatTheyCost(t *testing.T) {
	t.Parallel()
	u := advice.Usage{Provider: "p", Model: "m", Requests: 2000, Failures: 40, Counted: 10, Cost: 5, FailedCost: 0.0000012}
	r := one(t, advice.Input{Usage: []advice.Usage{u}, Prices: tableOf(t)})
	assert.Equal(t, "failed_requests", r.Kind)
	assert.Equal(t, "loss", r.AmountIs)
	assert.Equal(t, 0.0000012, *r.Amount)
	assert.Equal(t, map[string]any{"failures": int64(40), "requests": int64(2000), "failed_cost": 0.0000012, "total_cost": 5.0}, r.Figures)
	assert.Equal(t, "40 of 2,000 requests to m failed, at a cost of $0.0000012. Look at the errors, and at what is retried.", r.Message)

	u.Failures, u.Requests = 1, 1
	assert.Contains(t, one(t, advice.Input{Usage: []advice.Usage{u}, Prices: tableOf(t)}).Message, "1 of 1 request to m failed")
	u.FailedCost = 0
	none(t, advice.Input{Usage: []advice.Usage{u}, Prices: tableOf(t)}, "failures that cost nothing")
}

func TestLongAnswersAreThoseFarBeyondEverybodyElses(t *testing.T) {
	t.Parallel()
	name := advice.Name{Provider: "anthropic", Model: "claude-opus-9"}
	input := func(requests, output int64, others advice.Average) advice.Input {
		return advice.Input{
			Prices: tableOf(t, "claude-opus-9", opus),
			Usage: []advice.Usage{{
				Provider: name.Provider, Model: name.Model, Requests: requests, Counted: requests,
				Tokens: price.Usage{Input: 1000 * requests, Output: output, Requests: requests}, Cost: 1000,
			}},
			Others: map[advice.Name]advice.Average{name: others},
		}
	}
	r := one(t, input(10, 12_345, advice.Average{Requests: 20, Output: 500}))
	assert.Equal(t, "long_output", r.Kind)
	assert.Equal(t, "saving", r.AmountIs)
	assert.Equal(t, 0.36725, *r.Amount, "(12,345 - 5,000) × 50 a million")
	assert.Equal(t, map[string]any{
		"requests": int64(10), "average_output_tokens": 1234.5, "others_average_output_tokens": 500.0,
		"others_requests": int64(20), "excess_output_tokens": int64(7345),
	}, r.Figures)
	assert.Equal(t, "Answers of claude-opus-9 have 1,235 tokens on average, 2.5 times as many as everybody else's 500; "+
		"what is beyond that cost $0.37. Ask for shorter answers, or set a limit (max_tokens).", r.Message)

	none(t, input(10, 9_990, advice.Average{Requests: 20, Output: 500}), "not twice as long")
	none(t, input(9, 90_000, advice.Average{Requests: 20, Output: 500}), "too few of one's own")
	none(t, input(10, 90_000, advice.Average{Requests: 19, Output: 500}), "too few of the others'")
	none(t, input(10, 90_000, advice.Average{Requests: 20}), "others have no output")
	none(t, input(10, 90_000, advice.Average{}), "nobody else, or nobody that one may know of")
	cheap := input(10, 12_345, advice.Average{Requests: 20, Output: 500})
	cheap.Usage[0].Cost = 0.358625 // half of 10,000 × 10 and 12,345 × 50 a million
	assert.InDelta(t, 0.183625, *one(t, cheap).Amount, 1e-12, "of what was paid: half the list's price")
	cheap.Usage[0].Cost = 0
	none(t, cheap, "it cost nothing")
}

func TestPromptCachingSavesWhatReadingIsCheaperLessWhatWritingCosts(t *testing.T) {
	t.Parallel()
	repeat := advice.Repeat{
		Name:    advice.Name{Provider: "anthropic", Model: "claude-opus-9"},
		Sampled: 500, Requests: 99, Input: 99 * 3000, Tokens: 99 * 2000, Written: 2000, Span: 90 * time.Second,
	}
	r := one(t, advice.Input{Repeats: []advice.Repeat{repeat}, Prices: tableOf(t, "claude-opus-9", opus)})
	assert.Equal(t, "prompt_caching", r.Kind)
	assert.Equal(t, "saving", r.AmountIs)
	assert.Equal(t, 1.777, *r.Amount, "198,000 × (10 - 1) - 2,000 × (12.5 - 10), a million")
	assert.Equal(t, map[string]any{
		"sampled_requests": int64(500), "sampled_seconds": 90.0, "repeating_requests": int64(99),
		"repeated_tokens": int64(198_000), "cached_tokens": int64(2000), "cost_now": 2.0, "cost_then": 0.223,
	}, r.Figures)
	assert.Equal(t, "99 of the last 500 requests to claude-opus-9 began with what an earlier one had sent minutes before, "+
		"and nothing says that it came from a cache. Prompt caching would have saved $1.78: "+
		"put what stays the same first, and have the provider cache it.", r.Message)

	none(t, advice.Input{Repeats: []advice.Repeat{repeat}, Prices: tableOf(t, "claude-opus-9", `{"input":10,"output":50}`)},
		"a model that is never cheaper to read")
	none(t, advice.Input{Repeats: []advice.Repeat{repeat}, Prices: tableOf(t)}, "no price")
	once := repeat
	once.Requests, once.Tokens = 1, 2000
	assert.Equal(t, 0.013, *one(t, advice.Input{Repeats: []advice.Repeat{once}, Prices: tableOf(t, "claude-opus-9", opus)}).Amount,
		"the second request pays for the first one's writing")
	dear := `{"input":10,"output":50,"cache_read":9,"cache_write":30}`
	none(t, advice.Input{Repeats: []advice.Repeat{once}, Prices: tableOf(t, "claude-opus-9", dear)}, "writing costs more than reading saves")
	tiered := `{"input":{"base":10,"tiers":[{"above":2500,"price":20}]},"output":50,"cache_read":1,"cache_write":12.5}`
	assert.Equal(t, 3.777, *one(t, advice.Input{Repeats: []advice.Repeat{repeat}, Prices: tableOf(t, "claude-opus-9", tiered)}).Amount,
		"tiers go by the whole input of a request, 3,000 tokens: 200,000 × 20 - 198,000 × 1 - 2,000 × 12.5")
}

func TestUnpricedUsageIsARiskOfTheAverageCost(t *testing.T) {
	t.Parallel()
	unpriced := advice.Usage{Provider: "p", Model: "m", Requests: 3, Counted: 3, AllTokens: 2000, UnpricedRequests: 2, UnpricedTokens: 1500}
	in := advice.Input{Prices: tableOf(t, "claude-opus-9", opus), Usage: []advice.Usage{unpriced}}
	r := one(t, in)
	assert.Equal(t, "unpriced_usage", r.Kind)
	assert.Equal(t, "risk", r.AmountIs)
	assert.Nil(t, r.Amount, "nothing is priced, so there is no average")
	assert.Equal(t, map[string]any{"requests": int64(2), "tokens": int64(1500)}, r.Figures)
	assert.Equal(t, "2 requests to m, with 1,500 tokens, have no cost, since no price is known. "+
		"Set one with `llmtally prices set`, then run `llmtally reprice`.", r.Message)
	assert.Equal(t, "2 requests to m, with 1,500 tokens, have no cost, since no price is known.", r.Finding, "what a user is told who cannot do it")

	// 500 priced tokens of m and 500 of another model, of which no more than
	// their number is known, cost 2 USD together.
	in.Usage[0].Cost = 1
	in.Usage = append(in.Usage, advice.Usage{Provider: "p", Model: "n", Requests: 1, Counted: 1, AllTokens: 500, Cost: 1})
	r = one(t, in)
	assert.Equal(t, 3.0, *r.Amount)
	assert.Equal(t, 0.002, r.Figures["average_cost_per_token"])
	assert.True(t, strings.HasSuffix(r.Message, " At the average of what has a cost, that is about $3.00."), r.Message)
}

func TestUnpricedUsageSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]string{
		"m":             "1 request to m, with 1 token, has no cost, since no price is known.",
		"":              "1 request to an unknown model, with 1 token, has no cost and no model to find a price by. Send the model, or the cost.",
		"claude-opus-9": "1 request to claude-opus-9, with 1 token, has no cost, though the price is known. Run `llmtally reprice`;",
	} {
		r := one(t, advice.Input{Prices: tableOf(t, "claude-opus-9", opus), Usage: []advice.Usage{{
			Model: model, Requests: 1, Counted: 1, AllTokens: 1, UnpricedRequests: 1, UnpricedTokens: 1,
		}}})
		assert.Contains(t, r.Message, want)
	}
}

func TestOneRecommendationStandsForManyModelsWithoutAPrice(t *testing.T) {
	t.Parallel()
	in := advice.Input{Prices: tableOf(t), At: now, Usage: []advice.Usage{{Model: "paid", Requests: 1, Failures: 1, Cost: 3, FailedCost: 3, AllTokens: 10}}}
	unpriced := func(names ...string) {
		for _, name := range names {
			in.Usage = append(in.Usage, advice.Usage{Model: name, Requests: 2, UnpricedRequests: 2, UnpricedTokens: 5, AllTokens: 5})
		}
	}
	unpriced("a", "b", "")
	few := advice.Recommend(in)
	assert.Equal(t, few, advice.Gathered(few), "few speak for themselves")

	unpriced("d", "e f")
	all := advice.Gathered(advice.Recommend(in))
	assert.Equal(t, []string{"unpriced_usage ", "failed_requests paid"}, kinds(all), "together they are the largest")
	assert.Equal(t, 7.5, *all[0].Amount)
	assert.Equal(t, map[string]any{"requests": int64(10), "tokens": int64(25)}, all[0].Figures)
	const found, average = "10 requests to 5 models, with 25 tokens, have no cost: a, b, an unknown model and 2 more.", " At the average of what has a cost, that is about $7.50."
	assert.Equal(t, found+average, all[0].Finding)
	assert.Equal(t, found+" Set their prices with `llmtally prices set`, then run `llmtally reprice`."+average, all[0].Message)
}

func TestTheLargestAmountComesFirstAndNoAmountLast(t *testing.T) {
	t.Parallel()
	failing := func(model string, cost float64) advice.Usage {
		return advice.Usage{Model: model, Requests: 2, Failures: 1, Cost: cost, FailedCost: cost}
	}
	all := advice.Recommend(advice.Input{Prices: tableOf(t), At: now, Usage: []advice.Usage{
		{Model: "u", Requests: 1, UnpricedRequests: 1, UnpricedTokens: 5, AllTokens: 5}, failing("b", 1), failing("a", 3), failing("c", 1), failing("d", 2),
	}})
	assert.Equal(t, []string{"failed_requests a", "failed_requests d", "failed_requests b", "failed_requests c", "unpriced_usage u"}, kinds(all))
	assert.Nil(t, all[4].Amount)
}

func TestMessagesReadWellWhateverTheModelIsCalled(t *testing.T) {
	t.Parallel()
	for model, shown := range map[string]string{
		"gpt-4o": "gpt-4o", "accounts/fireworks/models/x": "accounts/fireworks/models/x", "模型-7b": "模型-7b", "": "an unknown model",
		"my model": `"my model"`, "a\nb\x1b[31m": `"a\nb\x1b[31m"`, `"; DROP`: `"\"; DROP"`, "%d%s": "%d%s", "a\u202eb": `"a\u202eb"`,
		strings.Repeat("é", 512): strings.Repeat("é", 127) + "…",
	} {
		r := one(t, advice.Input{Prices: tableOf(t), Usage: []advice.Usage{{Model: model, Requests: 1, Failures: 1, Cost: 1, FailedCost: 1}}})
		assert.Equal(t, "1 of 1 request to "+shown+" failed, at a cost of $1.00. Look at the errors, and at what is retried.", r.Message)
		assert.Equal(t, model, r.Model, "the field has it as it is")
	}
}

func TestAmountsAreWrittenForPeople(t *testing.T) {
	t.Parallel()
	for usd, want := range map[float64]string{
		0.0000012: "$0.0000012", 0.00000123456: "$0.0000012", 1e-9: "$0.000000001", 1.5e-10: "$0.00000000015", 0.001: "$0.001", 0.0125: "$0.013",
		0.05: "$0.05", 0.5: "$0.50", 0.999: "$1.00", 1: "$1.00", 12.345: "$12.35", 999.994: "$999.99", 1000: "$1,000.00",
		12_345_678.9: "$12,345,678.90", 1e15: "$1,000,000,000,000,000.00",
	} {
		r := one(t, advice.Input{Prices: tableOf(t), Usage: []advice.Usage{{Model: "m", Requests: 1, Failures: 1, Cost: usd, FailedCost: usd}}})
		assert.Contains(t, r.Message, "at a cost of "+want+". ")
	}
}

// TestNoUsageMakesAnAmountThatIsNone draws any usage, and prices that have
// everything that prices have.
func TestNoUsageMakesAnAmountThatIsNone(t *testing.T) {
	t.Parallel()
	models := []string{"claude-opus-9", "claude-sonnet-9", "claude-haiku-9", "unknown", ""}
	rapid.Check(t, func(t *rapid.T) {
		count := func(name string) int64 {
			return rapid.OneOf(rapid.Int64Range(0, 50), rapid.Int64Range(0, 1e6), rapid.Int64Range(0, 1e15), rapid.Just(int64(0))).Draw(t, name)
		}
		money := func(name string) float64 {
			return rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 1e-6), rapid.Float64Range(0, 1000), rapid.Float64Range(0, 1e13)).Draw(t, name)
		}
		rate := func(name string) string {
			base := fmt.Sprintf("%.9f", rapid.Float64Range(0, 100).Draw(t, name))
			if rapid.Bool().Draw(t, name+" tiered") {
				return fmt.Sprintf(`{"base":%s,"tiers":[{"above":%d,"price":%.6f}]}`, base,
					rapid.Int64Range(0, 300_000).Draw(t, name+" above"), rapid.Float64Range(0, 100).Draw(t, name+" tier"))
			}
			return base
		}
		var prices []string
		for _, model := range models[:3] {
			rates := fmt.Sprintf(`"input":%s,"output":%s`, rate("input"), rate("output"))
			for _, class := range []string{"cache_read", "cache_write", "requests", "output_reasoning"} {
				if rapid.Bool().Draw(t, "has "+class) {
					rates += fmt.Sprintf(`,%q:%s`, class, rate(class))
				}
			}
			prices = append(prices, model, "{"+rates+"}")
		}
		in := advice.Input{Prices: tableOf(t, prices...), At: now, Others: map[advice.Name]advice.Average{}}
		total := 0.0
		for _, model := range models {
			if !rapid.Bool().Draw(t, "used") {
				continue
			}
			u := advice.Usage{
				Provider: rapid.SampledFrom([]string{"", "anthropic", "else"}).Draw(t, "provider"), Model: model,
				Requests: count("requests"), Failures: count("failures"), Counted: count("counted"),
				Tokens: price.Usage{
					Input: count("input"), Output: count("output"), CacheRead: count("read"), CacheWrite: count("write"),
					OutputReasoning: count("reasoning"), Requests: count("charged"),
				},
				AllTokens: count("all"), Cost: money("cost"), FailedCost: money("failed"),
				UnpricedRequests: count("unpriced"), UnpricedTokens: count("unpriced tokens"),
			}
			total += u.Cost
			in.Usage = append(in.Usage, u)
			name := advice.Name{Provider: u.Provider, Model: model}
			in.Others[name] = advice.Average{Requests: count("others"), Output: money("others' output")}
			in.Repeats = append(in.Repeats, advice.Repeat{
				Name: name, Sampled: count("sampled"), Requests: count("repeating"), Input: count("repeating input"),
				Tokens: count("repeated"), Written: count("written"), Span: time.Duration(count("span")),
			})
		}
		all := advice.Recommend(in)
		_, err := json.Marshal(all)
		require.NoError(t, err, "JSON has neither NaN nor infinity")
		last := math.Inf(1)
		for _, r := range all {
			assert.NotEmpty(t, r.Figures)
			assert.NotEmpty(t, r.Message)
			assert.NotContains(t, r.Message, "%!")
			if r.Amount == nil {
				last = -1
				continue
			}
			assert.Greater(t, *r.Amount, 0.0)
			assert.LessOrEqual(t, *r.Amount, last, "the largest first")
			last = *r.Amount
			if r.Kind == "cheaper_model" {
				assert.GreaterOrEqual(t, *r.Amount, 0.05*total)
				assert.InDelta(t, r.Figures["cost_now"].(float64)-r.Figures["cost_then"].(float64), *r.Amount, 1e-6+*r.Amount*1e-9)
			}
		}
	})
}
