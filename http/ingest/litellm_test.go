package ingest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/llmtally/llmtally/store/storetest"
)

// success is a StandardLoggingPayload as LiteLLM's proxy sends it, shortened.
const success = `{"id":"chatcmpl-1","call_id":"c-1","trace_id":"t-1","call_type":"acompletion","cache_hit":null,
	"stream":false,"status":"success","custom_llm_provider":"openai","saved_cache_cost":0.0,
	"startTime":1767225600.25,"endTime":1767225601.75,"completionStartTime":1767225600.5,
	"model":"gpt-4o","model_id":"m-1","api_base":"https://api.openai.com","metadata":{"user_api_key_user_id":"ann",
	"user_api_key_team_id":"team","usage_object":{"prompt_tokens":100,"completion_tokens":20,
	"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":8}}},
	"request_tags":["a"],"end_user":"","messages":[{"role":"user","content":"hi"}],
	"response":{"choices":[]},"response_cost":0.00025,"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
	"error_str":null,"error_information":null,"model_parameters":{},"hidden_params":{}}`

func TestAPayloadOfLiteLLMIsALog(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.postTo("/v1/litellm", service, strings.NewReader("["+success+"]"))
	assert.Equal(t, http.StatusCreated, a.status, a.text)
	for column, want := range map[string]any{
		"litellm_call_id": "chatcmpl-1", "model": "gpt-4o", "provider": "openai", "status": "success",
		"created_at": "2026-01-01T00:00:00.250000Z", "response_time": 1.5, "user_profile_id": "ann", "end_user": "ann",
		"tokens_used": int64(120), "prompt_tokens": int64(100), "completion_tokens": int64(20),
		"cache_read_tokens": int64(64), "reasoning_tokens": int64(8), "total_cost": 0.00025,
		"messages": `[{"role":"user","content":"hi"}]`, "response": `{"choices":[]}`, "error": `{}`,
	} {
		assert.Equal(t, want, s.cell(column), column)
	}
	details, _ := s.cell("additional_details").(string)
	for _, part := range []string{`"call_id":"c-1"`, `"trace_id":"t-1"`, `"model_id":"m-1"`, `"request_tags":["a"]`, `"time_to_first_token":0.25`, `"user_api_key_team_id":"team"`} {
		assert.Contains(t, details, part)
	}
	a = s.postTo("/v1/litellm", service, strings.NewReader(success), "Content-Type", "application/json")
	assert.Equal(t, 1, a.Duplicates, "a send that is tried again changes nothing")
	storetest.RequireClean(t, s.db)
}

func TestAFailureOfLiteLLMKeepsWhatWentWrong(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.postTo("/v1/litellm", service, strings.NewReader(`{"id":"f-1","model":"gpt-4o","status":"failure","response_cost":0,
		"startTime":1767225600,"endTime":1767225600.5,"end_user":"bob","prompt_tokens":0,"completion_tokens":0,"total_tokens":0,
		"error_str":"overloaded","error_information":{"error_code":"529","error_class":"APIError","error_message":"overloaded"},"response":null}`))
	assert.Equal(t, "failure", s.cell("status"))
	assert.Equal(t, "bob", s.cell("user_profile_id"))
	assert.Equal(t, `{"error_code":"529","error_class":"APIError","error_message":"overloaded"}`, s.cell("error"))
	assert.Equal(t, `{}`, s.cell("response"), "what LiteLLM leaves null has the column's default")
}

func TestACacheHitCostsNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.postTo("/v1/litellm", service, strings.NewReader(`{"id":"x_cache_hit1767225600.5","model":"gpt-4o","status":"success","cache_hit":true,
		"response_cost":0.5,"startTime":1767225600,"endTime":1767225600.001}`))
	assert.Equal(t, 0.0, s.cell("total_cost"))
	assert.Equal(t, 0.001, s.cell("response_time"))
}

func TestAnOlderSenderIsToldSoRowByRow(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	old := `{"id":"old","model":"gpt-4o","status":"success","metadata":"{'user_api_key_hash': None}","startTime":"2026-01-01 00:00:00"}`
	a := s.postTo("/v1/litellm", service, strings.NewReader(lines(success, old)))
	assert.Equal(t, http.StatusMultiStatus, a.status)
	assert.Equal(t, 1, a.Accepted)
	if assert.Len(t, a.Errors, 1) {
		assert.Equal(t, 1, a.Errors[0].Index)
		assert.Contains(t, a.Errors[0].Message, "Python's text")
	}
}
