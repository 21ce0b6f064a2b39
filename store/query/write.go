package query

import (
	"fmt"
	"strings"

	"github.com/llmtally/llmtally/policy"
)

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
		_, col, err := c.column(a.Column)
		if err != nil {
			return Statement{}, err
		}
		terms = append(terms, quote(col.Name)+" = "+c.bind(a.Value))
	}
	grant := policy.For(caller, u.Relation, policy.Update)
	where, err := c.reached(grant, u.Where)
	if err != nil {
		return Statement{}, err
	}
	check := grant.Check(c.bind)
	sql := fmt.Sprintf("UPDATE %s AS %s SET %s%s RETURNING (%s)",
		quote(c.relation.Name), c.alias, strings.Join(terms, ", "), where, check)
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
	sql := fmt.Sprintf("DELETE FROM %s AS %s%s", quote(c.relation.Name), c.alias, where)
	return Statement{SQL: sql, Args: c.args}, nil
}

// CompileInsert returns the statement for i. Its answer has, for the row, the
// columns of the key and then a boolean as CompileUpdate's.
func CompileInsert(schema Schema, caller policy.Caller, i Insert) (Statement, error) {
	c, err := newCompiler(schema, caller, i.Relation)
	if err != nil {
		return Statement{}, err
	}
	var names, values []string
	for _, a := range i.Set {
		_, col, err := c.column(a.Column)
		if err != nil {
			return Statement{}, err
		}
		names, values = append(names, quote(col.Name)), append(values, c.bind(a.Value))
	}
	row := "DEFAULT VALUES"
	if len(names) > 0 {
		row = fmt.Sprintf("(%s) VALUES (%s)", strings.Join(names, ", "), strings.Join(values, ", "))
	}
	var keys []string
	for _, k := range c.relation.Key {
		keys = append(keys, quote(k))
	}
	check := policy.For(caller, i.Relation, policy.Insert).Check(c.bind)
	return Statement{
		SQL: fmt.Sprintf("INSERT INTO %s %s RETURNING %s, (%s)",
			quote(c.relation.Name), row, strings.Join(keys, ", "), check),
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
	sql := fmt.Sprintf("SELECT %s FROM %s AS %s%s ORDER BY %[1]s", keys, quote(c.relation.Name), c.alias, where)
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
