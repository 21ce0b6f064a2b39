package rest

import (
	"strings"

	"github.com/llmtally/llmtally/store/query"
)

// csv appends the plan's rows as CSV: a header and a line each. Without rows
// there is one newline and no header, as PostgREST answers.
func (f *fetcher) csv(out []byte, p *plan) ([]byte, int64, error) {
	rows, err := f.rows(p.sel)
	if err != nil || len(rows) == 0 {
		return append(out, '\n'), 0, err
	}
	out = append(out, strings.Join(headings(p), ",")...)
	for _, r := range rows {
		cells, err := f.cells(p, r)
		if err != nil {
			return out, 0, err
		}
		out = append(out, '\n')
		out = append(out, strings.Join(cells, ",")...)
	}
	return out, int64(len(rows)), nil
}

// headings names the columns; those of a spread stand among the row's own.
func headings(p *plan) (cells []string) {
	for _, it := range p.items {
		if it.embed != nil && it.embed.spread {
			cells = append(cells, headings(it.embed.plan)...)
			continue
		}
		cells = append(cells, csvCell(it.name))
	}
	return cells
}

func (f *fetcher) cells(p *plan, row query.Row) (cells []string, err error) {
	for i := range p.items {
		it := &p.items[i]
		var next []string
		switch {
		case it.embed == nil:
			next, err = it.cell(row)
		case it.embed.spread:
			next, err = f.spreadCells(it.embed, row)
		default:
			next, err = f.embedCell(it, row)
		}
		if err != nil {
			return nil, err
		}
		cells = append(cells, next...)
	}
	return cells, nil
}

// cell shows a column; null is nothing at all.
func (i *item) cell(row query.Row) ([]string, error) {
	value, kind, err := i.valueOf(row)
	if err != nil || value == nil {
		return []string{""}, err
	}
	return []string{csvCell(valueText(value, kind))}, nil
}

// embedCell shows an embed as JSON.
func (f *fetcher) embedCell(it *item, row query.Row) ([]string, error) {
	m := &members{first: true, stripNulls: true} // a missing row is null, and null is nothing
	if err := f.embedded(m, it, row); err != nil || len(m.out) == 0 {
		return []string{""}, err
	}
	name := len(appendString(nil, it.name)) + 1 // and the colon
	return []string{csvCell(string(m.out[name:]))}, nil
}

func (f *fetcher) spreadCells(e *embed, row query.Row) ([]string, error) {
	related, err := f.related(e, row)
	if err != nil {
		return nil, err
	}
	if e.toOne {
		return f.cells(e.plan, orNulls(e.plan, related)[0])
	}
	var cells []string
	for i := range e.plan.items {
		it := &e.plan.items[i]
		if it.embed != nil {
			return nil, errSpreadEmbed(it.name)
		}
		values, err := it.appendValues(nil, related)
		if err != nil {
			return nil, err
		}
		cells = append(cells, csvCell(string(values)))
	}
	return cells, nil
}

// csvCell quotes a text where PostgreSQL's text form of a row, which PostgREST's
// CSV is made of, does: also around spaces and parentheses. An empty text is
// quoted, since nothing at all stands for null. Backslashes stay single, which
// that form doubles and CSV readers would not undo.
func csvCell(s string) string {
	if s == "" {
		return `""`
	}
	for i := range len(s) {
		switch s[i] {
		case '"', ',', '(', ')', ' ', '\t', '\n', '\v', '\f', '\r', '\\':
			return quoteCSV(s)
		}
	}
	return s
}

func quoteCSV(s string) string {
	out := append(make([]byte, 0, len(s)+8), '"')
	for i := range len(s) {
		if s[i] == '"' {
			out = append(out, '"')
		}
		out = append(out, s[i])
	}
	return string(append(out, '"'))
}
