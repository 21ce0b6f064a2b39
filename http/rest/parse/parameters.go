package parse

import (
	"cmp"
	"slices"
	"strings"
)

type parameter struct {
	name, value string
	valued      bool // has an equals sign
}

// parameters splits a query string. Unlike net/url it takes a semicolon, and a
// percent sign that begins no escape, as they are: filters are full of values
// that people type by hand.
func parameters(rawQuery string) []parameter {
	var list []parameter
	for pair := range strings.SplitSeq(rawQuery, "&") {
		if pair == "" {
			continue
		}
		name, value, valued := strings.Cut(pair, "=")
		list = append(list, parameter{unescape(name), unescape(value), valued})
	}
	return list
}

func unescape(text string) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '+':
			plain.WriteByte(' ')
		case '%':
			if i+2 < len(text) && unhex(text[i+1]) >= 0 && unhex(text[i+2]) >= 0 {
				plain.WriteByte(byte(unhex(text[i+1])<<4 | unhex(text[i+2])))
				i += 2
				continue
			}
			plain.WriteByte(c)
		default:
			plain.WriteByte(c)
		}
	}
	return plain.String()
}

func unhex(c byte) int { return strings.IndexByte("0123456789abcdef", lower(c)) }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// Canonical returns a query string with its parameters sorted by name, for the
// Content-Location header.
func Canonical(rawQuery string) string {
	list := parameters(rawQuery)
	slices.SortStableFunc(list, func(a, b parameter) int { return cmp.Compare(a.name, b.name) })
	pairs := make([]string, len(list))
	for i, p := range list {
		pairs[i] = escape(p.name) + "=" + escape(p.value)
	}
	return strings.Join(pairs, "&")
}

// escape leaves only the characters that RFC 3986 calls unreserved.
func escape(text string) string {
	const hex = "0123456789ABCDEF"
	var escaped strings.Builder
	for i := range len(text) {
		c := text[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			escaped.WriteByte(c)
			continue
		}
		escaped.WriteByte('%')
		escaped.WriteByte(hex[c>>4])
		escaped.WriteByte(hex[c&15])
	}
	return escaped.String()
}
