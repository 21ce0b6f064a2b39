package rest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/http/rest/parse"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
)

// condition turns a parsed condition into one on typed columns.
func (p *plan) condition(c parse.Condition) (query.Expr, error) {
	switch c := c.(type) {
	case parse.Logic:
		return p.logic(c)
	case parse.Filter:
		return p.filter(c)
	default:
		return nil, fmt.Errorf("unknown condition %T", c)
	}
}

func (p *plan) logic(l parse.Logic) (query.Expr, error) {
	parts := make([]query.Expr, len(l.Children))
	for i, child := range l.Children {
		part, err := p.condition(child)
		if err != nil {
			return nil, err
		}
		parts[i] = part
	}
	var e query.Expr = query.And(parts)
	if l.Op == parse.Or {
		e = query.Or(parts)
	}
	return negate(e, l.Negated), nil
}

func negate(e query.Expr, negated bool) query.Expr {
	if negated {
		return query.Not{Expr: e}
	}
	return e
}

func (p *plan) filter(f parse.Filter) (query.Expr, error) {
	if e := p.nullEmbed(f); e != nil {
		return e, nil
	}
	c, ok := p.relation.Column(f.Path.Column)
	if !ok {
		return nil, errNoColumn(p.relation.Name, f.Path.Column)
	}
	if len(f.Path.Keys) > 0 && c.Type != query.JSON {
		return nil, errNoOperator(c.Type.String(), arrow(f.Path.Keys), "unknown")
	}
	o := operand{place: query.Place{Column: c.Name, Keys: queryKeys(f.Path.Keys)}, kind: c.Type}
	if len(f.Path.Keys) > 0 && f.Path.Keys[len(f.Path.Keys)-1].Text {
		o.kind = query.Text
	}
	e, err := o.compare(f)
	return negate(e, f.Negated), err
}

func arrow(keys []parse.Key) string {
	if keys[0].Text {
		return "->>"
	}
	return "->"
}

// nullEmbed is the condition that an embed has rows, or none.
func (p *plan) nullEmbed(f parse.Filter) query.Expr {
	if f.Op != parse.Is || len(f.Path.Keys) > 0 {
		return nil
	}
	i := slices.IndexFunc(p.embeds, func(e *embed) bool { return e.name == f.Path.Column })
	if i < 0 {
		return nil
	}
	exists := query.Exists{Join: p.embeds[i].join, Where: p.embeds[i].plan.where()}
	switch f.Value {
	case "null":
		return negate(exists, !f.Negated)
	case "not_null":
		return negate(exists, f.Negated)
	}
	return nil
}

func queryKeys(keys []parse.Key) []query.Key {
	var out []query.Key
	for _, k := range keys {
		key := query.Key{Name: k.Name}
		if k.Index {
			n, err := strconv.Atoi(k.Name)
			if err == nil {
				key = query.Key{Index: n, IsIndex: true}
			}
		}
		out = append(out, key)
	}
	return out
}

// An operand is what stands left of an operator.
type operand struct {
	place query.Place
	kind  query.Type
}

var comparisons = map[parse.Op]query.Op{
	parse.Eq: query.Eq, parse.Neq: query.Neq, parse.Gt: query.Gt, parse.Gte: query.Gte,
	parse.Lt: query.Lt, parse.Lte: query.Lte, parse.IsDistinct: query.Distinct,
}

var patterns = map[parse.Op]query.PatternKind{
	parse.Like: query.Like, parse.ILike: query.ILike, parse.Match: query.Match, parse.IMatch: query.IMatch,
}

// sqlOperators are PostgreSQL's names, for the error that an operand's type has
// no such operator.
var sqlOperators = map[parse.Op]string{
	parse.Eq: "=", parse.Neq: "<>", parse.Gt: ">", parse.Gte: ">=", parse.Lt: "<", parse.Lte: "<=",
	parse.IsDistinct: "=", parse.In: "=", parse.Like: "~~", parse.ILike: "~~*", parse.Match: "~", parse.IMatch: "~*",
	parse.Contains: "@>", parse.ContainedIn: "<@", parse.Overlaps: "&&",
	parse.StrictlyLeft: "<<", parse.StrictlyRight: ">>", parse.NotExtendRight: "&<", parse.NotExtendLeft: "&>",
	parse.Adjacent: "-|-", parse.FullText: "@@", parse.PlainFullText: "@@",
	parse.PhraseFullText: "@@", parse.WebsearchFullText: "@@",
}

