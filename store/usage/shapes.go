package usage

// tokens gives the counts the meaning that their shape has. Where the shapes
// come from: ingest formats of OpenAI, Anthropic, Gemini, Bedrock, Cohere,
// Perplexity and xAI, as genai-prices' extractors have them.
func (c *counts) tokens() Tokens {
	switch {
	case c.has(geminiPrompt) || c.has(candidates) || c.has(thoughts):
		return c.gemini()
	case c.has(chatPrompt) || c.has(chatCompletion):
		return c.openAIChat()
	case c.has(converseInput) || c.has(converseOutput):
		return c.converse()
	case c.has(billedInput) || c.has(billedOutput) || c.has(cohereInput) || c.has(cohereOutput):
		return c.cohere()
	case !c.has(cached) && (c.has(cacheRead) || c.creation() != nil):
		return c.anthropic()
	default:
		return c.openAIResponses()
	}
}

// parts are the counts whose meaning no shape changes.
func (c *counts) parts(t Tokens) Tokens {
	t.InputAudio, t.OutputAudio, t.CacheAudioRead = c.get(inputAudio), c.get(outputAudio), c.get(cachedAudio)
	t.InputImage, t.OutputImage, t.CacheImageRead = c.get(inputImage), c.get(outputImage), c.get(cachedImage)
	t.InputVideo, t.OutputVideo = c.get(inputVideo), c.get(outputVideo)
	t.Citation, t.WebSearches = c.get(citation), c.get(searches)
	return t
}

// openAIChat also reads LiteLLM's normalised object, which repeats the cached
// tokens in Anthropic's names: they are in prompt_tokens already. DeepSeek's
// prompt includes its cache's hits.
func (c *counts) openAIChat() Tokens {
	t := Tokens{
		Prompt: c.get(chatPrompt), Completion: c.get(chatCompletion), Total: c.get(total),
		CacheRead:    c.first(cached, cacheHit, cacheRead),
		CacheWrite:   c.first(detailsCacheWrite, cacheCreation),
		CacheWrite1h: c.get(write1h),
		Reasoning:    c.first(reasoning, topReasoning),
	}
	if t.CacheWrite == nil {
		t.CacheWrite = c.creation()
	}
	if c.reasonsBeside() {
		t.Completion = c.sum(allOutput, chatCompletion, c.reasoningSlot(), citation)
	}
	return c.parts(t)
}

func (c *counts) reasoningSlot() slot {
	if c.has(reasoning) {
		return reasoning
	}
	return topReasoning
}

// reasonsBeside says whether the completion excludes the reasoning, as
// Perplexity's does, which is told by its counts of citations and searches,
// and xAI's, whose total shows it. Reasoning that exceeds the completion cannot
// be a part of it either.
func (c *counts) reasonsBeside() bool {
	if c.has(citation) || c.has(searches) && !c.has(reasoning) && c.has(topReasoning) {
		return true
	}
	n := c.n[c.reasoningSlot()]
	if n == 0 {
		return false
	}
	if n > c.n[chatCompletion] {
		return true
	}
	return c.has(total) && c.has(chatPrompt) && c.n[total] == c.n[chatPrompt]+c.n[chatCompletion]+n
}

func (c *counts) openAIResponses() Tokens {
	t := Tokens{
		Prompt: c.get(input), Completion: c.get(output), Total: c.get(total),
		CacheRead: c.get(cached), CacheWrite: c.first(detailsCacheWrite, cacheCreation),
		CacheWrite1h: c.get(write1h), Reasoning: c.first(reasoning, topReasoning),
	}
	if t.CacheWrite == nil {
		t.CacheWrite = c.creation()
	}
	return c.parts(t)
}

// anthropic adds the cached tokens to the input, which excludes them.
func (c *counts) anthropic() Tokens {
	write := c.creation()
	return c.parts(Tokens{
		Prompt: c.sum(allInput, input, cacheRead, c.creationSlot()), Completion: c.get(output), Total: nil,
		CacheRead: c.get(cacheRead), CacheWrite: write, CacheWrite1h: c.get(write1h),
		Reasoning: c.get(reasoning),
	})
}

// gemini adds the thoughts to the output, which excludes them; a tool's use of
// the prompt is input beside the prompt.
func (c *counts) gemini() Tokens {
	return c.parts(Tokens{
		Prompt: c.sum(allInput, geminiPrompt, toolUse), Completion: c.sum(allOutput, candidates, thoughts),
		Total: c.get(geminiTotal), CacheRead: c.get(geminiCached), Reasoning: c.get(thoughts),
	})
}

// converse is Bedrock's Converse API, whose input excludes the cached tokens,
// and Vercel's AI SDK, which has the same names and others for the cached
// tokens that its input includes.
func (c *counts) converse() Tokens {
	return c.parts(Tokens{
		Prompt: c.sum(allInput, converseInput, converseRead, converseWrite), Completion: c.get(converseOutput),
		Total: c.get(converseTotal), CacheRead: c.first(converseRead, sdkCached), CacheWrite: c.get(converseWrite),
		Reasoning: c.get(sdkReasoning),
	})
}

// cohere prefers what is billed to what the model saw. Only of the latter the
// cached tokens are a part.
func (c *counts) cohere() Tokens {
	if c.has(billedInput) || c.has(billedOutput) {
		return c.parts(Tokens{Prompt: c.get(billedInput), Completion: c.get(billedOutput)})
	}
	return c.parts(Tokens{
		Prompt: c.get(cohereInput), Completion: c.get(cohereOutput), CacheRead: c.get(cached),
	})
}

// creation is all cache writes: the total when it is given, else its split.
func (c *counts) creation() *int64 { return c.get(c.creationSlot()) }

func (c *counts) creationSlot() slot {
	if !c.has(cacheCreation) && !c.has(allWrites) {
		c.sum(allWrites, write5m, write1h)
	}
	if c.has(cacheCreation) {
		return cacheCreation
	}
	return allWrites
}
