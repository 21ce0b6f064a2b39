package otlp

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/rawjson"
	"github.com/llmtally/llmtally/store/usage"
)

// A span is what a log is made of.
type span struct {
	traceID, spanID, parentID string // hexadecimal, "" when not valid
	name                      string
	start, end                uint64 // nanoseconds since 1970; 0 when unknown
	failed                    bool
	statusMessage             string
	attributes                attributes
	events                    []event
	resource                  attributes
}

type event struct {
	name       string
	attributes attributes
}

// attributes are values as JSON, by their names.
type attributes map[string][]byte

// text returns the first of the attributes that says something in one word:
// neither empty nor a list.
func (a attributes) text(names ...string) string {
	for _, name := range names {
		raw := a[name]
		if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' {
			continue
		}
		if text, ok := rawjson.AsText(raw); ok && text != "" {
			return text
		}
	}
	return ""
}

// count returns the first of the attributes that is a count of tokens. What is
// none, such as a NaN of JavaScript's, is unknown.
func (a attributes) count(names ...string) (n int64, known bool) {
	for _, name := range names {
		text := a.text(name)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 && n <= usage.Max {
			return n, true
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && f >= 0 && f <= usage.Max && f == math.Trunc(f) {
			return int64(f), true
		}
	}
	return 0, false
}

// validID returns an id of that many bytes in hexadecimal. One that is all
// zeros, or of another length, is none.
func validID(id []byte, length int) string {
	if len(id) != length {
		return ""
	}
	for _, b := range id {
		if b != 0 {
			return hex.EncodeToString(id)
		}
	}
	return ""
}

// maxDepth is how deeply an attribute's lists may nest.
const maxDepth = 32

func invalid(format string, args ...any) *store.Error {
	return &store.Error{Code: store.CodeInvalidText, Message: fmt.Sprintf(format, args...)}
}
