package price_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

func similar(t testing.TB, table *price.Table, provider, model string) []string {
	t.Helper()
	at := moment(t, "")
	entry, ok := table.Find(provider, model)
	require.True(t, ok, "%s %s", provider, model)
	p, ok := entry.At(at)
	require.True(t, ok)
	models := []string{}
	for _, candidate := range table.Similar(p, at) {
		models = append(models, candidate.Model)
	}
	return models
}

func TestCheaperModelsThatCouldTakeAModelsPlace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		provider, model string
		want            []string // the dearest first
	}{
		{"openai", "gpt-4o-2024-08-06", []string{
			"gpt-4.1", "gpt-4.1-mini", "gpt-4o-mini", "gpt-4.1-nano", // those that reason write more
		}},
		{"azure", "azure/gpt-5.5", []string{"gpt-5.6-terra", "gpt-5.6-luna"}},
		{"openai", "gpt-4o-mini", []string{"gpt-4.1-nano"}},
		{"openai", "o3", []string{"o3-mini", "o4-mini", "gpt-5.4-mini", "gpt-5-mini", "gpt-5.4-nano", "gpt-5.6-luna", "gpt-5-nano"}},
		{"openai", "gpt-5.3-codex", []string{}},
		{"openai", "text-embedding-3-large", []string{"text-embedding-3-small"}},
		{"openai", "gpt-4o-audio-preview", []string{"gpt-audio-mini", "gpt-4o-mini-audio-preview"}},
		{"openai", "gpt-4o-realtime-preview", []string{"gpt-realtime", "gpt-4o-mini-realtime-preview", "gpt-realtime-mini"}},
		{"openai", "gpt-4o-transcribe", []string{"gpt-4o-mini-transcribe"}},
		{"openai", "ft:gpt-4o-2024-08-06:acme::x", []string{"ft:gpt-4o-mini", "gpt-4o-mini-2024-07-18.ft-"}},
		{"openai", "o3-deep-research", []string{"o4-mini-deep-research"}},
		{"anthropic", "claude-opus-4-1-20250805", []string{
			"claude-fable-5", "claude-opus-4-5", "claude-opus-4-6", "claude-opus-4-7", "claude-opus-4-8", "claude-opus-5",
			"claude-sonnet-4-5", "claude-sonnet-4-6", "claude-sonnet-5", "claude-haiku-4-5",
		}},
		{"anthropic", "claude-3-5-sonnet-latest", []string{"claude-sonnet-5", "claude-haiku-4-5", "claude-3-5-haiku-latest"}},
		{"anthropic", "claude-sonnet-4-5", []string{"claude-sonnet-5"}}, // haiku has a smaller window
		{"anthropic", "claude-3-5-haiku-latest", []string{}},
		{"bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0", []string{
			"regional.anthropic.claude-sonnet-5-v1:0", "regional.anthropic.claude-haiku-4-5-20251001-v1:0",
		}},
		{"gemini", "gemini-2.5-flash", []string{"gemini-3.1-flash-lite", "gemini-2.5-flash-lite"}},
		{"gemini", "gemini-3-pro-preview", []string{
			"gemini-3.5-flash", "gemini-3.6-flash", "gemini-3.7-flash", "gemini-3-flash-preview", "gemini-3.5-flash-lite", "gemini-3.1-flash-lite",
		}},
		{"mistral", "mistral-large-latest", []string{"mistral-medium-3", "mistral-large-2512", "mistral-small-2603", "mistral-small-latest"}},
		{"cohere", "command-r-plus", []string{"command", "command-r", "command-r7b"}},
		{"xai", "grok-4", []string{
			"grok-4.5", "grok-4.20", "grok-4.3", "grok-4-1-fast-non-reasoning", "grok-4-1-fast-reasoning", "grok-4-fast-non-reasoning", "grok-4-fast-reasoning",
		}},
		{"groq", "llama-3.3-70b-versatile", []string{"meta-llama/llama-4-maverick-17b-128e-instruct", "meta-llama/llama-4-scout-17b-16e-instruct"}},
		{"openrouter", "anthropic/claude-3.7-sonnet", []string{"anthropic/claude-sonnet-5", "anthropic/claude-haiku-4.5"}},
		{"together", "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo", []string{
			"meta-llama/Llama-3.3-70B-Instruct-Turbo", "meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", "meta-llama/Meta-Llama-3.3-70B-Instruct-Turbo",
			"meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8", "meta-llama/Llama-4-Scout-17B-16E-Instruct", "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo",
		}},
		{"zhipuai", "glm-4.7", []string{"GLM-4.7-FlashX"}},
	} {
		assert.Equal(t, tt.want, similar(t, shippedTable, tt.provider, tt.model), "%s %s", tt.provider, tt.model)
	}
}

