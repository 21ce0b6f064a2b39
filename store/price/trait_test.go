package price_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/llmtally/llmtally/store/price"
)

func TestAModelsNameTellsItsFamilyKindAndVersion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		id, family, kind string
		version          float64
		base             string
	}{
		{"gpt-4o", "gpt", "", 4, "gpt-4o"},
		{"gpt-4o-2024-08-06", "gpt", "", 4, "gpt-4o"},
		{"GPT-4.1-mini", "gpt", "", 4.1, "gpt-4.1-mini"},
		{"chatgpt-4o-latest", "gpt", "chat page", 4, "chatgpt-4o"},
		{"gpt-4-0613", "gpt", "", 4, "gpt-4"},
		{"gpt-4-0125-preview", "gpt", "", 4, "gpt-4"},
		{"gpt-4-32k", "gpt", "", 4, "gpt-4-32k"},
		{"gpt-3.5-turbo-16k", "gpt", "", 3.5, "gpt-3.5-turbo-16k"},
		{"gpt-5-1-codex", "gpt", "code", 5.1, "gpt-5-1-codex"},
		{"gpt-5.4-pro", "gpt", "", 5.4, "gpt-5.4-pro"},
		{"gpt-chat-latest", "gpt", "", 0, "gpt-chat"},
		{"o1", "gpt", "", 4.1, "o1"},
		{"o3-mini-2025-01-31", "gpt", "", 4.3, "o3-mini"},
		{"o4-mini-deep-research", "gpt", "research", 4.4, "o4-mini-deep-research"},
		{"gpt-4o-realtime-preview", "gpt", "speech", 0, "gpt-4o-realtime"},
		{"gpt-4o-mini-tts", "gpt", "reading", 4, "gpt-4o-mini-tts"},
		{"gpt-4o-mini-transcribe", "gpt", "transcription", 4, "gpt-4o-mini-transcribe"},
		{"gpt-image-1.5", "gpt", "image", 0, "gpt-image-1.5"},
		{"gpt-4o-search-preview", "gpt", "search", 4, "gpt-4o-search"},
		{"gpt-oss-120b", "gpt", "open", 0, "gpt-oss-120b"},
		{"gpt-3.5-turbo-instruct", "gpt", "completion", 3.5, "gpt-3.5-turbo-instruct"},
		{"ft:gpt-4o-mini-2024-07-18:acme::x", "gpt", "tuned", 4, "ft:gpt-4o-mini-2024-07-18:acme::x"},
		{"text-embedding-3-large", "text-embedding", "embedding", 3, "text-embedding-3-large"},
		{"omni-moderation-latest", "omni", "moderation", 0, "omni-moderation"},

		{"claude-3-5-haiku-20241022", "claude", "", 3.5, "claude-3-5-haiku"},
		{"claude-3-haiku", "claude", "", 3, "claude-3-haiku"},
		{"claude-opus-4-20250514", "claude", "", 4, "claude-opus-4"},
		{"claude-opus-4-1", "claude", "", 4.1, "claude-opus-4-1"},
		{"claude-haiku-4-5@20251001", "claude", "", 4.5, "claude-haiku-4-5"},
		{"anthropic/claude-sonnet-4.5:beta", "claude", "", 4.5, "claude-sonnet-4.5"},
		{"regional.anthropic.claude-haiku-4-5-20251001-v1:0", "claude", "", 4.5, "claude-haiku-4-5"},
		{"anthropic.claude-opus-5", "claude", "", 5, "claude-opus-5"},
		{"us.amazon.nova-pro-v1:0", "nova", "", 0, "nova-pro"},
		{"amazon.nova-2-sonic-v1:0", "nova", "speech", 2, "nova-2-sonic"},

		{"gemini-2.5-flash-preview-09-2025", "gemini", "", 2.5, "gemini-2.5-flash"},
		{"gemini-1.5-pro-002", "gemini", "", 1.5, "gemini-1.5-pro"},
		{"gemini-flash-1.5", "gemini", "", 1.5, "gemini-flash-1.5"},
		{"gemini-2.5-flash-image", "gemini", "image", 2.5, "gemini-2.5-flash-image"},
		{"gemini-embedding-001", "gemini", "embedding", 0, "gemini-embedding"},
		{"gemini-3.1-flash-live-preview", "gemini", "speech", 3.1, "gemini-3.1-flash-live"},

		{"mistral-large-2411", "mistral", "", 0, "mistral-large-2411"},
		{"mistral-medium-3", "mistral", "", 3, "mistral-medium-3"},
		{"open-mistral-7b", "mistral", "open", 0, "open-mistral-7b"},
		{"codestral-2508", "codestral", "code", 0, "codestral-2508"},
		{"grok-4-0709", "grok", "", 4, "grok-4"},
		{"grok-4-1-fast-reasoning", "grok", "", 4.1, "grok-4-1-fast-reasoning"},
		{"grok-code-fast-1", "grok", "code", 1, "grok-code-fast-1"},
		{"command-r-plus-08-2024", "command", "", 0, "command-r-plus"},
		{"command-r7b", "command", "", 0, "command-r7b"},
		{"meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo", "llama", "open", 3.1, "meta-llama-3.1-405b-instruct-turbo"},
		{"llama3-70b-8192", "llama", "open", 3, "llama3-70b-8192"},
		{"Meta-Llama-3_3-70B-Instruct", "llama", "open", 3.3, "meta-llama-3_3-70b-instruct"},
		{"accounts/fireworks/models/kimi-k2p5", "kimi", "", 2.5, "kimi-k2p5"},
		{"deepseek-v3.2-exp", "deepseek", "", 3.2, "deepseek-v3.2"},
		{"Qwen/Qwen2.5-VL-72B-Instruct", "qwen", "vision", 2.5, "qwen2.5-vl-72b-instruct"},
		{"GLM-4.7-FlashX", "glm", "", 4.7, "glm-4.7-flashx"},
		{"lumen-3", "lumen", "", 3, "lumen-3"},
		{"7b", "", "open", 0, "7b"},
		{"", "", "", 0, ""},
	} {
		family, kind, version, base := price.TraitOf(tt.id)
		assert.Equal(t, []any{tt.family, tt.kind, tt.version, tt.base}, []any{family, kind, version, base}, tt.id)
	}
}
