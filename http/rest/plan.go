package rest

import (
	"fmt"
	"slices"

	"github.com/llmtally/llmtally/http/rest/parse"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
)

// A plan says which rows to read of one relation, and what to show of each. It
// knows names and types from the schema, and no SQL.
type plan struct {
	relation *query.Relation
	sel      query.Select
	items    []item
	embeds   []*embed
}

// An item is one member of the object that a row is shown as.
type item struct {
	name   string
	column int // of the select's row
	kind   query.Type
	keys   []any // into a JSON column
	text   bool  // the place's text, not its JSON
	cast   string
	embed  *embed // instead of a column
}

// An embed shows rows of a related relation.
type embed struct {
	name   string // in the answer, and in parameters about it
	toOne  bool
	join   query.Join
	local  int // column of the select's row that the join starts from
	inner  bool
	spread bool
	shown  bool
	plan   *plan
}

// newPlan plans the select list of a relation.
func newPlan(r *query.Relation, items []parse.SelectItem) (*plan, error) {
	p := &plan{relation: r, sel: query.Select{From: r.Name}}
	for _, i := range items {
		if err := p.addItem(i); err != nil {
			return nil, err
		}
	}
	if len(p.sel.Columns) == 0 {
		p.need(r.Columns[0].Name) // a row must have something to read
	}
	return p, nil
}

// need returns where in the select's rows the column stands.
func (p *plan) need(column string) int {
	for i, c := range p.sel.Columns {
		if c.Name == column {
			return i
		}
	}
	p.sel.Columns = append(p.sel.Columns, query.Output{Name: column})
	return len(p.sel.Columns) - 1
}

func (p *plan) addItem(i parse.SelectItem) error {
	switch {
	case i.Aggregate != "":
		return refuse("PGRST123", "Use of aggregate functions is not allowed")
	case i.Star:
		for _, c := range p.relation.Columns {
			p.items = append(p.items, item{name: c.Name, column: p.need(c.Name), kind: c.Type})
		}
		return nil
	case i.Embed != nil:
		return p.addEmbed(i)
	}
	c, ok := p.relation.Column(i.Path.Column)
	if !ok {
		return errNoColumn(p.relation.Name, i.Path.Column)
	}
	if len(i.Path.Keys) > 0 && c.Type != query.JSON {
		return errNoOperator(c.Type.String(), "->", "unknown")
	}
	if i.Cast != "" && !castable(i.Cast) {
		return refuse("42704", fmt.Sprintf("type %q does not exist", i.Cast))
	}
	keys, asText := steps(i.Path.Keys)
	p.items = append(p.items, item{
		name: i.OutputName(), column: p.need(c.Name), kind: c.Type, keys: keys, text: asText, cast: i.Cast,
	})
	return nil
}

// steps turns a path into what rawjson.At takes, and says whether its text is
// asked for.
func steps(keys []parse.Key) (path []any, asText bool) {
	for _, k := range queryKeys(keys) {
		if k.IsIndex {
			path = append(path, k.Index)
		} else {
			path = append(path, k.Name)
		}
	}
	return path, len(keys) > 0 && keys[len(keys)-1].Text
}

func (p *plan) addEmbed(i parse.SelectItem) error {
	e, err := p.relate(i)
	if err != nil {
		return err
	}
	e.local = p.need(e.join.Local)
	p.embeds = append(p.embeds, e)
	if e.shown {
		p.items = append(p.items, item{name: e.name, embed: e})
	}
	return nil
}

// relate finds the foreign key between the relation and the embedded one.
func (p *plan) relate(i parse.SelectItem) (*embed, error) {
	target, known := store.Schema[i.Embed.Relation]
	for _, k := range store.Relationships {
		hinted := i.Embed.Hint == "" || i.Embed.Hint == k.Constraint || i.Embed.Hint == k.Column || i.Embed.Hint == k.Unique
		e := &embed{name: embedName(i), inner: i.Embed.Join == parse.Inner, spread: i.Embed.Spread, shown: i.Embed.Items != nil}
		switch {
		case !known || target.Private || !hinted:
			continue
		case k.Table == p.relation.Name && k.Target == target.Name:
			e.toOne = true
			e.join = query.Join{Relation: target.Name, Foreign: k.Unique, Local: k.Column}
		case k.Target == p.relation.Name && k.Table == target.Name:
			e.join = query.Join{Relation: target.Name, Foreign: k.Column, Local: k.Unique}
		default:
			continue
		}
		child, err := newPlan(target, i.Embed.Items)
		e.plan = child
		return e, err
	}
	searched := fmt.Sprintf("'%s' and '%s'", p.relation.Name, i.Embed.Relation)
	using := ""
	if i.Embed.Hint != "" {
		using = fmt.Sprintf(" using the hint '%s'", i.Embed.Hint)
	}
	return nil, refuseWith("PGRST200",
		fmt.Sprintf("Could not find a relationship between %s in the schema cache", searched),
		fmt.Sprintf("Searched for a foreign key relationship between %s%s in the schema 'public', but no matches were found.", searched, using), "")
}

