package ingest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/llmtally/llmtally/store/storetest"
)

// senders are spans as the instrumentations send them, and what the log must
// hold. The attributes follow the published conventions.
var senders = map[string]struct {
	attributes attrs
	events     []*tracepb.Span_Event
	want       map[string]any
}{
	"OpenTelemetry's conventions of today": {
		attributes: attrs{
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
			"gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.response.id": "chatcmpl-1", "gen_ai.conversation.id": "c-5",
			"gen_ai.response.finish_reasons": []any{"stop"}, "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
			"gen_ai.usage.cache_read.input_tokens": 64, "gen_ai.usage.cache_creation.input_tokens": 8, "gen_ai.usage.reasoning.output_tokens": 5,
			"gen_ai.system_instructions": `[{"type":"text","content":"be brief"}]`,
			"gen_ai.input.messages":      `[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`,
			"gen_ai.output.messages":     `[{"role":"assistant","parts":[{"type":"text","content":"Hello"}],"finish_reason":"stop"}]`,
			"user.id":                    "ann", "server.address": "api.openai.com",
		},
		want: map[string]any{
			"litellm_call_id": "chatcmpl-1", "provider": "openai", "model": "gpt-4o-2024-08-06", "status": "success",
			"created_at": "2026-01-01T00:00:00.250000Z", "response_time": 1.5, "user_profile_id": "ann", "end_user": "ann",
			"prompt_tokens": int64(100), "completion_tokens": int64(20), "tokens_used": int64(120),
			"cache_read_tokens": int64(64), "cache_write_tokens": int64(8), "reasoning_tokens": int64(5),
			"messages": `[{"role":"system","parts":[{"type":"text","content":"be brief"}]},{"role":"user","parts":[{"type":"text","content":"hi"}]}]`,
			"response": `[{"role":"assistant","parts":[{"type":"text","content":"Hello"}],"finish_reason":"stop"}]`,
			"error":    `{}`,
			"additional_details": `{"trace_id":"abababababababababababababababab","span_id":"0102030405060701","parent_span_id":"0900000000000009",
				"span_name":"chat gpt-4o","gen_ai.operation.name":"chat","gen_ai.conversation.id":"c-5",
				"gen_ai.response.finish_reasons":["stop"],"server.address":"api.openai.com","service.name":"shop"}`,
		},
	},
	"content as structures, not as JSON in a text": {
		attributes: chat(attrs{
			"gen_ai.input.messages": []any{attrs{"role": "user", "parts": []any{attrs{"type": "text", "content": "2 < 3 & \"so\"\n"}}}},
		}),
		want: map[string]any{"messages": `[{"role":"user","parts":[{"type":"text","content":"2 < 3 & \"so\"\n"}]}]`, "response": `{}`},
	},
	"content in an event": {
		attributes: chat(nil),
		events: []*tracepb.Span_Event{spanEvent("gen_ai.client.inference.operation.details", attrs{
			"gen_ai.input.messages": `[{"role":"user"}]`, "gen_ai.output.messages": `[{"role":"assistant"}]`,
		})},
		want: map[string]any{"messages": `[{"role":"user"}]`, "response": `[{"role":"assistant"}]`},
	},
	"Python's openai-v2, of version 1.28": {
		attributes: attrs{
			"gen_ai.operation.name": "chat", "gen_ai.system": "az.ai.openai", "gen_ai.request.model": "gpt-4o-mini",
			"gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.response.id": "chatcmpl-2",
			"gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 5, "enduser.id": "bob",
		},
		want: map[string]any{
			"litellm_call_id": "chatcmpl-2", "provider": "azure.ai.openai", "model": "gpt-4o-mini-2024-07-18",
			"tokens_used": int64(17), "end_user": "bob", "messages": `{}`, "response": `{}`,
		},
	},
	"messages as events": {
		attributes: chat(nil),
		events: []*tracepb.Span_Event{
			spanEvent("gen_ai.system.message", attrs{"gen_ai.event.content": `{"content":"be brief"}`}),
			spanEvent("gen_ai.user.message", attrs{"content": `{"not":"ours"}`}),
			spanEvent("gen_ai.choice", attrs{"gen_ai.event.content": `{"index":0,"message":{"role":"assistant","content":"Hello"}}`}),
			spanEvent("gen_ai.choice", attrs{"index": 1, "finish_reason": "stop", "message": `{"content":"Hi"}`}),
		},
		want: map[string]any{
			"messages": `[{"role":"system","content":"be brief"},{"role":"user","content":"{\"not\":\"ours\"}"}]`,
			"response": `[{"index":0,"message":{"role":"assistant","content":"Hello"}},{"index":1,"finish_reason":"stop","message":{"content":"Hi"}}]`,
		},
	},
	"Traceloop's OpenLLMetry": {
		attributes: attrs{
			"llm.request.type": "chat", "gen_ai.system": "Anthropic", "gen_ai.request.model": "claude-3-5-sonnet-20241022",
			"gen_ai.response.id": "msg_1", "gen_ai.usage.prompt_tokens": 2000, "gen_ai.usage.completion_tokens": 40, "llm.usage.total_tokens": 2040,
			"gen_ai.usage.cache_read_input_tokens": 1500, "gen_ai.usage.cache_creation_input_tokens": 100, "gen_ai.usage.reasoning_tokens": 3,
			"gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "be brief",
			"gen_ai.prompt.1.role": "user", "gen_ai.prompt.1.content": "hi", "gen_ai.prompt.10.role": "user", "gen_ai.prompt.10.content": "there",
			"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.finish_reason": "tool_use",
			"gen_ai.completion.0.tool_calls.0.name": "clock", "gen_ai.completion.0.tool_calls.0.arguments": `{"tz":"UTC"}`,
			"traceloop.association.properties.user_id": "ann",
		},
		want: map[string]any{
			"litellm_call_id": "msg_1", "provider": "Anthropic", "end_user": "ann", "prompt_tokens": int64(2000), "completion_tokens": int64(40),
			"cache_read_tokens": int64(1500), "cache_write_tokens": int64(100), "reasoning_tokens": int64(3), "tokens_used": int64(2040),
			"messages": `[{"role":"system","content":"be brief"},{"role":"user","content":"hi"},{"role":"user","content":"there"}]`,
			"response": `[{"role":"assistant","finish_reason":"tool_use","tool_calls":[{"name":"clock","arguments":"{\"tz\":\"UTC\"}"}]}]`,
		},
	},
	"OpenInference": {
		attributes: attrs{
			"openinference.span.kind": "LLM", "llm.provider": "openai", "llm.system": "openai", "llm.model_name": "gpt-4o",
			"llm.token_count.prompt": 80, "llm.token_count.completion": 15, "llm.token_count.total": 95,
			"llm.token_count.prompt_details.cache_read": 40, "llm.token_count.prompt_details.cache_write": 20,
			"llm.token_count.completion_details.reasoning": 5, "llm.cost.total": 0.0049, "session.id": "s-1", "user.id": "ann",
			"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.contents.0.message_content.text": "hi",
			"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "Hello",
			"input.value": "{}", "output.value": "{}",
		},
		want: map[string]any{
			"litellm_call_id": "abababababababababababababababab-0102030405060701", "provider": "openai", "model": "gpt-4o",
			"prompt_tokens": int64(80), "completion_tokens": int64(15), "cache_read_tokens": int64(40), "cache_write_tokens": int64(20),
			"reasoning_tokens": int64(5), "total_cost": 0.0049, "user_profile_id": "ann",
			"messages": `[{"role":"user","contents":[{"message_content":{"text":"hi"}}]}]`,
			"response": `[{"role":"assistant","content":"Hello"}]`,
		},
	},
	"OpenInference, the raw response alone": {
		attributes: attrs{
			"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "input.value": "hi",
			"output.value": `{"usage":{"prompt_tokens":7,"completion_tokens":2}}`,
		},
		want: map[string]any{"messages": `"hi"`, "prompt_tokens": int64(7), "completion_tokens": int64(2)},
	},
	"LiteLLM's otel callback": {
		attributes: attrs{
			"gen_ai.operation.name": "acompletion", "llm.request.type": "acompletion", "gen_ai.system": "gemini",
			"gen_ai.request.model": "gemini-2.0-flash", "gen_ai.response.model": "gemini-2.0-flash", "gen_ai.response.id": "chatcmpl-7",
			"gen_ai.usage.input_tokens": 36, "gen_ai.usage.output_tokens": 48, "gen_ai.usage.total_tokens": 84,
			"gen_ai.cost.input_cost": 0.0001, "gen_ai.cost.total_cost": 0.0003, "llm.is_streaming": "False",
			"metadata.user_api_key_user_id": "ann", "metadata.user_api_key_end_user_id": "", "hidden_params": "{}",
			"gen_ai.input.messages":          `[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`,
			"gen_ai.response.finish_reasons": `["stop"]`,
		},
		want: map[string]any{
			"litellm_call_id": "chatcmpl-7", "provider": "gcp.gemini", "total_cost": 0.0003, "end_user": "ann", "tokens_used": int64(84),
			"messages": `[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`,
		},
	},
	"LiteLLM's, which logs no messages": {
		attributes: attrs{
			"llm.request.type": "completion", "gen_ai.system": "vertex_ai", "gen_ai.request.model": "gemini-2.0-flash",
			"gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 2, "litellm.cost.total": "0.5",
		},
		want: map[string]any{"provider": "gcp.vertex_ai", "total_cost": 0.5, "tokens_used": int64(3)},
	},
	"Vercel's AI SDK": {
		attributes: attrs{
			"ai.operationId": "ai.generateText.doGenerate", "operation.name": "ai.generateText.doGenerate", "gen_ai.system": "openai.chat",
			"gen_ai.request.model": "gpt-4o", "gen_ai.response.id": "chatcmpl-9", "gen_ai.usage.input_tokens": 12.0, "gen_ai.usage.output_tokens": 8,
			"ai.prompt.messages": `[{"role":"user","content":[{"type":"text","text":"hi"}]}]`, "ai.response.text": "Hello",
		},
		want: map[string]any{
			"litellm_call_id": "chatcmpl-9", "provider": "openai.chat", "tokens_used": int64(20),
			"messages": `[{"role":"user","content":[{"type":"text","text":"hi"}]}]`, "response": `"Hello"`,
		},
	},
}

