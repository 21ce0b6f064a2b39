package parse

import "strings"

// A SelectItem is one thing that an answer shows: every column (Star), an
// embedded relation (Embed), or a value (Path, with a cast or an aggregate).
type SelectItem struct {
	Alias string
	Star  bool
	Embed *Embed

	Path Path   // empty for count()
	Cast string // the name of a type

	Aggregate     Aggregate
	AggregateCast string // of the aggregate's result
}

// An Aggregate is a function over the rows of a group. PostgREST refuses them
// unless its configuration allows them (PGRST123).
type Aggregate string

// The aggregates.
const (
	Sum   Aggregate = "sum"
	Avg   Aggregate = "avg"
	Count Aggregate = "count"
	Max   Aggregate = "max"
	Min   Aggregate = "min"
)

var aggregates = []Aggregate{Sum, Avg, Count, Max, Min}

// An Embed shows rows of a related relation inside each row. Spread puts a
// related row's columns among those of the row itself. No items at all means
// that the relation only serves to filter.
type Embed struct {
	Relation string
	Hint     string // a foreign key or column that tells relationships apart
	Join     Join
	Spread   bool
	Items    []SelectItem
}

// A Join says what becomes of a row without related rows.
type Join string

// The joins; without either word a row stays.
const (
	Inner Join = "inner" // the row is left out
	Left  Join = "left"  // the row stays
)

// OutputName returns the item's key in an answer; empty for Star and Spread.
func (i SelectItem) OutputName() string {
	switch {
	case i.Alias != "":
		return i.Alias
	case i.Embed != nil && !i.Embed.Spread:
		return i.Embed.Relation
	case i.Embed != nil || i.Star:
		return ""
	case i.Aggregate != "":
		return string(i.Aggregate)
	default:
		return i.Path.Last()
	}
}

// String writes the item as it can stand in a request.
func (i SelectItem) String() string {
	alias := ""
	if i.Alias != "" {
		alias = writtenName(i.Alias) + ":"
	}
	switch {
	case i.Star:
		return "*"
	case i.Embed != nil:
		return alias + i.Embed.String()
	case i.Path.Column == "" && i.Aggregate == Count:
		return alias + "count()" + written("::", i.AggregateCast)
	}
	text := alias + i.Path.String() + written("::", i.Cast)
	if i.Aggregate != "" {
		text += "." + string(i.Aggregate) + "()" + written("::", i.AggregateCast)
	}
	return text
}

// String writes the embed, without its alias, as it can stand in a request.
func (e Embed) String() string {
	relation := writtenName(e.Relation)
	if relation == "count" { // would read as the aggregate
		relation = quote(relation)
	}
	if e.Spread {
		relation = "..." + relation
	}
	hint := writtenName(e.Hint)
	if hint == string(Inner) || hint == string(Left) {
		hint = quote(hint)
	}
	return relation + written("!", hint) + written("!", string(e.Join)) + "(" + WriteSelect(e.Items) + ")"
}

// WriteSelect writes a list of items as the value of a select parameter.
func WriteSelect(items []SelectItem) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = item.String()
	}
	return strings.Join(texts, ",")
}

func written(mark, text string) string {
	if text == "" {
		return ""
	}
	return mark + text
}
