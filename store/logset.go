package store

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/rawjson"
	"github.com/llmtally/llmtally/store/usage"
)

// SetNull gives the column an explicit null.
func (l *Log) SetNull(c LogColumn) { l.sent.add(c); l.clear(c) }

// SetText gives a column the value that a text stands for: a number for a
// number column, a time, JSON for a JSON column (text that is not JSON becomes
// a JSON string).
func (l *Log) SetText(c LogColumn, s string) error {
	spec := &logTable[c]
	switch spec.kind {
	case query.Text:
		return l.setString(c, s)
	case query.Int:
		return l.setInt(c, s)
	case query.Real, query.Double:
		return l.setFloat(c, s)
	case query.Time:
		t, err := ParseTimestamp(s, time.Now())
		if err != nil {
			return err
		}
		l.CreatedAt = t
		l.mark(c)
		return nil
	default:
		raw := json.RawMessage(s)
		if !rawjson.Valid(raw) {
			raw, _ = json.Marshal(s) // a string always marshals
		}
		l.setJSON(c, raw)
		return nil
	}
}

// SetJSON gives a column the value that a checked JSON value stands for. As in
// PostgREST, number columns take numbers in strings and text columns take
// numbers.
func (l *Log) SetJSON(c LogColumn, raw []byte) error {
	if rawjson.IsNull(raw) {
		l.SetNull(c)
		return nil
	}
	spec := &logTable[c]
	if spec.kind == query.JSON {
		l.setJSON(c, raw)
		return nil
	}
	text, isString := rawjson.Text(raw)
	switch {
	case isString:
		return l.SetText(c, text)
	case raw[0] != '-' && (raw[0] < '0' || raw[0] > '9'):
		return errType(c, string(raw))
	case spec.kind == query.Time:
		seconds, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return errTimeRange(string(raw))
		}
		t, err := FromEpoch(seconds)
		if err != nil {
			return err
		}
		l.CreatedAt = t
		l.mark(c)
		return nil
	default:
		return l.SetText(c, string(raw))
	}
}

// Set gives a column a Go value: nil, string, int64, float64, Timestamp or
// json.RawMessage.
func (l *Log) Set(c LogColumn, value any) error {
	switch v := value.(type) {
	case nil:
		l.SetNull(c)
		return nil
	case string:
		return l.SetText(c, v)
	case int64:
		return l.SetText(c, strconv.FormatInt(v, 10))
	case float64:
		return l.SetText(c, strconv.FormatFloat(v, 'g', -1, 64))
	case Timestamp:
		return l.SetText(c, v.Stored())
	case json.RawMessage:
		return l.SetJSON(c, v)
	default:
		return errType(c, "a value of an unknown type")
	}
}

func (l *Log) setString(c LogColumn, s string) error {
	spec := &logTable[c]
	switch {
	case len(s) > spec.maxBytes:
		return errorf(CodeTooLong, "%s is too long: %d bytes, at most %d are taken", spec.name, len(s), spec.maxBytes)
	case strings.IndexByte(s, 0) >= 0:
		return errorf(CodeBadCharacter, "%s contains a NUL character, which text cannot hold", spec.name)
	case !utf8.ValidString(s):
		return errorf(CodeBadCharacter, "%s is not valid UTF-8", spec.name)
	}
	*spec.field(l).(*string) = s
	l.mark(c)
	return nil
}

func (l *Log) setInt(c LogColumn, s string) error {
	n, err := parseInt(strings.TrimSpace(s))
	if errors.Is(err, strconv.ErrRange) {
		return errorf(CodeOutOfRange, "value %q is out of range for type bigint", clip(s))
	}
	if err != nil {
		return errType(c, s)
	}
	if c != ColID && (n < 0 || n > usage.Max) {
		return errorf(CodeOutOfRange, "%s must be from 0 to %d, not %s", logTable[c].name, int64(usage.Max), clip(s))
	}
	*logTable[c].field(l).(*int64) = n
	l.mark(c)
	return nil
}

// parseInt reads a whole number, also one written as 12.0 or 1e3.
func parseInt(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil || !strings.ContainsAny(s, ".eE") {
		return n, err
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, strconv.ErrSyntax
	}
	return int64(f), nil
}

func (l *Log) setFloat(c LogColumn, s string) error {
	spec := &logTable[c]
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil && !math.IsInf(f, 0) || strings.ContainsAny(s, "xX_") {
		return errType(c, s)
	}
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return errorf(CodeOutOfRange, "%s must be a finite number, not %s", spec.name, clip(s))
	case f < 0:
		return errorf(CodeOutOfRange, "%s must not be negative: %s", spec.name, clip(s))
	case f > largest(c):
		return errorf(CodeOutOfRange, "%s is too large: %s, at most %.0f is taken", spec.name, clip(s), largest(c))
	}
	if spec.kind == query.Real {
		f = single(f)
	}
	*spec.field(l).(*float64) = f + 0 // -0 becomes 0
	l.mark(c)
	return nil
}

// largest bounds a column of the kinds that are summed, so that sums stay within
// 64 bits.
func largest(c LogColumn) float64 {
	if c == ColResponseTime {
		return maxResponseTime
	}
	return maxCost
}

// single rounds to single precision, as PostgreSQL's real does, and returns
// the shortest decimal number that stands for it, so that both engines show
// the same digits.
func single(f float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
	if err != nil {
		return f
	}
	return short
}

func (l *Log) setJSON(c LogColumn, raw json.RawMessage) {
	*logTable[c].field(l).(*json.RawMessage) = raw
	l.mark(c)
}

// errType refuses a text that is not of the column's type.
func errType(c LogColumn, text string) error {
	e := errSyntaxOf(logTable[c].kind, text)
	e.Details = "column " + logTable[c].name
	return e
}
