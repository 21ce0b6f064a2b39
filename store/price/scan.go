package price

import (
	"encoding/json"
	"errors"
	"fmt"
)

// A scanner reads the small JSON texts of prices without reflection: there are
// thousands at every start of the program. Whoever calls it through
// encoding/json has had the text checked; it refuses what it cannot read
// itself, too.
type scanner struct {
	b []byte
	i int
}

var errJSON = errors.New("the JSON is not valid")

// scanAll has read take b for one value with nothing but space around it.
func scanAll(b []byte, read func(*scanner) error) error {
	s := &scanner{b: b}
	if err := read(s); err != nil {
		return err
	}
	if s.peek() != 0 {
		return errJSON
	}
	return nil
}

// peek returns the next byte that is not space, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case ' ', '\n', '\r', '\t':
		default:
			return s.b[s.i]
		}
	}
	return 0
}

// skip passes the next byte if it is c.
func (s *scanner) skip(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

// object calls member for each member; it must read the member's value.
func (s *scanner) object(member func(name string) error) error {
	return s.list('{', '}', func() error {
		name, err := s.text()
		if err != nil {
			return err
		}
		if !s.skip(':') {
			return errJSON
		}
		return member(name)
	})
}

// array calls element for each element; it must read the element.
func (s *scanner) array(element func() error) error { return s.list('[', ']', element) }

func (s *scanner) list(begin, end byte, item func() error) error {
	if !s.skip(begin) {
		return fmt.Errorf("%w: expected %c", errJSON, begin)
	}
	if s.skip(end) {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.skip(end) {
			return nil
		}
		if !s.skip(',') {
			return errJSON
		}
	}
}

// text reads a string.
func (s *scanner) text() (string, error) {
	if s.peek() != '"' {
		return "", fmt.Errorf("%w: expected a text", errJSON)
	}
	start, escaped := s.i, false
	for s.i++; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '\\':
			escaped = true
			s.i++
		case '"':
			s.i++
			if !escaped {
				return string(s.b[start+1 : s.i-1]), nil
			}
			var text string
			err := json.Unmarshal(s.b[start:s.i], &text)
			return text, err
		}
	}
	return "", errJSON
}

// word reads a number, true, false or null, as it is written.
func (s *scanner) word() string {
	s.peek()
	start := s.i
	for ; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case ',', '}', ']', ':', ' ', '\n', '\r', '\t':
			return string(s.b[start:s.i])
		}
	}
	return string(s.b[start:])
}
