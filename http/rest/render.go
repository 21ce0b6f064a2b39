package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/rawjson"
)

// appendValue writes a column's value as JSON, as PostgreSQL's row_to_json
// does.
func appendValue(out []byte, value any, kind query.Type) []byte {
	switch v := value.(type) {
	case nil:
		return append(out, "null"...)
	case int64:
		return strconv.AppendInt(out, v, 10)
	case float64:
		return append(out, floatText(v, kind)...)
	case bool:
		return strconv.AppendBool(out, v)
	case string:
		switch kind {
		case query.JSON:
			return append(out, v...)
		case query.Time:
			return appendString(out, shownTime(v))
		}
		return appendString(out, v)
	default:
		return appendString(out, fmt.Sprint(v))
	}
}

// floatText writes a number as PostgreSQL does: the shortest digits that read
// back as it, with an exponent below 1e-4 and from 1e15 (1e6 for a real).
func floatText(f float64, kind query.Type) string {
	bits, large := 64, 1e15
	if kind == query.Real {
		bits, large = 32, 1e6
	}
	size := math.Abs(f)
	if size != 0 && (size < 1e-4 || size >= large) {
		return strconv.FormatFloat(f, 'e', -1, bits)
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

// shownTime turns a stored time into the text that PostgREST shows.
func shownTime(stored string) string {
	date := strings.TrimSuffix(stored, "Z")
	return strings.TrimSuffix(strings.TrimRight(date, "0"), ".") + "+00:00"
}

// appendString writes a JSON string. Only what must be escaped is: PostgreSQL
// leaves <, > and & alone.
func appendString(out []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		out = append(out, '"')
		out = append(out, s...)
		return append(out, '"')
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return append(out, bytes.TrimRight(text.Bytes(), "\n")...)
}

// valueOf returns an item's value in a row, and the type that it has by then.
func (i *item) valueOf(row query.Row) (any, query.Type, error) {
	value, kind := row[i.column], i.kind
	if len(i.keys) > 0 {
		doc, ok := value.(string)
		if !ok {
			return nil, kind, nil
		}
		found := rawjson.At([]byte(doc), i.keys)
		switch {
		case found == nil:
			value = nil
		case i.text:
			kind = query.Text
			value = nil
			if text, known := rawjson.AsText(found); known {
				value = text
			}
		default:
			value = string(found)
		}
	}
	if i.cast == "" || value == nil {
		return value, kind, nil
	}
	return cast(value, kind, i.cast)
}

// castTypes are the types that a value can be cast to, by PostgreSQL's names.
var castTypes = map[string]string{
	"text": "text", "varchar": "text", "character varying": "text", "bpchar": "text", "char": "text", "name": "text",
	"int": "int", "int2": "int", "int4": "int", "int8": "int", "integer": "int", "bigint": "int", "smallint": "int",
	"float": "float", "float4": "float", "float8": "float", "real": "float", "double precision": "float",
	"numeric": "float", "decimal": "float",
	"bool": "bool", "boolean": "bool", "json": "json", "jsonb": "json",
	"date": "date", "timestamptz": "time", "timestamp with time zone": "time",
	"timestamp": "localtime", "timestamp without time zone": "localtime",
}

func castable(name string) bool { _, ok := castTypes[strings.ToLower(name)]; return ok }

// cast turns a value into another type, by way of its text.
func cast(value any, kind query.Type, to string) (any, query.Type, error) {
	text := valueText(value, kind)
	switch castTypes[strings.ToLower(to)] {
	case "text":
		return text, query.Text, nil
	case "int":
		if f, ok := value.(float64); ok {
			return int64(math.RoundToEven(f)), query.Int, nil
		}
		n, err := store.ParseValue(query.Int, text)
		return n, query.Int, err
	case "float":
		f, err := store.ParseValue(query.Double, text)
		return f, query.Double, err
	case "bool":
		return castBool(value, text)
	case "json":
		if kind != query.JSON && kind != query.Text {
			return nil, kind, refuse("42846", fmt.Sprintf("cannot cast type %s to json", kind))
		}
		if _, err := store.ParseValue(query.JSON, text); err != nil {
			return nil, kind, err
		}
		return text, query.JSON, nil
	}
	return castTime(text, castTypes[strings.ToLower(to)])
}

func castBool(value any, text string) (any, query.Type, error) {
	if n, ok := value.(int64); ok {
		return n != 0, query.Text, nil
	}
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "t", "true", "y", "yes", "on", "1":
		return true, query.Text, nil
	case "f", "false", "n", "no", "off", "0":
		return false, query.Text, nil
	}
	return nil, query.Text, refuse("22P02", fmt.Sprintf("invalid input syntax for type boolean: %q", text))
}

func castTime(text, to string) (any, query.Type, error) {
	t, err := store.ParseValue(query.Time, text)
	if err != nil {
		return nil, query.Text, err
	}
	moment, ok := t.(store.Timestamp)
	if !ok {
		return nil, query.Text, refuse("22007", "invalid time")
	}
	switch to {
	case "date":
		return moment.Time().Format("2006-01-02"), query.Text, nil
	case "localtime":
		return moment.Time().Format("2006-01-02T15:04:05.999999"), query.Text, nil
	}
	return moment.Stored(), query.Time, nil
}

// valueText returns a value as PostgreSQL's cast to text shows it.
func valueText(value any, kind query.Type) string {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return floatText(v, kind)
	case bool:
		return strconv.FormatBool(v)
	case string:
		if kind == query.Time {
			return strings.Replace(strings.TrimSuffix(shownTime(v), ":00"), "T", " ", 1)
		}
		return v
	default:
		return ""
	}
}
