package otlp

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/llmtally/llmtally/store/rawjson"
)

// JSON is the encoding of application/json: protobuf's JSON, but with ids in
// hexadecimal. 64-bit integers may be texts or numbers.
var JSON = &Encoding{
	MediaType: "application/json",
	walk:      walkJSON,
	resource:  jsonAttributes,
	span:      jsonSpan,
	accepted:  acceptedJSON,
	status:    statusJSON,
}

func walkJSON(body []byte, resource, span func([]byte) error) error {
	start, end, err := rawjson.Value(body, 0)
	switch {
	case err != nil:
		return err
	case body[start] != '{':
		return errors.New("it is not a JSON object")
	case rawjson.Space(body, end) != len(body):
		return errors.New("there is more after the object's end")
	}
	return elements(rawjson.Get(body[start:end], "resourceSpans"), func(resourceSpans []byte) error {
		if err := resource(rawjson.Get(resourceSpans, "resource")); err != nil {
			return err
		}
		return elements(rawjson.Get(resourceSpans, "scopeSpans"), func(scopeSpans []byte) error {
			return elements(rawjson.Get(scopeSpans, "spans"), span)
		})
	})
}

// elements calls each with the elements of a checked array that are not null.
// What is absent or null has none.
func elements(array []byte, each func([]byte) error) error {
	if len(array) == 0 || rawjson.IsNull(array) {
		return nil
	}
	if array[0] != '[' {
		return errors.New("there is something else where a list should be")
	}
	for i := rawjson.Space(array, 1); array[i] != ']'; {
		start, end, err := rawjson.Value(array, i)
		if err != nil {
			return err
		}
		if item := array[start:end:end]; !rawjson.IsNull(item) {
			if err := each(item); err != nil {
				return err
			}
		}
		if i = rawjson.Space(array, end); array[i] == ',' {
			i = rawjson.Space(array, i+1)
		}
	}
	return nil
}

func jsonSpan(raw []byte, keeps func(string) bool) (*span, error) {
	s := &span{attributes: attributes{}}
	var problem error
	_, err := rawjson.Object(raw, 0, func(key, value []byte) {
		if problem == nil && !rawjson.IsNull(value) {
			problem = s.jsonMember(string(key), value, keeps)
		}
	})
	return s, errors.Join(problem, err)
}

func (s *span) jsonMember(name string, value []byte, keeps func(string) bool) (err error) {
	switch name {
	case "traceId":
		s.traceID = jsonID(value, 16)
	case "spanId":
		s.spanID = jsonID(value, 8)
	case "parentSpanId":
		s.parentID = jsonID(value, 8)
	case "name":
		s.name, _ = rawjson.Text(value)
	case "startTimeUnixNano":
		s.start, err = nanoseconds(name, value)
	case "endTimeUnixNano":
		s.end, err = nanoseconds(name, value)
	case "attributes":
		return elements(value, jsonAttribute(keeps, s.attributes))
	case "events":
		return elements(value, func(raw []byte) error { return s.jsonEvent(raw, keeps) })
	case "status":
		s.statusMessage, _ = rawjson.Text(rawjson.Get(value, "message"))
		code, _ := rawjson.AsText(rawjson.Get(value, "code"))
		s.failed = code == strconv.Itoa(statusError) || code == "STATUS_CODE_ERROR"
	}
	return err
}

func jsonID(value []byte, length int) string {
	text, _ := rawjson.Text(value)
	if len(text) != 2*length {
		return ""
	}
	id, err := hex.DecodeString(text)
	if err != nil {
		return ""
	}
	return validID(id, length)
}

func nanoseconds(name string, value []byte) (uint64, error) {
	text, _ := rawjson.AsText(value)
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64) // 1.7672256e18
	if err != nil || !(f >= 0 && f < math.MaxInt64) {
		return 0, fmt.Errorf("%s is not a number of nanoseconds since 1970", name)
	}
	return uint64(f), nil
}

func (s *span) jsonEvent(raw []byte, keeps func(string) bool) error {
	name, _ := rawjson.Text(rawjson.Get(raw, "name"))
	if !keptEvents[name] {
		return nil
	}
	e := event{name: name, attributes: attributes{}}
	s.events = append(s.events, e)
	return jsonAttributes(raw, keepsOfEvents(keeps), e.attributes)
}

// jsonAttributes reads the attributes of an object that has some.
func jsonAttributes(raw []byte, keeps func(string) bool, into attributes) error {
	return elements(rawjson.Get(raw, "attributes"), jsonAttribute(keeps, into))
}

func jsonAttribute(keeps func(string) bool, into attributes) func([]byte) error {
	return func(raw []byte) error {
		name, _ := rawjson.Text(rawjson.Get(raw, "key"))
		if !keeps(name) {
			return nil
		}
		value, err := appendAnyJSON(nil, rawjson.Get(raw, "value"), 0)
		into[name] = value
		return err
	}
}

// appendAnyJSON appends the plain value of an AnyValue in JSON
// ({"intValue":"5"} is 5).
func appendAnyJSON(out, raw []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	var kind string
	var value []byte
	if len(raw) > 0 && raw[0] == '{' {
		if _, err := rawjson.Object(raw, 0, func(k, v []byte) { kind, value = string(k), v }); err != nil {
			return nil, err
		}
	}
	switch kind {
	case "stringValue", "boolValue", "doubleValue", "bytesValue":
		return append(out, value...), nil
	case "intValue":
		if text, ok := rawjson.Text(value); ok {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, errors.New("an intValue is not a whole number of 64 bits")
			}
			return strconv.AppendInt(out, n, 10), nil
		}
		return append(out, value...), nil
	case "arrayValue":
		return appendArrayJSON(out, value, depth+1)
	case "kvlistValue":
		return appendObjectJSON(out, value, depth+1)
	}
	return append(out, "null"...), nil
}

func appendArrayJSON(out, raw []byte, depth int) ([]byte, error) {
	out = append(out, '[')
	separate := separator()
	err := elements(rawjson.Get(raw, "values"), func(value []byte) (err error) {
		out, err = appendAnyJSON(separate(out), value, depth)
		return err
	})
	return append(out, ']'), err
}

func appendObjectJSON(out, raw []byte, depth int) ([]byte, error) {
	out = append(out, '{')
	separate := separator()
	err := elements(rawjson.Get(raw, "values"), func(pair []byte) (err error) {
		name, _ := rawjson.Text(rawjson.Get(pair, "key"))
		out = append(appendText(separate(out), name), ':')
		out, err = appendAnyJSON(out, rawjson.Get(pair, "value"), depth)
		return err
	})
	return append(out, '}'), err
}