// embedName is what parameters call an embed: its alias, else its relation. A
// spread has no name in the answer, and keeps that of its relation.
func embedName(i parse.SelectItem) string {
	if i.Embed.Spread {
		return i.Embed.Relation
	}
	return i.OutputName()
}

// at returns the plan of the relation that a parameter is about.
func (p *plan) at(path []string) (*plan, error) {
	current := p
	for n := range path {
		i := slices.IndexFunc(current.embeds, func(e *embed) bool { return e.name == path[n] })
		if i < 0 {
			return nil, errNotEmbedded(path[:n+1])
		}
		current = current.embeds[i].plan
	}
	return current, nil
}

// apply adds a query's filters, orders and windows to the plan and its embeds.
// The root's window is the caller's business.
func (p *plan) apply(q parse.Query) error {
	for _, w := range deepestFirst(q.Where) {
		target, err := p.at(w.Embed)
		if err != nil {
			return err
		}
		condition, err := target.condition(w.Condition)
		if err != nil {
			return err
		}
		target.sel.Where = and(target.sel.Where, condition)
	}
	for _, o := range q.Orders {
		target, err := p.at(o.Embed)
		if err != nil {
			return err
		}
		if err := target.orderBy(o.Terms); err != nil {
			return err
		}
	}
	for _, w := range q.Windows {
		if len(w.Embed) == 0 {
			continue
		}
		target, err := p.at(w.Embed)
		if err != nil {
			return err
		}
		if w.Limit != nil && *w.Limit < 0 {
			return refuseWith("PGRST103", "Requested range not satisfiable", "Limit should be greater than or equal to zero.", "")
		}
		target.sel.Limit, target.sel.Offset = w.Limit, w.Offset
	}
	p.requireInner()
	return p.within()
}

// deepestFirst sorts conditions so that those of embeds come first: a condition
// that an embed has rows takes them over, wherever it stands in the request.
func deepestFirst(where []parse.Where) []parse.Where {
	sorted := slices.Clone(where)
	slices.SortStableFunc(sorted, func(a, b parse.Where) int { return len(b.Embed) - len(a.Embed) })
	return sorted
}

// requireInner leaves out rows that an inner embed has no rows for.
func (p *plan) requireInner() {
	p.sel.Where = p.where()
	for _, e := range p.embeds {
		e.plan.requireInner()
	}
}

// where is the plan's condition, and that its inner embeds have rows.
func (p *plan) where() query.Expr {
	where := p.sel.Where
	for _, e := range p.embeds {
		if e.inner {
			where = and(where, query.Exists{Join: e.join, Where: e.plan.where()})
		}
	}
	return where
}

func and(a, b query.Expr) query.Expr {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return query.And{a, b}
}

func (p *plan) orderBy(terms []parse.OrderTerm) error {
	for _, t := range terms {
		o := query.Order{Column: t.Path.Column, Keys: queryKeys(t.Path.Keys), Desc: t.Desc}
		switch t.Nulls {
		case parse.NullsFirst:
			o.Nulls = query.NullsFirst
		case parse.NullsLast:
			o.Nulls = query.NullsLast
		}
		of := p.relation
		if t.Relation != "" {
			target, err := p.at([]string{t.Relation})
			if err != nil {
				return err
			}
			i := slices.IndexFunc(p.embeds, func(e *embed) bool { return e.plan == target })
			if !p.embeds[i].toOne {
				return refuseWith("PGRST118", fmt.Sprintf("A related order on '%s' is not possible", t.Relation),
					fmt.Sprintf("'%s' and '%s' do not form a many-to-one or one-to-one relationship", p.relation.Name, t.Relation), "")
			}
			of = target.relation
			o.Through = &p.embeds[i].join
		}
		c, ok := of.Column(o.Column)
		if !ok {
			return errNoColumn(of.Name, o.Column)
		}
		if c.Type == query.JSON && (len(t.Path.Keys) == 0 || !t.Path.Keys[len(t.Path.Keys)-1].Text) {
			return refuseWith("42883", "could not identify an ordering operator for type json", "",
				"Use an explicit ordering operator or modify the query.")
		}
		if len(t.Path.Keys) > 0 && c.Type != query.JSON {
			return errNoOperator(c.Type.String(), "->>", "unknown")
		}
		p.sel.Order = append(p.sel.Order, o)
	}
	return nil
}
