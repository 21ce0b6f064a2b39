package rest

import (
	"fmt"
	"slices"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
)

// A fetcher reads a plan's rows, and those of its embeds, and shows them. Rows
// that many others refer to are read once.
type fetcher struct {
	view       *store.View
	stripNulls bool
	one        map[oneKey][]query.Row
}

type oneKey struct {
	embed *embed
	key   any
}

func newFetcher(view *store.View, stripNulls bool) *fetcher {
	return &fetcher{view: view, stripNulls: stripNulls, one: map[oneKey][]query.Row{}}
}

// rows reads a select's rows and holds them.
func (f *fetcher) rows(sel query.Select) (rows []query.Row, err error) {
	_, err = f.view.Select(sel, func(r query.Row) error {
		rows = append(rows, slices.Clone(r))
		return nil
	})
	return rows, err
}

// objects appends each row of the plan as a JSON object, with commas between,
// and returns how many there were.
func (f *fetcher) objects(out []byte, p *plan) ([]byte, int64, error) {
	n := int64(0)
	write := func(r query.Row) (err error) {
		if n > 0 {
			out = append(out, ',')
		}
		n++
		out, err = f.object(out, p, r)
		return err
	}
	if len(p.embeds) == 0 {
		_, err := f.view.Select(p.sel, write)
		return out, n, err
	}
	// The rows come first: their embeds are asked on the same connection.
	rows, err := f.rows(p.sel)
	if err != nil {
		return out, n, err
	}
	for _, r := range rows {
		if err := write(r); err != nil {
			return out, n, err
		}
	}
	return out, n, nil
}

// object appends a row as a JSON object.
func (f *fetcher) object(out []byte, p *plan, row query.Row) ([]byte, error) {
	out = append(out, '{')
	members := &members{out: out, first: true, stripNulls: f.stripNulls}
	if err := f.members(members, p, row); err != nil {
		return members.out, err
	}
	return append(members.out, '}'), nil
}

// members writes an object's members.
type members struct {
	out        []byte
	first      bool
	stripNulls bool
}

func (m *members) name(name string) {
	if !m.first {
		m.out = append(m.out, ',')
	}
	m.first = false
	m.out = append(appendString(m.out, name), ':')
}

func (m *members) value(name string, value any, kind query.Type) {
	if m.stripNulls && (value == nil || kind == query.JSON && value == "null") {
		return
	}
	m.name(name)
	m.out = appendValue(m.out, value, kind)
}

func (f *fetcher) members(m *members, p *plan, row query.Row) error {
	for i := range p.items {
		it := &p.items[i]
		if it.embed == nil {
			value, kind, err := it.valueOf(row)
			if err != nil {
				return err
			}
			m.value(it.name, value, kind)
			continue
		}
		var err error
		if it.embed.spread {
			err = f.spread(m, it.embed, row)
		} else {
			err = f.embedded(m, it, row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// embedded writes the related rows: an object or null, or an array.
func (f *fetcher) embedded(m *members, it *item, row query.Row) error {
	related, err := f.related(it.embed, row)
	if err != nil {
		return err
	}
	if it.embed.toOne && len(related) == 0 {
		m.value(it.name, nil, query.JSON)
		return nil
	}
	m.name(it.name)
	if it.embed.toOne {
		m.out, err = f.object(m.out, it.embed.plan, related[0])
		return err
	}
	m.out = append(m.out, '[')
	for i, r := range related {
		if i > 0 {
			m.out = append(m.out, ',')
		}
		if m.out, err = f.object(m.out, it.embed.plan, r); err != nil {
			return err
		}
	}
	m.out = append(m.out, ']')
	return nil
}

// spread writes the related row's members among those of the row itself; those
// of many rows as arrays.
func (f *fetcher) spread(m *members, e *embed, row query.Row) error {
	related, err := f.related(e, row)
	if err != nil {
		return err
	}
	if !e.toOne {
		return f.spreadMany(m, e, related)
	}
	return f.members(m, e.plan, orNulls(e.plan, related)[0])
}

// orNulls returns rows, or where there are none, one of nulls.
func orNulls(p *plan, rows []query.Row) []query.Row {
	if len(rows) > 0 {
		return rows
	}
	return []query.Row{make(query.Row, len(p.sel.Columns))}
}

func (f *fetcher) spreadMany(m *members, e *embed, related []query.Row) error {
	for i := range e.plan.items {
		it := &e.plan.items[i]
		if it.embed != nil {
			return errSpreadEmbed(it.name)
		}
		m.name(it.name)
		var err error
		if m.out, err = it.appendValues(m.out, related); err != nil {
			return err
		}
	}
	return nil
}

func errSpreadEmbed(name string) error {
	return refuse("PGRST200", fmt.Sprintf("'%s' cannot be embedded in a spread of many rows", name))
}

// appendValues writes an item's value in each row, as an array.
func (i *item) appendValues(out []byte, rows []query.Row) ([]byte, error) {
	out = append(out, '[')
	for n, r := range rows {
		if n > 0 {
			out = append(out, ',')
		}
		value, kind, err := i.valueOf(r)
		if err != nil {
			return out, err
		}
		out = appendValue(out, value, kind)
	}
	return append(out, ']'), nil
}

// related reads the rows that belong to a row.
func (f *fetcher) related(e *embed, row query.Row) ([]query.Row, error) {
	key := row[e.local]
	if key == nil {
		return nil, nil
	}
	if rows, ok := f.one[oneKey{e, key}]; ok && e.toOne {
		return rows, nil
	}
	sel := e.plan.sel
	sel.Where = and(query.Is(e.join.Foreign, key), sel.Where)
	rows, err := f.rows(sel)
	if err == nil && e.toOne {
		f.one[oneKey{e, key}] = rows
	}
	return rows, err
}
