package store

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/llmtally/llmtally/store/rawjson"
)

// maxErrorKind bounds an error's kind, in bytes.
const maxErrorKind = 120

// errorKind names the kind of an error from its JSON: what LiteLLM, OpenAI,
// Anthropic, Google or a client library calls it, else its number, else the
// beginning of its message. It is empty when nothing is said.
func errorKind(object []byte) string {
	const deepest = 4
	kind, _ := kindOf(object, deepest)
	return kind
}

// kindOf also says whether it found more than a message.
func kindOf(value []byte, deepest int) (kind string, named bool) {
	i := rawjson.Space(value, 0)
	if deepest == 0 || i == len(value) {
		return "", false
	}
	switch value = value[i:]; value[0] {
	case '"':
		s, _ := rawjson.Text(value)
		return kindOfText(s)
	case '[':
		for _, element := range rawjson.Elements(value) {
			return kindOf(element, deepest-1)
		}
	case '{':
		return kindOfObject(value, deepest)
	}
	return "", false
}

func kindOfObject(object []byte, deepest int) (kind string, named bool) {
	members := map[string][]byte{}
	if _, err := rawjson.Object(object, 0, func(key, value []byte) { members[string(key)] = value }); err != nil {
		return "", false
	}
	if s := word(members["error_class"]); s != "" { // LiteLLM's
		return s, true
	}
	// The object inside knows more: Anthropic's outer type is only "error".
	for _, name := range []string{"error", "error_information", "detail", "body"} {
		inner, named := kindOf(members[name], deepest-1)
		if named {
			return inner, true
		}
		kind = cmp.Or(kind, inner)
	}
	// OpenAI's type of a rate limit is only "requests"; Google's code a number.
	for _, name := range []string{"code", "type", "status", "error_type", "error_code", "name"} {
		if s := word(members[name]); s != "" && s != "error" && !isNumber(s) {
			return s, true
		}
	}
	for _, name := range []string{"code", "status", "status_code", "error_code"} {
		if s := word(members[name]); s != "" {
			return s, true
		}
	}
	if kind != "" { // the object inside had a message
		return kind, false
	}
	for _, name := range []string{"message", "error_message", "error_str", "msg", "exception", "reason"} {
		if s, ok := rawjson.Text(members[name]); ok && s != "" {
			return kindOfText(s)
		}
	}
	return "", false
}

// word reads a short text or a number.
func word(value []byte) string {
	if len(value) == 0 || value[0] == '{' || value[0] == '[' {
		return ""
	}
	s, _ := rawjson.AsText(value)
	return clipKind(s)
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

// className is how a client library begins an error's text: the class of the
// error, in its module.
var className = regexp.MustCompile(`^\s*(?:[A-Za-z_]\w*\.)*([A-Z]\w*(?:Error|Exception|Timeout))\b`)

// kindOfText finds the class of an error that was logged as a text.
func kindOfText(s string) (kind string, named bool) {
	if m := className.FindStringSubmatch(s); m != nil {
		return clipKind(m[1]), true
	}
	return clipKind(s), false
}

// clipKind bounds a kind, and makes it one line.
func clipKind(s string) string {
	const most = 4 * maxErrorKind // white space included
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxErrorKind {
		return s
	}
	return strings.ToValidUTF8(s[:maxErrorKind-len("…")], "") + "…"
}
