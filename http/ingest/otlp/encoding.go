package otlp

import (
	"mime"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// An Encoding is one of the two forms of OTLP/HTTP, for requests and answers.
type Encoding struct {
	MediaType string

	// walk calls resource once for each group of spans, then span for each of
	// its spans. It fails when the body is malformed outside of the spans.
	walk     func(body []byte, resource, span func([]byte) error) error
	resource func(raw []byte, keeps func(string) bool, into attributes) error
	span     func(raw []byte, keeps func(string) bool) (*span, error)

	accepted func(rejected int, message string) []byte
	status   func(message string) []byte
}

// EncodingOf returns the encoding that a Content-Type names, nil when it is
// neither.
func EncodingOf(contentType string) *Encoding {
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return nil
	case media == Protobuf.MediaType:
		return Protobuf
	case media == JSON.MediaType:
		return JSON
	}
	return nil
}

// Accepted returns an ExportTraceServiceResponse: of a full success when no
// spans were rejected, else with what is wrong with those.
func (e *Encoding) Accepted(rejected int, message string) []byte {
	return e.accepted(rejected, message)
}

// Status returns a google.rpc.Status that says what went wrong. Its code is
// left out, as OTLP/HTTP allows: the HTTP status counts.
func (e *Encoding) Status(message string) []byte { return e.status(message) }

func acceptedProtobuf(rejected int, message string) []byte {
	if rejected == 0 {
		return nil
	}
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(rejected))
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), message)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
}

func statusProtobuf(message string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), message)
}

func acceptedJSON(rejected int, message string) []byte {
	var answer, partial object
	if rejected > 0 {
		// 64-bit integers are texts in protobuf's JSON.
		partial.addText("rejectedSpans", strconv.Itoa(rejected))
		partial.addText("errorMessage", message)
		answer.add("partialSuccess", partial.json())
	}
	if answer == nil {
		return []byte("{}")
	}
	return answer.json()
}

func statusJSON(message string) []byte {
	var status object
	status.add("message", appendText(nil, message))
	return status.json()
}
