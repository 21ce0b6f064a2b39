package query

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/policy"
)

// A Statement is compiled SQL: as many arguments as placeholders ($1, $2, …).
type Statement struct {
	SQL     string
	Args    []any
	Columns []ColumnSpec // of the answer
}

// An UnknownName is a relation or column that the schema does not have.
type UnknownName struct{ Kind, Relation, Name string }

func (e *UnknownName) Error() string {
	if e.Kind == "relation" {
		return fmt.Sprintf("relation %q does not exist", e.Name)
	}
	return fmt.Sprintf("column %s.%s does not exist", e.Relation, e.Name)
}

// A compiler writes SQL about one relation, under an alias of its own. The
// compilers of one statement share its arguments.
type compiler struct {
	*statement
	relation *Relation
	alias    string
	within   string // SQL to read from instead of the relation
}

type statement struct {
	schema  Schema
	caller  policy.Caller
	args    []any
	aliases int
}

func newCompiler(schema Schema, caller policy.Caller, relation string) (*compiler, error) {
	return (&statement{schema: schema, caller: caller}).about(relation)
}

// about returns a compiler for one more relation of the statement.
func (s *statement) about(relation string) (*compiler, error) {
	r, ok := s.schema[relation]
	if !ok {
		return nil, &UnknownName{Kind: "relation", Name: relation}
	}
	return s.over(r), nil
}

func (s *statement) over(r *Relation) *compiler {
	c := &compiler{statement: s, relation: r, alias: "t" + strconv.Itoa(s.aliases)}
	s.aliases++
	return c
}

// related returns a compiler for a subquery of the same statement.
func (c *compiler) related(relation string) (*compiler, error) { return c.about(relation) }

// bind takes a value and returns its placeholder.
func (s *statement) bind(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args))
}

