package parse

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDepth bounds the nesting of embeds and of and/or, which the parser and
// everything after it walk by recursion.
const maxDepth = 100

// The labels that PostgREST's parser gives to what it expects.
const (
	labelName  = "field name (* or [a..z0..9_$])"
	labelDot   = "delimiter (.)"
	labelEnd   = "end of input"
	labelComma = `","`
	labelClose = `")"`
	labelOpen  = `"("`
)

// afterName is what may follow the last character of a bare name.
var afterName = []string{"letter", "digit", `"-"`}

// A scanner reads one parameter from the left. It looks at no character more
// than a fixed number of times, whatever the text.
type scanner struct {
	text string
	at   int

	// What else could have stood at couldAt, for the error if what comes next
	// does not fit there either.
	could   []string
	couldAt int
}

func (s *scanner) rest() string { return s.text[s.at:] }
func (s *scanner) ended() bool  { return s.at == len(s.text) }

func (s *scanner) has(prefix string) bool { return strings.HasPrefix(s.rest(), prefix) }

// take reads the prefix if it comes next.
func (s *scanner) take(prefix string) bool {
	if !s.has(prefix) {
		return false
	}
	s.at += len(prefix)
	return true
}

func (s *scanner) spaces() {
	for !s.ended() && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
}

// run reads the longest run of such characters.
func (s *scanner) run(in func(rune) bool) string {
	end := strings.IndexFunc(s.rest(), func(r rune) bool { return !in(r) })
	if end < 0 {
		end = len(s.text) - s.at
	}
	text := s.text[s.at : s.at+end]
	s.at += end
	return text
}

func (s *scanner) mayContinue(labels []string) { s.could, s.couldAt = labels, s.at }

// unexpected fails at the next character.
func (s *scanner) unexpected(expecting ...string) *failure {
	return s.failure(s.at, show(s.rest(), '"'), expecting)
}

// surplus fails at a character that stands where the text should have ended.
func (s *scanner) surplus(expecting ...string) *failure {
	return s.failure(s.at, show(s.rest(), '\''), expecting)
}

// mismatch fails at the next character because the text is not the word, and
// shows the first character that differs from it.
func (s *scanner) mismatch(word string, expecting ...string) *failure {
	rest := s.rest()
	for word != "" && rest != "" && rest[0] == word[0] {
		word, rest = word[1:], rest[1:]
	}
	return s.failure(s.at, show(rest, '"'), expecting)
}

func (s *scanner) failure(at int, unexpected string, expecting []string) *failure {
	if s.couldAt == at && s.could != nil {
		expecting = append(append([]string{}, s.could...), expecting...)
	}
	return &failure{at: at, unexpected: unexpected, expecting: expecting}
}

func (s *scanner) tooDeep() *failure {
	return &failure{at: s.at, note: "too many levels of nesting, at most 100 are allowed"}
}

// quoted reads a text between double quotation marks, in which a backslash
// stands before a character to be taken as it is. It reads nothing and returns
// false if the closing mark is missing.
func (s *scanner) quoted() (string, bool) {
	if !s.has(`"`) {
		return "", false
	}
	var text strings.Builder
	for i := s.at + 1; i < len(s.text); i++ {
		switch s.text[i] {
		case '"':
			s.at = i + 1
			return text.String(), true
		case '\\':
			if i++; i == len(s.text) {
				return "", false
			}
		}
		text.WriteByte(s.text[i])
	}
	return "", false
}

func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// name reads the name of a column, relation or alias, and the spaces around it.
func (s *scanner) name() (string, *failure) {
	s.spaces()
	if !s.has(`"`) {
		return s.dashed(isNameRune, labelName)
	}
	mark := *s
	name, fail := s.quotedName()
	if fail == nil && name == "" { // no identifier is empty, and an empty alias means none
		fail = mark.unexpected(labelName)
	}
	return name, fail
}

func (s *scanner) quotedName() (string, *failure) {
	name, closed := s.quoted()
	if !closed {
		s.at = len(s.text)
		return "", s.unexpected(`"\""`)
	}
	s.spaces()
	return name, nil
}

// dashed reads words joined by dashes; a dash before ">" belongs to an arrow.
func (s *scanner) dashed(in func(rune) bool, label string) (string, *failure) {
	var words []string
	for {
		word := strings.TrimSpace(s.run(in))
		if word == "" {
			return "", s.unexpected(label)
		}
		words = append(words, word)
		if !s.has("-") || s.has("->") {
			break
		}
		s.at++
	}
	s.spaces()
	s.mayContinue(afterName)
	return strings.Join(words, "-"), nil
}

// identifier reads the name of a type or language.
func (s *scanner) identifier() (string, *failure) {
	name := strings.Trim(s.run(isNameRune), " ")
	if name == "" {
		return "", s.unexpected("letter or digit")
	}
	s.mayContinue(afterName[:2])
	return name, nil
}

func isNameRune(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
			r == '_' || r == '$' || r == ' '
	default:
		return r != utf8.RuneError && unicode.IsLetter(r)
	}
}

// writtenName returns a name as it can stand in a request.
func writtenName(name string) string {
	for _, r := range name {
		if !isNameRune(r) || r == ' ' {
			return quote(name)
		}
	}
	return name
}
