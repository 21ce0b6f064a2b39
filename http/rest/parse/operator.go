package parse

import "strings"

const labelOp = "operator (eq, gt, ...)"

// What an operator takes between parentheses before its value.
type operand uint8

const (
	plain operand = iota
	quantifiable
	language
)

var operators = map[Op]operand{
	Eq: quantifiable, Gt: quantifiable, Gte: quantifiable, Lt: quantifiable, Lte: quantifiable,
	Like: quantifiable, ILike: quantifiable, Match: quantifiable, IMatch: quantifiable,
	Neq: plain, In: plain, Is: plain, IsDistinct: plain,
	Contains: plain, ContainedIn: plain, Overlaps: plain,
	StrictlyLeft: plain, StrictlyRight: plain, NotExtendRight: plain, NotExtendLeft: plain, Adjacent: plain,
	FullText: language, PlainFullText: language, PhraseFullText: language, WebsearchFullText: language,
}

const longestOp = len(IsDistinct)

// ParseFilter reads a parameter that is a filter: a column, perhaps of an
// embedded relation, and an operator with its value.
func ParseFilter(name, text string) (embed []string, filter Filter, err error) {
	embed, path, err := parseTarget(name)
	if err != nil {
		return nil, Filter{}, err
	}
	filter, _, fail := filterValue(text)
	if fail != nil {
		return nil, Filter{}, failed("filter ("+text+")", text, fail)
	}
	filter.Path = path
	return embed, filter, nil
}

// filterValue reads an operator and a value that takes all of the rest. With
// the failure it says whether the text had committed itself to be a filter.
func filterValue(text string) (f Filter, committed bool, fail *failure) {
	s := &scanner{text: text}
	if committed, fail = s.operator(&f); fail != nil {
		return Filter{}, committed, fail
	}
	switch f.Op {
	case In, Is:
		committed = true
		if fail = s.listOrState(&f); fail == nil && !s.ended() {
			// PostgREST drops the rest of such a value. A filter that says more
			// than is understood must not pass for one that says less.
			fail = s.surplus(labelEnd)
		}
	default:
		f.Value = s.rest()
		f.elements()
	}
	return f, committed, fail
}

// parseTarget reads the name of a parameter: a path into embedded relations,
// and a column or a place in one.
func parseTarget(name string) (embed []string, path Path, err error) {
	s := &scanner{text: name}
	for {
		next, fail := s.path()
		switch {
		case fail != nil:
		case s.ended():
			return embed, next, nil
		case len(next.Keys) > 0 || !s.take("."):
			fail = s.unexpected(labelDot, labelEnd)
		}
		if fail != nil {
			return nil, Path{}, failed("tree path ("+name+")", name, fail)
		}
		embed = append(embed, next.Column)
	}
}

// operator reads the negation, the operator, what it takes between parentheses,
// and the delimiter. PostgREST looks no further for another reading once it has
// seen "not.", "in." or "is.".
func (s *scanner) operator(f *Filter) (committed bool, fail *failure) {
	first, expecting := "not", []string{`"not"`, labelOp}
	if s.take("not.") {
		committed, f.Negated = true, true
		first, expecting = "in", expecting[1:]
	}
	f.Op = s.longestOperator()
	if f.Op == "" {
		if !f.Negated && s.take("not") {
			return committed, s.unexpected(labelDot)
		}
		return committed, s.mismatch(first, expecting...)
	}
	s.at += len(f.Op)
	if s.has("(") {
		switch operators[f.Op] {
		case quantifiable:
			fail = s.quantifier(f)
		case language:
			fail = s.language(f)
		}
	}
	if fail == nil && !s.take(".") {
		fail = s.unexpected(labelOp)
	}
	return committed, fail
}

func (s *scanner) longestOperator() Op {
	rest := s.rest()
	for length := min(longestOp, len(rest)); length > 0; length-- {
		op := Op(rest[:length])
		if _, known := operators[op]; known {
			return op
		}
	}
	return ""
}

func (s *scanner) quantifier(f *Filter) *failure {
	s.at++
	for _, quantifier := range []Quantifier{Any, All} {
		if !s.take(string(quantifier)) {
			continue
		}
		if !s.take(")") {
			return s.unexpected(labelOp)
		}
		f.Quantifier = quantifier
		return nil
	}
	return s.mismatch(string(Any), labelOp)
}

func (s *scanner) language(f *Filter) *failure {
	s.at++
	name, fail := s.identifier()
	if fail != nil || !s.take(")") {
		s.could = nil
		return s.unexpected(labelOp)
	}
	f.Language = name
	return nil
}

// elements reads Value as an array where it may be one.
func (f *Filter) elements() {
	container := f.Op == Contains || f.Op == ContainedIn || f.Op == Overlaps
	if f.Quantifier == "" && !container {
		return
	}
	if values, null, ok := Array(f.Value); ok {
		f.Values, f.Null = values, null
	}
}

func (s *scanner) listOrState(f *Filter) (fail *failure) {
	if f.Op == In {
		f.Values, fail = s.list()
		return fail
	}
	f.Value, fail = s.state()
	return fail
}

var states = []string{"null", "not_null", "true", "false", "unknown"}

// state reads what a value can be: clients in Python write True.
func (s *scanner) state() (string, *failure) {
	furthest := 0
	for _, state := range states {
		same := samePrefix(s.rest(), state)
		if same == len(state) {
			s.at += same
			s.spaces()
			return state, nil
		}
		furthest = max(furthest, same)
	}
	s.at += furthest
	return "", s.unexpected("isVal: (null, not_null, true, false, unknown)")
}

// samePrefix counts the bytes that the text has in common with the word at its
// start, letter case ignored.
func samePrefix(text, word string) int {
	n := 0
	for n < len(text) && n < len(word) && strings.EqualFold(text[n:n+1], word[n:n+1]) {
		n++
	}
	return n
}
