package ingest_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestTokensOfASpanAreCountedOnce(t *testing.T) {
	t.Parallel()
	type tokens struct{ prompt, completion, read, write, reasoning, total any }
	for name, tt := range map[string]struct {
		attributes attrs
		want       tokens
	}{
		"cached tokens are a part of the input": {
			attrs{"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 1, "gen_ai.usage.cache_read.input_tokens": 60, "gen_ai.usage.cache_write.input_tokens": 40},
			tokens{int64(100), int64(1), int64(60), int64(40), nil, int64(101)},
		},
		"an input that is smaller than its cached tokens excludes them": {
			attrs{"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 1, "gen_ai.usage.cache_read_input_tokens": 60, "gen_ai.usage.cache_creation_input_tokens": 40},
			tokens{int64(110), int64(1), int64(60), int64(40), nil, int64(111)},
		},
		"an output that is smaller than its reasoning excludes it": {
			attrs{"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 1, "gen_ai.usage.reasoning_tokens": 5},
			tokens{int64(10), int64(6), nil, nil, int64(5), int64(16)},
		},
		"two names of one count": {
			attrs{"gen_ai.usage.input_tokens": 10, "gen_ai.usage.prompt_tokens": 10, "llm.token_count.prompt": 10},
			tokens{int64(10), nil, nil, nil, nil, int64(10)},
		},
		"numbers in texts and floats": {
			attrs{"gen_ai.usage.input_tokens": "10", "gen_ai.usage.output_tokens": 2.0},
			tokens{int64(10), int64(2), nil, nil, nil, int64(12)},
		},
		"what is no count is unknown, and the next name is asked": {
			attrs{"gen_ai.usage.input_tokens": math.NaN(), "gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.output_tokens": -1, "gen_ai.usage.reasoning_tokens": 1.5},
			tokens{int64(7), nil, nil, nil, nil, int64(7)},
		},
		"beyond what is believed": {
			attrs{"gen_ai.usage.input_tokens": math.MaxInt64, "gen_ai.usage.output_tokens": 1e300},
			tokens{nil, nil, nil, nil, nil, int64(0)},
		},
		"none": {nil, tokens{nil, nil, nil, nil, nil, int64(0)}},
	} {
		for _, encoding := range []string{protobufType, jsonType} {
			t.Run(name+", "+encoding, func(t *testing.T) {
				t.Parallel()
				s := newServer(t)
				a := s.postTraces(service, encoding, encode(t, encoding, export(llmSpan(1, chat(tt.attributes)))))
				require.Equal(t, int64(1), s.logs(), a.message)
				assert.Equal(t, tt.want, tokens{
					s.cell("prompt_tokens"), s.cell("completion_tokens"), s.cell("cache_read_tokens"),
					s.cell("cache_write_tokens"), s.cell("reasoning_tokens"), s.cell("tokens_used"),
				})
			})
		}
	}
}

func TestASpanTakesAsLongAsItSays(t *testing.T) {
	t.Parallel()
	start, end := uint64(spanStart.UnixNano()), uint64(spanStart.Add(2*time.Second).UnixNano())
	for name, tt := range map[string]struct {
		start, end uint64
		created    string // "" is now
		took       float64
	}{
		"both":                    {start, end, "2026-01-01T00:00:00.250000Z", 2},
		"no end":                  {start, 0, "2026-01-01T00:00:00.250000Z", 0},
		"no start":                {0, end, "2026-01-01T00:00:02.250000Z", 0},
		"neither":                 {0, 0, "", 0},
		"an end before its start": {end, start, "2026-01-01T00:00:02.250000Z", 0},
		"at once":                 {start, start, "2026-01-01T00:00:00.250000Z", 0},
		"for centuries":           {1, math.MaxInt64, "1970-01-01T00:00:00.000000Z", 0},
	} {
		for _, encoding := range []string{protobufType, jsonType} {
			t.Run(name+", "+encoding, func(t *testing.T) {
				t.Parallel()
				s := newServer(t)
				span := llmSpan(1, chat(nil))
				span.StartTimeUnixNano, span.EndTimeUnixNano = tt.start, tt.end
				before := store.At(time.Now()).Stored()
				a := s.postTraces(service, encoding, encode(t, encoding, export(span)))
				require.Equal(t, int64(1), s.logs(), a.message)
				assert.Equal(t, tt.took, s.cell("response_time"))
				if tt.created == "" {
					assert.GreaterOrEqual(t, s.cell("created_at"), before)
					return
				}
				assert.Equal(t, tt.created, s.cell("created_at"))
			})
		}
	}
}

func TestAFailedSpanKeepsWhatWentWrong(t *testing.T) {
	t.Parallel()
	exception := spanEvent("exception", attrs{
		"exception.type": "openai.RateLimitError", "exception.message": "429", "exception.stacktrace": "Traceback …", "exception.escaped": "False",
	})
	for name, tt := range map[string]struct {
		attributes attrs
		status     *tracepb.Status
		events     []*tracepb.Span_Event
		want       string // "" is a success
	}{
		"its status": {nil, &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "it broke"}, nil, `{"message":"it broke"}`},
		"its type":   {attrs{"error.type": "timeout"}, nil, nil, `{"type":"timeout"}`},
		"both": {attrs{"error.type": "timeout"}, &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "it broke"}, nil,
			`{"type":"timeout","message":"it broke"}`},
		"an exception": {nil, &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}, []*tracepb.Span_Event{exception},
			`{"type":"openai.RateLimitError","message":"429","stacktrace":"Traceback …"}`},
		"nothing but that":             {nil, &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}, nil, `{}`},
		"an exception that was caught": {nil, &tracepb.Status{Code: tracepb.Status_STATUS_CODE_OK}, []*tracepb.Span_Event{exception}, ""},
		"nothing":                      {nil, nil, nil, ""},
	} {
		for _, encoding := range []string{protobufType, jsonType} {
			t.Run(name+", "+encoding, func(t *testing.T) {
				t.Parallel()
				s := newServer(t)
				span := llmSpan(1, chat(tt.attributes))
				span.Status, span.Events = tt.status, tt.events
				s.postTraces(service, encoding, encode(t, encoding, export(span)))
				if tt.want == "" {
					s.requireCells(map[string]any{"status": "success", "error": `{}`})
				} else {
					s.requireCells(map[string]any{"status": "failure", "error": tt.want})
				}
				storetest.RequireClean(t, s.db)
			})
		}
	}
}

