// Package policy says who may do what. It stands in for PostgreSQL's row-level
// security: the whole access policy is the table in rules.go, and this file
// says what the table means. It knows no SQL driver and no HTTP.
//
// Several rules that match are OR-ed, and what no rule allows is denied. The
// zero Caller matches no rule.
package policy

import "slices"

// A Role is what a token's `role` claim names, as in Supabase.
type Role string

// The roles. A token without a role claim is Anon's.
const (
	Anon          Role = "anon"
	Authenticated Role = "authenticated"
	Service       Role = "service_role"
)

// Roles lists every role that a token may name.
func Roles() []Role { return []Role{Anon, Authenticated, Service} }

// A Caller is who asks. The zero Caller may do nothing.
type Caller struct {
	Role    Role
	Subject string         // the token's `sub`: the user's id
	Claims  map[string]any // all claims of the token
}

// System is the caller for the program's own commands: an import, a job.
func System() Caller { return Caller{Role: Service} }

// An Action is what a caller wants to do with rows of a relation.
type Action string

// The actions, named as in SQL.
const (
	Select Action = "select"
	Insert Action = "insert"
	Update Action = "update"
	Delete Action = "delete"
)

// Actions lists every action.
func Actions() []Action { return []Action{Select, Insert, Update, Delete} }

// A Rule lets Roles do Action on rows of Relation: on rows that Using holds
// for, and leaving rows that Check holds for. Insert has no Using, Select and
// Delete no Check. Columns in Except may be read but not written.
type Rule struct {
	Relation string
	Roles    []Role
	Action   Action
	Using    Predicate
	Check    Predicate
	Except   []string
}

func (r Rule) matches(relation string, action Action) bool {
	return (r.Relation == relation || r.Relation == every) && (r.Action == action || r.Action == every)
}

// A Predicate is a condition on a row. The zero Predicate holds for none.
type Predicate struct {
	every bool
	own   string // the column that must equal the caller's subject
}

func everyRow() Predicate            { return Predicate{every: true} }
func ownRow(column string) Predicate { return Predicate{own: column} }

// sql returns the predicate as SQL over the relation's column names. bind
// takes a value and returns its placeholder.
func (p Predicate) sql(c Caller, bind func(any) string) string {
	switch {
	case p.every:
		return "TRUE"
	case p.own != "" && c.Subject != "":
		return p.own + " = " + bind(c.Subject)
	default:
		return "FALSE"
	}
}

func (p Predicate) holds(c Caller, value func(column string) string) bool {
	switch {
	case p.every:
		return true
	case p.own != "" && c.Subject != "":
		return value(p.own) == c.Subject
	default:
		return false
	}
}

// A Grant is everything that one caller may do with one relation by one
// action: the union of the rules that match.
type Grant struct {
	caller Caller
	rules  []Rule
}

// For returns the caller's grant.
func For(c Caller, relation string, action Action) Grant {
	g := Grant{caller: c}
	for _, r := range rules {
		if r.matches(relation, action) && slices.Contains(r.Roles, c.Role) {
			g.rules = append(g.rules, r)
		}
	}
	return g
}

// Any says whether any rule matches at all, whatever the row.
func (g Grant) Any() bool { return len(g.rules) > 0 }

// Using returns, as SQL, which existing rows the grant reaches: "FALSE" when
// none. bind takes a value and returns its placeholder.
func (g Grant) Using(bind func(any) string) string {
	return g.or(func(r Rule) string { return r.Using.sql(g.caller, bind) })
}

// Check returns, as SQL, which new rows the grant lets the caller leave.
func (g Grant) Check(bind func(any) string) string {
	return g.or(func(r Rule) string { return r.Check.sql(g.caller, bind) })
}

func (g Grant) or(term func(Rule) string) string {
	sql := ""
	for _, r := range g.rules {
		t := term(r)
		if t == "TRUE" {
			return t
		}
		if sql != "" {
			sql += " OR "
		}
		sql += t
	}
	if sql == "" {
		return "FALSE"
	}
	return sql
}

// Reaches says whether the grant reaches an existing row, whose columns value
// returns (empty text for null). It means the same as Using.
func (g Grant) Reaches(value func(column string) string) bool {
	return slices.ContainsFunc(g.rules, func(r Rule) bool { return r.Using.holds(g.caller, value) })
}

// Allows says whether the grant lets the caller leave a row. It means the same
// as Check.
func (g Grant) Allows(value func(column string) string) bool {
	return slices.ContainsFunc(g.rules, func(r Rule) bool { return r.Check.holds(g.caller, value) })
}

// Writable says whether the caller may set the column.
func (g Grant) Writable(column string) bool {
	return slices.ContainsFunc(g.rules, func(r Rule) bool { return !slices.Contains(r.Except, column) })
}
