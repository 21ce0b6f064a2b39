package usage

import "github.com/llmtally/llmtally/store/rawjson"

// slotOf are the members of a usage object that are counts. Where a name has
// one meaning in all APIs that use it, all are read at once; which shape the
// object has is decided when it is read.
func slotOf(key []byte) (slot, bool) {
	switch string(key) {
	case "prompt_tokens":
		return chatPrompt, true
	case "completion_tokens":
		return chatCompletion, true
	case "total_tokens":
		return total, true
	case "input_tokens":
		return input, true
	case "output_tokens":
		return output, true
	case "cached_tokens", "cached_prompt_text_tokens": // Moonshot, Cohere; xAI
		return cached, true
	case "prompt_cache_hit_tokens":
		return cacheHit, true
	case "reasoning_tokens":
		return topReasoning, true
	case "citation_tokens":
		return citation, true
	case "num_search_queries":
		return searches, true
	case "cache_read_input_tokens":
		return cacheRead, true
	case "cache_creation_input_tokens":
		return cacheCreation, true
	case "promptTokenCount", "prompt_token_count":
		return geminiPrompt, true
	case "cachedContentTokenCount", "cached_content_token_count":
		return geminiCached, true
	case "candidatesTokenCount", "candidates_token_count", "responseTokenCount", "response_token_count":
		return candidates, true
	case "thoughtsTokenCount", "thoughts_token_count":
		return thoughts, true
	case "toolUsePromptTokenCount", "tool_use_prompt_token_count":
		return toolUse, true
	case "totalTokenCount", "total_token_count":
		return geminiTotal, true
	case "inputTokens":
		return converseInput, true
	case "outputTokens":
		return converseOutput, true
	case "totalTokens":
		return converseTotal, true
	case "cacheReadInputTokens", "cacheReadInputTokenCount":
		return converseRead, true
	case "cacheWriteInputTokens", "cacheWriteInputTokenCount":
		return converseWrite, true
	case "cachedInputTokens":
		return sdkCached, true
	case "reasoningTokens":
		return sdkReasoning, true
	}
	return 0, false
}

func (c *counts) member(key, value []byte) {
	if s, ok := slotOf(key); ok {
		c.read(s, value)
		return
	}
	if len(value) == 0 {
		return
	}
	switch value[0] {
	case '{':
		c.object(key, value)
	case '[':
		c.modalities(key, value)
	}
}

// object reads the objects within a usage object.
func (c *counts) object(key, value []byte) {
	switch string(key) {
	case "prompt_tokens_details", "input_tokens_details", "input_token_details": // chat, responses, realtime
		each(value, c.inputDetail)
	case "completion_tokens_details", "output_tokens_details", "output_token_details":
		each(value, c.outputDetail)
	case "cache_creation":
		each(value, c.creationDetail)
	case "server_tool_use":
		each(value, c.toolDetail)
	case "billed_units":
		each(value, c.billedDetail)
	case "tokens":
		each(value, c.cohereDetail)
	}
}

func (c *counts) inputDetail(key, value []byte) {
	switch string(key) {
	case "cached_tokens":
		c.read(cached, value)
	case "cache_creation_tokens", "cache_write_tokens":
		c.read(detailsCacheWrite, value)
	case "audio_tokens":
		c.read(inputAudio, value)
	case "image_tokens":
		c.read(inputImage, value)
	case "video_tokens":
		c.read(inputVideo, value)
	case "cached_tokens_details":
		each(value, c.cachedDetail)
	case "cache_creation_token_details": // LiteLLM
		each(value, c.creationDetail)
	case "web_search_requests": // LiteLLM
		c.read(searches, value)
	}
}

func (c *counts) cachedDetail(key, value []byte) {
	switch string(key) {
	case "audio_tokens":
		c.read(cachedAudio, value)
	case "image_tokens":
		c.read(cachedImage, value)
	}
}

func (c *counts) outputDetail(key, value []byte) {
	switch string(key) {
	case "reasoning_tokens", "thinking_tokens":
		c.read(reasoning, value)
	case "audio_tokens":
		c.read(outputAudio, value)
	case "image_tokens":
		c.read(outputImage, value)
	case "video_tokens":
		c.read(outputVideo, value)
	}
}

func (c *counts) creationDetail(key, value []byte) {
	switch string(key) {
	case "ephemeral_5m_input_tokens":
		c.read(write5m, value)
	case "ephemeral_1h_input_tokens":
		c.read(write1h, value)
	}
}

func (c *counts) toolDetail(key, value []byte) {
	if string(key) == "web_search_requests" {
		c.read(searches, value)
	}
}

func (c *counts) billedDetail(key, value []byte) {
	switch string(key) {
	case "input_tokens":
		c.read(billedInput, value)
	case "output_tokens":
		c.read(billedOutput, value)
	}
}

func (c *counts) cohereDetail(key, value []byte) {
	switch string(key) {
	case "input_tokens":
		c.read(cohereInput, value)
	case "output_tokens":
		c.read(cohereOutput, value)
	}
}

func each(object []byte, member func(key, value []byte)) {
	if isObject(object) {
		// The object is part of one that was checked already.
		_, _ = rawjson.Object(object, 0, member)
	}
}
