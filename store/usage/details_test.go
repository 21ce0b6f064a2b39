package usage_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/llmtally/llmtally/store/usage"
)

// known are the counts that are known, by their names.
func known(t usage.Tokens) map[string]int64 {
	counts := map[string]int64{}
	for name, n := range map[string]*int64{
		"prompt": t.Prompt, "completion": t.Completion, "total": t.Total, "reasoning": t.Reasoning, "citation": t.Citation,
		"cache read": t.CacheRead, "cache write": t.CacheWrite, "cache write 1h": t.CacheWrite1h,
		"input audio": t.InputAudio, "output audio": t.OutputAudio, "cache audio read": t.CacheAudioRead,
		"input image": t.InputImage, "output image": t.OutputImage, "cache image read": t.CacheImageRead,
		"input video": t.InputVideo, "output video": t.OutputVideo, "web searches": t.WebSearches,
	} {
		if n != nil {
			counts[name] = *n
		}
	}
	return counts
}

// The shapes are those that genai-prices' extractors read, and some more.
func TestWhatPricesNeedIsRead(t *testing.T) {
	t.Parallel()
	type counts = map[string]int64
	for _, tt := range []struct {
		name, response string
		want           counts
	}{
		{
			"OpenAI chat with sound",
			`{"usage":{"prompt_tokens":100,"completion_tokens":50,"prompt_tokens_details":{"audio_tokens":80,"cached_tokens":10,"cache_write_tokens":5,"text_tokens":20},
			  "completion_tokens_details":{"audio_tokens":40,"text_tokens":10}}}`,
			counts{"prompt": 100, "completion": 50, "cache read": 10, "cache write": 5, "input audio": 80, "output audio": 40},
		},
		{
			"OpenAI images",
			`{"usage":{"input_tokens":50,"output_tokens":1056,"total_tokens":1106,"input_tokens_details":{"text_tokens":10,"image_tokens":40},
			  "output_tokens_details":{"image_tokens":1050,"text_tokens":6}}}`,
			counts{"prompt": 50, "completion": 1056, "total": 1106, "input image": 40, "output image": 1050},
		},
		{
			"OpenAI realtime, in the event that tells of the response's end",
			`{"type":"response.done","response":{"id":"resp_1","usage":{"total_tokens":300,"input_tokens":200,"output_tokens":100,
			  "input_token_details":{"text_tokens":60,"audio_tokens":130,"image_tokens":10,"cached_tokens":50,
			    "cached_tokens_details":{"text_tokens":20,"audio_tokens":25,"image_tokens":5}},
			  "output_token_details":{"text_tokens":30,"audio_tokens":70}}}}`,
			counts{
				"prompt": 200, "completion": 100, "total": 300, "cache read": 50, "input audio": 130, "input image": 10,
				"cache audio read": 25, "cache image read": 5, "output audio": 70,
			},
		},
		{
			"OpenAI transcription",
			`{"text":"hello","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}}`,
			counts{"prompt": 14, "completion": 45, "total": 59, "input audio": 14},
		},
		{
			"OpenAI responses, in the event of a stream",
			`{"type":"response.completed","sequence_number":9,"response":{"object":"response","usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}}`,
			counts{"prompt": 3, "completion": 4, "total": 7},
		},
		{
			"Anthropic with searches and thoughts",
			`{"usage":{"input_tokens":10,"output_tokens":5,"server_tool_use":{"web_search_requests":3,"web_fetch_requests":1},"output_tokens_details":{"thinking_tokens":2}}}`,
			counts{"prompt": 10, "completion": 5, "reasoning": 2, "web searches": 3},
		},
		{
			"Gemini by modality, cached and not, with tools",
			`{"usageMetadata":{"promptTokenCount":1000,"cachedContentTokenCount":300,"candidatesTokenCount":200,"thoughtsTokenCount":50,"toolUsePromptTokenCount":30,
			  "promptTokensDetails":[{"modality":"TEXT","tokenCount":100},{"modality":"AUDIO","tokenCount":400},{"modality":"IMAGE","tokenCount":258},{"modality":"DOCUMENT","tokenCount":142},{"modality":"VIDEO","tokenCount":100}],
			  "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":200},{"modality":"IMAGE","tokenCount":60},{"modality":"DOCUMENT","tokenCount":10},{"modality":"VIDEO","tokenCount":30}],
			  "candidatesTokensDetails":[{"modality":"TEXT","tokenCount":10},{"modality":"AUDIO","tokenCount":90},{"modality":"IMAGE","tokenCount":80},{"modality":"VIDEO","tokenCount":20}],
			  "toolUsePromptTokensDetails":[{"modality":"TEXT","tokenCount":20},{"modality":"IMAGE","tokenCount":10}]}}`,
			counts{
				"prompt": 1030, "completion": 250, "reasoning": 50, "cache read": 300, "input audio": 400, "input image": 410, "input video": 100,
				"cache audio read": 200, "cache image read": 70, "output audio": 90, "output image": 80, "output video": 20,
			},
		},
		{
			"Gemini in the Python client's names",
			`{"usage_metadata":{"prompt_token_count":10,"candidates_token_count":5,"prompt_tokens_details":[{"modality":"audio","token_count":7}],
			  "candidates_tokens_details":[{"modality":"AUDIO","token_count":5}],"cache_tokens_details":null,"tool_use_prompt_tokens_details":[]}}`,
			counts{"prompt": 10, "completion": 5, "input audio": 7, "output audio": 5},
		},
		{
			"Gemini Live",
			`{"usageMetadata":{"promptTokenCount":10,"responseTokenCount":20,"totalTokenCount":30,"responseTokensDetails":[{"modality":"AUDIO","tokenCount":20}]}}`,
			counts{"prompt": 10, "completion": 20, "total": 30, "output audio": 20},
		},
		{
			"Bedrock Converse, whose input excludes the cache",
			`{"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":118,"cacheReadInputTokens":100,"cacheWriteInputTokens":3}}`,
			counts{"prompt": 113, "completion": 5, "total": 118, "cache read": 100, "cache write": 3},
		},
		{
			"Bedrock Nova",
			`{"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15,"cacheReadInputTokenCount":0,"cacheWriteInputTokenCount":0}}`,
			counts{"prompt": 10, "completion": 5, "total": 15, "cache read": 0, "cache write": 0},
		},
		{
			"Vercel's AI SDK, whose input includes it",
			`{"usage":{"inputTokens":110,"outputTokens":50,"totalTokens":160,"reasoningTokens":20,"cachedInputTokens":100}}`,
			counts{"prompt": 110, "completion": 50, "total": 160, "cache read": 100, "reasoning": 20},
		},
		{
			"Cohere bills by other counts",
			`{"usage":{"billed_units":{"input_tokens":41,"output_tokens":28},"tokens":{"input_tokens":1442,"output_tokens":29},"cached_tokens":1040}}`,
			counts{"prompt": 41, "completion": 28},
		},
		{
			"Cohere without billed units",
			`{"usage":{"tokens":{"input_tokens":1442,"output_tokens":29},"cached_tokens":1040}}`,
			counts{"prompt": 1442, "completion": 29, "cache read": 1040},
		},
		{
			"Cohere's first API",
			`{"meta":{"api_version":{"version":"1"},"billed_units":{"input_tokens":17.0,"output_tokens":9}}}`,
			counts{"prompt": 17, "completion": 9},
		},
		{
			"Cohere's embeddings",
			`{"embeddings":[],"meta":{"billed_units":{"input_tokens":17}}}`,
			counts{"prompt": 17},
		},
		{
			"Perplexity, whose completion excludes reasoning and citations",
			`{"usage":{"prompt_tokens":19,"completion_tokens":498,"total_tokens":517,"citation_tokens":10175,"num_search_queries":48,"reasoning_tokens":95305,"search_context_size":"high"}}`,
			counts{"prompt": 19, "completion": 105978, "total": 517, "reasoning": 95305, "citation": 10175, "web searches": 48},
		},
		{
			"Perplexity that thought less than it said",
			`{"usage":{"prompt_tokens":19,"completion_tokens":498,"total_tokens":517,"citation_tokens":5,"num_search_queries":1,"reasoning_tokens":7}}`,
			counts{"prompt": 19, "completion": 510, "total": 517, "reasoning": 7, "citation": 5, "web searches": 1},
		},
		{
			"Perplexity that only searched",
			`{"usage":{"prompt_tokens":19,"completion_tokens":498,"total_tokens":517,"num_search_queries":2}}`,
			counts{"prompt": 19, "completion": 498, "total": 517, "web searches": 2},
		},
		{
			"xAI, whose completion excludes reasoning, as the total shows",
			`{"usage":{"prompt_tokens":32,"completion_tokens":109,"total_tokens":235,"prompt_tokens_details":{"text_tokens":32,"cached_tokens":6},
			  "completion_tokens_details":{"reasoning_tokens":94},"num_sources_used":0}}`,
			counts{"prompt": 32, "completion": 203, "total": 235, "cache read": 6, "reasoning": 94},
		},
		{
			"xAI in its own client's names",
			`{"usage":{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,"reasoning_tokens":94,"cached_prompt_text_tokens":6,"prompt_text_tokens":32}}`,
			counts{"prompt": 32, "completion": 103, "total": 135, "cache read": 6, "reasoning": 94},
		},
		{
			"reasoning beside the completion and a part of it",
			`{"usage":{"prompt_tokens":32,"completion_tokens":103,"total_tokens":135,"reasoning_tokens":94}}`,
			counts{"prompt": 32, "completion": 103, "total": 135, "reasoning": 94},
		},
		{
			"more reasoning than completion, without a total",
			`{"usage":{"prompt_tokens":32,"completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":94}}}`,
			counts{"prompt": 32, "completion": 103, "reasoning": 94},
		},
		{
			"DeepSeek",
			`{"usage":{"prompt_tokens":100,"completion_tokens":10,"total_tokens":110,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36}}`,
			counts{"prompt": 100, "completion": 10, "total": 110, "cache read": 64},
		},
		{
			"DeepSeek in both names",
			`{"usage":{"prompt_tokens":100,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":64},"prompt_cache_hit_tokens":64}}`,
			counts{"prompt": 100, "completion": 10, "cache read": 64},
		},
		{
			"Moonshot, with cached tokens at the top",
			`{"usage":{"prompt_tokens":100,"completion_tokens":10,"cached_tokens":64}}`,
			counts{"prompt": 100, "completion": 10, "cache read": 64},
		},
		{
			"OpenRouter, with what it cost",
			`{"usage":{"prompt_tokens":270,"completion_tokens":28,"cost":0.000151,"cost_details":{"upstream_inference_cost":0.000151},"is_byok":false,
			  "prompt_tokens_details":{"video_tokens":258},"completion_tokens_details":{"image_tokens":3,"reasoning_tokens":0}}}`,
			counts{"prompt": 270, "completion": 28, "input video": 258, "output image": 3, "reasoning": 0},
		},
		{
			"LiteLLM, with Anthropic's split and searches",
			`{"usage":{"prompt_tokens":1107,"completion_tokens":393,"prompt_tokens_details":{"cached_tokens":1000,"cache_creation_tokens":86,"web_search_requests":2,
			  "cache_creation_token_details":{"ephemeral_5m_input_tokens":6,"ephemeral_1h_input_tokens":80}},
			  "cache_creation_input_tokens":86,"cache_read_input_tokens":1000,"server_tool_use":{"web_search_requests":2}}}`,
			counts{"prompt": 1107, "completion": 393, "cache read": 1000, "cache write": 86, "cache write 1h": 80, "web searches": 2},
		},
		{
			"LiteLLM, with searches beside reasoning that is a part of the completion",
			`{"usage":{"prompt_tokens":10,"completion_tokens":393,"prompt_tokens_details":{"web_search_requests":2},"completion_tokens_details":{"reasoning_tokens":100}}}`,
			counts{"prompt": 10, "completion": 393, "reasoning": 100, "web searches": 2},
		},
		{
			"Voyage's embeddings, which have a total alone",
			`{"object":"list","data":[],"model":"voyage-3","usage":{"total_tokens":10}}`,
			counts{"prompt": 10, "total": 10},
		},
		{
			"a total alone, of we know not what",
			`{"object":"chat.completion","usage":{"total_tokens":10}}`,
			counts{"total": 10},
		},
		{
			"a usage object before Cohere's and Gemini's members",
			`{"meta":{"tokens":{"input_tokens":1}},"usage":{"prompt_tokens":3},"usageMetadata":{"promptTokenCount":2}}`,
			counts{"prompt": 3},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, known(usage.FromResponse([]byte(tt.response))))
		})
	}
}

