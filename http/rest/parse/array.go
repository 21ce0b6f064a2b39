package parse

import "strings"

// arraySpaces are the characters that PostgreSQL skips around elements.
const arraySpaces = " \t\n\v\f\r"

// Array reads an array literal of one dimension, as PostgreSQL 15 does:
// {a,b,"c d"}, with a backslash before a character to be taken as it is. An
// unquoted NULL is reported, but is not among the values; the values of an empty
// array are not nil. It returns false if the text is no such literal; nested
// arrays and given bounds are not known to it.
func Array(text string) (values []string, null, ok bool) {
	text = strings.Trim(text, arraySpaces)
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return nil, false, false
	}
	a := array{text: text[1 : len(text)-1]}
	values = []string{}
	if a.spaces(); a.ended() {
		return values, false, true
	}
	for {
		value, isNull, ok := a.element()
		if !ok {
			return nil, false, false
		}
		if isNull {
			null = true
		} else {
			values = append(values, value)
		}
		if a.ended() {
			return values, null, true
		}
		if a.text[a.at] != ',' {
			return nil, false, false
		}
		a.at++
	}
}

type array struct {
	text string
	at   int
}

func (a *array) ended() bool { return a.at == len(a.text) }

func (a *array) spaces() {
	for !a.ended() && strings.IndexByte(arraySpaces, a.text[a.at]) >= 0 {
		a.at++
	}
}

// element reads an element and the spaces around it.
func (a *array) element() (value string, null, ok bool) {
	a.spaces()
	if !a.ended() && a.text[a.at] == '"' {
		s := &scanner{text: a.text, at: a.at}
		value, ok = s.quoted()
		a.at = s.at
		a.spaces()
		return value, false, ok
	}
	return a.bare()
}

// bare reads an unquoted element; spaces count only between its characters.
func (a *array) bare() (value string, null, ok bool) {
	var text strings.Builder
	kept, escaped := 0, false // how much of text stays when it ends in spaces
	for ; !a.ended() && a.text[a.at] != ','; a.at++ {
		c := a.text[a.at]
		switch c {
		case '{', '}', '"':
			return "", false, false
		case '\\':
			if a.at++; a.ended() {
				return "", false, false
			}
			escaped = true
			text.WriteByte(a.text[a.at])
			kept = text.Len()
			continue
		}
		text.WriteByte(c)
		if strings.IndexByte(arraySpaces, c) < 0 {
			kept = text.Len()
		}
	}
	value = text.String()[:kept]
	if value == "" {
		return "", false, false
	}
	return value, !escaped && strings.EqualFold(value, "null"), true
}
