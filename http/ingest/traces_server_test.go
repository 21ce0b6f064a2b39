package ingest_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/llmtally/llmtally/policy"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

// attrs are attributes as a program sets them: texts, whole numbers, floats,
// booleans, lists and maps.
type attrs = map[string]any

// spanStart is when the tests' spans start.
var spanStart = time.Date(2026, 1, 1, 0, 0, 0, 250_000_000, time.UTC)

// llmSpan is a span of 1.5 s, the nth of its trace.
func llmSpan(n byte, a attrs) *tracepb.Span {
	return &tracepb.Span{
		TraceId: bytes.Repeat([]byte{0xab}, 16), SpanId: []byte{1, 2, 3, 4, 5, 6, 7, n}, ParentSpanId: []byte{9, 0, 0, 0, 0, 0, 0, 9},
		Name: "chat gpt-4o", Kind: tracepb.Span_SPAN_KIND_CLIENT, Attributes: keyValues(a),
		StartTimeUnixNano: uint64(spanStart.UnixNano()), EndTimeUnixNano: uint64(spanStart.Add(1500 * time.Millisecond).UnixNano()),
	}
}

// chat is the least that makes a span one of a request.
func chat(more attrs) attrs {
	a := attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
	for name, value := range more {
		a[name] = value
	}
	return a
}

func spanEvent(name string, a attrs) *tracepb.Span_Event {
	return &tracepb.Span_Event{Name: name, Attributes: keyValues(a)}
}

func keyValues(a attrs) (list []*commonpb.KeyValue) {
	for name, value := range a {
		list = append(list, &commonpb.KeyValue{Key: name, Value: anyValue(value)})
	}
	return list
}

func anyValue(value any) *commonpb.AnyValue {
	switch v := value.(type) {
	case string:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}
	case bool:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v}}
	case int:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: int64(v)}}
	case float64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v}}
	case []byte:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: v}}
	case []any:
		list := &commonpb.ArrayValue{}
		for _, item := range v {
			list.Values = append(list.Values, anyValue(item))
		}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: list}}
	case attrs:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: keyValues(v)}}}
	default:
		return &commonpb.AnyValue{}
	}
}

// export is a request as an exporter sends it: all spans of one service.
func export(spans ...*tracepb.Span) *tracepb.TracesData {
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: keyValues(attrs{"service.name": "shop"})},
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "a library"}, Spans: spans}},
	}}}
}

// encode writes a request in one of OTLP/HTTP's encodings.
func encode(t testing.TB, contentType string, data *tracepb.TracesData) []byte {
	t.Helper()
	var body []byte
	var err error
	if contentType == protobufType {
		body, err = proto.Marshal(data)
	} else {
		body, err = json.Marshal(otlpJSON(data))
	}
	require.NoError(t, err)
	return body
}

// otlpJSON is OTLP's own JSON: ids in hexadecimal, 64-bit integers as texts.
func otlpJSON(data *tracepb.TracesData) any {
	groups := []any{}
	for _, group := range data.ResourceSpans {
		scopes := []any{}
		for _, scope := range group.ScopeSpans {
			spans := []any{}
			for _, s := range scope.Spans {
				spans = append(spans, spanJSON(s))
			}
			scopes = append(scopes, attrs{"scope": attrs{"name": scope.GetScope().GetName()}, "spans": spans})
		}
		groups = append(groups, attrs{"resource": attrs{"attributes": keyValuesJSON(group.GetResource().GetAttributes())}, "scopeSpans": scopes})
	}
	return attrs{"resourceSpans": groups}
}

func spanJSON(s *tracepb.Span) any {
	events := []any{}
	for _, e := range s.Events {
		events = append(events, attrs{"name": e.Name, "timeUnixNano": "1", "attributes": keyValuesJSON(e.Attributes)})
	}
	return attrs{
		"traceId": hex.EncodeToString(s.TraceId), "spanId": hex.EncodeToString(s.SpanId), "parentSpanId": hex.EncodeToString(s.ParentSpanId),
		"name": s.Name, "kind": int(s.Kind), "attributes": keyValuesJSON(s.Attributes), "events": events, "flags": 257, "unknown": attrs{"to": "us"},
		"startTimeUnixNano": strconv.FormatUint(s.StartTimeUnixNano, 10), "endTimeUnixNano": strconv.FormatUint(s.EndTimeUnixNano, 10),
		"status": attrs{"code": int(s.GetStatus().GetCode()), "message": s.GetStatus().GetMessage()},
	}
}

