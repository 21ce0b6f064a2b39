package query

import (
	"fmt"
	"strings"
)

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
	name, _, err := c.column(e.Column)
	if err != nil {
		return "", err
	}
	switch e.Op {
	case Eq, Neq, Lt, Lte, Gt, Gte:
		return fmt.Sprintf("%s %s %s", name, e.Op, c.bind(e.Value)), nil
	default:
		return "", fmt.Errorf("unknown comparison %q", e.Op)
	}
}

func (e IsNull) compile(c *compiler) (string, error) {
	name, _, err := c.column(e.Column)
	return name + " IS NULL", err
}
