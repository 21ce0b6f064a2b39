// Package conversation reads what was said to a model and what it answered, in
// whichever shape the sender logged: OpenAI's chat and Responses, Anthropic's
// content blocks, Gemini's parts, plain text. It knows neither HTTP nor HTML,
// loses nothing (what it does not know becomes a part of its JSON) and takes any
// JSON at all.
package conversation

import (
	"bytes"
	"encoding/json"
	"strings"
)

// A Turn is what one side says at once.
type Turn struct {
	Role  string // as it was sent; empty when it was not
	Parts []Part
}

// A Kind says what a part is.
type Kind string

// The kinds of parts.
const (
	Text       Kind = "text"
	Thinking   Kind = "thinking"
	Refusal    Kind = "refusal"
	ToolCall   Kind = "tool call"
	ToolResult Kind = "tool result"
	Image      Kind = "image"
	File       Kind = "file" // a document, sound, a film
	Unknown    Kind = "unknown"
)

// A Part is a piece of a turn.
type Part struct {
	Kind Kind
	Text string // what is said, thought, or handed to or from a tool; JSON is indented
	Name string // the tool's, the file's
	ID   string // of the tool's call

	Failed bool // a tool's result that is an error
	// URL is where an image or a file is, or a data: URL of it. Nothing says
	// that it may be followed: see DataImage and Link.
	URL string
}

// Messages reads what was sent to a model.
func Messages(raw json.RawMessage) []Turn {
	v, ok := read(raw)
	if !ok {
		return nil
	}
	switch v := v.(type) {
	case []any:
		return turnsOf(v, "")
	case object:
		for _, name := range []string{"messages", "input", "contents"} {
			if inner, ok := v[name]; ok {
				return append(instructions(v), fromAny(inner, "user")...)
			}
		}
		return turnsOf([]any{v}, "")
	default:
		return fromAny(v, "user")
	}
}

// Response reads what a model answered.
func Response(raw json.RawMessage) []Turn {
	v, ok := read(raw)
	if !ok {
		return nil
	}
	o, ok := v.(object)
	if !ok {
		return fromAny(v, "assistant")
	}
	for _, reader := range []func(object) []Turn{choices, output, candidates, embeddings} {
		if turns := reader(o); len(turns) > 0 {
			return turns
		}
	}
	if _, ok := o["content"]; ok {
		return turnsOf([]any{o}, "assistant")
	}
	if _, ok := o["parts"]; ok {
		return turnsOf([]any{o}, "assistant")
	}
	return []Turn{{Role: "assistant", Parts: []Part{unknown(o)}}}
}

// object is JSON's; numbers in it are json.Number.
type object = map[string]any

// read reads JSON; a text that holds a JSON object or array is read once more,
// since some senders write it so.
func read(raw json.RawMessage) (v any, ok bool) {
	if v, ok = decode(raw); !ok || isNothing(v) {
		return nil, false
	}
	if s, isText := v.(string); isText && len(s) > 1 && (s[0] == '{' || s[0] == '[') {
		if inner, ok := decode([]byte(s)); ok {
			return inner, true
		}
	}
	return v, true
}

// isNothing says whether a value holds nothing: what a column has that nobody
// sent.
func isNothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case object:
		return len(v) == 0
	default:
		return false
	}
}

func decode(raw []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil || d.More() {
		return nil, false
	}
	return v, true
}

func fromAny(v any, role string) []Turn {
	if list, ok := v.([]any); ok {
		return turnsOf(list, role)
	}
	if o, ok := v.(object); ok {
		return turnsOf([]any{o}, role)
	}
	return []Turn{{Role: role, Parts: parts(v)}}
}

// instructions are what some APIs send beside the messages.
func instructions(o object) (turns []Turn) {
	for _, name := range []string{"system", "instructions", "system_instruction", "systemInstruction"} {
		if v, ok := o[name]; ok && v != nil {
			if inner, ok := v.(object); ok && inner["parts"] != nil {
				v = inner["parts"]
			}
			turns = append(turns, Turn{Role: "system", Parts: parts(v)})
		}
	}
	return turns
}

func text(o object, names ...string) string {
	for _, name := range names {
		switch v := o[name].(type) {
		case string:
			if v != "" {
				return v
			}
		case json.Number:
			return v.String()
		}
	}
	return ""
}

// plain is a value as text: a text as it stands, anything else as JSON.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return indentedText(v)
	default:
		return indented(v)
	}
}

// indentedText indents a text that is a JSON object or array.
func indentedText(s string) string {
	trimmed := strings.TrimSpace(s)
	if trimmed == "" || trimmed[0] != '{' && trimmed[0] != '[' {
		return s
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(trimmed), "", "  ") != nil {
		return s
	}
	return b.String()
}

func indented(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if e.Encode(v) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func unknown(v any) Part { return Part{Kind: Unknown, Text: indented(v)} }
