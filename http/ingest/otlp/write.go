package otlp

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"

	"github.com/llmtally/llmtally/store/rawjson"
)

// appendText appends a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendText(out []byte, s string) []byte {
	var quoted bytes.Buffer
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always marshals
	return append(out, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...)
}

// appendFloat appends a number; those that JSON lacks as texts, as protobuf's
// JSON does.
func appendFloat(out []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.AppendQuote(out, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return strconv.AppendFloat(out, f, 'g', -1, 64)
}

// separator returns what puts a comma between the items of a list.
func separator() func([]byte) []byte {
	first := true
	return func(out []byte) []byte {
		if first {
			first = false
			return out
		}
		return append(out, ',')
	}
}

// An object is a JSON object in the making; nil when it has no members yet.
type object []byte

func (o *object) add(name string, value []byte) {
	if len(value) == 0 || rawjson.IsNull(value) {
		return
	}
	start := byte(',')
	if *o == nil {
		start = '{'
	}
	*o = append(append(appendText(append(*o, start), name), ':'), value...)
}

func (o *object) addText(name, text string) {
	if text != "" {
		o.add(name, appendText(nil, text))
	}
}

// json returns the object, nil when it is empty.
func (o object) json() []byte {
	if o == nil {
		return nil
	}
	return append(o, '}')
}

// unquoted returns the value that an attribute holds as JSON text, as the
// conventions have it for lists of messages, else the attribute itself.
func unquoted(raw []byte) []byte {
	text, ok := rawjson.Text(raw)
	if !ok || text == "" || text[0] != '[' && text[0] != '{' || !rawjson.Valid([]byte(text)) {
		return raw
	}
	return []byte(text)
}