// column returns the schema's own name for a column, quoted and qualified.
func (c *compiler) column(name string) (string, ColumnSpec, error) {
	col, ok := c.relation.Column(name)
	if !ok {
		return "", ColumnSpec{}, &UnknownName{Kind: "column", Relation: c.relation.Name, Name: name}
	}
	return c.alias + "." + quote(col.Name), col, nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// source returns the relation as the caller may see it, under its alias.
func (c *compiler) source() string {
	if c.within != "" {
		return "(" + c.within + ") AS " + c.alias
	}
	name := quote(c.relation.Name)
	using := policy.For(c.caller, c.relation.Name, policy.Select).Using(c.bind)
	if using == "TRUE" {
		return name + " AS " + c.alias
	}
	return fmt.Sprintf("(SELECT * FROM %s WHERE %s) AS %s", name, using, c.alias)
}

// CompileSelect returns the statement that answers s for the caller.
func CompileSelect(schema Schema, caller policy.Caller, s Select) (Statement, error) {
	st := &statement{schema: schema, caller: caller}
	sql, columns, err := st.selection(s)
	if err != nil {
		return Statement{}, err
	}
	return Statement{SQL: sql, Args: st.args, Columns: columns}, nil
}

func (st *statement) selection(s Select) (string, []ColumnSpec, error) {
	c, err := st.reading(s)
	if err != nil {
		return "", nil, err
	}
	outputs, columns, err := c.outputs(s.Columns)
	if err != nil {
		return "", nil, err
	}
	var sql strings.Builder
	fmt.Fprintf(&sql, "SELECT %s FROM %s", outputs, c.source())
	where, err := c.where(s.Where)
	if err != nil {
		return "", nil, err
	}
	sql.WriteString(where)
	if len(s.Group) > 0 {
		names, err := c.names(s.Group)
		if err != nil {
			return "", nil, err
		}
		sql.WriteString(" GROUP BY " + names)
	}
	order := s.Order
	if len(order) == 0 && len(s.Group) == 0 && !aggregates(s.Columns) {
		order = c.relation.Order
	}
	if err := c.order(&sql, order); err != nil {
		return "", nil, err
	}
	if s.Limit != nil || s.Offset > 0 {
		limit := int64(math.MaxInt64) // SQLite has no OFFSET without LIMIT
		if s.Limit != nil {
			limit = *s.Limit
		}
		sql.WriteString(" LIMIT " + c.bind(limit) + " OFFSET " + c.bind(s.Offset))
	}
	return sql.String(), columns, nil
}

// reading returns the compiler for what a select reads from.
func (st *statement) reading(s Select) (*compiler, error) {
	if s.Within == nil {
		return st.about(s.From)
	}
	sql, columns, err := st.selection(*s.Within)
	if err != nil {
		return nil, err
	}
	c := st.over(&Relation{Name: s.From, Columns: columns})
	c.within = sql
	return c, nil
}

func aggregates(outputs []Output) bool {
	for _, o := range outputs {
		if o.Func != "" {
			return true
		}
	}
	return false
}

func (c *compiler) outputs(wanted []Output) (string, []ColumnSpec, error) {
	if len(wanted) == 0 {
		for _, col := range c.relation.Columns {
			wanted = append(wanted, Output{Name: col.Name})
		}
	}
	var terms []string
	var columns []ColumnSpec
	for _, o := range wanted {
		term, col, err := c.output(o)
		if err != nil {
			return "", nil, err
		}
		terms = append(terms, term+" AS "+quote(col.Name))
		columns = append(columns, col)
	}
	return strings.Join(terms, ", "), columns, nil
}

func (c *compiler) output(o Output) (string, ColumnSpec, error) {
	if o.Func == CountRows {
		return "count(*)", ColumnSpec{Name: o.As, Type: Int}, nil
	}
	name, col, err := c.column(o.Name)
	if err != nil {
		return "", col, err
	}
	if o.As != "" {
		col.Name = o.As
	}
	switch o.Func {
	case "":
	case Sum, Max, Min:
		name = string(o.Func) + "(" + name + ")"
	case Count:
		name, col.Type = "count("+name+")", Int
	case CountDistinct:
		name, col.Type = "count(DISTINCT "+name+")", Int
	case Concat:
		name = string(o.Func) + "(" + name + ", ',')"
	default:
		return "", col, fmt.Errorf("unknown aggregate %q", o.Func)
	}
	return name, col, nil
}

func (c *compiler) names(columns []string) (string, error) {
	quoted := make([]string, len(columns))
	for i, name := range columns {
		q, _, err := c.column(name)
		if err != nil {
			return "", err
		}
		quoted[i] = q
	}
	return strings.Join(quoted, ", "), nil
}

func (c *compiler) where(e Expr) (string, error) {
	if e == nil {
		return "", nil
	}
	sql, err := e.compile(c)
	if err != nil {
		return "", err
	}
	return " WHERE " + sql, nil
}

func (c *compiler) order(sql *strings.Builder, order []Order) error {
	for i, o := range order {
		term, err := c.sortTerm(o)
		if err != nil {
			return err
		}
		separator := ", "
		if i == 0 {
			separator = " ORDER BY "
		}
		sql.WriteString(separator + term)
	}
	return nil
}

// sortTerm writes one sort. Nulls are spelled out only where the place can hold
// one; a key never does, so that an index can still answer the sort.
func (c *compiler) sortTerm(o Order) (string, error) {
	place, err := c.sortPlace(o)
	if err != nil {
		return "", err
	}
	first := o.Nulls == NullsFirst || o.Nulls == NullsDefault && o.Desc
	never := o.Through == nil && len(o.Keys) == 0 && c.relation.neverNull(o.Column)
	if o.Desc {
		place += " DESC"
	}
	switch {
	case never:
	case first:
		place += " NULLS FIRST"
	default:
		place += " NULLS LAST"
	}
	return place, nil
}

func (c *compiler) sortPlace(o Order) (string, error) {
	if o.Through == nil {
		return c.place(Place{o.Column, o.Keys})
	}
	local, _, err := c.column(o.Through.Local)
	if err != nil {
		return "", err
	}
	inner, err := c.related(o.Through.Relation)
	if err != nil {
		return "", err
	}
	foreign, _, err := inner.column(o.Through.Foreign)
	if err != nil {
		return "", err
	}
	place, err := inner.place(Place{o.Column, o.Keys})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("(SELECT %s FROM %s WHERE %s = %s)", place, inner.source(), foreign, local), nil
}