func (o operand) compare(f parse.Filter) (query.Expr, error) {
	switch {
	case f.Op == parse.Is:
		return o.is(f.Value)
	case f.Op == parse.Contains || f.Op == parse.ContainedIn:
		return o.contains(f)
	case f.Op == parse.In:
		return o.in(f)
	case f.Quantifier != "":
		return o.quantified(f)
	}
	return o.one(f, f.Value)
}

// one compares with one value.
func (o operand) one(f parse.Filter, text string) (query.Expr, error) {
	if op, ok := comparisons[f.Op]; ok {
		if o.kind == query.JSON {
			return nil, errNoOperator("json", sqlOperators[f.Op], "unknown")
		}
		value, err := o.value(text)
		if err != nil {
			return nil, err
		}
		return query.Compare{Column: o.place.Column, Keys: o.place.Keys, Op: op, Value: value}, nil
	}
	kind, ok := patterns[f.Op]
	if !ok || o.kind != query.Text {
		right := "unknown"
		if sqlOperators[f.Op] == "@@" {
			right = "tsquery"
		}
		return nil, errNoOperator(o.kind.String(), sqlOperators[f.Op], right)
	}
	if f.Op == parse.Like || f.Op == parse.ILike {
		text = strings.ReplaceAll(text, "*", "%")
	}
	if _, err := o.value(text); err != nil {
		return nil, err
	}
	if _, err := store.CompilePattern(kind, text); err != nil {
		return nil, err
	}
	return query.Pattern{Place: o.place, Kind: kind, Text: text}, nil
}

func (o operand) value(text string) (any, error) { return store.ParseValue(o.kind, text) }

func (o operand) in(f parse.Filter) (query.Expr, error) {
	if o.kind == query.JSON {
		return nil, errNoOperator("json", "=", "unknown")
	}
	if len(f.Values) > maxList {
		return nil, refuse("54000", fmt.Sprintf("a list may have at most %d values", maxList))
	}
	values := make([]any, len(f.Values))
	for i, text := range f.Values {
		value, err := o.value(text)
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	return query.In{Place: o.place, Values: values}, nil
}

// maxList bounds the values of one list: SQLite binds at most 32,766 in a
// statement.
const maxList = 10_000

// quantified compares with any or all elements of an array.
func (o operand) quantified(f parse.Filter) (query.Expr, error) {
	if f.Values == nil {
		return nil, refuseWith("22P02", fmt.Sprintf("malformed array literal: %q", f.Value),
			`Array value must start with "{" or dimension information.`, "")
	}
	if len(f.Values) > maxList {
		return nil, refuse("54000", fmt.Sprintf("a list may have at most %d values", maxList))
	}
	parts := make([]query.Expr, len(f.Values))
	for i, text := range f.Values {
		part, err := o.one(f, text)
		if err != nil {
			return nil, err
		}
		parts[i] = part
	}
	if f.Null { // a comparison with null is neither true nor false
		parts = append(parts, query.Compare{Column: o.place.Column, Keys: o.place.Keys, Op: query.Eq})
	}
	if f.Quantifier == parse.All {
		return query.And(parts), nil
	}
	return query.Or(parts), nil
}

func (o operand) is(value string) (query.Expr, error) {
	null := query.IsNull{Column: o.place.Column, Keys: o.place.Keys, JSON: o.kind == query.JSON}
	switch value {
	case "null":
		return null, nil
	case "not_null":
		return query.Not{Expr: null}, nil
	}
	return nil, refuse("42804", fmt.Sprintf("argument of IS %s must be type boolean, not type %s", strings.ToUpper(value), o.kind))
}

// contains compares JSON, as PostgreSQL does with jsonb: on a json column it
// has no such operator, but a client that asks can mean nothing else.
func (o operand) contains(f parse.Filter) (query.Expr, error) {
	if o.kind != query.JSON || f.Quantifier != "" {
		return nil, errNoOperator(o.kind.String(), sqlOperators[f.Op], "unknown")
	}
	if _, err := store.ParseValue(query.JSON, f.Value); err != nil {
		return nil, err
	}
	return query.Contains{Place: o.place, Value: f.Value, Within: f.Op == parse.ContainedIn}, nil
}
