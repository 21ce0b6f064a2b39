package price_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/usage"
)

// The shapes of usage objects, with the counts that matter.

func chat(prompt, completion, cached, reasoning int) string {
	return fmt.Sprintf(`{"object":"chat.completion","usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,
		"prompt_tokens_details":{"cached_tokens":%d,"audio_tokens":0},
		"completion_tokens_details":{"reasoning_tokens":%d,"audio_tokens":0}}}`,
		prompt, completion, prompt+completion, cached, reasoning)
}

func responses(input, output, cached, reasoning int) string {
	return fmt.Sprintf(`{"object":"response","usage":{"input_tokens":%d,"input_tokens_details":{"cached_tokens":%d},
		"output_tokens":%d,"output_tokens_details":{"reasoning_tokens":%d},"total_tokens":%d}}`,
		input, cached, output, reasoning, input+output)
}

func anthropic(input, output, read, write5m, write1h int) string {
	return fmt.Sprintf(`{"type":"message","usage":{"input_tokens":%d,"output_tokens":%d,"cache_read_input_tokens":%d,
		"cache_creation_input_tokens":%d,"cache_creation":{"ephemeral_5m_input_tokens":%d,"ephemeral_1h_input_tokens":%d}}}`,
		input, output, read, write5m+write1h, write5m, write1h)
}

func litellm(prompt, completion, read, write int) string {
	return fmt.Sprintf(`{"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,
		"prompt_tokens_details":{"cached_tokens":%d},"cache_read_input_tokens":%d,"cache_creation_input_tokens":%d}}`,
		prompt, completion, prompt+completion, read, read, write)
}

func gemini(prompt, cached, candidates, thoughts int) string {
	return fmt.Sprintf(`{"usageMetadata":{"promptTokenCount":%d,"cachedContentTokenCount":%d,"candidatesTokenCount":%d,
		"thoughtsTokenCount":%d,"totalTokenCount":%d}}`,
		prompt, cached, candidates, thoughts, prompt+candidates+thoughts)
}

func converse(input, output, read, write int) string {
	return fmt.Sprintf(`{"usage":{"inputTokens":%d,"outputTokens":%d,"totalTokens":%d,
		"cacheReadInputTokens":%d,"cacheWriteInputTokens":%d}}`,
		input, output, input+output+read+write, read, write)
}

func deepseek(prompt, hits, completion int) string {
	return fmt.Sprintf(`{"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,
		"prompt_cache_hit_tokens":%d,"prompt_cache_miss_tokens":%d}}`,
		prompt, completion, prompt+completion, hits, prompt-hits)
}

// used is what a response says was used, as a whole request.
func used(response string) price.Usage {
	t := usage.FromResponse([]byte(response))
	n := func(count *int64) int64 {
		if count == nil {
			return 0
		}
		return *count
	}
	return price.Usage{
		Input: n(t.Prompt), Output: n(t.Completion),
		CacheRead: n(t.CacheRead), CacheWrite: n(t.CacheWrite), CacheWrite1h: n(t.CacheWrite1h),
		InputAudio: n(t.InputAudio), OutputAudio: n(t.OutputAudio), CacheAudioRead: n(t.CacheAudioRead),
		InputImage: n(t.InputImage), OutputImage: n(t.OutputImage), CacheImageRead: n(t.CacheImageRead),
		InputVideo: n(t.InputVideo), OutputVideo: n(t.OutputVideo),
		OutputReasoning: n(t.Reasoning), OutputCitation: n(t.Citation),
		WebSearches: n(t.WebSearches), Requests: 1,
	}
}

var (
	shippedPrices = price.Shipped()
	shippedTable  = price.NewTable(shippedPrices)
)

func TestBillsComeToTheFiguresWorkedOutByHand(t *testing.T) {
	t.Parallel()
	for _, b := range bills {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, b.want, millionths(t, b.sum), "the bill itself")
			entry, ok := shippedTable.Find(b.provider, b.model)
			require.True(t, ok, "%s/%s has a price", b.provider, b.model)
			p, ok := entry.At(moment(t, b.at))
			require.True(t, ok)

			u := used(b.response)
			amount, ok := p.Cost(u)
			require.True(t, ok)
			assert.Equal(t, b.want, amount.String())
			assert.Equal(t, amount, addUp(p.Parts(u)), "the parts")
		})
	}
}

func addUp(parts []price.Part) (sum price.Amount) {
	for _, part := range parts {
		sum = sum.Add(part.Amount)
	}
	return sum
}

func moment(t testing.TB, at string) time.Time {
	t.Helper()
	if at == "" {
		at = billDay
	}
	parsed, err := time.Parse(time.RFC3339, at)
	require.NoError(t, err)
	return parsed
}

// millionths works out a sum of products: "3*2.5 + 4*10" is 0.0000475.
func millionths(t testing.TB, sum string) string {
	t.Helper()
	total := new(big.Rat)
	for term := range strings.SplitSeq(sum, " + ") {
		product := big.NewRat(1, 1)
		for factor := range strings.SplitSeq(term, "*") {
			n, ok := new(big.Rat).SetString(factor)
			require.True(t, ok, factor)
			product.Mul(product, n)
		}
		total.Add(total, product)
	}
	text := total.Quo(total, big.NewRat(1_000_000, 1)).FloatString(24)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
