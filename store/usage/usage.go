// Package usage reads token counts out of the `usage` objects that LLM
// providers return, whichever shape they have, and gives them one meaning:
// input with cached input included, output with reasoning included. Seeing two
// shapes in one object never counts a token twice.
package usage

import (
	"math"
	"strconv"

	"github.com/llmtally/llmtally/store/rawjson"
)

// Tokens are a request's token counts. A nil count is unknown. CacheRead and
// CacheWrite are parts of Prompt, CacheWrite1h is a part of CacheWrite, and
// Reasoning is a part of Completion.
type Tokens struct {
	Prompt, Completion, CacheRead, CacheWrite, CacheWrite1h, Reasoning, Total *int64
}

// FromResponse reads the counts from a provider's whole response: its member
// `usage` (OpenAI, Anthropic, LiteLLM) or `usageMetadata` (Gemini).
func FromResponse(response []byte) Tokens {
	var usage, metadata []byte
	if len(response) == 0 || response[0] != '{' {
		return Tokens{}
	}
	_, err := rawjson.Object(response, 0, func(key, value []byte) {
		switch string(key) {
		case "usage":
			usage = value
		case "usageMetadata", "usage_metadata":
			metadata = value
		}
	})
	if err != nil {
		return Tokens{}
	}
	if len(usage) > 0 && usage[0] == '{' {
		return FromObject(usage)
	}
	return FromObject(metadata)
}

// counts holds every count that any known shape names.
type counts struct {
	prompt, completion, total      *int64 // OpenAI chat
	input, output                  *int64 // OpenAI responses, Anthropic
	cached, reasoning              *int64 // from the *_details objects
	cacheRead, cacheCreation       *int64 // Anthropic; LiteLLM beside OpenAI's
	write5m, write1h               *int64
	geminiPrompt, geminiCached     *int64
	candidates, thoughts, toolUse  *int64
	geminiTotal, detailsCacheWrite *int64
}

// FromObject reads the counts from a usage object itself.
func FromObject(object []byte) Tokens {
	if len(object) == 0 || object[0] != '{' {
		return Tokens{}
	}
	var c counts
	if _, err := rawjson.Object(object, 0, c.member); err != nil {
		return Tokens{}
	}
	switch {
	case c.geminiPrompt != nil || c.candidates != nil || c.thoughts != nil:
		return c.gemini()
	case c.prompt != nil || c.completion != nil:
		return c.openAIChat()
	case c.cached == nil && (c.cacheRead != nil || c.creation() != nil):
		return c.anthropic()
	default:
		return c.openAIResponses()
	}
}

func (c *counts) member(key, value []byte) {
	switch string(key) {
	case "prompt_tokens":
		c.prompt = count(value)
	case "completion_tokens":
		c.completion = count(value)
	case "total_tokens":
		c.total = count(value)
	case "input_tokens":
		c.input = count(value)
	case "output_tokens":
		c.output = count(value)
	case "cache_read_input_tokens":
		c.cacheRead = count(value)
	case "cache_creation_input_tokens":
		c.cacheCreation = count(value)
	case "prompt_tokens_details", "input_tokens_details":
		each(value, c.inputDetail)
	case "completion_tokens_details", "output_tokens_details":
		each(value, c.outputDetail)
	case "cache_creation":
		each(value, c.creationDetail)
	case "promptTokenCount", "prompt_token_count":
		c.geminiPrompt = count(value)
	case "cachedContentTokenCount", "cached_content_token_count":
		c.geminiCached = count(value)
	case "candidatesTokenCount", "candidates_token_count":
		c.candidates = count(value)
	case "thoughtsTokenCount", "thoughts_token_count":
		c.thoughts = count(value)
	case "toolUsePromptTokenCount", "tool_use_prompt_token_count":
		c.toolUse = count(value)
	case "totalTokenCount", "total_token_count":
		c.geminiTotal = count(value)
	}
}

func (c *counts) inputDetail(key, value []byte) {
	switch string(key) {
	case "cached_tokens":
		c.cached = count(value)
	case "cache_creation_tokens", "cache_write_tokens":
		c.detailsCacheWrite = count(value)
	}
}

func (c *counts) outputDetail(key, value []byte) {
	switch string(key) {
	case "reasoning_tokens", "thinking_tokens":
		c.reasoning = count(value)
	}
}

func (c *counts) creationDetail(key, value []byte) {
	switch string(key) {
	case "ephemeral_5m_input_tokens":
		c.write5m = count(value)
	case "ephemeral_1h_input_tokens":
		c.write1h = count(value)
	}
}

// openAIChat also reads LiteLLM's normalised object, which repeats the cached
// tokens in Anthropic's names: they are in prompt_tokens already.
func (c *counts) openAIChat() Tokens {
	return Tokens{
		Prompt: c.prompt, Completion: c.completion, Total: c.total,
		CacheRead:    first(c.cached, c.cacheRead),
		CacheWrite:   first(c.detailsCacheWrite, c.creation()),
		CacheWrite1h: c.write1h,
		Reasoning:    c.reasoning,
	}
}

func (c *counts) openAIResponses() Tokens {
	return Tokens{
		Prompt: c.input, Completion: c.output, Total: c.total,
		CacheRead: c.cached, CacheWrite: first(c.detailsCacheWrite, c.creation()),
		CacheWrite1h: c.write1h, Reasoning: c.reasoning,
	}
}

// anthropic adds the cached tokens to the input, which excludes them.
func (c *counts) anthropic() Tokens {
	write := c.creation()
	return Tokens{
		Prompt: sum(c.input, c.cacheRead, write), Completion: c.output, Total: nil,
		CacheRead: c.cacheRead, CacheWrite: write, CacheWrite1h: c.write1h,
		Reasoning: c.reasoning,
	}
}

// gemini adds the thoughts to the output, which excludes them; a tool's use of
// the prompt is input beside the prompt.
func (c *counts) gemini() Tokens {
	return Tokens{
		Prompt: sum(c.geminiPrompt, c.toolUse), Completion: sum(c.candidates, c.thoughts),
		Total: c.geminiTotal, CacheRead: c.geminiCached, Reasoning: c.thoughts,
	}
}

// creation is all cache writes: the total when it is given, else its split.
func (c *counts) creation() *int64 {
	return first(c.cacheCreation, sum(c.write5m, c.write1h))
}

func each(object []byte, member func(key, value []byte)) {
	if len(object) > 0 && object[0] == '{' {
		// The object is part of one that was checked already.
		_, _ = rawjson.Object(object, 0, member)
	}
}

// Max is the largest count that is believed: a million million tokens in one
// request. It keeps sums over many requests within 64 bits.
const Max = 1_000_000_000_000

// count reads a token count; what is not a whole number from 0 to Max is
// unknown.
func count(raw []byte) *int64 {
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f < 0 || f > Max || f != math.Trunc(f) {
		return nil
	}
	n := int64(f)
	return &n
}

func first(counts ...*int64) *int64 {
	for _, c := range counts {
		if c != nil {
			return c
		}
	}
	return nil
}

// sum adds the known counts; it is unknown when all of them are.
func sum(counts ...*int64) *int64 {
	var total *int64
	for _, c := range counts {
		if c == nil {
			continue
		}
		if total == nil {
			total = new(int64)
		}
		*total += *c
	}
	return total
}
