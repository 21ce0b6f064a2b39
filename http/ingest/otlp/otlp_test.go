package otlp_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/llmtally/llmtally/http/ingest/otlp"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/rawjson"
)

const maxSpan = 1 << 20

func rows(t testing.TB, e *otlp.Encoding, body []byte) (rows []otlp.Row, err error) {
	t.Helper()
	err = otlp.NewReader(otlp.Users).Read(e, body, maxSpan, func(row otlp.Row) error {
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

// protobufOf is a request of one span, as OpenTelemetry's own types write it.
func protobufOf(t testing.TB, attributes ...*commonpb.KeyValue) []byte {
	t.Helper()
	attributes = append(attributes, text("gen_ai.operation.name", "chat"))
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{
		Spans: []*tracepb.Span{{TraceId: bytes.Repeat([]byte{1}, 16), SpanId: bytes.Repeat([]byte{2}, 8), Attributes: attributes}},
	}}}}})
	require.NoError(t, err)
	return body
}

func text(name, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: name, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

// jsonOf is a request of one span with the attributes given as JSON.
func jsonOf(attributes string) []byte {
	return []byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[{
		"traceId":"01010101010101010101010101010101","spanId":"0202020202020202","name":"chat","attributes":[
		{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},` + attributes + `]}]}]}]}`)
}

func TestAnAttributeKeepsItsMeaning(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`{"stringValue":"[not JSON"}`:       `"[not JSON"`,
		`{"stringValue":"[1, 2]"}`:          `[1, 2]`,
		`{"stringValue":"{\"a\":\"\\n\"}"}`: `{"a":"\n"}`,
		`{"stringValue":"12"}`:              `"12"`,
		`{"intValue":"-7"}`:                 `-7`,
		`{"intValue":7}`:                    `7`,
		`{"doubleValue":0.5}`:               `0.5`,
		`{"doubleValue":"Infinity"}`:        `"Infinity"`,
		`{"boolValue":false}`:               `false`,
		`{"bytesValue":"AQID"}`:             `"AQID"`,
		`{"arrayValue":{"values":[{"intValue":"1"},{},{"stringValue":"x"}]}}`:              `[1,null,"x"]`,
		`{"arrayValue":{"values":[]}}`:                                                     ``,
		`{"arrayValue":{}}`:                                                                ``,
		`{"kvlistValue":{"values":[{"key":"a\"b","value":{"intValue":"1"}},{"key":"c"}]}}`: `{"a\"b":1,"c":null}`,
		`{}`:                  ``,
		`null`:                ``,
		`{"futureValue":"x"}`: ``,
		`{"stringValue":""}`:  ``,
	} {
		got, err := rows(t, otlp.JSON, jsonOf(`{"key":"gen_ai.prompt","value":`+value+`}`))
		require.NoError(t, err)
		require.Len(t, got, 1, value)
		require.NotNil(t, got[0].Log, "%s: %v", value, got[0].Invalid)
		assert.Equal(t, want, string(got[0].Log.Messages), value)
	}
}

func TestTextThatIsNotUTF8IsMadeSo(t *testing.T) {
	t.Parallel()
	body := protobufOf(t, text("gen_ai.prompt", "AAAA"))
	body = bytes.Replace(body, []byte("AAAA"), []byte("A\xff\xfeA"), 1)
	got, err := rows(t, otlp.Protobuf, body)
	require.NoError(t, err)
	assert.Equal(t, `"A\ufffd\ufffdA"`, string(got[0].Log.Messages))
}

// TestASpanTakesLittleMoreMemoryThanItsSize gives a span the smallest
// attributes and events that there are. It is not parallel, since what others
// allocate would count.
func TestASpanTakesLittleMoreMemoryThanItsSize(t *testing.T) {
	bare := []byte(strings.Repeat("\x4a\x00\x5a\x00", 200000))
	for _, id := range []protowire.Number{2, 2, 1} { // a span of a scope of a resource of the request
		bare = protowire.AppendBytes(protowire.AppendTag(nil, id, protowire.BytesType), bare)
	}
	for name, tt := range map[string]struct {
		encoding *otlp.Encoding
		body     []byte
	}{
		"protobuf": {otlp.Protobuf, bare},
		"JSON":     {otlp.JSON, jsonOf(strings.Repeat(`{},`, 200000) + `{}`)},
	} {
		result := testing.Benchmark(func(b *testing.B) {
			for b.Loop() {
				got, err := rows(b, tt.encoding, tt.body)
				require.NoError(b, err)
				require.Len(b, got, 1)
				require.NoError(b, got[0].Invalid)
			}
		})
		assert.Less(t, result.AllocedBytesPerOp(), int64(len(tt.body)), name)
	}
}

func FuzzAnyBody(f *testing.F) {
	f.Add(true, protobufOf(f, text("gen_ai.prompt.0.content", "hi"), text("llm.input_messages.0.message.role", "user")))
	f.Add(true, protobufOf(f, text("gen_ai.input.messages", `[{"role":"user"}]`), text("gen_ai.system_instructions", `[{}]`)))
	f.Add(false, jsonOf(`{"key":"gen_ai.usage.input_tokens","value":{"intValue":"5"}}`))
	f.Add(false, jsonOf(`{"key":"gen_ai.prompt.0.tool_calls.0.name","value":{"arrayValue":{"values":[{"stringValue":"x"}]}}}`))
	f.Add(false, []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"events":[{"name":"gen_ai.user.message","attributes":[{"key":"gen_ai.event.content","value":{"stringValue":"{}"}}]}],"status":{"code":2}}]}]}]}`))
	f.Fuzz(func(t *testing.T, isProtobuf bool, body []byte) {
		encoding := otlp.JSON
		if isProtobuf {
			encoding = otlp.Protobuf
		}
		got, err := rows(t, encoding, body)
		if err != nil {
			require.Empty(t, got, "nothing comes of a body that cannot be read")
			require.ErrorAs(t, err, new(*otlp.Malformed))
			return
		}
		for _, row := range got {
			var refused *store.Error
			switch {
			case row.Other:
				require.Nil(t, row.Log)
				require.NoError(t, row.Invalid)
			case row.Invalid != nil:
				require.True(t, errors.As(row.Invalid, &refused), "%v", row.Invalid)
				require.Nil(t, row.Log)
			default:
				require.True(t, row.Log.Has(store.ColCallID))
				require.True(t, row.Log.Has(store.ColStatus))
				for _, raw := range [][]byte{row.Log.Messages, row.Log.Response, row.Log.Error, row.Log.AdditionalDetails} {
					require.True(t, raw == nil || rawjson.Valid(raw), "%s", raw)
				}
			}
		}
	})
}
