package parse

import "strings"

// A Logic joins conditions; there is always at least one.
type Logic struct {
	Negated  bool
	Op       LogicOp
	Children []Condition
}

// A LogicOp joins conditions.
type LogicOp string

// The operators of logic.
const (
	And LogicOp = "and"
	Or  LogicOp = "or"
)

// String writes the tree as it can stand inside and=(…) or or=(…).
func (l Logic) String() string {
	var text strings.Builder
	l.write(&text)
	return text.String()
}

func (l Logic) write(text *strings.Builder) {
	if l.Negated {
		text.WriteString("not.")
	}
	text.WriteString(string(l.Op) + "(")
	for i, child := range l.Children {
		if i > 0 {
			text.WriteByte(',')
		}
		if nested, ok := child.(Logic); ok {
			nested.write(text)
			continue
		}
		text.WriteString(child.String())
	}
	text.WriteByte(')')
}

const labelLogicOp = "logic operator (and, or)"

// ParseLogic reads a parameter that is a logic tree. The operator is and, or,
// not.and or not.or; the text is the value, with its parentheses.
func ParseLogic(operator, text string) (Logic, error) {
	s := &scanner{text: operator + text}
	logic := Logic{Negated: s.take("not.")}
	fail := s.logic(&logic, 1)
	if fail == nil {
		// PostgREST reads no further. A closing parenthesis too many does no
		// harm, and its own tests send one.
		s.run(func(r rune) bool { return r == ')' || r == ' ' })
		if !s.ended() {
			fail = s.surplus(labelEnd)
		}
	}
	if fail != nil {
		return Logic{}, failed("logic tree ("+text+")", s.text, fail)
	}
	return logic, nil
}

// logic reads the operator of a tree and its children.
func (s *scanner) logic(l *Logic, depth int) (fail *failure) {
	if depth > maxDepth {
		return s.tooDeep()
	}
	switch {
	case s.take(string(And)):
		l.Op = And
	case s.take(string(Or)):
		l.Op = Or
	default:
		return s.mismatch(string(And), labelLogicOp)
	}
	s.spaces()
	if !s.take("(") {
		return s.unexpected(labelOpen)
	}
	for {
		child, fail := s.condition(depth)
		if fail != nil {
			return fail
		}
		l.Children = append(l.Children, child)
		s.spaces()
		if s.take(",") {
			continue
		}
		if !s.take(")") {
			return s.unexpected(labelComma, labelClose)
		}
		s.spaces()
		return nil
	}
}

// condition reads a filter or a nested tree. A column may be called "and" or
// "not", so it tries a filter first.
func (s *scanner) condition(depth int) (Condition, *failure) {
	s.spaces()
	start := *s
	filter, notFilter := s.leaf()
	if notFilter == nil {
		return filter, nil
	}
	*s = start
	logic := Logic{Negated: s.take("not.")}
	if logic.Negated || s.has(string(And)) || s.has(string(Or)) {
		fail := s.logic(&logic, depth+1)
		return logic, fail
	}
	if notFilter.at > s.at {
		return nil, notFilter
	}
	return nil, s.unexpected(labelName, "negation operator (not)", labelLogicOp)
}

// leaf reads a filter up to a comma or a closing parenthesis.
func (s *scanner) leaf() (f Filter, fail *failure) {
	if f.Path, fail = s.path(); fail != nil {
		return Filter{}, fail
	}
	if !s.take(".") {
		return Filter{}, s.unexpected(labelDot)
	}
	if _, fail = s.operator(&f); fail != nil {
		return Filter{}, fail
	}
	switch f.Op {
	case In, Is:
		fail = s.listOrState(&f)
	default:
		f.Value = s.treeValue()
		f.elements()
	}
	return f, fail
}
