package store

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/rawjson"
)

// ParseValue reads a text as a value of the type, ready to be bound: string,
// int64, float64, Timestamp or json.RawMessage. Its errors are PostgreSQL's.
func ParseValue(t query.Type, text string) (any, error) {
	switch t {
	case query.Int:
		return parseIntValue(text)
	case query.Real, query.Double:
		f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if errors.Is(err, strconv.ErrRange) {
			return nil, errorf(CodeOutOfRange, "%q is out of range for type %s", clip(text), t)
		}
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(text, "xX_") {
			return nil, errSyntaxOf(t, text)
		}
		if t == query.Real {
			f = single(f)
		}
		return f, nil
	case query.Time:
		return ParseTimestamp(text, time.Now())
	case query.JSON:
		if !rawjson.Valid([]byte(text)) {
			return nil, errorf(CodeInvalidText, "invalid input syntax for type json")
		}
		return json.RawMessage(text), nil
	}
	if !query.IsText(text) {
		return nil, errorf(CodeBadCharacter, "invalid byte sequence for encoding \"UTF8\"")
	}
	return text, nil
}

func parseIntValue(text string) (any, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return nil, errorf(CodeOutOfRange, "value %q is out of range for type bigint", clip(text))
	}
	if err != nil {
		return nil, errSyntaxOf(query.Int, text)
	}
	return n, nil
}

func errSyntaxOf(t query.Type, text string) *Error {
	return errorf(CodeInvalidText, "invalid input syntax for type %s: %q", t, clip(text))
}

// ParseJSONValue reads a checked JSON value as a value of the type, as
// PostgreSQL's json_populate_recordset does: null is nil, numbers may stand in
// strings, and a text takes anything as it is written.
func ParseJSONValue(t query.Type, raw []byte) (any, error) {
	if rawjson.IsNull(raw) {
		return nil, nil
	}
	if t == query.JSON {
		return string(raw), nil
	}
	text, isString := rawjson.Text(raw)
	if isString {
		return bindable(ParseValue(t, text))
	}
	number := raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'
	switch {
	case t == query.Text:
		return string(raw), nil
	case !number:
		return nil, errSyntaxOf(t, string(raw))
	case t == query.Time:
		seconds, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return nil, errTimeRange(string(raw))
		}
		return FromEpoch(seconds)
	case t == query.Int:
		n, err := parseInt(string(raw))
		if errors.Is(err, strconv.ErrRange) {
			return nil, errorf(CodeOutOfRange, "value %q is out of range for type bigint", clip(string(raw)))
		}
		if err != nil {
			return nil, errSyntaxOf(t, string(raw))
		}
		return n, nil
	default:
		return ParseValue(t, string(raw))
	}
}

func bindable(value any, err error) (any, error) {
	if raw, ok := value.(json.RawMessage); ok {
		return string(raw), err
	}
	return value, err
}
