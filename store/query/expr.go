package query

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// An Expr is a condition on a row.
type Expr interface {
	compile(*compiler) (string, error)
}

// And holds when all its parts do, Or when one does. Without parts And holds
// and Or does not.
type (
	And []Expr
	Or  []Expr
)

// Not holds when its part is false.
type Not struct{ Expr Expr }

// An Op compares a place with a value.
type Op string

// The comparisons. Distinct is unequal, with null a value like others.
const (
	Eq       Op = "="
	Neq      Op = "<>"
	Lt       Op = "<"
	Lte      Op = "<="
	Gt       Op = ">"
	Gte      Op = ">="
	Distinct Op = "IS DISTINCT FROM"
)

// A Compare compares a place with a value, which must have the column's Go
// type: string, int64, float64 or a time that the driver can bind. A place
// inside JSON is compared as text.
type Compare struct {
	Column string
	Op     Op
	Value  any
	Keys   []Key
}

// In holds when the place has one of the values.
type In struct {
	Place  Place
	Values []any
}

// IsNull holds when the place is null or missing. With JSON set, a JSON null is
// a value: what PostgreSQL's -> gives, where ->> gives null.
type IsNull struct {
	Column string
	Keys   []Key
	JSON   bool
}

// A Pattern compares a text with a pattern.
type Pattern struct {
	Place Place
	Kind  PatternKind
	Text  string
}

// A PatternKind is a language of patterns.
type PatternKind string

// The kinds: SQL's LIKE with its escapes, and regular expressions, each also
// with letter case ignored.
const (
	Like   PatternKind = "like_text"
	ILike  PatternKind = "ilike_text"
	Match  PatternKind = "match_text"
	IMatch PatternKind = "imatch_text"
)

// Contains holds when the JSON at a place contains the value, as PostgreSQL's
// jsonb @> does; with Within set, when the value contains it (<@).
type Contains struct {
	Place  Place
	Value  string
	Within bool
}

// Exists holds when the row has a related row that the caller may see and that
// Where holds for.
type Exists struct {
	Join  Join
	Where Expr
}

// IsText says whether a text column can hold the value: UTF-8 without a NUL.
func IsText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Is is shorthand for an equality.
func Is(column string, value any) Expr { return Compare{Column: column, Op: Eq, Value: value} }

// Limit is shorthand for a Select's limit.
func Limit(n int64) *int64 { return &n }

func (e And) compile(c *compiler) (string, error) { return join(c, e, " AND ", "TRUE") }
func (e Or) compile(c *compiler) (string, error)  { return join(c, e, " OR ", "FALSE") }

func join(c *compiler, parts []Expr, operator, none string) (string, error) {
	if len(parts) == 0 {
		return none, nil
	}
	terms := make([]string, len(parts))
	for i, part := range parts {
		sql, err := part.compile(c)
		if err != nil {
			return "", err
		}
		terms[i] = "(" + sql + ")"
	}
	return strings.Join(terms, operator), nil
}

func (e Not) compile(c *compiler) (string, error) {
	sql, err := e.Expr.compile(c)
	if err != nil {
		return "", err
	}
	return "NOT (" + sql + ")", nil
}

func (e Compare) compile(c *compiler) (string, error) {
	if s, ok := e.Value.(string); ok && e.Op == Eq && !IsText(s) { // which PostgreSQL would not even compare
		_, _, err := c.column(e.Column)
		return "FALSE", err
	}
	place, err := c.place(Place{e.Column, e.Keys})
	if err != nil {
		return "", err
	}
	switch e.Op {
	case Eq, Neq, Lt, Lte, Gt, Gte, Distinct:
		return fmt.Sprintf("%s %s %s", place, e.Op, c.bind(e.Value)), nil
	default:
		return "", fmt.Errorf("unknown comparison %q", e.Op)
	}
}

func (e In) compile(c *compiler) (string, error) {
	if len(e.Values) == 0 { // binds nothing, the place's keys neither
		_, _, err := c.column(e.Place.Column)
		return "FALSE", err
	}
	place, err := c.place(e.Place)
	if err != nil {
		return "", err
	}
	bound := make([]string, len(e.Values))
	for i, v := range e.Values {
		bound[i] = c.bind(v)
	}
	return fmt.Sprintf("%s IN (%s)", place, strings.Join(bound, ", ")), nil
}

func (e IsNull) compile(c *compiler) (string, error) {
	read := c.place
	if e.JSON {
		read = c.jsonPlace
	}
	place, err := read(Place{e.Column, e.Keys})
	return place + " IS NULL", err
}

func (e Pattern) compile(c *compiler) (string, error) {
	place, err := c.place(e.Place)
	if err != nil {
		return "", err
	}
	switch e.Kind {
	case Like, ILike, Match, IMatch:
		return fmt.Sprintf("%s(%s, %s)", e.Kind, place, c.bind(e.Text)), nil
	default:
		return "", fmt.Errorf("unknown kind of pattern %q", e.Kind)
	}
}

func (e Contains) compile(c *compiler) (string, error) {
	place, err := c.jsonPlace(e.Place)
	if err != nil {
		return "", err
	}
	if e.Within {
		return fmt.Sprintf("json_contains(%s, %s)", c.bind(e.Value), place), nil
	}
	return fmt.Sprintf("json_contains(%s, %s)", place, c.bind(e.Value)), nil
}

func (e Exists) compile(c *compiler) (string, error) {
	local, _, err := c.column(e.Join.Local)
	if err != nil {
		return "", err
	}
	inner, err := c.related(e.Join.Relation)
	if err != nil {
		return "", err
	}
	foreign, _, err := inner.column(e.Join.Foreign)
	if err != nil {
		return "", err
	}
	source := inner.source()
	where := fmt.Sprintf("%s = %s", foreign, local)
	if e.Where != nil {
		sql, err := e.Where.compile(inner)
		if err != nil {
			return "", err
		}
		where += " AND (" + sql + ")"
	}
	return fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE %s)", source, where), nil
}

// place returns SQL for the value at a place: a column, or the text at a place
// inside JSON, as PostgreSQL's ->> gives it.
func (c *compiler) place(p Place) (string, error) {
	name, _, err := c.column(p.Column)
	if err != nil || len(p.Keys) == 0 {
		return name, err
	}
	return fmt.Sprintf("json_path_text(%s, %s)", name, c.bind(EncodeKeys(p.Keys))), nil
}

// jsonPlace returns SQL for the JSON at a place.
func (c *compiler) jsonPlace(p Place) (string, error) {
	name, _, err := c.column(p.Column)
	if err != nil || len(p.Keys) == 0 {
		return name, err
	}
	return fmt.Sprintf("json_path(%s, %s)", name, c.bind(EncodeKeys(p.Keys))), nil
}

// EncodeKeys returns steps into JSON as the text that the functions json_path
// and json_path_text take: a JSON array of names and indexes.
func EncodeKeys(keys []Key) string {
	steps := make([]any, len(keys))
	for i, k := range keys {
		steps[i] = k.Name
		if k.IsIndex {
			steps[i] = k.Index
		}
	}
	text, err := json.Marshal(steps)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	return string(text)
}
