package price

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A Match says which names mean a model, in genai-prices' terms. Every clause
// looks at the name in lower case; texts to compare with may have any case, a
// regular expression finds its match anywhere in the lower-case name. The zero
// Match matches nothing. JSON: {"equals":…}, {"starts_with":…},
// {"ends_with":…}, {"contains":…}, {"regex":…}, {"or":[…]}, {"and":[…]}.
type Match struct {
	kind    string // the JSON name, or ""
	text    string // as written
	lower   string // to compare with
	regex   *regexp.Regexp
	clauses []Match
}

const (
	equals     = "equals"
	startsWith = "starts_with"
	endsWith   = "ends_with"
	contains   = "contains"
	regex      = "regex"
	anyOf      = "or"
	allOf      = "and"
)

// Equals matches any of the names.
func Equals(names ...string) Match {
	clauses := make([]Match, len(names))
	for i, name := range names {
		clauses[i] = textMatch(equals, name)
	}
	if len(clauses) == 1 {
		return clauses[0]
	}
	return Match{kind: anyOf, clauses: clauses}
}

func textMatch(kind, text string) Match {
	return Match{kind: kind, text: text, lower: strings.ToLower(text)}
}

// IsZero says whether the match is the zero Match.
func (m Match) IsZero() bool { return m.kind == "" }

// Matches says whether the name means the model.
func (m Match) Matches(model string) bool { return m.matches(strings.ToLower(model)) }

// matches wants the name in lower case.
func (m *Match) matches(name string) bool {
	switch m.kind {
	case equals:
		return name == m.lower
	case startsWith:
		return strings.HasPrefix(name, m.lower)
	case endsWith:
		return strings.HasSuffix(name, m.lower)
	case contains:
		return strings.Contains(name, m.lower)
	case regex:
		return m.regex.MatchString(name)
	case anyOf:
		for i := range m.clauses {
			if m.clauses[i].matches(name) {
				return true
			}
		}
		return false
	case allOf:
		for i := range m.clauses {
			if !m.clauses[i].matches(name) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// MarshalJSON writes the clause, null for the zero Match.
func (m Match) MarshalJSON() ([]byte, error) {
	switch m.kind {
	case "":
		return []byte("null"), nil
	case anyOf, allOf:
		clauses, err := json.Marshal(append([]Match{}, m.clauses...)) // [] when there are none
		return append(append([]byte(`{"`+m.kind+`":`), clauses...), '}'), err
	default:
		text, err := json.Marshal(m.text)
		return append(append([]byte(`{"`+m.kind+`":`), text...), '}'), err
	}
}

// UnmarshalJSON reads a clause; an unknown one, or a regular expression that
// is not one, is an error.
func (m *Match) UnmarshalJSON(b []byte) error {
	var read Match
	if err := scanAll(b, read.scan); err != nil {
		return fmt.Errorf("a matcher: %w", err)
	}
	*m = read
	return nil
}

func (m *Match) scan(s *scanner) error {
	if s.peek() == 'n' {
		if s.word() != "null" {
			return errJSON
		}
		return nil
	}
	err := s.object(func(kind string) error {
		if m.kind != "" {
			return errors.New("it may have one clause only")
		}
		m.kind = kind
		return m.scanClause(s)
	})
	if err == nil && m.kind == "" {
		err = errors.New("it needs a clause")
	}
	return err
}

func (m *Match) scanClause(s *scanner) error {
	switch m.kind {
	case anyOf, allOf:
		return s.array(func() error {
			var clause Match
			err := clause.scan(s)
			if err == nil && clause.kind == "" {
				err = fmt.Errorf("null among the clauses of %s", m.kind)
			}
			m.clauses = append(m.clauses, clause)
			return err
		})
	case equals, startsWith, endsWith, contains, regex:
		text, err := s.text()
		if err != nil {
			return fmt.Errorf("%s: %w", m.kind, err)
		}
		m.text, m.lower = text, strings.ToLower(text)
		if m.kind == regex {
			if m.regex, err = regexp.Compile(text); err != nil {
				return fmt.Errorf("regex: %w", err)
			}
		}
		return nil
	default:
		return fmt.Errorf("there is no clause %.80q", m.kind)
	}
}
