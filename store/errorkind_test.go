package store

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestAnErrorsKindIsWhatItsMakerCallsIt(t *testing.T) {
	t.Parallel()
	for object, want := range map[string]string{
		// LiteLLM
		`{"error_code":"429","error_class":"RateLimitError","llm_provider":"openai","error_message":"slow down"}`: "RateLimitError",
		`{"error_information":{"error_class":"Timeout"},"error_str":"litellm.Timeout: after 600 s"}`:              "Timeout",
		`{"error_str":"litellm.exceptions.BadRequestError: OpenAIException - no such model"}`:                     "BadRequestError",
		`"litellm.APIConnectionError: Connection reset"`:                                                          "APIConnectionError",
		// OpenAI
		`{"error":{"message":"Rate limit reached for gpt-4o","type":"requests","param":null,"code":"rate_limit_exceeded"}}`: "rate_limit_exceeded",
		`{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}`:                    "server_error",
		`{"message":"You exceeded your quota","type":"insufficient_quota","code":"insufficient_quota"}`:                     "insufficient_quota",
		// Anthropic
		`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`: "overloaded_error",
		// Google
		`{"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}`: "RESOURCE_EXHAUSTED",
		`[{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}]`:         "UNAVAILABLE",
		`{"name":"AbortError","message":"The user aborted a request."}`:                                "AbortError",
		`{"status":502,"error":{"message":"Bad gateway"}}`:                                             "502",
		`{"code":"ECONNRESET"}`:                                          "ECONNRESET",
		`{"status_code":404,"detail":"Not Found"}`:                       "404",
		`{"detail":"Not Found"}`:                                         "Not Found",
		`{"message":"overloaded"}`:                                       "overloaded",
		`"connection\n\trefused"`:                                        "connection refused",
		`{"error":"model not found"}`:                                    "model not found",
		` {"error":{"error":{"type":"deep_error"}}} `:                    "deep_error",
		`{"code":{"nested":1},"type":null,"message":"as a last resort"}`: "as a last resort",
		`{}`: "", `null`: "", `[]`: "", `""`: "", `7`: "", ``: "", `{"code":""}`: "",
	} {
		assert.Equal(t, want, errorKind([]byte(object)), object)
	}
}

func TestAnErrorsKindIsShortAndOneLine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringN(0, 300, -1).Draw(t, "message")
		kind := clipKind(s)
		assert.LessOrEqual(t, len(kind), maxErrorKind)
		assert.True(t, utf8.ValidString(kind))
		assert.NotContains(t, kind, "\n")
	})
	assert.Equal(t, maxErrorKind, len(errorKind([]byte(`"`+strings.Repeat("x", 1000)+`"`))))
}
