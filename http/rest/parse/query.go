// Package parse reads requests of the dialect that PostgREST speaks: the query
// string and the headers Prefer, Accept and Range become plain data.
//
// It knows no schema and no SQL. A name is whatever the client wrote, and a
// value is text. What PostgREST would refuse for its form is an *Error with
// PostgREST's code and, where practical, its words. Nothing that a client wrote
// is dropped in silence: where PostgREST stops reading and ignores the rest of
// a parameter, this package answers an error. Its work grows with the length of
// the request and no faster.
package parse

import "strings"

// A Query is the query string of a request.
type Query struct {
	Select     []SelectItem // Star if the request has no select
	Where      []Where      // all of which must hold
	Orders     []Order      // at most one a relation
	Windows    []Window     // at most one a relation
	Columns    []string     // nil if not given
	OnConflict []string     // nil if not given
	Arguments  []Argument   // in the order of the request, repeated ones too
}

// A Where is a condition on the rows of the request's relation, or on those of
// an embedded one.
type Where struct {
	Embed     []string // names or aliases from the outside in; empty for the request's own
	Condition Condition
}

// An Order sorts the rows of a relation.
type Order struct {
	Embed []string // as in Where
	Terms []OrderTerm
}

// An Argument is a function's parameter in the query string.
type Argument struct{ Name, Value string }

// Options say what kind of request a query string belongs to.
type Options struct {
	// Arguments: the request calls a function by GET or HEAD. A parameter whose
	// value does not begin with an operator is then an argument, not an error.
	Arguments bool
}

// ParseQuery reads a query string, without its question mark, as it stands in
// the URL. The first select, columns and on_conflict of several counts, and the
// first order for a relation; a parameter without an equals sign does not count.
func ParseQuery(rawQuery string, options Options) (Query, error) {
	p := queryParser{options: options, ordered: map[string]bool{}}
	for _, parameter := range parameters(rawQuery) {
		if !parameter.valued {
			continue
		}
		if err := p.parameter(parameter.name, parameter.value); err != nil {
			return Query{}, err
		}
	}
	if !p.selected {
		p.query.Select = []SelectItem{{Star: true}}
	}
	p.query.Windows = p.windows.list
	return p.query, nil
}

type queryParser struct {
	options  Options
	query    Query
	selected bool
	windows  windows
	ordered  map[string]bool // by the relation's path
}

func (p *queryParser) parameter(name, value string) (err error) {
	q := &p.query
	switch name {
	case "select":
		if !p.selected {
			p.selected = true
			q.Select, err = ParseSelect(value)
		}
		return err
	case "columns":
		if q.Columns == nil {
			q.Columns, err = ParseColumns(value)
		}
		return err
	case "on_conflict":
		if q.OnConflict == nil {
			q.OnConflict, err = ParseOnConflict(value)
		}
		return err
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch last {
	case "order", "limit", "offset":
		return p.arrangement(last, name, value)
	case "and", "or":
		return p.logic(name, value)
	default:
		return p.filter(name, value)
	}
}

// arrangement reads an order, limit or offset.
func (p *queryParser) arrangement(kind, name, value string) error {
	embed, _, err := parseTarget(name)
	if err != nil {
		return err
	}
	switch kind {
	case "limit":
		p.windows.limit(embed, value)
		return nil
	case "offset":
		p.windows.offset(embed, value)
		return nil
	}
	terms, err := ParseOrder(value)
	if err != nil {
		return err
	}
	if key := strings.Join(embed, "\x00"); !p.ordered[key] {
		p.ordered[key] = true
		p.query.Orders = append(p.query.Orders, Order{Embed: embed, Terms: terms})
	}
	return nil
}

// logic reads a tree; "not" may stand anywhere before the operator.
func (p *queryParser) logic(name, value string) error {
	path, target, err := parseTarget(name)
	if err != nil {
		return err
	}
	operator := target.Column
	var embed []string
	for _, step := range path {
		if step == "not" {
			operator = "not." + target.Column
			continue
		}
		embed = append(embed, step)
	}
	tree, err := ParseLogic(operator, value)
	if err != nil {
		return err
	}
	p.query.Where = append(p.query.Where, Where{Embed: embed, Condition: tree})
	return nil
}

func (p *queryParser) filter(name, value string) error {
	embed, path, err := parseTarget(name)
	if err != nil {
		return err
	}
	filter, committed, fail := filterValue(value)
	if fail == nil {
		filter.Path = path
		p.query.Where = append(p.query.Where, Where{Embed: embed, Condition: filter})
		return nil
	}
	if committed || !p.options.Arguments {
		return failed("filter ("+value+")", value, fail)
	}
	if len(embed) == 0 && len(path.Keys) == 0 {
		name = path.Column // without the quotation marks
	}
	p.query.Arguments = append(p.query.Arguments, Argument{Name: name, Value: value})
	return nil
}