func TestTheUserOfASpan(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		attributes, resource attrs
		names                []string
		want                 string
	}{
		"by the first name that says something": {attrs{"user.id": "", "enduser.id": "bob", "langfuse.user.id": "ann"}, nil, nil, "bob"},
		"of the resource":                       {nil, attrs{"user.id": "ann"}, nil, "ann"},
		"rather the span's":                     {attrs{"enduser.id": "ann"}, attrs{"user.id": "bob"}, nil, "ann"},
		"a number":                              {attrs{"user.id": 7}, nil, nil, "7"},
		"a name of one's own":                   {attrs{"user.id": "bob", "app.customer": "ann"}, nil, []string{"app.customer", "user.id"}, "ann"},
		"nobody":                                {nil, nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServerWith(t, serverOptions{store: store.Options{AutoCreateUsers: true}, traceUsers: tt.names})
			data := export(llmSpan(1, chat(tt.attributes)))
			data.ResourceSpans[0].Resource.Attributes = keyValues(tt.resource)
			a := s.postTraces(service, jsonType, encode(t, jsonType, data))
			require.Equal(t, http.StatusOK, a.status, a.message)
			assert.Equal(t, tt.want, s.cell("end_user"))
		})
	}
}

func TestASpanThatCannotBeALogCostsItsNeighboursNothing(t *testing.T) {
	t.Parallel()
	deep := any("core")
	for range 200 {
		deep = []any{deep}
	}
	noID, ofZeros, late := llmSpan(1, chat(nil)), llmSpan(1, chat(nil)), llmSpan(1, chat(nil))
	noID.TraceId = nil
	ofZeros.SpanId = make([]byte, 8)
	late.StartTimeUnixNano = math.MaxUint64
	for name, tt := range map[string]struct {
		span *tracepb.Span
		why  string
	}{
		"without an id":            {noID, "no valid trace id and span id (in JSON they are 32 and 16 hexadecimal digits)"},
		"whose id is zeros":        {ofZeros, "no valid trace id and span id"},
		"of the far future":        {late, "out of range"},
		"with a negative cost":     {llmSpan(1, chat(attrs{"gen_ai.usage.cost": -1.0})), "total_cost must not be negative"},
		"with a cost of NaN":       {llmSpan(1, chat(attrs{"gen_ai.usage.cost": math.NaN()})), "total_cost must be a finite number"},
		"with too long a model":    {llmSpan(1, chat(attrs{"gen_ai.request.model": strings.Repeat("x", 600)})), "model is too long"},
		"with NUL in its user":     {llmSpan(1, chat(attrs{"user.id": "a\x00b"})), "NUL"},
		"nested beyond all reason": {llmSpan(1, chat(attrs{"gen_ai.input.messages": deep})), "nests more than 32 deep"},
		"larger than a row":        {llmSpan(1, chat(attrs{"gen_ai.prompt": strings.Repeat("x", 70<<10)})), "larger than the 65536 bytes"},
	} {
		for _, encoding := range []string{protobufType, jsonType} {
			t.Run(name+", "+encoding, func(t *testing.T) {
				t.Parallel()
				s := newServerWith(t, serverOptions{store: store.Options{AutoCreateUsers: true}, limits: rowLimit(64 << 10)})
				spans := export(llmSpan(2, chat(nil)), llmSpan(3, attrs{"http.request.method": "GET"}), tt.span, llmSpan(4, chat(nil)))
				a := s.postTraces(service, encoding, encode(t, encoding, spans))
				assert.Equal(t, http.StatusOK, a.status)
				assert.Equal(t, 1, a.rejected)
				assert.Contains(t, a.message, "span 2: ")
				assert.Contains(t, a.message, tt.why)
				assert.Equal(t, int64(2), s.logs())
				storetest.RequireClean(t, s.db)
			})
		}
	}
}

