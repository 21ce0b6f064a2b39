package usage_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/store/usage"
)

// tokens are those of one request, each in one place only.
type tokens struct {
	fresh, read, write5m, write1h int64 // input
	said, thought                 int64 // output
}

func (n tokens) input() int64  { return n.fresh + n.read + n.write5m + n.write1h }
func (n tokens) output() int64 { return n.said + n.thought }
func (n tokens) writes() int64 { return n.write5m + n.write1h }

// A shape writes a request's tokens as a provider does, and says which of the
// counts that leaves untold.
type shape struct {
	name            string
	write           func(n tokens) string
	writes, hour    bool // whether writes to the cache are told, and those for an hour
	thoughts, total bool
}

var shapes = []shape{
	{
		"OpenAI chat", func(n tokens) string {
			return fmt.Sprintf(`{"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,
				"prompt_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d},"completion_tokens_details":{"reasoning_tokens":%d}}}`,
				n.input(), n.output(), n.input()+n.output(), n.read, n.writes(), n.thought)
		}, true, false, true, true,
	},
	{
		"OpenAI responses", func(n tokens) string {
			return fmt.Sprintf(`{"type":"response.completed","response":{"usage":{"output_tokens_details":{"reasoning_tokens":%d},"output_tokens":%d,
				"input_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d},"input_tokens":%d,"total_tokens":%d}}}`,
				n.thought, n.output(), n.read, n.writes(), n.input(), n.input()+n.output())
		}, true, false, true, true,
	},
	{
		"Anthropic", func(n tokens) string {
			return fmt.Sprintf(`{"usage":{"input_tokens":%d,"output_tokens":%d,"cache_read_input_tokens":%d,"cache_creation_input_tokens":%d,
				"cache_creation":{"ephemeral_5m_input_tokens":%d,"ephemeral_1h_input_tokens":%d},"output_tokens_details":{"thinking_tokens":%d}}}`,
				n.fresh, n.output(), n.read, n.writes(), n.write5m, n.write1h, n.thought)
		}, true, true, true, false,
	},
	{
		"Anthropic with the split alone", func(n tokens) string {
			return fmt.Sprintf(`{"usage":{"cache_creation":{"ephemeral_1h_input_tokens":%d,"ephemeral_5m_input_tokens":%d},
				"input_tokens":%d,"cache_read_input_tokens":%d,"output_tokens":%d}}`,
				n.write1h, n.write5m, n.fresh, n.read, n.output())
		}, true, true, false, false,
	},
	{
		"LiteLLM", func(n tokens) string {
			return fmt.Sprintf(`{"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d},
				"cache_read_input_tokens":%d,"cache_creation_input_tokens":%d,"completion_tokens_details":{"reasoning_tokens":%d},
				"cache_creation":{"ephemeral_5m_input_tokens":%d,"ephemeral_1h_input_tokens":%d}}}`,
				n.input(), n.output(), n.input()+n.output(), n.read, n.read, n.writes(), n.thought, n.write5m, n.write1h)
		}, true, true, true, true,
	},
	{
		"Gemini", func(n tokens) string {
			return fmt.Sprintf(`{"usageMetadata":{"promptTokenCount":%d,"cachedContentTokenCount":%d,"candidatesTokenCount":%d,
				"thoughtsTokenCount":%d,"totalTokenCount":%d}}`, n.input(), n.read, n.said, n.thought, n.input()+n.output())
		}, false, false, true, true,
	},
	{
		"Bedrock Converse", func(n tokens) string {
			return fmt.Sprintf(`{"usage":{"inputTokens":%d,"outputTokens":%d,"totalTokens":%d,"cacheReadInputTokens":%d,"cacheWriteInputTokens":%d}}`,
				n.fresh, n.output(), n.input()+n.output(), n.read, n.writes())
		}, true, false, false, true,
	},
	{
		"DeepSeek", func(n tokens) string {
			return fmt.Sprintf(`{"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_cache_hit_tokens":%d,"prompt_cache_miss_tokens":%d,
				"completion_tokens_details":{"reasoning_tokens":%d}}}`,
				n.input(), n.output(), n.input()+n.output(), n.read, n.input()-n.read, n.thought)
		}, false, false, true, true,
	},
	{
		"xAI", func(n tokens) string {
			return fmt.Sprintf(`{"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d},
				"completion_tokens_details":{"reasoning_tokens":%d}}}`, n.input(), n.said, n.input()+n.output(), n.read, n.thought)
		}, false, false, true, true,
	},
	{
		"Vercel's AI SDK", func(n tokens) string {
			return fmt.Sprintf(`{"usage":{"inputTokens":%d,"outputTokens":%d,"totalTokens":%d,"reasoningTokens":%d,"cachedInputTokens":%d}}`,
				n.input(), n.output(), n.input()+n.output(), n.thought, n.read)
		}, false, false, true, true,
	},
}

func TestProperty_EveryShapeTellsTheSameTokens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, 1_000_000))
		n := tokens{
			count.Draw(t, "fresh"), count.Draw(t, "read"), count.Draw(t, "written for 5 minutes"), count.Draw(t, "written for an hour"),
			count.Draw(t, "said"), count.Draw(t, "thought"),
		}
		for _, s := range shapes {
			want := map[string]int64{"prompt": n.input(), "completion": n.output(), "cache read": n.read}
			if s.writes {
				want["cache write"] = n.writes()
			}
			if s.hour {
				want["cache write 1h"] = n.write1h
			}
			if s.thoughts {
				want["reasoning"] = n.thought
			}
			if s.total {
				want["total"] = n.input() + n.output()
			}
			require.Equal(t, want, known(usage.FromResponse([]byte(s.write(n)))), s.name)
		}
	})
}
