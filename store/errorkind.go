package store

import (
	"strings"

	"github.com/llmtally/llmtally/store/rawjson"
)

// maxErrorKind bounds an error's kind, in bytes.
const maxErrorKind = 120

// errorKind names the kind of an error from its JSON.
func errorKind(object []byte) string {
	for _, name := range []string{"error_class", "type", "code", "status", "error_code", "message", "error_str"} {
		if s, ok := rawjson.AsText(rawjson.Get(object, name)); ok && s != "" {
			return clipKind(s)
		}
	}
	if inner := rawjson.Get(object, "error"); inner != nil {
		return errorKind(inner)
	}
	if s, ok := rawjson.Text(object); ok {
		return clipKind(s)
	}
	return ""
}

func clipKind(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxErrorKind {
		return strings.ToValidUTF8(s[:maxErrorKind-len("…")], "") + "…"
	}
	return s
}