// own makes a table of models that cost so much for a million tokens, both in
// and out.
func own(t testing.TB, models ...price.Price) *price.Table {
	t.Helper()
	for i := range models {
		models[i].Source, models[i].Provider = price.SourceImport, "acme"
	}
	return price.NewTable(models)
}

func TestWhatIsNoAdviceIsNotGiven(t *testing.T) {
	t.Parallel()
	both := func(usd string) price.Rates { return rates(t, `{"input":`+usd+`,"output":`+usd+`}`) }
	table := own(t,
		price.Price{Model: "lumen-3", Rates: both("10"), ContextWindow: 1000},
		price.Price{Model: "lumen-4", Rates: both("9"), ContextWindow: 1000},
		price.Price{Model: "lumen-5", Rates: both("8")},
		price.Price{Model: "lumen-2", Rates: both("1")},                              // older
		price.Price{Model: "lumen-3-2025-01-01", Rates: both("2")},                   // the same
		price.Price{Model: "lumen-6", Rates: both("3"), ContextWindow: 999},          // less room
		price.Price{Model: "lumen-7", Rates: both("4"), Deprecated: true},            // goes away
		price.Price{Model: "lumen-8", Rates: both("0")},                              // nobody sells for nothing
		price.Price{Model: "lumen-9", Rates: rates(t, `{"input":11,"output":1}`)},    // dearer in one way
		price.Price{Model: "lumen-10", Rates: rates(t, `{"input":5}`)},               // says nothing
		price.Price{Model: "lumen-11-audio", Rates: both("5")},                       // hears
		price.Price{Model: "lumen-12-70b", Rates: both("5")},                         // anyone's
		price.Price{Model: "lux-4", Rates: both("5")},                                // of another family
		price.Price{Model: "lumen-13", Rates: both("10")},                            // costs as much
		price.Price{Model: "lumen-14", Rates: both("6"), From: day(t, "2026-08-26")}, // the only price: holds
		price.Price{Model: "lumen-4-20250101", Rates: both("7")},                     // a date of one that is there
	)
	assert.Equal(t, []string{"lumen-4", "lumen-5", "lumen-14"}, similar(t, table, "acme", "lumen-3"))
}

func TestAdviceGoesByThePricesOfTheMoment(t *testing.T) {
	t.Parallel()
	at := day(t, "2026-08-25")
	cheap, err := price.NewOverride("openai", "gpt-5.5", time.Time{}, rates(t, `{"input":0.1,"output":0.1}`))
	require.NoError(t, err)
	own, err := price.NewOverride("", "gpt-5.2", time.Time{}, rates(t, `{"input":1,"output":5}`))
	require.NoError(t, err)
	table := price.NewTable(append(price.Shipped(), cheap, own))
	entry, _ := table.Find("openai", "gpt-5.2")
	p, ok := entry.At(at)
	require.True(t, ok)
	require.Equal(t, price.SourceOverride, p.Source)
	var models []string
	for _, candidate := range table.Similar(p, at) {
		models = append(models, candidate.Source+" "+candidate.Model)
	}
	assert.Equal(t, []string{"shipped gpt-5.4-mini", "shipped gpt-5.4-nano", "shipped gpt-5.6-luna", "override gpt-5.5"}, models)
}
