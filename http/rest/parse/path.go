package parse

import "strings"

// A Path names a column, or a place inside a JSON column.
type Path struct {
	Column string
	Keys   []Key
}

// A Key is one step into a JSON value.
type Key struct {
	Name  string // of a member; or the digits of an index, with a minus from the end
	Index bool   // an element of an array
	Text  bool   // written ->>: the value as text, not as JSON
}

// Last returns the name under which the value appears in an answer: the last
// member's name, or the column's if there are only indexes.
func (p Path) Last() string {
	for i := len(p.Keys) - 1; i >= 0; i-- {
		if !p.Keys[i].Index {
			return p.Keys[i].Name
		}
	}
	return p.Column
}

// String writes the path as it can stand in a request.
func (p Path) String() string {
	var text strings.Builder
	text.WriteString(writtenName(p.Column))
	for _, key := range p.Keys {
		text.WriteString("->")
		if key.Text {
			text.WriteString(">")
		}
		text.WriteString(key.written())
	}
	return text.String()
}

func (k Key) written() string {
	if k.Index {
		return k.Name
	}
	// Digits alone would read as an index.
	if strings.Trim(k.Name, "0123456789") == "" {
		return quote(k.Name)
	}
	return writtenName(k.Name)
}

const labelKey = "any non reserved character different from: .,>()"

var (
	afterPath     = []string{`"->>"`, `"->"`}
	afterBarePath = append(afterName[:3:3], afterPath...)
)

// path reads a column and the arrows after it.
func (s *scanner) path() (Path, *failure) {
	column, fail := s.name()
	if fail != nil {
		return Path{}, fail
	}
	keys, fail := s.keys()
	return Path{Column: column, Keys: keys}, fail
}

func (s *scanner) keys() ([]Key, *failure) {
	var keys []Key
	for {
		text := s.take("->>")
		if !text && !s.take("->") {
			if s.could != nil && s.couldAt == s.at {
				s.mayContinue(afterBarePath)
			} else {
				s.mayContinue(afterPath)
			}
			return keys, nil
		}
		key, fail := s.key()
		if fail != nil {
			return nil, fail
		}
		key.Text = text
		keys = append(keys, key)
	}
}

func (s *scanner) key() (Key, *failure) {
	s.spaces()
	if digits, ok, fail := s.index(); ok || fail != nil {
		return Key{Name: digits, Index: true}, fail
	}
	if s.has(`"`) {
		name, fail := s.quotedName()
		return Key{Name: name}, fail
	}
	if s.ended() || !isKeyRune(rune(s.text[s.at])) {
		return Key{}, s.unexpected(`"-"`, "digit", labelKey)
	}
	name, fail := s.dashed(isKeyRune, labelKey)
	return Key{Name: name}, fail
}

func isKeyRune(r rune) bool { return !strings.ContainsRune("(-:.,>)", r) }

// index reads the digits of an index, if they are followed by what may follow
// one; "12ab" is a member's name. A minus can only begin an index.
func (s *scanner) index() (string, bool, *failure) {
	start := *s
	negative := s.take("-")
	if s.run(isDigit) == "" {
		if negative {
			return "", false, s.unexpected("digit")
		}
		*s = start
		return "", false, nil
	}
	digits := s.text[start.at:s.at]
	s.spaces()
	if s.ended() || s.has("->") || s.has("::") || strings.IndexByte(".,)", s.text[s.at]) >= 0 {
		return digits, true, nil
	}
	if negative {
		return "", false, s.surplus("digit", `"->"`, `"::"`, `"."`, labelComma, labelEnd)
	}
	*s = start
	return "", false, nil
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }
