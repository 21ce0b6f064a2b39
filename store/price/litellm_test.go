package price_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

// litellmFile has the shape of LiteLLM's model_prices_and_context_window.json,
// with prices of our own.
const litellmFile = `{
	"sample_spec": {"input_cost_per_token": 0.0, "litellm_provider": "one of https://docs.litellm.ai/docs/providers", "max_input_tokens": "max input tokens"},
	"gpt-4o": {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06, "cache_read_input_token_cost": 1e-06,
		"input_cost_per_token_batches": 1e-06, "output_cost_per_token_priority": 1.7e-05, "input_cost_per_token_above_272k_tokens_priority": 1e-05,
		"litellm_provider": "openai", "max_input_tokens": 128000, "max_tokens": 16384, "mode": "chat", "supports_vision": true},
	"claude-haiku-9": {"input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06, "cache_creation_input_token_cost": 1.25e-06,
		"cache_creation_input_token_cost_above_1hr": 2e-06, "cache_read_input_token_cost": 1e-07,
		"input_cost_per_token_above_200k_tokens": 2e-06, "output_cost_per_token_above_200k_tokens": 7.5e-06,
		"cache_creation_input_token_cost_above_200k_tokens": 2.5e-06, "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 4e-06,
		"cache_read_input_token_cost_above_200k_tokens": 2e-07, "deprecation_date": "2099-12-31", "litellm_provider": "anthropic",
		"search_context_cost_per_query": {"search_context_size_high": 0.01, "search_context_size_low": 0.01, "search_context_size_medium": 0.01}},
	"gemini-9": {"input_cost_per_token": 3e-07, "input_cost_per_audio_token": 1e-06, "cache_read_input_audio_token_cost": 1e-07, "output_cost_per_token": 2.5e-06,
		"output_cost_per_reasoning_token": 3e-06, "input_cost_per_token_above_128k_tokens": null, "litellm_provider": "vertex_ai-language-models", "max_input_tokens": "1048576"},
	"gemini/gemini-9": {"input_cost_per_token": 4e-07, "output_cost_per_token": 2.5e-06, "litellm_provider": "gemini"},
	"azure/eu/gpt-4o": {"input_cost_per_token": 2.75e-06, "output_cost_per_token": 1.1e-05, "litellm_provider": "azure"},
	"bedrock/us-gov-west-1/anthropic.claude-9-v1:0": {"input_cost_per_token": 3.6e-06, "output_cost_per_token": 1.8e-05, "litellm_provider": "bedrock"},
	"us.anthropic.claude-9-v1:0": {"input_cost_per_token": 3.3e-06, "output_cost_per_token": 1.65e-05, "litellm_provider": "bedrock_converse"},
	"deepinfra/acme/model": {"input_cost_per_token": 5e-08, "output_cost_per_token": 8.333333333333334e-08, "litellm_provider": "deepinfra"},
	"ollama/llama9": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "litellm_provider": "ollama"},
	"ft:gpt-4o-2024-08-06": {"input_cost_per_token": 3.75e-06, "output_cost_per_token": 1.5e-05, "litellm_provider": "openai"},
	"deepseek/old": {"input_cost_per_token": 1.4e-07, "input_cost_per_token_cache_hit": 1.4e-08, "litellm_provider": "deepseek", "deprecation_date": "2020-01-01"},
	"dashscope/ranges": {"tiered_pricing": [{"range": [32000.0, 256000.0], "input_cost_per_token": 8e-07, "output_cost_per_token": 4e-06},
		{"range": [0, 32000.0], "input_cost_per_token": 4e-07, "output_cost_per_token": 2e-06}], "litellm_provider": "dashscope"},
	"perplexity/acme": {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06, "citation_cost_per_token": 2e-06, "input_cost_per_request": 0.005,
		"search_context_cost_per_query": {"search_context_size_high": 0.012, "search_context_size_low": 0.005, "search_context_size_medium": 0.008}, "litellm_provider": "perplexity"},
	"whisper-1": {"input_cost_per_second": 0.0001, "output_cost_per_second": 0.0001, "litellm_provider": "openai", "mode": "audio_transcription"},
	"cohere-rerank": {"input_cost_per_query": 0.002, "input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "litellm_provider": "cohere", "mode": "rerank"},
	"1024-x-1024/dall-e-9": {"input_cost_per_pixel": 1.9e-08, "litellm_provider": "openai", "output_cost_per_pixel": 0.0}
}`

