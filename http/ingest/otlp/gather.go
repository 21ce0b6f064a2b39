package otlp

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A branch is a part of a list or object that is spread over attributes: a
// value, or further branches by their names.
type branch struct {
	value    []byte
	branches map[string]*branch
}

// maxSteps is how many names an attribute's name is taken apart into; the rest
// is the last one's.
const maxSteps = 16

// gather returns the list whose items stand in attributes of their own
// (gen_ai.prompt.0.role, gen_ai.prompt.0.content), nil when there is none.
// OpenInference's wrapper around each item (llm.input_messages.0.message.role)
// is left out.
func gather(from attributes, prefix string) []byte {
	var root branch
	for name, value := range from {
		path, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		steps := strings.SplitN(path, ".", maxSteps)
		if len(steps) < 2 || !isIndex(steps[0]) {
			continue
		}
		if steps[1] == "message" && len(steps) > 2 {
			steps = slices.Delete(steps, 1, 2)
		}
		root.grow(steps, value)
	}
	if root.branches == nil {
		return nil
	}
	return root.append(nil)
}

func (b *branch) grow(steps []string, value []byte) {
	if len(steps) == 0 {
		b.value = value
		return
	}
	if b.branches == nil {
		b.branches = map[string]*branch{}
	}
	next := b.branches[steps[0]]
	if next == nil {
		next = &branch{}
		b.branches[steps[0]] = next
	}
	next.grow(steps[1:], value)
}

func (b *branch) append(out []byte) []byte {
	if b.branches == nil {
		return append(out, b.value...)
	}
	names := slices.Sorted(maps.Keys(b.branches))
	list := !slices.ContainsFunc(names, func(name string) bool { return !isIndex(name) })
	begin, end := byte('{'), byte('}')
	if list {
		begin, end = '[', ']'
		slices.SortFunc(names, func(a, b string) int { return index(a) - index(b) })
	}
	out = append(out, begin)
	separate := separator()
	for _, name := range names {
		out = separate(out)
		if !list {
			out = append(appendText(out, name), ':')
		}
		out = b.branches[name].append(out)
	}
	return append(out, end)
}

func isIndex(name string) bool { return index(name) >= 0 }

func index(name string) int {
	n, err := strconv.Atoi(name)
	if err != nil || n < 0 || n > 1e6 || strconv.Itoa(n) != name {
		return -1
	}
	return n
}
