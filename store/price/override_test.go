package price_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

// override is a price of one's own of so many USD per million input tokens.
type override struct {
	provider, model, from, usd string
}

func with(t testing.TB, overrides ...override) *price.Table {
	t.Helper()
	prices := slices.Clone(shippedPrices)
	for _, o := range overrides {
		var from time.Time
		if o.from != "" {
			from = day(t, o.from)
		}
		p, err := price.NewOverride(o.provider, o.model, from, rates(t, `{"input":`+o.usd+`,"output":1}`))
		require.NoError(t, err)
		prices = append(prices, p)
	}
	return price.NewTable(prices)
}

func TestAnOverrideHoldsForEverySpellingOfItsModel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		override
		provider, model string
		holds           bool
	}{
		{override{"", "gpt-4o", "", "77"}, "openai", "gpt-4o", true},
		{override{"", "gpt-4o", "", "77"}, "openai", "openai/GPT-4o", true},
		{override{"", "gpt-4o", "", "77"}, "", "openai/gpt-4o", true},
		{override{"", "gpt-4o", "", "77"}, "openai", "gpt-4o-2024-08-06", true},
		{override{"", "gpt-4o", "", "77"}, "openai", "gpt-4o-2031-01-01", true},
		{override{"", "gpt-4o", "", "77"}, "azure", "azure/eu/gpt-4o", true},
		{override{"", "gpt-4o", "", "77"}, "openai", "gpt-4o-mini", false},
		{override{"openai", "gpt-4o", "", "77"}, "azure", "azure/gpt-4o", false},
		{override{"OpenAI", "gpt-4o", "", "77"}, "openai", "gpt-4o", true},
		{override{"openai", "gpt-4o", "", "77"}, "", "gpt-4o", true},
		{override{"azure", "gpt-4o", "", "77"}, "azure_ai", "gpt-4o", true},
		{override{"", "openai/gpt-4o", "", "77"}, "openai", "gpt-4o", true},
		{override{"", "openai/gpt-4o", "", "77"}, "azure", "gpt-4o", false},
		{override{"", "vertex_ai/gemini-2.5-pro", "", "77"}, "google", "gemini-2.5-pro", true},
		{override{"", "vertex_ai/gemini-2.5-pro", "", "77"}, "gemini", "gemini/gemini-2.5-pro", true},
		{override{"", "claude-3-5-haiku-latest", "", "77"}, "anthropic", "claude-3-5-haiku-20241022", true}, // as the price list calls it
		{override{"", "gpt-5", "", "77"}, "openai", "gpt-5-codex", true},
		{override{"", "gpt-4*", "", "77"}, "openai", "gpt-4o-mini", true},
		{override{"", "gpt-4*", "", "77"}, "openai", "openai/gpt-4.1", true},
		{override{"", "gpt-4*", "", "77"}, "openai", "gpt-5", false},
		{override{"", "openai/gpt-4*", "", "77"}, "openai", "gpt-4o", true},
		{override{"anthropic", "*", "", "77"}, "anthropic", "claude-sonnet-4-5", true},
		{override{"anthropic", "*", "", "77"}, "openai", "gpt-4o", false},
		{override{"", "*", "", "77"}, "openai", "gpt-4o", true},

		// What no price list knows.
		{override{"", "acme-finest", "", "77"}, "openai", "acme-finest", true},
		{override{"", "acme-finest", "", "77"}, "", "acme-finest", true},
		{override{"ollama", "llama3", "", "77"}, "ollama", "ollama/llama3", true},
		{override{"ollama", "llama3", "", "77"}, "", "ollama/llama3", true},
		{override{"ollama", "llama3", "", "77"}, "vllm", "llama3", false},
		{override{"", "ollama/llama3", "", "77"}, "ollama", "llama3", true},
		{override{"", "ollama/*", "", "77"}, "ollama", "llama3:8b", true},
		{override{"LM Studio", "qwen*", "", "77"}, "lm_studio", "lm_studio/qwen3-8b", true},
		{override{"azure", "our-deployment", "", "77"}, "azure", "azure/our-deployment", true},
		{override{"", "openai/gpt-oss-120b", "", "77"}, "groq", "groq/openai/gpt-oss-120b", true},
		{override{"bedrock", "us.anthropic.claude-opus-5*", "", "77"}, "bedrock", "bedrock/us.anthropic.claude-opus-5", true},
		{override{"huggingface", "deepseek-ai/DeepSeek-R1", "", "77"}, "huggingface", "deepseek-ai/DeepSeek-R1", true},
		{override{"huggingface", "deepseek-ai/DeepSeek-R1", "", "77"}, "huggingface", "huggingface/together/deepseek-ai/DeepSeek-R1", true},
	} {
		got := asks(t, with(t, tt.override), tt.provider, tt.model, "")
		assert.Equal(t, tt.holds, got == 77.0, "%v for %s %s asks %v", tt.override, tt.provider, tt.model, got)
	}
}

