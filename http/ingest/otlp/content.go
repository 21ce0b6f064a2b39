package otlp

import (
	"slices"

	"github.com/llmtally/llmtally/store/rawjson"
)

// input is the prompt as JSON, nil when the span does not hold it: messages in
// one attribute, else spread over many, else one event each, else whatever
// OpenInference calls the input.
func (s *span) input() []byte {
	found := s.content(inputContent, []string{inputPrefix, openInferenceInputPrefix})
	if found == nil {
		found = s.messageEvents(func(name string) bool { return messageRoles[name] != "" })
	}
	if found == nil {
		found = unquoted(s.attributes[openInferenceInput])
	}
	return s.withInstructions(found)
}

// output is the completion as JSON, nil when the span does not hold it.
func (s *span) output() []byte {
	found := s.content(outputContent, []string{outputPrefix, openInferenceOutputPrefix})
	if found == nil {
		found = s.messageEvents(func(name string) bool { return name == eventChoice })
	}
	if found == nil {
		found = unquoted(s.attributes[openInferenceOutput])
	}
	return found
}

// content returns the first attribute, of the span or one of its events, that
// holds something, else the list that is spread over attributes.
func (s *span) content(names, prefixes []string) []byte {
	for _, name := range names {
		if holds(s.attributes[name]) {
			return unquoted(s.attributes[name])
		}
		for _, e := range s.events {
			if holds(e.attributes[name]) {
				return unquoted(e.attributes[name])
			}
		}
	}
	for _, prefix := range prefixes {
		if list := gather(s.attributes, prefix); list != nil {
			return list
		}
	}
	return nil
}

func holds(raw []byte) bool {
	return len(raw) > 0 && !slices.Contains([]string{`null`, `""`, `[]`}, string(raw))
}

// withInstructions puts the system's instructions before the messages, which
// the conventions keep apart.
func (s *span) withInstructions(list []byte) []byte {
	parts := s.attributes[systemInstructions]
	for _, e := range s.events {
		if len(parts) == 0 {
			parts = e.attributes[systemInstructions]
		}
	}
	if !holds(parts) || len(list) > 0 && list[0] != '[' {
		return list
	}
	var system object
	system.addText("role", "system")
	system.add("parts", unquoted(parts))
	out := append([]byte{'['}, system.json()...)
	// The list was checked, so that its elements can be read.
	_ = elements(list, func(message []byte) error { out = append(append(out, ','), message...); return nil })
	return append(out, ']')
}

// messageEvents is the list of the messages that events hold.
func (s *span) messageEvents(wanted func(name string) bool) []byte {
	var list []byte
	for _, e := range s.events {
		if !wanted(e.name) {
			continue
		}
		if list == nil {
			list = []byte{'['}
		} else {
			list = append(list, ',')
		}
		list = append(list, e.message()...)
	}
	if list == nil {
		return nil
	}
	return append(list, ']')
}

// message is the event's message as an object.
func (e *event) message() []byte {
	if whole := unquoted(e.attributes[eventContent]); len(whole) > 0 && whole[0] == '{' {
		if role := messageRoles[e.name]; role != "" && rawjson.Get(whole, "role") == nil {
			var m object
			m.addText("role", role)
			_, _ = rawjson.Object(whole, 0, func(key, value []byte) { m.add(string(key), value) })
			return m.json()
		}
		return whole
	}
	var m object
	if e.attributes["role"] == nil {
		m.addText("role", messageRoles[e.name])
	}
	for _, name := range messageParts {
		value := e.attributes[name]
		if name != "content" { // what a person wrote stays as it was, be it JSON
			value = unquoted(value)
		}
		m.add(name, value)
	}
	if m == nil {
		return []byte("{}")
	}
	return m.json()
}
