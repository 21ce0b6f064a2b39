package query

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/policy"
)

// A Statement is compiled SQL: as many arguments as placeholders ($1, $2, …).
type Statement struct {
	SQL     string
	Args    []any
	Columns []Column // of the answer
}

// An UnknownName is a relation or column that the schema does not have.
type UnknownName struct{ Kind, Relation, Name string }

func (e *UnknownName) Error() string {
	if e.Kind == "relation" {
		return fmt.Sprintf("relation %q does not exist", e.Name)
	}
	return fmt.Sprintf("column %s.%s does not exist", e.Relation, e.Name)
}

type compiler struct {
	schema   Schema
	caller   policy.Caller
	relation *Relation
	args     []any
}

func newCompiler(schema Schema, caller policy.Caller, relation string) (*compiler, error) {
	r, ok := schema[relation]
	if !ok {
		return nil, &UnknownName{Kind: "relation", Name: relation}
	}
	return &compiler{schema: schema, caller: caller, relation: r}, nil
}

// bind takes a value and returns its placeholder.
func (c *compiler) bind(value any) string {
	c.args = append(c.args, value)
	return "$" + strconv.Itoa(len(c.args))
}

// column returns the schema's own quoted name for a column.
func (c *compiler) column(name string) (string, Column, error) {
	col, ok := c.relation.Column(name)
	if !ok {
		return "", Column{}, &UnknownName{Kind: "column", Relation: c.relation.Name, Name: name}
	}
	return quote(col.Name), col, nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// source returns the relation as the caller may see it.
func (c *compiler) source() string {
	using := policy.For(c.caller, c.relation.Name, policy.Select).Using(c.bind)
	if using == "TRUE" {
		return quote(c.relation.Name)
	}
	return fmt.Sprintf("(SELECT * FROM %s WHERE %s) AS %[1]s", quote(c.relation.Name), using)
}

// CompileSelect returns the statement that answers s for the caller.
func CompileSelect(schema Schema, caller policy.Caller, s Select) (Statement, error) {
	c, err := newCompiler(schema, caller, s.From)
	if err != nil {
		return Statement{}, err
	}
	outputs, columns, err := c.outputs(s.Columns)
	if err != nil {
		return Statement{}, err
	}
	var sql strings.Builder
	fmt.Fprintf(&sql, "SELECT %s FROM %s", outputs, c.source())
	where, err := c.where(s.Where)
	if err != nil {
		return Statement{}, err
	}
	sql.WriteString(where)
	if len(s.Group) > 0 {
		names, err := c.names(s.Group)
		if err != nil {
			return Statement{}, err
		}
		sql.WriteString(" GROUP BY " + names)
	}
	order := s.Order
	if len(order) == 0 && len(s.Group) == 0 {
		order = c.relation.Order
	}
	if err := c.order(&sql, order); err != nil {
		return Statement{}, err
	}
	if s.Limit != nil || s.Offset > 0 {
		limit := int64(-1) // SQLite has no OFFSET without LIMIT; -1 is none
		if s.Limit != nil {
			limit = *s.Limit
		}
		sql.WriteString(" LIMIT " + c.bind(limit) + " OFFSET " + c.bind(s.Offset))
	}
	return Statement{SQL: sql.String(), Args: c.args, Columns: columns}, nil
}

func (c *compiler) outputs(wanted []Output) (string, []Column, error) {
	if len(wanted) == 0 {
		for _, col := range c.relation.Columns {
			wanted = append(wanted, Output{Name: col.Name})
		}
	}
	var terms []string
	var columns []Column
	for _, o := range wanted {
		name, col, err := c.column(o.Name)
		if err != nil {
			return "", nil, err
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
		default:
			return "", nil, fmt.Errorf("unknown aggregate %q", o.Func)
		}
		terms = append(terms, name+" AS "+quote(col.Name))
		columns = append(columns, col)
	}
	return strings.Join(terms, ", "), columns, nil
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

// order writes the sort. Nulls are spelled out only where the column can hold
// one and the engine's default differs from PostgreSQL's; a key never does, so
// that an index can still answer the sort.
func (c *compiler) order(sql *strings.Builder, order []Order) error {
	for i, o := range order {
		name, _, err := c.column(o.Column)
		if err != nil {
			return err
		}
		separator := ", "
		if i == 0 {
			separator = " ORDER BY "
		}
		sql.WriteString(separator + name)
		switch {
		case o.Desc && c.relation.neverNull(o.Column):
			sql.WriteString(" DESC")
		case o.Desc:
			sql.WriteString(" DESC NULLS FIRST")
		case !c.relation.neverNull(o.Column):
			sql.WriteString(" NULLS LAST")
		}
	}
	return nil
}

// neverNull says whether the column is of the key or of the relation's own
// order, which are never null.
func (r *Relation) neverNull(column string) bool {
	for _, k := range r.Key {
		if k == column {
			return true
		}
	}
	for _, o := range r.Order {
		if o.Column == column {
			return true
		}
	}
	return false
}

// CompileUpdate returns the statement for u. Its answer has one boolean column
// for each row changed: whether the caller may leave the row as it is now. One
// false, and the transaction must be rolled back.
func CompileUpdate(schema Schema, caller policy.Caller, u Update) (Statement, error) {
	c, err := newCompiler(schema, caller, u.Relation)
	if err != nil {
		return Statement{}, err
	}
	var terms []string
	for _, a := range u.Set {
		name, _, err := c.column(a.Column)
		if err != nil {
			return Statement{}, err
		}
		terms = append(terms, name+" = "+c.bind(a.Value))
	}
	grant := policy.For(caller, u.Relation, policy.Update)
	where, err := c.reached(grant, u.Where)
	if err != nil {
		return Statement{}, err
	}
	check := grant.Check(c.bind)
	sql := fmt.Sprintf("UPDATE %s SET %s%s RETURNING (%s)",
		quote(c.relation.Name), strings.Join(terms, ", "), where, check)
	return Statement{SQL: sql, Args: c.args}, nil
}

// CompileDelete returns the statement for d.
func CompileDelete(schema Schema, caller policy.Caller, d Delete) (Statement, error) {
	c, err := newCompiler(schema, caller, d.Relation)
	if err != nil {
		return Statement{}, err
	}
	where, err := c.reached(policy.For(caller, d.Relation, policy.Delete), d.Where)
	if err != nil {
		return Statement{}, err
	}
	return Statement{SQL: "DELETE FROM " + quote(c.relation.Name) + where, Args: c.args}, nil
}

// CompileInsert returns the statement for i; its answer is as CompileUpdate's.
func CompileInsert(schema Schema, caller policy.Caller, i Insert) (Statement, error) {
	c, err := newCompiler(schema, caller, i.Relation)
	if err != nil {
		return Statement{}, err
	}
	var names, values []string
	for _, a := range i.Set {
		name, _, err := c.column(a.Column)
		if err != nil {
			return Statement{}, err
		}
		names, values = append(names, name), append(values, c.bind(a.Value))
	}
	row := "DEFAULT VALUES"
	if len(names) > 0 {
		row = fmt.Sprintf("(%s) VALUES (%s)", strings.Join(names, ", "), strings.Join(values, ", "))
	}
	check := policy.For(caller, i.Relation, policy.Insert).Check(c.bind)
	return Statement{
		SQL:  fmt.Sprintf("INSERT INTO %s %s RETURNING (%s)", quote(c.relation.Name), row, check),
		Args: c.args,
	}, nil
}

// CompileKeys returns a select of the key of each row of the relation that the
// filter selects and the caller may change by the action.
func CompileKeys(schema Schema, caller policy.Caller, relation string, action policy.Action, filter Expr) (Statement, error) {
	c, err := newCompiler(schema, caller, relation)
	if err != nil {
		return Statement{}, err
	}
	keys, err := c.names(c.relation.Key)
	if err != nil {
		return Statement{}, err
	}
	where, err := c.reached(policy.For(caller, relation, action), filter)
	if err != nil {
		return Statement{}, err
	}
	sql := fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %[1]s", keys, quote(c.relation.Name), where)
	return Statement{SQL: sql, Args: c.args}, nil
}

// reached returns the WHERE clause of a write: the client's filter, and only
// rows that the caller both sees and may change, as in PostgreSQL.
func (c *compiler) reached(grant policy.Grant, filter Expr) (string, error) {
	where := ""
	if filter != nil {
		sql, err := filter.compile(c)
		if err != nil {
			return "", err
		}
		where = "(" + sql + ") AND "
	}
	visible := policy.For(c.caller, c.relation.Name, policy.Select)
	return fmt.Sprintf(" WHERE %s(%s) AND (%s)", where, visible.Using(c.bind), grant.Using(c.bind)), nil
}
