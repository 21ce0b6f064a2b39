package parse_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/rest/parse"
)

// Section 3, order.
func TestOrder(t *testing.T) {
	t.Parallel()
	term := func(path parse.Path, desc bool, nulls parse.Nulls) parse.OrderTerm {
		return parse.OrderTerm{Path: path, Desc: desc, Nulls: nulls}
	}
	for _, c := range []struct {
		text string
		want []parse.OrderTerm
	}{
		{"a", []parse.OrderTerm{term(column("a"), false, "")}},
		{"a.asc", []parse.OrderTerm{term(column("a"), false, "")}},
		{"a.desc", []parse.OrderTerm{term(column("a"), true, "")}},
		{"a.nullsfirst", []parse.OrderTerm{term(column("a"), false, parse.NullsFirst)}},
		{"a.asc.nullsfirst", []parse.OrderTerm{term(column("a"), false, parse.NullsFirst)}},
		{"a.desc.nullslast", []parse.OrderTerm{term(column("a"), true, parse.NullsLast)}},
		{"a.asc,b.desc.nullsfirst", []parse.OrderTerm{term(column("a"), false, ""), term(column("b"), true, parse.NullsFirst)}},
		{" a.asc , b ", []parse.OrderTerm{term(column("a"), false, ""), term(column("b"), false, "")}},
		{"data->>k.desc", []parse.OrderTerm{term(column("data", text("k")), true, "")}},
		{"data->a->0.nullslast", []parse.OrderTerm{term(column("data", key("a"), index("0")), false, parse.NullsLast)}},
		{"data->!@#$%^&*_a.asc", []parse.OrderTerm{term(column("data", key("!@#$%^&*_a")), false, "")}},
		{`"a.b".desc`, []parse.OrderTerm{term(column("a.b"), true, "")}},
		{"child(name)", []parse.OrderTerm{{Relation: "child", Path: column("name")}}},
		{"child(name).desc.nullslast,id", []parse.OrderTerm{
			{Relation: "child", Path: column("name"), Desc: true, Nulls: parse.NullsLast}, {Path: column("id")}}},
		{"child(data->>k)", []parse.OrderTerm{{Relation: "child", Path: column("data", text("k"))}}},
		{"child(data->0)", []parse.OrderTerm{{Relation: "child", Path: column("data", index("0"))}}},
		{"desc.desc", []parse.OrderTerm{term(column("desc"), true, "")}},
	} {
		t.Run(c.text, func(t *testing.T) {
			t.Parallel()
			got, err := parse.ParseOrder(c.text)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			again, err := parse.ParseOrder(parse.WriteOrder(got))
			require.NoError(t, err)
			assert.Equal(t, got, again)
		})
	}
	for _, text := range []string{
		"", ",", "a,", ",a", "a.", "a.up", "a.ASC", "a.asc.", "a.asc.desc", "a.nullsfirst.asc", "a.asc.nulls", "a.ascc",
		"a b(c)(d)", "a(b,c)", "a(b", "a()", "a->b(c)", "*", "a.b.desc", "a.asc x",
	} {
		_, err := parse.ParseOrder(text)
		require.ErrorContains(t, err, `"failed to parse order (`+text+`)" (line 1, column `)
	}
}

// Section 2, insert list and upsert.
func TestColumnsAndOnConflict(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"a": {"a"}, "a,b": {"a", "b"}, `"a","b"`: {"a", "b"}, " b , a ": {"b", "a"}, "a,a": {"a"}, `"a,b"`: {"a,b"},
	} {
		for _, read := range []func(string) ([]string, error){parse.ParseColumns, parse.ParseOnConflict} {
			got, err := read(text)
			require.NoError(t, err, text)
			assert.Equal(t, want, got, text)
		}
	}
	for _, text := range []string{"", ",", "a,", ",a", "a!b", "a(b)", `"a`, `""`, "a->b", "*"} {
		_, err := parse.ParseColumns(text)
		require.ErrorContains(t, err, `"failed to parse columns parameter (`+text+`)" (line 1, column `)
	}
}