func TestTheSpansOfEachInstrumentationAreLogs(t *testing.T) {
	t.Parallel()
	for name, tt := range senders {
		for _, encoding := range []string{protobufType, jsonType} {
			t.Run(name+", "+encoding, func(t *testing.T) {
				t.Parallel()
				s := newServer(t)
				span := llmSpan(1, tt.attributes)
				span.Events = tt.events
				body := encode(t, encoding, export(span))
				a := s.postTraces(service, encoding, body)
				require.Equal(t, http.StatusOK, a.status, a.message)
				assert.Equal(t, encoding, a.header.Get("Content-Type"))
				assert.Zero(t, a.rejected, a.message)
				require.Equal(t, int64(1), s.logs())
				s.requireCells(tt.want)

				require.Equal(t, http.StatusOK, s.postTraces(service, encoding, body).status)
				assert.Equal(t, int64(1), s.logs(), "an export that is tried again changes nothing")
				storetest.RequireClean(t, s.db)
			})
		}
	}
}

func TestSpansOfAnythingElseArePassedOver(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]attrs{
		"of HTTP":                    {"http.request.method": "GET"},
		"of nothing":                 nil,
		"of an agent":                {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 5, "gen_ai.request.model": "gpt-4o"},
		"of a tool":                  {"gen_ai.operation.name": "execute_tool"},
		"of a chain":                 {"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 5},
		"of Traceloop's workflow":    {"traceloop.span.kind": "workflow"},
		"of a reranking":             {"llm.request.type": "rerank"},
		"of all steps of a text":     {"ai.operationId": "ai.generateText", "ai.usage.promptTokens": 5},
		"of LiteLLM's raw request":   {"llm.openai.model": "gpt-4o"},
		"whose kind is not a text":   {"gen_ai.operation.name": []any{"chat"}},
		"whose kind is not of ours":  {"gen_ai.operation.name": "CHAT!"},
		"of tokens but without kind": {"gen_ai.usage.input_tokens": 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			for _, encoding := range []string{protobufType, jsonType} {
				answer := s.postTraces(service, encoding, encode(t, encoding, export(llmSpan(1, a))))
				assert.Equal(t, http.StatusOK, answer.status)
				assert.Zero(t, answer.rejected)
			}
			s.requireNothingChanged()
		})
	}
}
