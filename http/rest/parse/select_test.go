package parse_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/rest/parse"
)

func column(name string, keys ...parse.Key) parse.Path {
	return parse.Path{Column: name, Keys: keys}
}

func key(name string) parse.Key   { return parse.Key{Name: name} }
func text(name string) parse.Key  { return parse.Key{Name: name, Text: true} }
func index(name string) parse.Key { return parse.Key{Name: name, Index: true} }

func value(name string, keys ...parse.Key) parse.SelectItem {
	return parse.SelectItem{Path: column(name, keys...)}
}

func embed(e parse.Embed) parse.SelectItem { return parse.SelectItem{Embed: &e} }

// Section 3, select grammar.
func TestSelect(t *testing.T) {
	t.Parallel()
	id, star := value("id"), parse.SelectItem{Star: true}
	items := func(items ...parse.SelectItem) []parse.SelectItem { return items }
	for _, c := range []struct {
		text string
		want []parse.SelectItem
	}{
		{"", nil},
		{"  ", nil},
		{"*", items(star)},
		{" * , id ", items(star, id)},
		{"id,name", items(id, value("name"))},
		{"id\n,\tname", items(id, value("name"))},
		{"id,id", items(id, id)},
		{"Just A Server Model", items(value("Just A Server Model"))},
		{"with-dash", items(value("with-dash"))},
		{"with - dash", items(value("with-dash"))},
		{"a$num$", items(value("a$num$"))},
		{"größe", items(value("größe"))},
		{"123", items(value("123"))},
		{`"a.dotted,col"`, items(value("a.dotted,col"))},
		{`":arr->ow::cast"`, items(value(":arr->ow::cast"))},
		{`"  col  "`, items(value("  col  "))},
		{`"a\"b\\c\d"`, items(value(`a"b\cd`))},
		{"count", items(value("count"))},

		{"alias:id", items(parse.SelectItem{Alias: "alias", Path: column("id")})},
		{" my alias : id ", items(parse.SelectItem{Alias: "my alias", Path: column("id")})},
		{`"a:b":id`, items(parse.SelectItem{Alias: "a:b", Path: column("id")})},
		{"id::text", items(parse.SelectItem{Path: column("id"), Cast: "text"})},
		{"id::double precision", items(parse.SelectItem{Path: column("id"), Cast: "double precision"})},
		{"x:id::text", items(parse.SelectItem{Alias: "x", Path: column("id"), Cast: "text"})},

		{"a->b", items(value("a", key("b")))},
		{"a->>b", items(value("a", text("b")))},
		{"a->b->>c", items(value("a", key("b"), text("c")))},
		{"a->0", items(value("a", index("0")))},
		{"a->-1->>x", items(value("a", index("-1"), text("x")))},
		{"a->0 ,id", items(value("a", index("0")), id)},
		{"rel(a->0)", items(embed(parse.Embed{Relation: "rel", Items: items(value("a", index("0")))}))},
		{"a->12ab", items(value("a", key("12ab")))},
		{"a->0-1", items(value("a", key("0-1")))},
		{"a->!@#$%^&*_d", items(value("a", key("!@#$%^&*_d")))},
		{"a->with-dash->>x", items(value("a", key("with-dash"), text("x")))},
		{`a->"b.c"`, items(value("a", key("b.c")))},
		{`a->"0"`, items(value("a", key("0")))},
		{`a->""`, items(value("a", key("")))},
		{"a -> b", items(value("a", key("b")))},
		{"x:a->b::int", items(parse.SelectItem{Alias: "x", Path: column("a", key("b")), Cast: "int"})},
		{"a-b->c", items(value("a-b", key("c")))},

		{"rel(id)", items(embed(parse.Embed{Relation: "rel", Items: items(id)}))},
		{"rel()", items(embed(parse.Embed{Relation: "rel"}))},
		{"rel( )", items(embed(parse.Embed{Relation: "rel"}))},
		{"id, rel ( id ) , *", items(id, embed(parse.Embed{Relation: "rel", Items: items(id)}), star)},
		{"a(b(c()))", items(embed(parse.Embed{Relation: "a", Items: items(
			embed(parse.Embed{Relation: "b", Items: items(embed(parse.Embed{Relation: "c"}))}))}))},
		{"x:rel(*)", items(parse.SelectItem{Alias: "x", Embed: &parse.Embed{Relation: "rel", Items: items(star)}})},
		{"rel!fk(*)", items(embed(parse.Embed{Relation: "rel", Hint: "fk", Items: items(star)}))},
		{"rel!inner(*)", items(embed(parse.Embed{Relation: "rel", Join: parse.Inner, Items: items(star)}))},
		{"rel!left(*)", items(embed(parse.Embed{Relation: "rel", Join: parse.Left, Items: items(star)}))},
		{"rel!fk!inner(*)", items(embed(parse.Embed{Relation: "rel", Hint: "fk", Join: parse.Inner, Items: items(star)}))},
		{"rel!inner!fk(*)", items(embed(parse.Embed{Relation: "rel", Hint: "fk", Join: parse.Inner, Items: items(star)}))},
		{"rel!leftover(*)", items(embed(parse.Embed{Relation: "rel", Hint: "leftover", Items: items(star)}))},
		{`rel!"left"(*)`, items(embed(parse.Embed{Relation: "rel", Hint: "left", Items: items(star)}))},
		{"rel!a!b(*)", items(embed(parse.Embed{Relation: "rel", Hint: "a", Items: items(star)}))},
		{"...rel(id)", items(embed(parse.Embed{Relation: "rel", Spread: true, Items: items(id)}))},
		{"...rel!fk!inner(id)", items(embed(parse.Embed{Relation: "rel", Hint: "fk", Join: parse.Inner, Spread: true, Items: items(id)}))},
		{`"count"(id)`, items(embed(parse.Embed{Relation: "count", Items: items(id)}))},

		{"count()", items(parse.SelectItem{Aggregate: parse.Count})},
		{"n:count()::text", items(parse.SelectItem{Alias: "n", Aggregate: parse.Count, AggregateCast: "text"})},
		{"id.count()", items(parse.SelectItem{Path: column("id"), Aggregate: parse.Count})},
		{"cost.sum()", items(parse.SelectItem{Path: column("cost"), Aggregate: parse.Sum})},
		{"cost.avg(),cost.max(),cost.min()", items(
			parse.SelectItem{Path: column("cost"), Aggregate: parse.Avg},
			parse.SelectItem{Path: column("cost"), Aggregate: parse.Max},
			parse.SelectItem{Path: column("cost"), Aggregate: parse.Min})},
		{"t:a->>b::int.sum()::text", items(parse.SelectItem{
			Alias: "t", Path: column("a", text("b")), Cast: "int", Aggregate: parse.Sum, AggregateCast: "text"})},
	} {
		t.Run(c.text, func(t *testing.T) {
			t.Parallel()
			got, err := parse.ParseSelect(c.text)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			again, err := parse.ParseSelect(parse.WriteSelect(got))
			require.NoError(t, err)
			assert.Equal(t, got, again)
		})
	}
}

func TestSelectRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		",", "id,", ",id", "id,,name", "id)", "(id)", "rel(id", "rel(id))", "rel(id,)", "rel(id)x",
		"*x", "x:*", "alias:", ":id", "a:b:c", "id::", "id::text::int", "id::numeric(10,2)",
		"a->", "a->>", "a->(b)", "a->b-", "a>b", "a-", "-a", `"open`, `""`, `a->"open`,
		"rel!(id)", "rel!inner", "rel!a!b!c(id)", "...rel", "...", "x:...rel(id)", "..rel(id)",
		"count(id)", "count().sum()", "id.foo()", "id.sum", "id.sum(", "id.sum()x", "a->b(c)", "\xff",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := parse.ParseSelect(text)
			require.ErrorContains(t, err, `"failed to parse select parameter (`+text+`)" (line 1, column `)
		})
	}
}

func TestOutputNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"id": "id", "x:id": "x", "id::text": "id", "a->b": "b", "a->>b": "b", "a->b->0": "b", "a->0": "a",
		"rel(id)": "rel", "x:rel(id)": "x", "*": "", "...rel(id)": "", "count()": "count",
		"cost.sum()": "sum", "total:cost.sum()": "total",
	} {
		items, err := parse.ParseSelect(text)
		require.NoError(t, err)
		assert.Equal(t, want, items[0].OutputName(), text)
	}
}
