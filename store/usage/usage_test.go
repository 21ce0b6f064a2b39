package usage_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/usage"
)

// counts are the seven counts in order; unknown is none of them.
type counts struct{ prompt, completion, cacheRead, cacheWrite, cacheWrite1h, reasoning, total int64 }

const unknown = -1

func of(t usage.Tokens) counts {
	value := func(n *int64) int64 {
		if n == nil {
			return unknown
		}
		return *n
	}
	return counts{
		value(t.Prompt), value(t.Completion), value(t.CacheRead), value(t.CacheWrite), value(t.CacheWrite1h),
		value(t.Reasoning), value(t.Total),
	}
}

func TestEachProvidersTokensAreCountedOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, response string
		want           counts
	}{
		{
			"OpenAI chat",
			`{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0}],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,
			  "prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},
			  "completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}`,
			counts{19, 10, 0, unknown, unknown, 0, 29},
		},
		{
			"OpenAI chat with cached input and reasoning, both parts of the totals",
			`{"usage":{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,"prompt_tokens_details":{"cached_tokens":1920},
			  "completion_tokens_details":{"reasoning_tokens":256}}}`,
			counts{2006, 300, 1920, unknown, unknown, 256, 2306},
		},
		{
			"OpenAI embeddings, without output",
			`{"object":"list","usage":{"prompt_tokens":8,"total_tokens":8}}`,
			counts{8, unknown, unknown, unknown, unknown, unknown, 8},
		},
		{
			"OpenAI responses",
			`{"id":"resp_1","object":"response","usage":{"input_tokens":328,"input_tokens_details":{"cached_tokens":128},"output_tokens":52,
			  "output_tokens_details":{"reasoning_tokens":32},"total_tokens":380}}`,
			counts{328, 52, 128, unknown, unknown, 32, 380},
		},
		{
			"OpenAI responses without details",
			`{"usage":{"input_tokens":36,"output_tokens":87,"total_tokens":123}}`,
			counts{36, 87, unknown, unknown, unknown, unknown, 123},
		},
		{
			"Anthropic without a cache",
			`{"id":"msg_1","type":"message","usage":{"input_tokens":2095,"output_tokens":503}}`,
			counts{2095, 503, unknown, unknown, unknown, unknown, unknown},
		},
		{
			"Anthropic, whose input excludes what the cache gave and took",
			`{"usage":{"input_tokens":21,"cache_creation_input_tokens":188086,"cache_read_input_tokens":1000,"output_tokens":393,"service_tier":"standard"}}`,
			counts{189107, 393, 1000, 188086, unknown, unknown, unknown},
		},
		{
			"Anthropic with an empty cache",
			`{"usage":{"input_tokens":21,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":3}}`,
			counts{21, 3, 0, 0, unknown, unknown, unknown},
		},
		{
			"Anthropic with the split of the cache's writes, a part of them",
			`{"usage":{"input_tokens":50,"cache_creation_input_tokens":700,"cache_read_input_tokens":100,"output_tokens":5,
			  "cache_creation":{"ephemeral_5m_input_tokens":456,"ephemeral_1h_input_tokens":244}}}`,
			counts{850, 5, 100, 700, 244, unknown, unknown},
		},
		{
			"Anthropic with the split alone",
			`{"usage":{"input_tokens":50,"output_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":456,"ephemeral_1h_input_tokens":244}}}`,
			counts{750, 5, unknown, 700, 244, unknown, unknown},
		},
		{
			"Anthropic with a cache that is null",
			`{"usage":{"input_tokens":50,"output_tokens":5,"cache_creation_input_tokens":null,"cache_read_input_tokens":null,"cache_creation":null}}`,
			counts{50, 5, unknown, unknown, unknown, unknown, unknown},
		},
		{
			"Gemini",
			`{"candidates":[],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":7,"totalTokenCount":11}}`,
			counts{4, 7, unknown, unknown, unknown, unknown, 11},
		},
		{
			"Gemini with cached input, which the prompt includes, and thoughts, which the candidates exclude",
			`{"usageMetadata":{"promptTokenCount":1200,"cachedContentTokenCount":1000,"candidatesTokenCount":40,"thoughtsTokenCount":160,"totalTokenCount":1400,
			  "promptTokensDetails":[{"modality":"TEXT","tokenCount":1200}]}}`,
			counts{1200, 200, 1000, unknown, unknown, 160, 1400},
		},
		{
			"Gemini with tools, whose prompt is beside the prompt",
			`{"usageMetadata":{"promptTokenCount":100,"toolUsePromptTokenCount":30,"candidatesTokenCount":10,"totalTokenCount":140}}`,
			counts{130, 10, unknown, unknown, unknown, unknown, 140},
		},
		{
			"Gemini that only thought",
			`{"usageMetadata":{"promptTokenCount":100,"thoughtsTokenCount":50,"totalTokenCount":150}}`,
			counts{100, 50, unknown, unknown, unknown, 50, 150},
		},
		{
			"Gemini in the Python client's names",
			`{"usage_metadata":{"prompt_token_count":100,"cached_content_token_count":10,"candidates_token_count":5,"thoughts_token_count":6,"total_token_count":111}}`,
			counts{100, 11, 10, unknown, unknown, 6, 111},
		},
		{
			"LiteLLM, with Anthropic's names beside a prompt that includes them",
			`{"usage":{"prompt_tokens":1107,"completion_tokens":393,"total_tokens":1500,"prompt_tokens_details":{"cached_tokens":1000},
			  "cache_creation_input_tokens":86,"cache_read_input_tokens":1000}}`,
			counts{1107, 393, 1000, 86, unknown, unknown, 1500},
		},
		{
			"LiteLLM, with Anthropic's names alone",
			`{"usage":{"prompt_tokens":1107,"completion_tokens":393,"total_tokens":1500,"cache_creation_input_tokens":86,"cache_read_input_tokens":1000}}`,
			counts{1107, 393, 1000, 86, unknown, unknown, 1500},
		},
		{
			"LiteLLM, with details that are null",
			`{"usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14,"prompt_tokens_details":null,"completion_tokens_details":null,
			  "cache_creation_input_tokens":0,"cache_read_input_tokens":0}}`,
			counts{11, 3, 0, 0, unknown, unknown, 14},
		},
		{
			"both names for the input, of one meaning",
			`{"usage":{"prompt_tokens":11,"input_tokens":11,"completion_tokens":3,"output_tokens":3,"total_tokens":14}}`,
			counts{11, 3, unknown, unknown, unknown, unknown, 14},
		},
		{
			"a usage object that is null beside Gemini's",
			`{"usage":null,"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":7,"totalTokenCount":11}}`,
			counts{4, 7, unknown, unknown, unknown, unknown, 11},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, of(usage.FromResponse([]byte(tt.response))))
		})
	}
}

