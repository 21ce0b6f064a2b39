package parse

import "strings"

// An OrderTerm sorts by one value.
type OrderTerm struct {
	Relation string // an embedded relation whose column it is; empty for the row's own
	Path     Path
	Desc     bool
	Nulls    Nulls
}

// Nulls says where nulls stand in an order.
type Nulls string

// The places; without a word PostgreSQL sorts a null as larger than any value.
const (
	NullsFirst Nulls = "nullsfirst"
	NullsLast  Nulls = "nullslast"
)

// String writes the term as it can stand in a request.
func (t OrderTerm) String() string {
	text := t.Path.String()
	if t.Relation != "" {
		text = writtenName(t.Relation) + "(" + text + ")"
	}
	if t.Desc {
		text += ".desc"
	}
	return text + written(".", string(t.Nulls))
}

// WriteOrder writes terms as the value of an order parameter.
func WriteOrder(terms []OrderTerm) string {
	texts := make([]string, len(terms))
	for i, term := range terms {
		texts[i] = term.String()
	}
	return strings.Join(texts, ",")
}

// ParseOrder reads the value of an order parameter; an empty one is an error.
func ParseOrder(text string) ([]OrderTerm, error) {
	s := &scanner{text: text}
	var terms []OrderTerm
	for {
		term, fail := s.orderTerm()
		if fail != nil {
			return nil, failed("order ("+text+")", text, fail)
		}
		terms = append(terms, term)
		if !s.take(",") {
			return terms, nil
		}
	}
}

func (s *scanner) orderTerm() (OrderTerm, *failure) {
	path, fail := s.path()
	if fail != nil {
		return OrderTerm{}, fail
	}
	term := OrderTerm{Path: path}
	if s.has("(") && len(path.Keys) == 0 {
		if fail := s.related(&term); fail != nil {
			return OrderTerm{}, fail
		}
	}
	fail = s.direction(&term)
	return term, fail
}

// related reads a column between parentheses: the name before them was that of
// a relation.
func (s *scanner) related(term *OrderTerm) *failure {
	name := *s
	s.at++
	path, fail := s.path()
	if fail != nil || !s.take(")") {
		return name.surplus(labelDot, labelComma, labelEnd)
	}
	term.Relation, term.Path = term.Path.Column, path
	return nil
}

// direction reads what may stand behind a value, and leaves the scanner at a
// comma or the end.
func (s *scanner) direction(term *OrderTerm) *failure {
	if s.take(".") {
		switch {
		case s.take("desc"):
			term.Desc = true
		case s.take("asc"):
		case s.nulls(term):
			return s.termEnd()
		default:
			return s.mismatch("asc", `"asc"`, `"desc"`, `"nullsfirst"`, `"nullslast"`)
		}
		if s.take(".") && !s.nulls(term) {
			return s.mismatch("nullsfirst", `"nullsfirst"`, `"nullslast"`)
		}
		if term.Nulls != "" {
			return s.termEnd()
		}
	}
	return s.termEnd(labelDot)
}

func (s *scanner) nulls(term *OrderTerm) bool {
	for _, nulls := range []Nulls{NullsFirst, NullsLast} {
		if s.take(string(nulls)) {
			term.Nulls = nulls
			return true
		}
	}
	return false
}

func (s *scanner) termEnd(before ...string) *failure {
	s.spaces()
	if s.ended() || s.has(",") {
		return nil
	}
	return s.surplus(append(before, labelComma, labelEnd)...)
}