func TestAHugeAttributeIsKeptWhole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	words := strings.Repeat("über ", 1<<18)
	s.trace(service, llmSpan(1, chat(attrs{"gen_ai.prompt": words, "of.no.interest": words})))
	s.requireCells(map[string]any{"messages": `"` + words + `"`})
}

func TestWhatAPersonWroteIsKeptWhateverItIs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ words, want string }{
		"a NUL":                       {"a\x00b", `"a\u0000b"`},
		"a line's ends":               {"a\u2028b\n", `"a\u2028b\n"`},
		"HTML":                        {"<b>&amp;</b>", `"<b>&amp;</b>"`},
		"what begins like a list":     {"[sic]", `"[sic]"`},
		"a list beyond all nesting":   {strings.Repeat("[", 1100) + strings.Repeat("]", 1100), `"` + strings.Repeat("[", 1100) + strings.Repeat("]", 1100) + `"`},
		"a list, as it was written":   {`[ {"b": 1.0, "a": [], "b": 2} ]`, `[ {"b": 1.0, "a": [], "b": 2} ]`},
		"more than one value":         {`{} {}`, `"{} {}"`},
		"half a pair of surrogates":   {`["\ud800"]`, `["\ud800"]`},
		"a text that is quoted twice": {`"[]"`, `"\"[]\""`},
	} {
		for _, encoding := range []string{protobufType, jsonType} {
			t.Run(name+", "+encoding, func(t *testing.T) {
				t.Parallel()
				s := newServer(t)
				a := s.postTraces(service, encoding, encode(t, encoding, export(llmSpan(1, chat(attrs{"gen_ai.prompt": tt.words})))))
				require.Equal(t, http.StatusOK, a.status, a.message)
				require.Zero(t, a.rejected, a.message)
				got, _ := s.cell("messages").(string)
				if got != tt.want {
					assert.JSONEq(t, tt.want, got)
				}
				storetest.RequireClean(t, s.db)
			})
		}
	}
}

func TestOneRequestInManySpansIsOneLog(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	same := chat(attrs{"gen_ai.response.id": "chatcmpl-1", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 5, "user.id": "ann"})
	s.trace(service, llmSpan(1, same), llmSpan(2, same))
	s.trace(service, llmSpan(3, same))
	assert.Equal(t, int64(1), s.logs())
	assert.Equal(t, 1, s.log(service, `{"litellm_call_id":"chatcmpl-1"}`, http.StatusCreated).Duplicates, "at another door, too")

	s.log(service, `{"litellm_call_id":"chatcmpl-2","status":"initiated","end_user":"ann"}`, http.StatusCreated)
	s.trace(service, llmSpan(4, chat(attrs{"gen_ai.response.id": "chatcmpl-2", "gen_ai.usage.output_tokens": 7})))
	assert.Equal(t, int64(2), s.logs(), "a span ends what another door began")
	storetest.RequireClean(t, s.db)
}