func TestAMalformedDetailIsUnknownAndTheOthersCount(t *testing.T) {
	t.Parallel()
	for _, list := range []string{
		`5`, `"AUDIO"`, `{}`, `[]`, `[5]`, `[[]]`, `[{}]`, `[{"modality":"AUDIO"}]`, `[{"tokenCount":5}]`, `[{"modality":5,"tokenCount":5}]`,
		`[{"modality":"AUDIO","tokenCount":"5"}]`, `[{"modality":"AUDIO","tokenCount":-5}]`, `[{"modality":"SMELL","tokenCount":5}]`,
		`[ {"modality":"TEXT","tokenCount":5} , null ]`,
	} {
		response := `{"usageMetadata":{"promptTokenCount":9,"promptTokensDetails":` + list + `,"candidatesTokensDetails":[ {"tokenCount":3,"modality":"IMAGE"} ]}}`
		assert.Equal(t, map[string]int64{"prompt": 9, "output image": 3}, known(usage.FromResponse([]byte(response))), list)
	}
}

func BenchmarkFromResponse(b *testing.B) {
	response := []byte(`{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello there"}}],
		"usage":{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,"prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},
		"completion_tokens_details":{"reasoning_tokens":256,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}`)
	b.ReportAllocs()
	for b.Loop() {
		usage.FromResponse(response)
	}
}
