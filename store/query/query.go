// Package query holds a client's question as plain data, and turns it into SQL.
//
// A query names relations and columns by text; Compile looks each one up in the
// schema and emits the stored name, never the client's, and binds every value.
// The access policy is part of the compiled statement: each relation is read
// through its rules' predicate, so no query can be compiled without a caller.
package query

// A Type is the kind of value that a column holds.
type Type uint8

// The types. Time is kept as fixed-width UTC text on SQLite.
const (
	Text Type = iota
	Int
	Real   // single precision, as PostgreSQL's real
	Double // double precision
	Time
	JSON
)

// A Column is a named, typed column of a relation or a result.
type Column struct {
	Name string
	Type Type
}

// A Relation is a table or view that can be queried.
type Relation struct {
	Name    string
	Columns []Column
	Key     []string // the primary key; nil for a view
	Order   []Order  // the order when a query asks for none
	Private bool     // for llmtally's own queries, not for clients' dialects
}

// Column returns the relation's column of that name.
func (r *Relation) Column(name string) (Column, bool) {
	for _, c := range r.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// A Schema lists the relations by name.
type Schema map[string]*Relation

// A Query is a Select, Insert, Update or Delete.
type Query interface{ isQuery() }

func (Select) isQuery() {}
func (Insert) isQuery() {}
func (Update) isQuery() {}
func (Delete) isQuery() {}

// A Row is one row of an answer, in the order of the statement's columns. A
// value is nil or has the Go type of its column: string for Text, Time (as
// stored) and JSON, int64, float64.
type Row []any

// A Select reads rows of one relation.
type Select struct {
	From    string
	Columns []Output // none: every column of the relation
	Where   Expr     // nil: every row the caller may see
	Group   []string
	Order   []Order
	Limit   *int64
	Offset  int64
}

// An Output is a column of the answer: a column of the relation, or an
// aggregate over one.
type Output struct {
	Name string
	As   string    // its name in the answer; Name when empty
	Func Aggregate // none: the column itself
}

// An Aggregate is a function over the rows of a group.
type Aggregate string

// The aggregates.
const (
	Sum   Aggregate = "sum"
	Max   Aggregate = "max"
	Min   Aggregate = "min"
	Count Aggregate = "count"

	CountDistinct Aggregate = "count distinct"
)

// An Order sorts by one column. PostgreSQL's default holds on every engine:
// nulls last when ascending, first when descending.
type Order struct {
	Column string
	Desc   bool
}

// An Update changes rows that Where selects.
type Update struct {
	Relation string
	Set      []Assignment
	Where    Expr
}

// An Assignment gives a column a value.
type Assignment struct {
	Column string
	Value  any
}

// A Delete removes rows that Where selects.
type Delete struct {
	Relation string
	Where    Expr
}

// An Insert adds one row.
type Insert struct {
	Relation string
	Set      []Assignment
}

// An Expr is a condition on a row.
type Expr interface {
	compile(*compiler) (string, error)
}

// And holds when all its parts do; Or when one does.
type (
	And []Expr
	Or  []Expr
)

// Not holds when its part is false.
type Not struct{ Expr Expr }

// An Op compares a column with a value.
type Op string

// The comparisons.
const (
	Eq  Op = "="
	Neq Op = "<>"
	Lt  Op = "<"
	Lte Op = "<="
	Gt  Op = ">"
	Gte Op = ">="
)

// A Compare compares a column with a value, which must have the column's Go
// type: string, int64, float64 or a time that the driver can bind.
type Compare struct {
	Column string
	Op     Op
	Value  any
}

// IsNull holds when the column is null.
type IsNull struct{ Column string }

// Is is shorthand for an equality.
func Is(column string, value any) Expr { return Compare{column, Eq, value} }

// Limit is shorthand for a Select's limit.
func Limit(n int64) *int64 { return &n }
