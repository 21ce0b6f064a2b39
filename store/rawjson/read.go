package rawjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns what a JSON string, quotes included, stands for. Half of a
// surrogate pair becomes U+FFFD. ok is false when raw is not a string.
func Text(raw []byte) (s string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	return unescape(raw[1 : len(raw)-1]), true
}

func unescape(raw []byte) string {
	i := 0
	for i < len(raw) && raw[i] != '\\' {
		i++
	}
	if i == len(raw) {
		return string(raw)
	}
	out := append(make([]byte, 0, len(raw)), raw[:i]...)
	for i < len(raw) {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		if raw[i+1] == 'u' {
			r, n := unicodeEscape(raw[i:])
			out = utf8.AppendRune(out, r)
			i += n
			continue
		}
		out = append(out, shortEscapes[raw[i+1]])
		i += 2
	}
	return string(out)
}

var shortEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// unicodeEscape decodes \uXXXX at the start of b, with its second half when it
// is a surrogate pair, and returns the length read.
func unicodeEscape(b []byte) (rune, int) {
	r := fourHex(b[2:6])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		if pair := utf16.DecodeRune(r, fourHex(b[8:12])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func fourHex(b []byte) (r rune) {
	for _, c := range b[:4] {
		digit, _ := hex(c)
		r = r<<4 | digit
	}
	return r
}

// Get returns the value of the member of an object that has the name, or nil.
// When a name occurs twice the last one counts, as in encoding/json.
func Get(object []byte, name string) []byte {
	var found []byte
	if len(object) == 0 || object[0] != '{' {
		return nil
	}
	_, err := Object(object, 0, func(key, value []byte) {
		if string(key) == name {
			found = value
		}
	})
	if err != nil {
		return nil
	}
	return found
}

// IsNull says whether raw is the literal null.
func IsNull(raw []byte) bool { return string(raw) == "null" }
