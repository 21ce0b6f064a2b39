package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/llmtally/llmtally/store/query"
)

// A copiedTable is a table as copies read and write it. Its first columns are
// its key, in whose order both engines sort alike: numbers, times, and texts
// byte by byte.
type copiedTable struct {
	name    string
	key     int // how many columns the key has
	columns []bulkColumn
}

// cellTypes are the types of columns by their names on PostgreSQL. A boolean is
// a number on SQLite.
var cellTypes = map[string]query.Type{
	"text": query.Text, "bigint": query.Int, "boolean": query.Int, "real": query.Real,
	"double precision": query.Double, "timestamptz": query.Time, "json": query.JSON,
}

func (t *copiedTable) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// A querier reads: a pool, or a transaction that sees one moment.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// A copiedRows reads rows in the order of the key, as the same Go values
// whichever engine they come from: string, int64, float64, bool or nil.
type copiedRows struct {
	table *copiedTable
	rows  *sql.Rows
	cells []any
	into  []any
}

// read selects rows; where may be empty.
func (t *copiedTable) read(ctx context.Context, from querier, where string, args ...any) (*copiedRows, error) {
	names := t.names()
	if where != "" {
		where = "WHERE " + where
	}
	rows, err := from.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM %s %s ORDER BY %s",
		strings.Join(names, ", "), t.name, where, strings.Join(names[:t.key], ", ")), args...)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.name, err)
	}
	r := &copiedRows{table: t, rows: rows, cells: make([]any, len(names)), into: make([]any, len(names))}
	for i := range r.cells {
		r.into[i] = &r.cells[i]
	}
	return r, nil
}

// next returns a row, or nil after the last.
func (r *copiedRows) next() ([]any, error) {
	if !r.rows.Next() {
		return nil, r.rows.Err()
	}
	if err := r.rows.Scan(r.into...); err != nil {
		return nil, fmt.Errorf("reading %s: %w", r.table.name, err)
	}
	row := make([]any, len(r.cells))
	for i, value := range r.cells {
		kind := r.table.columns[i].kind
		row[i] = cell(cellTypes[kind], value)
		if n, ok := row[i].(int64); ok && kind == "boolean" {
			row[i] = n != 0
		}
	}
	return row, nil
}

// compare goes through the rows of both sides, and reports each key that they
// disagree about: the row that either has, nil for none.
func (t *copiedTable) compare(ctx context.Context, source, target querier, report func(source, target []any) error) error {
	return t.compareWhere(ctx, source, target, "", nil, report)
}

func (t *copiedTable) compareWhere(
	ctx context.Context, source, target querier, where string, args []any, report func(source, target []any) error,
) (err error) {
	from, err := t.read(ctx, source, where, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.rows.Close()) }()
	to, err := t.read(ctx, target, where, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.rows.Close()) }()
	a, err := from.next()
	if err != nil {
		return err
	}
	b, err := to.next()
	for err == nil && (a != nil || b != nil) {
		order := t.order(a, b)
		switch {
		case order < 0:
			err = report(a, nil)
		case order > 0:
			err = report(nil, b)
		case !sameRow(a, b):
			err = report(a, b)
		}
		if err == nil && order <= 0 {
			a, err = from.next()
		}
		if err == nil && order >= 0 {
			b, err = to.next()
		}
	}
	return err
}

// order compares the keys of two rows; no row comes last.
func (t *copiedTable) order(a, b []any) int {
	switch {
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	for i := range t.key {
		if c := compareCells(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

func compareCells(a, b any) int {
	if x, ok := a.(int64); ok {
		y, _ := b.(int64)
		return cmp.Compare(x, y)
	}
	x, _ := a.(string)
	y, _ := b.(string)
	return cmp.Compare(x, y)
}

func sameRow(a, b []any) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// difference says what two rows disagree about.
func (t *copiedTable) difference(source, target []any) Difference {
	d := Difference{Table: t.name}
	row := source
	if row == nil {
		row = target
	}
	var key []string
	for _, value := range row[:t.key] {
		key = append(key, fmt.Sprint(value))
	}
	d.Key = strings.Join(key, " | ")
	d.Recorded, d.Expected = t.shown(target, source), t.shown(source, target)
	return d
}

// shown writes a row's columns that are not as the other row's: names only,
// since they hold what users say.
func (t *copiedTable) shown(row, other []any) string {
	if row == nil {
		return ""
	}
	if other == nil {
		return "a row"
	}
	var parts []string
	for i, c := range t.columns {
		if row[i] == other[i] {
			continue
		}
		part := c.name
		if c.kind != "json" && c.kind != "text" {
			part = fmt.Sprintf("%s %v", c.name, row[i])
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// among is the condition that a number is one of those in argument n, which
// idList makes.
func (e *engine) among(column string, n int) string {
	if e.shared {
		return fmt.Sprintf("%s = ANY(CAST($%d AS bigint[]))", column, n)
	}
	return fmt.Sprintf("%s IN (SELECT value FROM json_each($%d))", column, n)
}

func (e *engine) idList(ids []int64) any {
	if e.shared {
		return ids
	}
	var b strings.Builder
	b.WriteByte('[')
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, id)
	}
	b.WriteByte(']')
	return b.String()
}
