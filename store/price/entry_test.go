package price_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

// asks is what the price of a million input tokens is, for a name at a moment;
// none when there is no price.
func asks(t testing.TB, table *price.Table, provider, model, at string) any {
	t.Helper()
	entry, ok := table.Find(provider, model)
	if !ok {
		return none
	}
	p, ok := entry.At(moment(t, at))
	if !ok {
		return none
	}
	return p.Rates[price.Input].USD(0)
}

const none = "none"

func day(t testing.TB, date string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, date)
	require.NoError(t, err)
	return d
}

func TestTheLastPriceWhoseConditionsAreMetHoldsElseTheFirst(t *testing.T) {
	t.Parallel()
	night, err := price.ParseHours("20:00-08:00")
	require.NoError(t, err)
	table := price.NewTable([]price.Price{
		{Provider: "acme", Model: "m", From: day(t, "2025-02-01"), Rates: rates(t, `{"input":1}`)},
		{Provider: "acme", Model: "m", From: day(t, "2025-03-01"), Rates: rates(t, `{"input":2}`)},
		{Provider: "acme", Model: "m", From: day(t, "2025-03-10"), Hours: night, Rates: rates(t, `{"input":3}`)},
	})
	assert.Equal(t, 1.0, asks(t, table, "acme", "m", "2024-01-01T00:00:00Z"), "none is met: the first")
	assert.Equal(t, 1.0, asks(t, table, "acme", "m", "2025-02-28T23:59:59Z"))
	assert.Equal(t, 2.0, asks(t, table, "acme", "m", "2025-03-01T00:00:00Z"))
	assert.Equal(t, 2.0, asks(t, table, "acme", "m", "2025-03-09T23:00:00Z"))
	assert.Equal(t, 3.0, asks(t, table, "acme", "m", "2025-03-10T23:00:00Z"))
	assert.Equal(t, 2.0, asks(t, table, "acme", "m", "2025-03-11T12:00:00Z"))
}

func TestAnImportBeatsTheShippedPriceAndAnOverrideBoth(t *testing.T) {
	t.Parallel()
	override, err := price.NewOverride("openai", "gpt-4o", time.Time{}, rates(t, `{"input":1,"output":4}`))
	require.NoError(t, err)
	imported := price.Price{
		Source: price.SourceImport, Provider: "openai", Model: "gpt-4o", Match: price.Equals("gpt-4o"), Rates: rates(t, `{"input":2,"output":8}`),
	}
	assert.Equal(t, 2.5, asks(t, shippedTable, "openai", "gpt-4o", ""))
	assert.Equal(t, 2.0, asks(t, price.NewTable(append(price.Shipped(), imported)), "openai", "gpt-4o", ""))
	all := price.NewTable(append([]price.Price{override, imported}, price.Shipped()...))
	assert.Equal(t, 1.0, asks(t, all, "openai", "gpt-4o", ""))

	entry, _ := all.Find("openai", "gpt-4o")
	p, _ := entry.At(moment(t, ""))
	amount, ok := p.Cost(used(chat(1000, 100, 500, 0))) // 1000*1 + 100*4: the cache has no price of its own
	require.True(t, ok)
	assert.Equal(t, "0.0014", amount.String())
}

func TestAnImportHoldsForTheModelsOfFallbackProvidersToo(t *testing.T) {
	t.Parallel()
	table := price.NewTable(append(price.Shipped(), price.Price{
		Source: price.SourceImport, Provider: "openai", Model: "gpt-9", Match: price.Equals("gpt-9"), Rates: rates(t, `{"input":9}`),
	}))
	assert.Equal(t, 9.0, asks(t, table, "azure", "azure/eu/gpt-9", ""))
	assert.Equal(t, 9.0, asks(t, table, "", "gpt-9-2031-01-01", ""))
}

func TestAnImportBringsProvidersThatWereUnknown(t *testing.T) {
	t.Parallel()
	table := price.NewTable(append(price.Shipped(), price.Price{
		Source: price.SourceImport, Provider: "deep-infra", Model: "meta-llama/Llama-9", Match: price.Equals("meta-llama/Llama-9"), Rates: rates(t, `{"input":0.1}`),
	}))
	assert.Equal(t, "deep-infra", table.Canonical("Deep Infra"))
	assert.Equal(t, 0.1, asks(t, table, "deep_infra", "deep_infra/meta-llama/llama-9", ""))
	assert.Equal(t, 0.1, asks(t, table, "", "deep-infra/meta-llama/Llama-9", ""))
	assert.Equal(t, none, asks(t, table, "deepinfra2", "meta-llama/Llama-9", ""))
}

func TestTheTableKeepsItsPricesWhateverBecomesOfTheSlice(t *testing.T) {
	t.Parallel()
	prices := []price.Price{{Provider: "acme", Model: "m", Rates: rates(t, `{"input":1}`)}}
	table := price.NewTable(prices)
	prices[0] = price.Price{}
	assert.Equal(t, 1.0, asks(t, table, "acme", "m", ""))
}

func TestVersionIsOfTheShippedTable(t *testing.T) {
	t.Parallel()
	assert.Regexp(t, `^[0-9a-f]{16}$`, price.Version())
	assert.Equal(t, price.Version(), price.Version())
}
