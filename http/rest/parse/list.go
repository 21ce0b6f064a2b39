package parse

import "strings"

// list reads the elements of an in filter. Only a sole element that is empty
// and unquoted makes an empty list.
func (s *scanner) list() ([]string, *failure) {
	s.spaces()
	if !s.take("(") {
		return nil, s.unexpected(labelOpen)
	}
	s.spaces()
	if s.take(")") {
		s.spaces()
		return []string{}, nil
	}
	var values []string
	for {
		values = append(values, s.element())
		if s.take(",") {
			continue
		}
		if !s.take(")") {
			return nil, s.unexpected(labelComma, labelClose)
		}
		s.spaces()
		return values, nil
	}
}

// element reads an element up to a comma or a closing parenthesis. It is quoted
// only if the closing mark stands right before one of these: the clients put
// marks around a value without escaping those inside.
func (s *scanner) element() string {
	start := s.at
	if text, closed := s.quoted(); closed && s.valueEnd() {
		return text
	}
	s.at = start
	return s.bare()
}

// treeValue reads a filter's value inside and=(…) or or=(…).
func (s *scanner) treeValue() string {
	start := s.at
	if text, closed := s.quoted(); closed && s.valueEnd() {
		return text
	}
	s.at = start
	if array, ok := s.flatArray(); ok {
		return array
	}
	return s.bare()
}

func (s *scanner) valueEnd() bool { return s.ended() || s.has(",") || s.has(")") }

func (s *scanner) bare() string {
	return s.run(func(r rune) bool { return r != ',' && r != ')' })
}

// flatArray reads braces with no others inside, commas and all.
func (s *scanner) flatArray() (string, bool) {
	if !s.has("{") {
		return "", false
	}
	end := strings.IndexAny(s.rest()[1:], "{}") + 1
	if end == 0 || s.rest()[end] != '}' {
		return "", false
	}
	array := s.rest()[:end+1]
	s.at += end + 1
	return array, true
}
