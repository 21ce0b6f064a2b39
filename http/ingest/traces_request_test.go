package ingest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/ingest"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func rowLimit(bytes int) ingest.Limits { return ingest.Limits{Row: bytes} }

func TestARequestOfSpansThatCannotBeReadIsRefusedWhole(t *testing.T) {
	t.Parallel()
	good := encode(t, protobufType, export(llmSpan(1, chat(attrs{"user.id": "ann"}))))
	goodJSON := encode(t, jsonType, export(llmSpan(1, chat(attrs{"user.id": "ann"}))))
	for name, tt := range map[string]struct {
		contentType string
		body        []byte
		headers     []string
		status      int
		answered    string // the Content-Type
	}{
		"protobuf cut off":            {protobufType, good[:len(good)-5], nil, 400, protobufType},
		"protobuf with more behind":   {protobufType, append(bytes.Clone(good), 0xff), nil, 400, protobufType},
		"protobuf cut off in a group": {protobufType, append(bytes.Clone(good), 0x0a, 0x05, 0x12), nil, 400, protobufType},
		"JSON as protobuf":            {protobufType, goodJSON, nil, 400, protobufType},
		"protobuf as JSON":            {jsonType, good, nil, 400, jsonType},
		"JSON cut off":                {jsonType, goodJSON[:len(goodJSON)-1], nil, 400, jsonType},
		"JSON with more behind":       {jsonType, append(bytes.Clone(goodJSON), '{'), nil, 400, jsonType},
		"a list":                      {jsonType, []byte(`[]`), nil, 400, jsonType},
		"an empty text":               {jsonType, nil, nil, 400, jsonType},
		"spans that are no list":      {jsonType, []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]}`), nil, 400, jsonType},
		"JSON nested beyond reason":   {jsonType, []byte(strings.Repeat(`{"resourceSpans":[`, 600)), nil, 400, jsonType},
		"too large":                   {protobufType, make([]byte, 70<<10), nil, 413, protobufType},
		"gzip that is none":           {protobufType, good, []string{"Content-Encoding", "gzip"}, 400, protobufType},
		"an encoding that is unknown": {jsonType, goodJSON, []string{"Content-Encoding", "br"}, 415, jsonType},
		"no Content-Type":             {"", good, nil, 415, jsonType},
		"another Content-Type":        {"text/plain", goodJSON, nil, 415, jsonType},
		"a Content-Type of nonsense":  {";;", goodJSON, nil, 415, jsonType},
		"gRPC":                        {"application/grpc", good, nil, 415, jsonType},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServerWith(t, serverOptions{store: store.Options{AutoCreateUsers: true}, limits: ingest.Limits{Body: 64 << 10}})
			a := s.postTraces(service, tt.contentType, tt.body, tt.headers...)
			assert.Equal(t, tt.status, a.status, a.message)
			assert.Equal(t, tt.answered, a.header.Get("Content-Type"))
			assert.NotEmpty(t, a.message)
			assert.Empty(t, a.header.Get("Retry-After"), "it would fare no better again")
			s.requireNothingChanged()
		})
	}
}

func TestARequestOfSpansMayBeCompressedOrEmpty(t *testing.T) {
	t.Parallel()
	plain := encode(t, protobufType, export(llmSpan(1, chat(nil))))
	plainJSON := encode(t, jsonType, export(llmSpan(1, chat(nil))))
	for name, tt := range map[string]struct {
		contentType, encoding string
		body                  []byte
		logs                  int64
		answer                string
	}{
		"gzip":                 {protobufType, "gzip", gzipped(t, plain), 1, ""},
		"zstd":                 {protobufType, "zstd", zstandard(t, plain), 1, ""},
		"JSON in gzip":         {"application/json; charset=utf-8", "gzip", gzipped(t, plainJSON), 1, "{}"},
		"no bytes of protobuf": {protobufType, "", nil, 0, ""},
		"an object of nothing": {jsonType, "", []byte(" {} "), 0, "{}"},
		"null for a list":      {jsonType, "", []byte(`{"resourceSpans":null}`), 0, "{}"},
		"null for an item":     {jsonType, "", []byte(`{"resourceSpans":[null,{"resource":null,"scopeSpans":[null,{"spans":[null]}]}]}`), 0, "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			a := s.postTraces(service, tt.contentType, tt.body, "Content-Encoding", tt.encoding)
			assert.Equal(t, http.StatusOK, a.status, a.message)
			assert.Equal(t, tt.answer, string(a.body))
			assert.Equal(t, tt.logs, s.logs())
		})
	}
}

func TestJSONMayWriteNumbersAsItLikes(t *testing.T) {
	t.Parallel()
	const span = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"ABABABABABABABABABABABABABABABAB","spanId":"0102030405060708",
		"startTimeUnixNano":%s,"endTimeUnixNano":%s,"status":{"code":%s},"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},
		{"key":"gen_ai.usage.input_tokens","value":{"intValue":%s}},{"key":"user.id"},{"key":"gen_ai.usage.cost","value":{"doubleValue":0.5}}]}]}]}]}`
	for name, numbers := range map[string][]any{
		"as texts":             {`"1767225600000000000"`, `"1767225602000000000"`, `2`, `"12"`},
		"as numbers":           {`1767225600000000000`, `1767225602000000000`, `"STATUS_CODE_ERROR"`, `12`},
		"as numbers of others": {`1.7672256e18`, `1767225602E+9`, `"2"`, `12`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			a := s.postTraces(service, jsonType, []byte(fmt.Sprintf(span, numbers...)))
			require.Zero(t, a.rejected, a.message)
			s.requireCells(map[string]any{
				"litellm_call_id": "abababababababababababababababab-0102030405060708", "created_at": "2026-01-01T00:00:00.000000Z",
				"response_time": 2.0, "prompt_tokens": int64(12), "status": "failure", "total_cost": 0.5,
			})
		})
	}
	s := newServer(t)
	for _, numbers := range [][]any{{`"soon"`, `1`, `2`, `1`}, {`-1`, `1`, `2`, `1`}, {`1`, `{}`, `2`, `1`}, {`1`, `1`, `2`, `"many"`}} {
		a := s.postTraces(service, jsonType, []byte(fmt.Sprintf(span, numbers...)))
		assert.Equal(t, 1, a.rejected, "%v", numbers)
	}
	base64 := strings.NewReplacer("ABABABABABABABABABABABABABABABAB", "q6urq6urq6urq6urq6urqw==", "%s", "1").Replace(span)
	assert.Contains(t, s.postTraces(service, jsonType, []byte(base64)).message, "hexadecimal")
	assert.Zero(t, s.logs())
}

func TestASpanOfBrokenProtobufCostsItsNeighboursNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	body := encode(t, protobufType, export(llmSpan(1, chat(nil))))
	// A group of one span, whose one field says that it is longer than it is.
	body = append(body, 0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0x4a, 0x7f)
	body = append(body, encode(t, protobufType, export(llmSpan(2, chat(nil))))...)
	a := s.postTraces(service, protobufType, body)
	assert.Equal(t, http.StatusOK, a.status, a.message)
	assert.Equal(t, 1, a.rejected)
	assert.Contains(t, a.message, "span 1: ")
	assert.Equal(t, int64(2), s.logs())
}

func TestManyRefusedSpansAreNamedInShort(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var spans []*tracepb.Span
	for range 5000 {
		spans = append(spans, llmSpan(1, chat(attrs{"gen_ai.usage.cost": -1.0})))
	}
	a := s.trace(service, spans...)
	assert.Equal(t, 5000, a.rejected)
	assert.Less(t, len(a.body), 2000)
	assert.Contains(t, a.message, "and 4995 more")
	assert.Zero(t, s.logs())
}

func TestABodyOfManyBatchesOfSpansIsStoredWhole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var spans []*tracepb.Span
	for i := range 7000 {
		span := llmSpan(1, chat(nil))
		span.SpanId = []byte{1, 0, 0, 0, 0, 0, byte(i >> 8), byte(i)}
		spans = append(spans, span)
	}
	s.trace(service, spans...)
	assert.Equal(t, int64(7000), s.logs())
	storetest.RequireClean(t, s.db)
}

func TestWhoMayLogSpansForWhom(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		caller           policy.Caller
		anon             auth.Anon
		user             string
		status, rejected int
		linked, ending   any
	}{
		"the service role for anyone":     {service, "", "bob", 200, 0, "bob", "bob"},
		"the service role for a new user": {service, "", "new", 200, 0, "new", "new"},
		"a user for themself":             {ann, "", "", 200, 0, "ann", ""},
		"a user whose span names another": {ann, "", "bob", 200, 0, "ann", "bob"},
		"a user without a profile":        {storetest.User("new"), "", "", 200, 1, nil, nil},
		"a user without an id":            {storetest.User(""), "", "", 403, 0, nil, nil},
		"anon by a user who exists":       {anon, "", "ann", 200, 0, "ann", "ann"},
		"anon by one who does not":        {anon, "", "nobody", 200, 0, nil, "nobody"},
		"anon, where anon is off":         {anon, auth.AnonOff, "ann", 401, 0, nil, nil},
		"nobody":                          {nobody, "", "ann", 401, 0, nil, nil},
		"nobody, where anon needs no key": {nobody, auth.AnonOpen, "ann", 200, 0, "ann", "ann"},
	} {
		for _, encoding := range []string{protobufType, jsonType} {
			t.Run(name+", "+encoding, func(t *testing.T) {
				t.Parallel()
				s := newServerWith(t, serverOptions{store: store.Options{AutoCreateUsers: true}, anon: tt.anon})
				require.NoError(t, s.db.Write(t.Context(), func(tx *store.Tx) error {
					_, err := tx.Exec("INSERT INTO user_profiles (user_id) VALUES ('ann'), ('bob')")
					return err
				}))
				a := s.postTraces(tt.caller, encoding, encode(t, encoding, export(llmSpan(1, chat(attrs{"user.id": tt.user})))))
				assert.Equal(t, tt.status, a.status, a.message)
				assert.Equal(t, encoding, a.header.Get("Content-Type"))
				assert.Equal(t, tt.rejected, a.rejected)
				if tt.status != http.StatusOK || tt.rejected > 0 {
					assert.NotEmpty(t, a.message)
					assert.Zero(t, s.logs())
					return
				}
				s.requireCells(map[string]any{"user_profile_id": tt.linked, "end_user": tt.ending})
				storetest.RequireClean(t, s.db)
			})
		}
	}
}

func TestAnExporterIsToldToComeAgainWhenThatHelps(t *testing.T) {
	t.Parallel()
	spans := encode(t, protobufType, export(llmSpan(1, chat(nil))))

	closing := newServer(t)
	require.NoError(t, closing.db.Close())
	a := closing.postTraces(service, protobufType, spans)
	assert.Equal(t, http.StatusServiceUnavailable, a.status)
	assert.Equal(t, "1", a.header.Get("Retry-After"))

	s, release := fullQueue(t)
	a = s.postTraces(service, protobufType, spans)
	assert.Equal(t, http.StatusServiceUnavailable, a.status)
	assert.Equal(t, "1", a.header.Get("Retry-After"))
	assert.Contains(t, a.message, "too many logs are waiting")
	assert.Equal(t, http.StatusCreated, release().status)

	a = s.postTraces(service, protobufType, spans)
	assert.Equal(t, http.StatusOK, a.status)
	assert.Equal(t, int64(2), s.logs())
}

func TestWhatWentWrongHereIsNotForTheExporter(t *testing.T) {
	t.Parallel()
	var book logBook
	s := newServerWith(t, serverOptions{store: store.Options{AutoCreateUsers: true}, log: book.handler()})
	storetest.Refuse(t, s.db, "INSERT", "request_logs", "")
	a := s.postTraces(service, jsonType, encode(t, jsonType, export(llmSpan(1, chat(attrs{"gen_ai.prompt": "my-private-words"})))))
	assert.Equal(t, http.StatusInternalServerError, a.status)
	assert.NotContains(t, a.message, "refused")
	assert.Contains(t, book.String(), "refused")
	s.postTraces(service, jsonType, []byte(`{"resourceSpans": my-private-words}`))
	s.postTraces(service, protobufType, []byte(`my-private-words`))
	assert.NotContains(t, book.String(), "my-private-words")
}
