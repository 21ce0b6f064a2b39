// Package query holds a client's question as plain data, and turns it into SQL.
//
// A query names relations and columns by text; Compile looks each one up in the
// schema and emits the stored name, never the client's, and binds every value.
// The access policy is part of the compiled statement: each relation is read
// through its rules' predicate, so no query can be compiled without a caller.
package query

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

// A Select reads rows of one relation, or of another select.
type Select struct {
	From    string
	Within  *Select  // read this select's rows, under the name From
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

// The aggregates. CountRows counts rows and takes no column; Concat puts texts
// one behind the other, in no order, with commas between them.
const (
	Sum   Aggregate = "sum"
	Max   Aggregate = "max"
	Min   Aggregate = "min"
	Count Aggregate = "count"

	CountDistinct Aggregate = "count distinct"
	CountRows     Aggregate = "count rows"

	Concat Aggregate = "string_agg"
)

// A Place is a column, or a place inside a JSON column.
type Place struct {
	Column string
	Keys   []Key
}

// A Key is one step into a JSON value: a member's name, or an element's index,
// from the end when negative.
type Key struct {
	Name    string
	Index   int
	IsIndex bool
}

// Column is a place that is a whole column.
func Column(name string) Place { return Place{Column: name} }

// An Order sorts by one place. PostgreSQL's default holds on every engine:
// nulls last when ascending, first when descending.
type Order struct {
	Column string
	Keys   []Key
	Desc   bool
	Nulls  Nulls
	// Through sorts by a column of the related row instead of the row's own.
	Through *Join
}

// Nulls says where nulls stand in an order.
type Nulls uint8

// The places of nulls.
const (
	NullsDefault Nulls = iota
	NullsFirst
	NullsLast
)

// A Join tells which rows of another relation belong to a row: those whose
// Foreign column equals the row's Local one.
type Join struct {
	Relation string
	Foreign  string
	Local    string
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