func TestTheNewestOverrideThatHoldsWins(t *testing.T) {
	t.Parallel()
	table := with(t,
		override{"", "gpt-4o", "2025-03-01", "3"},
		override{"", "gpt-4o", "2025-02-01", "2"},
		override{"", "gpt-4o", "2025-04-01", "4"},
		override{"", "acme", "2025-02-01", "5"},
	)
	for at, want := range map[string]any{
		"2025-01-31T23:59:59Z": 2.5, // none holds yet: the price list's
		"2025-02-01T00:00:00Z": 2.0, "2025-02-28T23:59:59Z": 2.0,
		"2025-03-01T00:00:00Z": 3.0, "2025-12-01T00:00:00Z": 4.0,
	} {
		assert.Equal(t, want, asks(t, table, "openai", "gpt-4o", at), at)
	}
	assert.Equal(t, none, asks(t, table, "", "acme", "2025-01-31T00:00:00Z"), "and none at all where no list has one")
	assert.Equal(t, 5.0, asks(t, table, "", "acme", "2025-02-01T00:00:00Z"))
}

func TestOfEquallyNewOverridesTheCloserWins(t *testing.T) {
	t.Parallel()
	for name, overrides := range map[string][2]override{
		"the name that was sent before the list's":   {{"", "gpt-5-codex", "", "77"}, {"", "gpt-5", "", "1"}},
		"a whole name before a beginning":            {{"", "gpt-5-codex", "", "77"}, {"", "gpt-5-codex*", "", "1"}},
		"a longer beginning before a shorter":        {{"", "gpt-5*", "", "77"}, {"", "gpt*", "", "1"}},
		"a provider's before any's":                  {{"openai", "gpt-5-codex", "", "77"}, {"", "gpt-5-codex", "", "1"}},
		"the dated name before the one without date": {{"", "gpt-5-codex", "", "77"}, {"", "*", "", "1"}},
	} {
		a, b := overrides[0], overrides[1]
		assert.Equal(t, 77.0, asks(t, with(t, a, b), "openai", "gpt-5-codex", ""), name)
		assert.Equal(t, 77.0, asks(t, with(t, b, a), "openai", "gpt-5-codex", ""), name)
	}
	assert.Equal(t, 2.0, asks(t, with(t, override{"", "gpt-4o", "", "1"}, override{"", "gpt-4o", "", "2"}), "openai", "gpt-4o", ""), "and at last the later")
}

func TestAnOverrideOfAModelThatNoListHasNamesIt(t *testing.T) {
	t.Parallel()
	table := with(t, override{"", "llama3*", "", "1"})
	entry, ok := table.Find("ollama", "ollama/llama3:8b")
	require.True(t, ok)
	assert.Equal(t, "ollama", entry.Provider)
	assert.Equal(t, "llama3:8b", entry.Model)
}

func TestAnOverrideNeedsAModelAndARate(t *testing.T) {
	t.Parallel()
	some := rates(t, `{"input":1}`)
	for _, tt := range []struct {
		model  string
		rates  price.Rates
		reason string
	}{
		{"", some, "needs a model"}, {" ", some, "needs a model"}, {"a*b", some, "at its end only"}, {"**", some, "at its end only"},
		{"gpt-4o", nil, "at least one rate"},
	} {
		_, err := price.NewOverride("", tt.model, time.Time{}, tt.rates)
		assert.ErrorContains(t, err, tt.reason)
	}
}

func TestAnOverrideWithoutAMatcherMatchesItsModel(t *testing.T) {
	t.Parallel()
	table := price.NewTable([]price.Price{{Source: price.SourceOverride, Model: "acme-*", Rates: rates(t, `{"input":1}`)}})
	assert.Equal(t, 1.0, asks(t, table, "", "acme-7", ""))
}