func keyValuesJSON(list []*commonpb.KeyValue) []any {
	out := []any{}
	for _, kv := range list {
		out = append(out, attrs{"key": kv.Key, "value": anyValueJSON(kv.Value)})
	}
	return out
}

func anyValueJSON(value *commonpb.AnyValue) any {
	switch v := value.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return attrs{"stringValue": v.StringValue}
	case *commonpb.AnyValue_BoolValue:
		return attrs{"boolValue": v.BoolValue}
	case *commonpb.AnyValue_IntValue:
		return attrs{"intValue": strconv.FormatInt(v.IntValue, 10)}
	case *commonpb.AnyValue_DoubleValue:
		if v.DoubleValue != v.DoubleValue {
			return attrs{"doubleValue": "NaN"}
		}
		return attrs{"doubleValue": v.DoubleValue}
	case *commonpb.AnyValue_BytesValue:
		return attrs{"bytesValue": v.BytesValue}
	case *commonpb.AnyValue_ArrayValue:
		list := []any{}
		for _, item := range v.ArrayValue.Values {
			list = append(list, anyValueJSON(item))
		}
		return attrs{"arrayValue": attrs{"values": list}}
	case *commonpb.AnyValue_KvlistValue:
		return attrs{"kvlistValue": attrs{"values": keyValuesJSON(v.KvlistValue.Values)}}
	default:
		return attrs{}
	}
}

// A tracesAnswer is what an exporter reads.
type tracesAnswer struct {
	status   int
	header   http.Header
	body     []byte
	rejected int
	message  string // of partial_success, or of google.rpc.Status
}

// trace sends spans in protobuf and requires a 200.
func (s *server) trace(c policy.Caller, spans ...*tracepb.Span) tracesAnswer {
	s.t.Helper()
	a := s.postTraces(c, protobufType, encode(s.t, protobufType, export(spans...)))
	require.Equal(s.t, http.StatusOK, a.status, a.message)
	return a
}

func (s *server) postTraces(c policy.Caller, contentType string, body []byte, headers ...string) tracesAnswer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.http.URL+"/v1/traces", bytes.NewReader(body))
	require.NoError(s.t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if c.Role != "" {
		r.Header.Set("Authorization", "Bearer "+s.token(c))
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := s.http.Client().Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	a := tracesAnswer{status: response.StatusCode, header: response.Header, body: text}
	if response.Header.Get("Content-Type") == protobufType {
		a.readProtobuf(s.t)
	} else {
		require.Equal(s.t, jsonType, response.Header.Get("Content-Type"), "%s", text)
		a.readJSON(s.t)
	}
	return a
}

// readProtobuf reads an ExportTraceServiceResponse (partial_success = 1:
// rejected_spans = 1, error_message = 2), or a google.rpc.Status (message = 2).
func (a *tracesAnswer) readProtobuf(t testing.TB) {
	t.Helper()
	message := a.body
	if a.status == http.StatusOK {
		message = nil
		if len(a.body) > 0 {
			id, kind, n := protowire.ConsumeTag(a.body)
			require.Equal(t, "1 2", fmt.Sprint(id, kind))
			partial, m := protowire.ConsumeBytes(a.body[n:])
			require.Equal(t, len(a.body), n+m)
			message = partial
		}
	}
	for len(message) > 0 {
		id, kind, n := protowire.ConsumeTag(message)
		require.Positive(t, n)
		message = message[n:]
		if kind == protowire.VarintType {
			number, n := protowire.ConsumeVarint(message)
			require.Equal(t, protowire.Number(1), id)
			a.rejected, message = int(number), message[n:]
			continue
		}
		text, n := protowire.ConsumeString(message)
		require.Equal(t, protowire.Number(2), id)
		a.message, message = text, message[n:]
	}
}

func (a *tracesAnswer) readJSON(t testing.TB) {
	t.Helper()
	var read struct {
		PartialSuccess struct{ RejectedSpans, ErrorMessage string }
		Message        string
	}
	require.NoError(t, json.Unmarshal(a.body, &read), "%s", a.body)
	a.rejected, _ = strconv.Atoi(read.PartialSuccess.RejectedSpans)
	a.message = read.PartialSuccess.ErrorMessage + read.Message
}

// requireCells requires columns of the one log that is stored.
func (s *server) requireCells(want map[string]any) {
	s.t.Helper()
	for column, value := range want {
		got := s.cell(column)
		text, isText := got.(string)
		if wanted, ok := value.(string); ok && isText && wanted != "" && (wanted[0] == '{' || wanted[0] == '[') {
			assert.JSONEq(s.t, wanted, text, column)
			continue
		}
		assert.Equal(s.t, value, got, column)
	}
}