func TestLiteLLMsFileIsRead(t *testing.T) {
	t.Parallel()
	prices, err := price.Read(strings.NewReader(litellmFile))
	require.NoError(t, err)
	type row struct {
		provider, model, rates string
		window                 int64
		deprecated             bool
	}
	var rows []row
	for _, p := range prices {
		assert.Equal(t, price.SourceImport, p.Source)
		text, err := json.Marshal(p.Rates)
		require.NoError(t, err)
		rows = append(rows, row{p.Provider, p.Model, string(text), p.ContextWindow, p.Deprecated})
	}
	assert.Equal(t, []row{
		{"openai", "gpt-4o", `{"input":2,"output":8,"cache_read":1}`, 128000, false},
		{"anthropic", "claude-haiku-9", `{"input":{"base":1,"tiers":[{"above":200000,"price":2}]},` +
			`"output":{"base":5,"tiers":[{"above":200000,"price":7.5}]},` +
			`"cache_read":{"base":0.1,"tiers":[{"above":200000,"price":0.2}]},` +
			`"cache_write":{"base":1.25,"tiers":[{"above":200000,"price":2.5}]},` +
			`"cache_write_1h":{"base":2,"tiers":[{"above":200000,"price":4}]},"web_searches":10}`, 0, false},
		{"google", "gemini-9", `{"input":0.3,"output":2.5,"input_audio":1,"cache_audio_read":0.1,"output_reasoning":3}`, 1048576, false},
		{"google", "gemini/gemini-9", `{"input":0.4,"output":2.5}`, 0, false},
		{"azure", "eu/gpt-4o", `{"input":2.75,"output":11}`, 0, false},
		{"aws", "us-gov-west-1/anthropic.claude-9-v1:0", `{"input":3.6,"output":18}`, 0, false},
		{"aws", "us.anthropic.claude-9-v1:0", `{"input":3.3,"output":16.5}`, 0, false},
		{"deepinfra", "acme/model", `{"input":0.05,"output":0.08333333333333334}`, 0, false},
		{"ollama", "llama9", `{"input":0,"output":0}`, 0, false},
		{"openai", "ft:gpt-4o-2024-08-06", `{"input":3.75,"output":15}`, 0, false},
		{"deepseek", "old", `{"input":0.14,"cache_read":0.014}`, 0, true},
		{"dashscope", "ranges", `{"input":{"base":0.4,"tiers":[{"above":32000,"price":0.8}]},"output":{"base":2,"tiers":[{"above":32000,"price":4}]}}`, 0, false},
		{"perplexity", "acme", `{"input":1,"output":1,"output_citation":2,"requests":5}`, 0, false},
	}, rows)
}

