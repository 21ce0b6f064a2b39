package price_test

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

// What the arithmetic and the rules take for granted, of every price.
func TestTheShippedPricesAreSound(t *testing.T) {
	t.Parallel()
	shipped := price.Shipped()
	assert.Greater(t, len(shipped), 1300)
	type condition struct {
		provider, model string
		from            time.Time
		hours           string
	}
	seen := map[condition]bool{}
	providers := map[string]bool{}
	for i, p := range shipped {
		at := p.Provider + " " + p.Model
		assert.Equal(t, price.SourceShipped, p.Source, at)
		assert.Zero(t, p.ID, at)
		assert.NotEmpty(t, p.Provider, at)
		assert.NotEmpty(t, p.Model, at)
		assert.Equal(t, strings.TrimSpace(p.Model), p.Model, at)
		assert.False(t, p.Match.IsZero(), at)
		assert.NotEmpty(t, p.Rates, at)
		assert.Contains(t, p.Rates, price.Input, "%s: all of it is input", at)
		assert.False(t, p.Rates.Free(), "%s: what is free is not listed", at)
		assert.Equal(t, time.UTC, p.From.Location(), at)
		assert.Equal(t, p.From, p.From.Truncate(24*time.Hour), "%s: prices change with the day", at)

		c := condition{p.Provider, p.Model, p.From, ""}
		if p.Hours != nil {
			c.hours = p.Hours.String()
		}
		assert.False(t, seen[c], "%s: two prices under one condition", at)
		seen[c] = true
		if i > 0 && shipped[i-1].Provider == p.Provider && shipped[i-1].Model == p.Model {
			assert.False(t, p.From.Before(shipped[i-1].From), "%s: the newer price is the later", at)
		} else {
			assert.True(t, p.From.IsZero() && p.Hours == nil, "%s: the first price is unconditional", at)
		}
		if i > 0 && shipped[i-1].Provider != p.Provider {
			assert.False(t, providers[p.Provider], "%s: a provider's models stand together", at)
		}
		providers[p.Provider] = true
	}
	assert.GreaterOrEqual(t, len(providers), 36)
}

// Where a class is a part of two priced ones, only a price of its own says
// which of the two holds.
func TestTheShippedPricesLeaveNoOverlapOpen(t *testing.T) {
	t.Parallel()
	for _, p := range price.Shipped() {
		has := func(c price.Class) bool { _, ok := p.Rates[c]; return ok }
		if has(price.CacheRead) && has(price.InputAudio) {
			assert.True(t, has(price.CacheAudioRead), "%s %s: cached sound", p.Provider, p.Model)
		}
		if has(price.CacheRead) && has(price.InputImage) {
			assert.True(t, has(price.CacheImageRead), "%s %s: cached images", p.Provider, p.Model)
		}
		assert.True(t, !has(price.CacheWrite1h) || has(price.CacheWrite), "%s %s: writes for an hour", p.Provider, p.Model)
	}
}

func TestFallbacksAreProvidersThatAreThere(t *testing.T) {
	t.Parallel()
	for provider, model := range map[string]string{"azure": "gpt-4.1", "google": "claude-haiku-4-5"} {
		entry, ok := shippedTable.Find(provider, model)
		require.True(t, ok)
		p, _ := entry.At(moment(t, ""))
		assert.Equal(t, provider, entry.Provider, "who sells it")
		assert.NotEqual(t, provider, p.Provider, "whose price it is")
	}
}

func TestManyGoroutinesMayAskAtOnce(t *testing.T) {
	t.Parallel()
	table := price.NewTable(price.Shipped())
	var wg sync.WaitGroup
	costs := make([][]string, 4)
	for i := range costs {
		wg.Go(func() {
			for j, b := range bills {
				entry, ok := table.Find(b.provider, b.model)
				if !ok {
					continue
				}
				p, _ := entry.At(moment(t, b.at))
				amount, _ := p.Cost(used(b.response))
				if j%20 == 0 {
					table.Similar(p, moment(t, b.at))
				}
				costs[i] = append(costs[i], amount.String())
			}
		})
	}
	wg.Wait()
	for _, c := range costs[1:] {
		assert.Equal(t, costs[0], c)
	}
	assert.Len(t, costs[0], len(bills))
}

func TestAFaultyLineOfTheTableIsNamed(t *testing.T) {
	t.Parallel()
	for line, reason := range map[string]string{
		`{"model":"m","match":{"equals":"m"},"prices":[{"rates":{"inputs":1}}]}`:      `the model "m" of "acme": there is no class "inputs"`,
		`{"model":"m","match":{"equal":"m"},"prices":[]}`:                             `there is no clause "equal"`,
		`{"model":"m","window":"wide","prices":[]}`:                                   `invalid syntax`,
		`{"model":"m","colour":"red"}`:                                                `a model has no "colour"`,
		`{"model":"m","prices":[{"till":"2025-01-01"}]}`:                              `a price has no "till"`,
		`{"model":"m","prices":[{"from":"2025-01-01"}]}`:                              `cannot parse`,
		`{"model":"m","prices":[{"hours":"all day"}]}`:                                `no time of day`,
		`{"model":"m","prices":[{"from":5}]}`:                                         `expected a text`,
		`{"model":"m"`:                                                                `the JSON is not valid`,
		`{"model":"m","match":{"equals":"m"},"prices":[{"rates":{"input":1}}]} again`: `the JSON is not valid`,
	} {
		prices, err := price.ParseTable([]byte("{}\n{\"provider\":\"acme\"}\n" + line))
		assert.ErrorContains(t, err, reason, line)
		assert.Nil(t, prices, line)
	}
}

func TestTheShippedTableIsInAStableOrder(t *testing.T) {
	t.Parallel()
	shipped := price.Shipped()
	assert.True(t, slices.IsSortedFunc(shipped, func(a, b price.Price) int { return cmp.Compare(a.Provider, b.Provider) }))
	again := price.Shipped()
	for i := range shipped {
		assert.Equal(t, shipped[i].Model, again[i].Model)
	}
}
