// Package usage reads token counts out of the `usage` objects that LLM
// providers return, whichever shape they have, and gives them one meaning:
// input with cached input included, output with reasoning included. Seeing two
// shapes in one object never counts a token twice.
package usage

import "github.com/llmtally/llmtally/store/rawjson"

// Tokens are a request's token counts, and its searches. A nil count is
// unknown. CacheRead, CacheWrite and the input that was sound, image or film
// are parts of Prompt; CacheWrite1h is a part of CacheWrite, CacheAudioRead
// one of CacheRead and of InputAudio, CacheImageRead one of CacheRead and of
// InputImage. Reasoning, Citation and the output that is sound, image or film
// are parts of Completion.
type Tokens struct {
	Prompt, Completion, CacheRead, CacheWrite, CacheWrite1h, Reasoning, Total *int64

	InputAudio, OutputAudio, CacheAudioRead *int64
	InputImage, OutputImage, CacheImageRead *int64 // pages of a document count as images
	InputVideo, OutputVideo                 *int64
	Citation                                *int64

	WebSearches *int64 // searches, not tokens
}

// FromResponse reads the counts from a provider's whole response: its member
// `usage` (OpenAI, Anthropic, LiteLLM), `usageMetadata` (Gemini) or `meta`
// (Cohere), or from the response within an event that tells of its end
// (OpenAI).
func FromResponse(response []byte) Tokens {
	var m members
	if !m.read(response) {
		return Tokens{}
	}
	if m.counts() == nil && isObject(m.response) {
		nested := m.response
		m = members{}
		m.read(nested)
	}
	tokens := FromObject(m.counts())
	if tokens.Prompt == nil && tokens.Completion == nil && string(m.object) == `"list"` {
		tokens.Prompt = tokens.Total // embeddings have no output (Voyage)
	}
	return tokens
}

// members are a response's members that matter.
type members struct{ usage, gemini, cohere, response, object []byte }

func (m *members) read(response []byte) bool {
	if !isObject(response) {
		return false
	}
	_, err := rawjson.Object(response, 0, func(key, value []byte) {
		switch string(key) {
		case "usage":
			m.usage = value
		case "usageMetadata", "usage_metadata":
			m.gemini = value
		case "meta":
			m.cohere = value
		case "response":
			m.response = value
		case "object":
			m.object = value
		}
	})
	return err == nil
}

// counts is the first member that holds counts, nil when none does.
func (m *members) counts() []byte {
	for _, object := range [][]byte{m.usage, m.gemini, m.cohere} {
		if isObject(object) {
			return object
		}
	}
	return nil
}

// FromObject reads the counts from a usage object itself.
func FromObject(object []byte) Tokens {
	if !isObject(object) {
		return Tokens{}
	}
	var c counts
	if _, err := rawjson.Object(object, 0, c.member); err != nil {
		return Tokens{}
	}
	return c.tokens()
}

func isObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }
