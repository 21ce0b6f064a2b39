// Package otlp reads OpenTelemetry's spans of LLM requests, as OTLP/HTTP sends
// them in protobuf or JSON, as request logs. Spans of anything else are passed
// over. Attributes are kept as JSON, and only those that a log is made of, so
// that a body takes little more memory than its own.
package otlp

import (
	"slices"
	"strings"

	"github.com/llmtally/llmtally/store"
)

// Users are the attributes that name a request's user, unless told otherwise:
// OpenTelemetry's, Langfuse's, Traceloop's and LiteLLM's. The GenAI conventions
// define none.
var Users = []string{
	"user.id", "enduser.id", "langfuse.user.id", "traceloop.association.properties.user_id",
	"llm.user", "metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id",
}

// A Reader makes logs of spans.
type Reader struct {
	users []string
	names map[string]bool // of the attributes that are kept
}

// NewReader returns a reader that looks for a request's user in those
// attributes, in turn.
func NewReader(users []string) *Reader {
	r := &Reader{users: users, names: map[string]bool{}}
	for _, list := range [][]string{users, kept} {
		for _, name := range list {
			r.names[name] = true
		}
	}
	return r
}

func (r *Reader) keeps(name string) bool {
	return r.names[name] || slices.ContainsFunc(indexed, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// A Row is what became of one span. Exactly one of its fields but Size is set.
type Row struct {
	Log     *store.Log
	Other   bool  // it is not of an LLM request
	Invalid error // a *store.Error that says why it cannot be a log
	Size    int   // bytes of the span
}

// Read calls each with what became of every span of the body, in turn. Spans of
// more than maxSpan bytes are refused. An error of each ends the reading; any
// other error is a *Malformed, and comes before the first call.
func (r *Reader) Read(e *Encoding, body []byte, maxSpan int, each func(Row) error) error {
	pass := func([]byte) error { return nil }
	if err := e.walk(body, pass, pass); err != nil {
		return &Malformed{err}
	}
	var resource attributes
	return e.walk(body,
		func(raw []byte) error {
			resource = attributes{}
			// What a resource says is a supplement: the spans hold without it.
			_ = e.resource(raw, r.keeps, resource)
			return nil
		},
		func(raw []byte) error {
			row := r.row(e, raw, maxSpan, resource)
			row.Size = len(raw)
			return each(row)
		})
}

func (r *Reader) row(e *Encoding, raw []byte, maxSpan int, resource attributes) Row {
	if len(raw) > maxSpan {
		return Row{Invalid: tooLarge(maxSpan)}
	}
	s, err := e.span(raw, r.keeps)
	if err != nil {
		return Row{Invalid: invalid("%v", err)}
	}
	if !s.infers() {
		return Row{Other: true}
	}
	s.resource = resource
	log, err := r.log(s)
	if err != nil {
		return Row{Invalid: err}
	}
	return Row{Log: log}
}

// Malformed says that a body is not what its Content-Type says.
type Malformed struct{ cause error }

func (e *Malformed) Error() string { return "the body is malformed: " + e.cause.Error() }
