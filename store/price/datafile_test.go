package price_test

import (
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/storetest"
)

// The data file as it is, read by nothing of ours.
type dataProvider struct {
	ID     string
	Models []struct {
		ID     string
		Prices json.RawMessage
	}
}

type dataCondition struct {
	Constraint *struct {
		StartDate string `json:"start_date"`
		StartTime string `json:"start_time"`
		EndTime   string `json:"end_time"`
	}
	Prices map[string]json.RawMessage
}

// holding returns the prices that hold at a moment, by genai-prices' rule: the
// last whose constraint is met, the first when none is.
func holding(t testing.TB, raw json.RawMessage, at time.Time) map[string]json.RawMessage {
	t.Helper()
	if raw[0] == '{' {
		var prices map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &prices))
		return prices
	}
	var conditions []dataCondition
	require.NoError(t, json.Unmarshal(raw, &conditions))
	for _, c := range slices.Backward(conditions) {
		day, clock := at.Format(time.DateOnly), at.Format(time.TimeOnly)+"Z"
		switch {
		case c.Constraint == nil,
			c.Constraint.StartDate != "" && day >= c.Constraint.StartDate,
			c.Constraint.StartTime != "" && c.Constraint.StartTime <= clock && clock < c.Constraint.EndTime:
			return c.Prices
		}
	}
	return conditions[0].Prices
}

// perMillion is what a class costs in a request with so many input tokens; nil
// when it has no price.
func perMillion(t testing.TB, raw json.RawMessage, input int64) *big.Rat {
	t.Helper()
	if raw == nil {
		return nil
	}
	text := string(raw)
	if raw[0] == '{' {
		var tiered struct {
			Base  json.Number
			Tiers []struct {
				Start int64
				Price json.Number
			}
		}
		require.NoError(t, json.Unmarshal(raw, &tiered))
		text = tiered.Base.String()
		for _, tier := range tiered.Tiers {
			if input > tier.Start {
				text = tier.Price.String()
			}
		}
	}
	rate, ok := new(big.Rat).SetString(text)
	require.True(t, ok, text)
	return rate
}

// dataCost is what input, cache reads, cache writes and output cost, each token
// in its own class or, without a price there, as input.
func dataCost(t testing.TB, prices map[string]json.RawMessage, u price.Usage) (string, bool) {
	t.Helper()
	total := new(big.Rat)
	charge := func(n int64, names ...string) bool {
		for _, name := range names {
			if rate := perMillion(t, prices[name], u.Input); rate != nil {
				total.Add(total, rate.Mul(rate, big.NewRat(n, 1_000_000)))
				return true
			}
		}
		return n == 0
	}
	ok := charge(u.Input-u.CacheRead-u.CacheWrite, "input_mtok") &&
		charge(u.CacheRead, "cache_read_mtok", "input_mtok") &&
		charge(u.CacheWrite-u.CacheWrite1h, "cache_write_mtok", "input_mtok") &&
		charge(u.CacheWrite1h, "cache_write_1h_mtok", "cache_write_mtok", "input_mtok") &&
		charge(u.Output-u.OutputReasoning, "output_mtok") &&
		charge(u.OutputReasoning, "output_reasoning_mtok", "output_mtok")
	return strings.TrimSuffix(strings.TrimRight(total.FloatString(24), "0"), "."), ok
}

func TestEveryModelOfTheDataFileCostsWhatTheFileSays(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(dataFile)
	storetest.Need(t, err == nil, "the data file of genai-prices")
	var providers []dataProvider
	require.NoError(t, json.Unmarshal(data, &providers))

	checked := 0
	for _, p := range providers {
		for _, m := range p.Models {
			entry, ok := shippedTable.Find(p.ID, m.ID)
			require.True(t, ok, "%s %s", p.ID, m.ID)
			if entry.Model != m.ID {
				continue // its id is another model's name too
			}
			moments := []string{
				"2025-01-15T00:29:59Z", "2025-06-10T00:00:00Z", "2026-03-13T12:00:00Z", "2026-07-30T16:30:00Z", "2026-09-01T03:00:00Z", "2027-01-01T00:00:00Z",
			}
			if m.Prices[0] == '{' {
				moments = moments[:1] // it holds at all of them
			}
			for _, at := range moments {
				listed, ok := entry.At(moment(t, at))
				require.True(t, ok)
				for _, u := range []price.Usage{
					{Input: 1000, Output: 100},
					{Input: 128_000, CacheRead: 100_000, Output: 1}, {Input: 128_001, CacheRead: 1, Output: 1},
					{Input: 200_000, CacheWrite: 30_000, CacheWrite1h: 10_000, Output: 7}, {Input: 200_001, CacheWrite: 3, CacheWrite1h: 3},
					{Input: 272_000, CacheRead: 272_000}, {Input: 272_001, Output: 50, OutputReasoning: 49},
					{Input: 900_000, CacheRead: 800_000, CacheWrite: 99_999, CacheWrite1h: 1, Output: 64_000, OutputReasoning: 60_000},
				} {
					want, wantOK := dataCost(t, holding(t, m.Prices, moment(t, at)), u)
					amount, ok := listed.Cost(u)
					if ok != wantOK || ok && amount.String() != want {
						assert.Failf(t, "another cost", "%s %s at %s: %+v costs %s, not %s", p.ID, m.ID, at, u, amount, want)
					}
					checked++
				}
			}
		}
	}
	assert.Greater(t, checked, 10_000)
}