func TestAMalformedMemberIsUnknownAndTheOthersCount(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"a text": `"12"`, "a fraction": `1.5`, "negative": `-1`, "beyond belief": `1000000000001`, "without bound": `1e999`, "null": `null`,
		"an object": `{}`, "an array": `[12]`, "a boolean": `true`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, counts{unknown, 5, unknown, unknown, unknown, unknown, 17},
				of(usage.FromObject([]byte(`{"prompt_tokens":`+value+`,"completion_tokens":5,"total_tokens":17}`))))
			assert.Equal(t, counts{12, 5, unknown, unknown, unknown, unknown, unknown},
				of(usage.FromObject([]byte(`{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":`+value+`}}`))))
			assert.Equal(t, counts{12, 5, unknown, unknown, unknown, unknown, unknown},
				of(usage.FromObject([]byte(`{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":`+value+`}`))))
			assert.Equal(t, counts{20, 5, 8, unknown, unknown, unknown, unknown},
				of(usage.FromObject([]byte(`{"input_tokens":12,"output_tokens":5,"cache_read_input_tokens":8,"cache_creation_input_tokens":`+value+`}`))))
		})
	}
}

func TestWholeNumbersCountHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	assert.Equal(t, counts{1000, 12, unknown, unknown, unknown, unknown, usage.Max},
		of(usage.FromObject([]byte(` {"prompt_tokens":1e3,"completion_tokens":12.0,"total_tokens":1000000000000}`[1:]))))
}

func TestWhatIsNoUsageIsUnknown(t *testing.T) {
	t.Parallel()
	nothing := counts{unknown, unknown, unknown, unknown, unknown, unknown, unknown}
	for _, response := range []string{
		``, `null`, `[]`, `"usage"`, `5`, `{}`, `{"usage":{}}`, `{"usage":[]}`, `{"usage":"many"}`, `{"usage":{"prompt_tokens":5}`,
		`{"usage":{"tokens":5}}`, `{"a":{"usage":{"prompt_tokens":5}}}`, `{"usage":{"prompt_tokens":5}} trailing`[:22],
	} {
		assert.Equal(t, nothing, of(usage.FromResponse([]byte(response))), response)
		assert.Equal(t, nothing, of(usage.FromObject([]byte(response))), response)
	}
}

func FuzzFromResponse(f *testing.F) {
	for _, seed := range []string{
		`{"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}}}`,
		`{"usage":{"input_tokens":1,"output_tokens":2,"cache_read_input_tokens":3,"cache_creation":{"ephemeral_1h_input_tokens":4}}}`,
		`{"usageMetadata":{"promptTokenCount":1,"thoughtsTokenCount":2,"toolUsePromptTokenCount":3}}`,
		`{"usage":{"prompt_tokens":1e12,"input_tokens":1e12,"cache_read_input_tokens":1e12,"cache_creation_input_tokens":1e12}}`,
		`{"usage":{"prompt_tokens":1e12,"completion_tokens":1e12,"citation_tokens":1e12,"reasoning_tokens":1e12}}`,
		`{"usage":{"inputTokens":1e12,"cacheReadInputTokens":1e12,"cacheWriteInputTokens":1e12}}`,
		`{"usageMetadata":{"promptTokenCount":1,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":1e12},{"modality":"AUDIO","tokenCount":1e12}]}}`,
		`{"response":{"usage":{"input_tokens":1,"input_token_details":{"cached_tokens_details":{"audio_tokens":1}}}}}`,
		`{"meta":{"billed_units":{"input_tokens":1}}}`, `{"object":"list","usage":{"total_tokens":1}}`,
		`{`, `{"usage":`, `{"usage":{"prompt_tokens":-0}}`, strings.Repeat(`{"usage":`, 50),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tokens := usage.FromResponse(b)
		for name, n := range known(tokens) {
			require.GreaterOrEqual(t, n, int64(0), name)
			require.LessOrEqual(t, n, int64(4*usage.Max), name)
		}
		c := of(tokens)
		for _, n := range []int64{c.prompt, c.completion, c.cacheRead, c.cacheWrite, c.cacheWrite1h, c.reasoning, c.total} {
			require.GreaterOrEqual(t, n, int64(unknown))
			require.LessOrEqual(t, n, int64(4*usage.Max), "sums stay far from 64 bits")
		}
	})
}
