package parse

import "strings"

// A Condition is a Filter or a Logic.
type Condition interface {
	// String writes the condition as it can stand inside and=(…) or or=(…).
	String() string
	isCondition()
}

func (Filter) isCondition() {}
func (Logic) isCondition()  {}

// A Filter compares a column with a value.
type Filter struct {
	Path       Path
	Negated    bool
	Op         Op
	Quantifier Quantifier
	Language   string // of a full-text search, empty for the default

	// Value is what stands behind the operator, as the client wrote it: for Like
	// and ILike the star still has to become a percent sign. For Is it is one of
	// null, not_null, true, false, unknown, in lower case. For In it is empty.
	Value string

	// Values are the elements of In. With a Quantifier, and for Contains,
	// ContainedIn and Overlaps, they are the elements of the array literal in
	// Value, or nil if Value is none: PostgreSQL's 22P02 where an array is needed.
	Values []string
	Null   bool // the array literal also has a NULL, which is not among Values
}

// An Op is an operator, as clients write it.
type Op string

// The operators.
const (
	Eq    Op = "eq"
	Neq   Op = "neq"
	Gt    Op = "gt"
	Gte   Op = "gte"
	Lt    Op = "lt"
	Lte   Op = "lte"
	Like  Op = "like"
	ILike Op = "ilike"

	Match      Op = "match"  // regular expression
	IMatch     Op = "imatch" // the same, letter case ignored
	In         Op = "in"
	Is         Op = "is"
	IsDistinct Op = "isdistinct"

	Contains    Op = "cs"
	ContainedIn Op = "cd"
	Overlaps    Op = "ov"

	StrictlyLeft   Op = "sl" // of ranges, this and the following
	StrictlyRight  Op = "sr"
	NotExtendRight Op = "nxr"
	NotExtendLeft  Op = "nxl"
	Adjacent       Op = "adj"

	FullText          Op = "fts" // to_tsquery
	PlainFullText     Op = "plfts"
	PhraseFullText    Op = "phfts"
	WebsearchFullText Op = "wfts"
)

// A Quantifier says with how many elements of an array a comparison must hold.
type Quantifier string

// The quantifiers.
const (
	Any Quantifier = "any"
	All Quantifier = "all"
)

// String writes the filter as it can stand inside and=(…) or or=(…).
func (f Filter) String() string {
	text := f.Path.String() + "."
	if f.Negated {
		text += "not."
	}
	text += string(f.Op)
	if f.Quantifier != "" {
		text += "(" + string(f.Quantifier) + ")"
	}
	if f.Language != "" {
		text += "(" + f.Language + ")"
	}
	if f.Op == In {
		return text + "." + writtenList(f.Values)
	}
	return text + "." + writtenValue(f.Value)
}

func writtenValue(value string) string {
	if strings.ContainsAny(value, `,()"{}`) {
		return quote(value)
	}
	return value
}

func writtenList(values []string) string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = value
		if value == "" || strings.ContainsAny(value, ",()\" \t\r\n") {
			list[i] = quote(value)
		}
	}
	return "(" + strings.Join(list, ",") + ")"
}
