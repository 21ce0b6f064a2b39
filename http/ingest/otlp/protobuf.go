package otlp

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Protobuf is the encoding of application/x-protobuf. The messages are those of
// opentelemetry/proto/trace/v1/trace.proto, read field by field: made into
// structs, a hostile span would take forty times its size.
var Protobuf = &Encoding{
	MediaType: "application/x-protobuf",
	walk:      walkProtobuf,
	resource:  protobufAttributes(1),
	span:      protobufSpan,
	accepted:  acceptedProtobuf,
	status:    statusProtobuf,
}

// A field is one field of a message: number for numbers, bytes for texts and
// messages.
type field struct {
	id     protowire.Number
	kind   protowire.Type
	number uint64
	bytes  []byte
}

// fields calls each with a message's fields. One of another type than the
// schema's is passed over like an unknown one, as protobuf has it.
func fields(message []byte, each func(f field) error) error {
	for len(message) > 0 {
		id, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		f := field{id: id, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			f.number, n = protowire.ConsumeFixed64(message)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		default:
			n = protowire.ConsumeFieldValue(id, kind, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

// messages calls each with the messages that a field holds.
func messages(message []byte, id protowire.Number, each func([]byte) error) error {
	return fields(message, func(f field) error {
		if f.id != id || f.kind != protowire.BytesType {
			return nil
		}
		return each(f.bytes)
	})
}

func walkProtobuf(body []byte, resource, span func([]byte) error) error {
	return messages(body, 1, func(resourceSpans []byte) error {
		var last []byte
		if err := messages(resourceSpans, 1, func(m []byte) error { last = m; return nil }); err != nil {
			return err
		}
		if err := resource(last); err != nil {
			return err
		}
		return messages(resourceSpans, 2, func(scopeSpans []byte) error { return messages(scopeSpans, 2, span) })
	})
}

func protobufSpan(raw []byte, keeps func(string) bool) (*span, error) {
	s := &span{attributes: attributes{}}
	read := protobufAttribute(keeps, s.attributes)
	err := fields(raw, func(f field) error {
		switch {
		case f.kind == protowire.Fixed64Type && f.id == 7:
			s.start = f.number
		case f.kind == protowire.Fixed64Type && f.id == 8:
			s.end = f.number
		case f.kind != protowire.BytesType:
		case f.id == 1:
			s.traceID = validID(f.bytes, 16)
		case f.id == 2:
			s.spanID = validID(f.bytes, 8)
		case f.id == 4:
			s.parentID = validID(f.bytes, 8)
		case f.id == 5:
			s.name = string(f.bytes)
		case f.id == 9:
			return read(f.bytes)
		case f.id == 11:
			return s.protobufEvent(f.bytes, keeps)
		case f.id == 15:
			return s.protobufStatus(f.bytes)
		}
		return nil
	})
	return s, err
}

func (s *span) protobufStatus(raw []byte) error {
	return fields(raw, func(f field) error {
		switch {
		case f.id == 2 && f.kind == protowire.BytesType:
			s.statusMessage = string(f.bytes)
		case f.id == 3 && f.kind == protowire.VarintType:
			s.failed = f.number == statusError
		}
		return nil
	})
}

func (s *span) protobufEvent(raw []byte, keeps func(string) bool) error {
	var e event
	if err := messages(raw, 2, func(name []byte) error { e.name = string(name); return nil }); err != nil {
		return err
	}
	if !keptEvents[e.name] {
		return nil
	}
	e.attributes = attributes{}
	s.events = append(s.events, e)
	return protobufAttributes(3)(raw, keepsOfEvents(keeps), e.attributes)
}

// protobufAttributes reads the attributes that stand in a field of a message.
func protobufAttributes(id protowire.Number) func([]byte, func(string) bool, attributes) error {
	return func(raw []byte, keeps func(string) bool, into attributes) error {
		return messages(raw, id, protobufAttribute(keeps, into))
	}
}

func protobufAttribute(keeps func(string) bool, into attributes) func([]byte) error {
	return func(raw []byte) error {
		key, value, err := keyValue(raw)
		if err != nil || !keeps(string(key)) {
			return err
		}
		into[string(key)], err = appendAny(nil, value, 0)
		return err
	}
}

func keyValue(raw []byte) (key, value []byte, err error) {
	err = fields(raw, func(f field) error {
		switch {
		case f.kind != protowire.BytesType:
		case f.id == 1:
			key = f.bytes
		case f.id == 2:
			value = f.bytes
		}
		return nil
	})
	return key, value, err
}

var errTooDeep = errors.New("an attribute nests more than " + strconv.Itoa(maxDepth) + " deep")

// appendAny appends an AnyValue as JSON.
func appendAny(out, raw []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	var last field
	if err := fields(raw, func(f field) error {
		if f.id >= 1 && f.id <= 7 {
			last = f
		}
		return nil
	}); err != nil {
		return nil, err
	}
	switch {
	case last.kind == protowire.VarintType && last.id == 2:
		return strconv.AppendBool(out, last.number != 0), nil
	case last.kind == protowire.VarintType && last.id == 3:
		return strconv.AppendInt(out, int64(last.number), 10), nil
	case last.kind == protowire.Fixed64Type && last.id == 4:
		return appendFloat(out, math.Float64frombits(last.number)), nil
	case last.kind != protowire.BytesType:
		return append(out, "null"...), nil
	case last.id == 1:
		return appendText(out, string(last.bytes)), nil
	case last.id == 5:
		return appendArray(out, last.bytes, depth+1)
	case last.id == 6:
		return appendObject(out, last.bytes, depth+1)
	case last.id == 7:
		return appendText(out, base64.StdEncoding.EncodeToString(last.bytes)), nil
	}
	return append(out, "null"...), nil
}

func appendArray(out, raw []byte, depth int) ([]byte, error) {
	out = append(out, '[')
	separate := separator()
	err := messages(raw, 1, func(value []byte) (err error) {
		out, err = appendAny(separate(out), value, depth)
		return err
	})
	return append(out, ']'), err
}

func appendObject(out, raw []byte, depth int) ([]byte, error) {
	out = append(out, '{')
	separate := separator()
	err := messages(raw, 1, func(pair []byte) error {
		key, value, err := keyValue(pair)
		if err != nil {
			return err
		}
		out = append(appendText(separate(out), string(key)), ':')
		out, err = appendAny(out, value, depth)
		return err
	})
	return append(out, '}'), err
}
