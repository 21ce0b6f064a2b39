package price_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

// FuzzRead holds that any file is read or refused, and that what was read can
// be stored, made a table of, and asked.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		litellmFile, genaiFile, `{"providers":[]}`, `[`, `{`, `[[]]`, `{"m":{"litellm_provider":"openai","input_cost_per_token":1e-6}}`,
		`{"a/a/a/":{"litellm_provider":"a","input_cost_per_token":"1","tiered_pricing":[{"range":[null]}]}}`,
		`[{"id":"a","models":[{"id":"m","prices":{"input_mtok":{"base":1e9,"tiers":[{"start":-1,"price":1e-99}]}}}]}]`,
		strings.Repeat(`[{"id":"a","models":`, 20), `[{"id":"a","models":[{"id":"m","match":` + strings.Repeat(`{"or":[`, 50),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		prices, err := price.Read(bytes.NewReader(file))
		if err != nil {
			require.Nil(t, prices)
			return
		}
		table := price.NewTable(prices)
		for i := range prices {
			p := &prices[i]
			require.NotEmpty(t, p.Rates)
			text, err := json.Marshal(p)
			require.NoError(t, err)
			var back price.Price
			require.NoError(t, json.Unmarshal(text, &back), "%s", text)
			require.True(t, p.Rates.Equal(back.Rates))

			p.Cost(price.Usage{Input: 1 << 40, Output: 1 << 40, CacheRead: 1 << 41})
			if entry, ok := table.Find(p.Provider, p.Model); ok {
				_, ok = entry.At(time.Time{})
				require.True(t, ok)
			}
			table.Similar(p, time.Time{})
		}
	})
}

// FuzzFind holds that any two names mean one model or none, whatever case they
// are in, and that a local model never has a price.
func FuzzFind(f *testing.F) {
	for _, s := range spellings {
		f.Add(s.provider, s.model)
	}
	f.Add("openrouter", strings.Repeat("openrouter/", 40)+":free")
	f.Add("bedrock", "bedrock/./us.anthropic..claude")
	f.Fuzz(func(t *testing.T, provider, model string) {
		entry, ok := shippedTable.Find(provider, model)
		require.Equal(t, ok, entry != nil)
		again, okAgain := shippedTable.Find(provider, model)
		require.Equal(t, ok, okAgain)
		if ok {
			require.Equal(t, entry, again)
			require.NotEmpty(t, entry.Provider)
			require.NotEmpty(t, entry.Model)
			p, ok := entry.At(time.Unix(0, 0))
			require.True(t, ok)
			require.NotEmpty(t, p.Rates)
			shippedTable.Similar(p, time.Unix(0, 0))
		}
		require.Equal(t, shippedTable.ProviderOf(model), shippedTable.ProviderOf(model+" "))
		_, local := shippedTable.Find("ollama", model)
		require.False(t, local && !strings.HasPrefix(strings.ToLower(strings.TrimSpace(model)), "arn:"), "%q runs here", model)
	})
}
