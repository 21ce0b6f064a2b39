// Package rawjson walks JSON text without decoding it. It validates strictly
// by RFC 8259 (UTF-8 included), bounds nesting, and hands out values as slices
// of the input, so that a log's messages are checked and stored without being
// taken apart.
package rawjson

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxDepth is how deeply arrays and objects may nest.
const MaxDepth = 1000

// ErrShort says that the input ended inside a value: more of it may make the
// value whole.
var ErrShort = errors.New("the JSON ends in the middle of a value")

// A SyntaxError says where in the input JSON's rules were broken, and how.
type SyntaxError struct {
	Offset int
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Reason)
}

func syntax(offset int, reason string) error { return &SyntaxError{offset, reason} }

// Space returns the offset of the first byte at or after i that is not JSON
// white space.
func Space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// Value checks the value that begins at i, after white space, and returns
// where it begins and ends. A number at the very end of the input counts as
// whole.
func Value(b []byte, i int) (start, end int, err error) {
	start = Space(b, i)
	end, err = value(b, start, 0)
	return start, end, err
}

// Valid says whether b is one JSON value with nothing but white space around.
func Valid(b []byte) bool {
	_, end, err := Value(b, 0)
	return err == nil && Space(b, end) == len(b)
}

func value(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return i, ErrShort
	}
	switch c := b[i]; {
	case c == '"':
		return text(b, i)
	case c == '{':
		return object(b, i, depth+1, nil)
	case c == '[':
		return array(b, i, depth+1)
	case c == '-' || c >= '0' && c <= '9':
		return number(b, i)
	case c == 't':
		return literal(b, i, "true")
	case c == 'f':
		return literal(b, i, "false")
	case c == 'n':
		return literal(b, i, "null")
	default:
		return i, syntax(i, fmt.Sprintf("%q cannot begin a value", c))
	}
}

// A member receives an object's key, without quotes and escapes, and its value.
type member func(key, value []byte)

// Object checks the object that begins at i, after white space, calls each for
// its members as they are met, and returns where it ends. Members may have
// been handed out before an error is found.
func Object(b []byte, i int, each func(key, value []byte)) (end int, err error) {
	i = Space(b, i)
	if i >= len(b) {
		return i, ErrShort
	}
	if b[i] != '{' {
		return i, syntax(i, "an object must begin with {")
	}
	return object(b, i, 1, each)
}

func object(b []byte, i, depth int, each member) (int, error) {
	if depth > MaxDepth {
		return i, syntax(i, fmt.Sprintf("nested more than %d deep", MaxDepth))
	}
	i = Space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(b) {
			return i, ErrShort
		}
		if b[i] != '"' {
			return i, syntax(i, "a key must be a string in double quotes")
		}
		keyStart := i + 1
		end, err := text(b, i)
		if err != nil {
			return end, err
		}
		keyEnd := end - 1
		i = Space(b, end)
		if i >= len(b) {
			return i, ErrShort
		}
		if b[i] != ':' {
			return i, syntax(i, "a key must be followed by :")
		}
		start := Space(b, i+1)
		if i, err = value(b, start, depth); err != nil {
			return i, err
		}
		if each != nil {
			each(plainKey(b[keyStart:keyEnd]), b[start:i:i])
		}
		i = Space(b, i)
		if i >= len(b) {
			return i, ErrShort
		}
		switch b[i] {
		case ',':
			i = Space(b, i+1)
		case '}':
			return i + 1, nil
		default:
			return i, syntax(i, "expected , or } after a member")
		}
	}
}

// plainKey resolves the escapes of a key, which are rare.
func plainKey(key []byte) []byte {
	if bytes.IndexByte(key, '\\') < 0 {
		return key
	}
	return []byte(unescape(key))
}

func array(b []byte, i, depth int) (int, error) {
	if depth > MaxDepth {
		return i, syntax(i, fmt.Sprintf("nested more than %d deep", MaxDepth))
	}
	i = Space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = value(b, i, depth); err != nil {
			return i, err
		}
		i = Space(b, i)
		if i >= len(b) {
			return i, ErrShort
		}
		switch b[i] {
		case ',':
			i = Space(b, i+1)
		case ']':
			return i + 1, nil
		default:
			return i, syntax(i, "expected , or ] after an element")
		}
	}
}

// plain marks the bytes that a string may hold as they are and that need no
// second look: printable ASCII but quote and backslash.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

func text(b []byte, i int) (int, error) {
	i++ // the opening quote
	for i < len(b) {
		c := b[i]
		if plain[c] {
			i++
			continue
		}
		switch {
		case c == '"':
			return i + 1, nil
		case c == '\\':
			end, err := escape(b, i)
			if err != nil {
				return end, err
			}
			i = end
		case c < 0x20:
			return i, syntax(i, "a control character in a string must be escaped")
		default:
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size <= 1 {
				if !utf8.FullRune(b[i:]) {
					return i, ErrShort
				}
				return i, syntax(i, "a string is not valid UTF-8")
			}
			i += size
		}
	}
	return i, ErrShort
}

func escape(b []byte, i int) (int, error) {
	if i+1 >= len(b) {
		return i, ErrShort
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, nil
	case 'u':
		for k := i + 2; k < i+6; k++ {
			if k >= len(b) {
				return k, ErrShort
			}
			if _, ok := hex(b[k]); !ok {
				return k, syntax(k, `\u must be followed by four hexadecimal digits`)
			}
		}
		return i + 6, nil
	default:
		return i, syntax(i, "unknown escape in a string")
	}
}

func hex(c byte) (rune, bool) {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0'), true
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10, true
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10, true
	default:
		return 0, false
	}
}

func number(b []byte, i int) (int, error) {
	if b[i] == '-' {
		i++
	}
	if i >= len(b) {
		return i, ErrShort
	}
	if b[i] == '0' {
		i++
	} else {
		end, err := digits(b, i)
		if err != nil {
			return end, err
		}
		i = end
	}
	if i < len(b) && b[i] == '.' {
		end, err := digits(b, i+1)
		if err != nil {
			return end, err
		}
		i = end
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		end, err := digits(b, i)
		if err != nil {
			return end, err
		}
		i = end
	}
	return i, nil
}

func digits(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, ErrShort
	}
	if b[i] < '0' || b[i] > '9' {
		return i, syntax(i, "a digit is missing in a number")
	}
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i, nil
}

func literal(b []byte, i int, word string) (int, error) {
	for k := range len(word) {
		if i+k >= len(b) {
			return i + k, ErrShort
		}
		if b[i+k] != word[k] {
			return i, syntax(i, "expected "+word)
		}
	}
	return i + len(word), nil
}
