package query

import "slices"

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

var typeNames = [...]string{"text", "bigint", "real", "double precision", "timestamp with time zone", "json"}

// String returns PostgreSQL's name of the type.
func (t Type) String() string { return typeNames[t] }

// A ColumnSpec is a named, typed column of a relation or a result.
type ColumnSpec struct {
	Name string
	Type Type
}

// A Relation is a table or view that can be queried.
type Relation struct {
	Name    string
	Columns []ColumnSpec
	Key     []string   // the primary key; nil for a view
	Unique  [][]string // other unique keys
	Order   []Order    // the order when a query asks for none
	Private bool       // for llmtally's own queries, not for clients' dialects
}

// Column returns the relation's column of that name.
func (r *Relation) Column(name string) (ColumnSpec, bool) {
	for _, c := range r.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return ColumnSpec{}, false
}

// IsUnique says whether the columns, in any order, are a unique key.
func (r *Relation) IsUnique(columns []string) bool {
	for _, key := range append([][]string{r.Key}, r.Unique...) {
		if len(key) != len(columns) {
			continue
		}
		same := true
		for _, k := range key {
			same = same && slices.Contains(columns, k)
		}
		if same {
			return true
		}
	}
	return false
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

// A Schema lists the relations by name.
type Schema map[string]*Relation