func TestLiteLLMsPricesBeatTheShippedInEverySpelling(t *testing.T) {
	t.Parallel()
	imported, err := price.Read(strings.NewReader(litellmFile))
	require.NoError(t, err)
	table := price.NewTable(append(price.Shipped(), imported...))
	for _, b := range []bill{
		{"a model that both lists have", "openai", "openai/gpt-4o-2024-08-06", "", chat(1000, 100, 400, 0), "0.0024", "600*2 + 400*1 + 100*8"},
		{"a region's own price", "azure", "azure/eu/gpt-4o", "", chat(1000, 100, 0, 0), "0.00385", "1000*2.75 + 100*11"},
		{"Azure's fallback is the import's", "azure", "azure/gpt-4o", "", chat(1000, 100, 0, 0), "0.0028", "1000*2 + 100*8"},
		{"writes for an hour, at the border", "anthropic", "claude-haiku-9-20990101", "", anthropic(0, 10, 100000, 50000, 50000), "0.17255", "100000*0.1 + 50000*1.25 + 50000*2 + 10*5"},
		{"writes for an hour, above it", "anthropic", "claude-haiku-9", "", anthropic(1, 10, 100000, 50000, 50000), "0.345077", "1*2 + 100000*0.2 + 50000*2.5 + 50000*4 + 10*7.5"},
		{"searches", "anthropic", "claude-haiku-9", "", `{"usage":{"input_tokens":1,"output_tokens":1,"server_tool_use":{"web_search_requests":2}}}`, "0.020006", "1*1 + 1*5 + 2*10000"},
		{"Vertex", "vertex_ai", "vertex_ai/gemini-9", "", gemini(1000, 0, 10, 90), "0.000595", "1000*0.3 + 10*2.5 + 90*3"},
		{"Gemini's own name has Gemini's price", "gemini", "gemini/gemini-9", "", gemini(1000, 0, 10, 90), "0.00065", "1000*0.4 + 100*2.5"},
		{"a region of Bedrock's", "bedrock", "bedrock/us-gov-west-1/anthropic.claude-9-v1:0", "", converse(1000, 100, 0, 0), "0.0054", "1000*3.6 + 100*18"},
		{"a region group", "bedrock", "bedrock/converse/us.anthropic.claude-9-v1:0", "", converse(1000, 100, 0, 0), "0.00495", "1000*3.3 + 100*16.5"},
		{"a provider that was unknown", "deepinfra", "deepinfra/acme/model", "", chat(3, 3, 0, 0), "0.00000040000000000000002", "3*0.05 + 3*0.08333333333333334"},
		{"local models, which are free", "ollama", "ollama/llama9", "", chat(1000, 100, 0, 0), "0", "0"},
		{"tuned models", "openai", "ft:gpt-4o-2024-08-06:acme::abc", "", chat(1000, 100, 0, 0), "0.00525", "1000*3.75 + 100*15"},
		{"a range", "dashscope", "dashscope/ranges", "", chat(32000, 100, 0, 0), "0.013", "32000*0.4 + 100*2"},
		{"the next range", "dashscope", "dashscope/ranges", "", chat(32001, 100, 0, 0), "0.0260008", "32001*0.8 + 100*4"},
		{"a price for the request", "perplexity", "perplexity/acme", "", chat(1000, 100, 0, 0), "0.0061", "1000*1 + 100*1 + 5000"},
		{"what the import does not have", "openai", "gpt-4.1", "", chat(1000, 100, 0, 0), "0.0028", "1000*2 + 100*8"},
	} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, b.want, millionths(t, b.sum), "the bill itself")
			entry, ok := table.Find(b.provider, b.model)
			require.True(t, ok)
			p, ok := entry.At(moment(t, b.at))
			require.True(t, ok)
			amount, ok := p.Cost(used(b.response))
			require.True(t, ok)
			assert.Equal(t, b.want, amount.String())
		})
	}
}

func TestAFaultInLiteLLMsFileIsNamed(t *testing.T) {
	t.Parallel()
	for file, reason := range map[string]string{
		`{"m":{"litellm_provider":"openai","input_cost_per_token":-1e-6}}`:                                                    `model "m": input_cost_per_token: -1e-6: a price cannot be negative`,
		`{"m":{"litellm_provider":"openai","input_cost_per_token":"much"}}`:                                                   `not a decimal number`,
		`{"m":{"litellm_provider":"openai","input_cost_per_token":5000}}`:                                                     `cannot be above 1,000,000,000 USD`,
		`{"m":{"litellm_provider":"openai","input_cost_per_token":1e-6,"input_cost_per_token_above_200k_tokens":true}}`:       `input_cost_per_token_above_200k_tokens`,
		`{"m":{"litellm_provider":"openai","input_cost_per_token":1e-6,"input_cost_per_request":-1}}`:                         `input_cost_per_request`,
		`{"m":{"litellm_provider":"openai","input_cost_per_token":1e-6,"tiered_pricing":5}}`:                                  `tiered_pricing`,
		`{"m":{"litellm_provider":"openai","input_cost_per_token":1e-6,"search_context_cost_per_query":{"search_size":"x"}}}`: `search_size`,
		`{"m":{"litellm_provider":"openai"`:                                                                                   `unexpected EOF`,
		`{"m":{}}`:                                                                                                            `neither genai-prices' nor LiteLLM's format`,
		`{}`:                                                                                                                  `neither genai-prices' nor LiteLLM's format`,
	} {
		prices, err := price.Read(strings.NewReader(file))
		assert.ErrorContains(t, err, reason, file)
		assert.Nil(t, prices, file)
	}
}
