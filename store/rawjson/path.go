package rawjson

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// At returns the value at a place inside a checked JSON value, as PostgreSQL's
// -> does step by step, or nil when there is none. A step is a string (a
// member's name) or an int (an element's index, from the end when negative).
func At(value []byte, steps []any) []byte {
	value = bytes.TrimSpace(value)
	for _, step := range steps {
		switch s := step.(type) {
		case string:
			value = Get(value, s)
		case int:
			value = element(value, s)
		default:
			return nil
		}
		if value == nil {
			return nil
		}
	}
	return value
}

// ParseSteps reads a JSON array of names and indexes.
func ParseSteps(text string) ([]any, error) {
	var steps []any
	if err := json.Unmarshal([]byte(text), &steps); err != nil {
		return nil, err
	}
	for i, s := range steps {
		if f, ok := s.(float64); ok {
			steps[i] = int(f)
		}
	}
	return steps, nil
}

func element(array []byte, index int) []byte {
	if len(array) == 0 || array[0] != '[' {
		return nil
	}
	elements := Elements(array)
	if index < 0 {
		index += len(elements)
	}
	if index < 0 || index >= len(elements) {
		return nil
	}
	return elements[index]
}

// AsText returns a JSON value as PostgreSQL's ->> shows it: a string without
// its quotes, anything else as it is written. null is false for a JSON null.
func AsText(value []byte) (text string, known bool) {
	if value == nil || IsNull(value) {
		return "", false
	}
	if s, ok := Text(value); ok {
		return s, true
	}
	return string(value), true
}

// Contains says whether a JSON value contains another, by the rules of
// PostgreSQL's jsonb @> operator.
func Contains(value, part []byte) (bool, error) {
	v, err := decode(value)
	if err != nil {
		return false, err
	}
	p, err := decode(part)
	if err != nil {
		return false, err
	}
	if elements, ok := v.([]any); ok && !isContainer(p) {
		// The one exception to "same kind": an array contains a scalar.
		return containsElement(elements, p), nil
	}
	return contains(v, p), nil
}

func decode(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func isContainer(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

func contains(v, part any) bool {
	switch p := part.(type) {
	case map[string]any:
		object, ok := v.(map[string]any)
		if !ok {
			return false
		}
		for name, want := range p {
			have, ok := object[name]
			if !ok || !contains(have, want) {
				return false
			}
		}
		return true
	case []any:
		elements, ok := v.([]any)
		if !ok {
			return false
		}
		for _, want := range p {
			if !containsElement(elements, want) {
				return false
			}
		}
		return true
	default:
		return sameScalar(v, part)
	}
}

func containsElement(elements []any, want any) bool {
	for _, have := range elements {
		if isContainer(want) == isContainer(have) && contains(have, want) {
			return true
		}
	}
	return false
}

func sameScalar(a, b any) bool {
	x, okX := a.(json.Number)
	y, okY := b.(json.Number)
	if !okX || !okY {
		return !isContainer(a) && a == b
	}
	if x == y {
		return true
	}
	f, errX := strconv.ParseFloat(string(x), 64)
	g, errY := strconv.ParseFloat(string(y), 64)
	return errX == nil && errY == nil && f == g
}

// Elements returns the elements of a checked array.
func Elements(array []byte) (elements [][]byte) {
	i := Space(array, 1)
	for i < len(array) && array[i] != ']' {
		start, end, err := Value(array, i)
		if err != nil {
			return elements
		}
		elements = append(elements, array[start:end:end])
		if i = Space(array, end); i < len(array) && array[i] == ',' {
			i++
		}
		i = Space(array, i)
	}
	return elements
}
