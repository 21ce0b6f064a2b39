package parse_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/rest/parse"
)

// Section 3, filters.
func TestFilter(t *testing.T) {
	t.Parallel()
	plain := func(op parse.Op, value string) parse.Filter { return parse.Filter{Op: op, Value: value} }
	not := func(f parse.Filter) parse.Filter { f.Negated = true; return f }
	in := func(values ...string) parse.Filter { return parse.Filter{Op: parse.In, Values: values} }
	quantified := func(op parse.Op, q parse.Quantifier, value string, values ...string) parse.Filter {
		return parse.Filter{Op: op, Quantifier: q, Value: value, Values: values}
	}
	for _, c := range []struct {
		text string
		want parse.Filter
	}{
		{"eq.1", plain(parse.Eq, "1")},
		{"neq.1", plain(parse.Neq, "1")},
		{"gt.1", plain(parse.Gt, "1")},
		{"gte.1", plain(parse.Gte, "1")},
		{"lt.1", plain(parse.Lt, "1")},
		{"lte.1", plain(parse.Lte, "1")},
		{"like.*a*", plain(parse.Like, "*a*")},
		{"ilike.a%", plain(parse.ILike, "a%")},
		{"match.^a", plain(parse.Match, "^a")},
		{"imatch.^a", plain(parse.IMatch, "^a")},
		{"isdistinct.x", plain(parse.IsDistinct, "x")},
		{"sl.[9,10]", plain(parse.StrictlyLeft, "[9,10]")},
		{"sr.[3,4]", plain(parse.StrictlyRight, "[3,4]")},
		{"nxr.[4,7]", plain(parse.NotExtendRight, "[4,7]")},
		{"nxl.[4,7]", plain(parse.NotExtendLeft, "[4,7]")},
		{"adj.(3,10]", plain(parse.Adjacent, "(3,10]")},
		{"eq.", plain(parse.Eq, "")},
		{`eq."quoted"`, plain(parse.Eq, `"quoted"`)},
		{"eq. a,(b).c ", plain(parse.Eq, " a,(b).c ")},
		{"eq.eq.1", plain(parse.Eq, "eq.1")},
		{"eq.None", plain(parse.Eq, "None")},
		{"eq.\xff", plain(parse.Eq, "\xff")},
		{"eq.{1,2}", plain(parse.Eq, "{1,2}")},
		{"not.eq.x", not(plain(parse.Eq, "x"))},
		{"not.like.*x", not(plain(parse.Like, "*x"))},

		{"is.null", plain(parse.Is, "null")},
		{"is.null ", plain(parse.Is, "null")},
		{"is.NULL", plain(parse.Is, "null")},
		{"is.not_null", plain(parse.Is, "not_null")},
		{"is.True", plain(parse.Is, "true")},
		{"is.fAlSe", plain(parse.Is, "false")},
		{"is.unknown", plain(parse.Is, "unknown")},
		{"not.is.null", not(plain(parse.Is, "null"))},

		{"in.()", in()},
		{"in.(    )", in()},
		{`in.("")`, in("")},
		{"in.(a)", in("a")},
		{"in.(1,2,3)", in("1", "2", "3")},
		{"in.( 1, 2 )", in("1", " 2 ")},
		{"in.( ,3)", in("", "3")},
		{"in.(,)", in("", "")},
		{`in.(a,"b,c",x y,3)`, in("a", "b,c", "x y", "3")},
		{`in.("Double O Seven(007)")`, in("Double O Seven(007)")},
		{`in.("a\"b","\\","D\a\vid")`, in(`a"b`, `\`, "David")},
		{`in.(d"e)`, in(`d"e`)},
		{`in.(")`, in(`"`)},
		{`in.(\)`, in(`\`)},
		{`in.("a"b,c)`, in(`"a"b`, "c")},
		{`in.("a" ,c)`, in(`"a" `, "c")},
		{`in.(Double"Quote"McGraw")`, in(`Double"Quote"McGraw"`)},
		{"not.in.(a,b)", not(in("a", "b"))},

		{"eq(any).{a,b}", quantified(parse.Eq, parse.Any, "{a,b}", "a", "b")},
		{"like(all).{a%,%b}", quantified(parse.Like, parse.All, "{a%,%b}", "a%", "%b")},
		{`ilike(any).{a*,"c d",e\,f}`, quantified(parse.ILike, parse.Any, `{a*,"c d",e\,f}`, "a*", "c d", "e,f")},
		{"not.gte(all).{1}", not(quantified(parse.Gte, parse.All, "{1}", "1"))},
		{"lt(any).{}", parse.Filter{Op: parse.Lt, Quantifier: parse.Any, Value: "{}", Values: []string{}}},
		{"gt(any).{1,NULL}", parse.Filter{Op: parse.Gt, Quantifier: parse.Any, Value: "{1,NULL}", Values: []string{"1"}, Null: true}},
		{"lte(any).1", quantified(parse.Lte, parse.Any, "1")},
		{"match(any).{^a,b$}", quantified(parse.Match, parse.Any, "{^a,b$}", "^a", "b$")},
		{"imatch(all).{x}", quantified(parse.IMatch, parse.All, "{x}", "x")},

		{"cs.{a,b}", quantified(parse.Contains, "", "{a,b}", "a", "b")},
		{`cs.{"a": 1}`, plain(parse.Contains, `{"a": 1}`)},
		{"cd.{1}", quantified(parse.ContainedIn, "", "{1}", "1")},
		{"ov.[2,3)", plain(parse.Overlaps, "[2,3)")},

		{"fts.cat", plain(parse.FullText, "cat")},
		{"plfts.a b", plain(parse.PlainFullText, "a b")},
		{"phfts(english).a", parse.Filter{Op: parse.PhraseFullText, Language: "english", Value: "a"}},
		{"not.wfts(german).a", parse.Filter{Negated: true, Op: parse.WebsearchFullText, Language: "german", Value: "a"}},
	} {
		t.Run(c.text, func(t *testing.T) {
			t.Parallel()
			_, got, err := parse.ParseFilter("col", c.text)
			require.NoError(t, err)
			c.want.Path = column("col")
			if c.want.Op == parse.In && c.want.Values == nil {
				c.want.Values = []string{}
			}
			assert.Equal(t, c.want, got)
			tree, err := parse.ParseLogic("and", "("+got.String()+")")
			require.NoError(t, err)
			assert.Equal(t, []parse.Condition{got}, tree.Children)
		})
	}
}

func TestFilterRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "1", ".", "eq", "EQ.1", " eq.1", "eq .1", "not", "not.", "nota.1", "not.not.eq.1", "not.1",
		"eq(some).{1}", "eq(any.{1}", "eq(any){1}", "eq(any ).{1}", "neq(any).{1}", "cs(any).{1}", "isdistinct(any).{1}",
		"is", "is.", "is.nothing", "is.nullx", "is. null", "in", "in.", "in.a", "in.(a", "in.(a)b", `in.("d")e")`,
		"fts(.a", "fts().a", "fts(english.a", "fts(a-b).c", "isdist.a", "ltt.1", "likes.a",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, _, err := parse.ParseFilter("col", text)
			require.ErrorContains(t, err, `"failed to parse filter (`+text+`)" (line 1, column `)
		})
	}
}

// Section 2, filters of embeds, and section 3, JSON paths.
func TestFilterNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		embed []string
		path  parse.Path
	}{
		{"id", nil, column("id")},
		{"child.id", []string{"child"}, column("id")},
		{"a.b.c", []string{"a", "b"}, column("c")},
		{"data->>k", nil, column("data", text("k"))},
		{"child.data->a->>0", []string{"child"}, column("data", key("a"), parse.Key{Name: "0", Index: true, Text: true})},
		{`"*id*"`, nil, column("*id*")},
		{`"a.b".c`, []string{"a.b"}, column("c")},
		{`"order"`, nil, column("order")},
		{"Just A Server Model", nil, column("Just A Server Model")},
		{"with-dash", nil, column("with-dash")},
	} {
		embed, filter, err := parse.ParseFilter(c.name, "eq.1")
		require.NoError(t, err, c.name)
		assert.Equal(t, c.embed, embed, c.name)
		assert.Equal(t, c.path, filter.Path, c.name)
	}
	for _, name := range []string{"", ".", "a.", ".a", "a..b", "a->", "a->>b.c", "*", "a(b)", "a:b", "a,b", `"a`, "a->b->"} {
		_, _, err := parse.ParseFilter(name, "eq.1")
		require.ErrorContains(t, err, `"failed to parse tree path (`+name+`)" (line 1, column `)
	}
}

func TestArray(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"{}": {}, "{ }": {}, " {a} ": {"a"}, "{a,b}": {"a", "b"}, "{ a , b c }": {"a", "b c"},
		`{"a,b",c}`: {"a,b", "c"}, `{ "" }`: {""}, `{"a\"b\\c"}`: {`a"b\c`}, `{a\,b}`: {"a,b"}, `{\ a\ }`: {" a "},
		`{"null",\null}`: {"null", "null"}, "{NULLS}": {"NULLS"}, "{é}": {"é"},
	} {
		values, null, ok := parse.Array(text)
		assert.True(t, ok, text)
		assert.False(t, null, text)
		assert.Equal(t, want, values, text)
	}
	for _, text := range []string{"{NULL}", "{ null }", "{Null,NULL}"} {
		values, null, ok := parse.Array(text)
		assert.True(t, ok && null && values != nil && len(values) == 0, text)
	}
	for _, text := range []string{
		"", "a", "{", "}", "{a", "a}", "{a,}", "{,a}", "{a,,b}", `{"a}`, `{"a"b}`, `{a"b"}`, `{a\}`, "{{a},{b}}", "{a}b}", "[0:0]={a}",
	} {
		_, _, ok := parse.Array(text)
		assert.False(t, ok, text)
	}
}
