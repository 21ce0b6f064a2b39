package parse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/rest/parse"
)

func eq(name, value string) parse.Filter {
	return parse.Filter{Path: column(name), Op: parse.Eq, Value: value}
}

func and(children ...parse.Condition) parse.Logic {
	return parse.Logic{Op: parse.And, Children: children}
}

func or(children ...parse.Condition) parse.Logic {
	return parse.Logic{Op: parse.Or, Children: children}
}

func not(l parse.Logic) parse.Logic { l.Negated = true; return l }

// Section 3, logic.
func TestLogic(t *testing.T) {
	t.Parallel()
	in := func(name string, values ...string) parse.Filter {
		return parse.Filter{Path: column(name), Op: parse.In, Values: values}
	}
	op := func(name string, op parse.Op, value string, values ...string) parse.Filter {
		return parse.Filter{Path: column(name), Op: op, Value: value, Values: values}
	}
	negated := func(f parse.Filter) parse.Filter { f.Negated = true; return f }
	for _, c := range []struct {
		text string
		want parse.Logic
	}{
		{"or=(a.eq.1)", or(eq("a", "1"))},
		{"or=(a.eq.1,b.eq.2)", or(eq("a", "1"), eq("b", "2"))},
		{"not.and=(a.eq.1)", not(and(eq("a", "1")))},
		{"or=(a.eq.1,and(b.gt.2,c.is.null))", or(eq("a", "1"), and(op("b", parse.Gt, "2"), op("c", parse.Is, "null")))},
		{"and=(not.or(a.eq.1,b.eq.2),c.eq.3)", and(not(or(eq("a", "1"), eq("b", "2"))), eq("c", "3"))},
		{"and=(a.not.eq.1)", and(negated(eq("a", "1")))},
		{"and=(a.not.in.(1,2),b.not.is.null)", and(negated(in("a", "1", "2")), negated(op("b", parse.Is, "null")))},
		{"or=(id.in.(1,2),id.in.())", or(in("id", "1", "2"), parse.Filter{Path: column("id"), Op: parse.In, Values: []string{}})},
		{"and=( and ( id.in.( 1, 2 ) , id.eq.3 ) , or ( id.eq.2 , id.eq.3 ) )",
			and(and(in("id", "1", " 2 "), eq("id", "3 ")), or(eq("id", "2 "), eq("id", "3 ")))},
		{"or=(id.eq.1))", or(eq("id", "1"))},
		{"or=(id.eq.1) ", or(eq("id", "1"))},
		{`or=(name.eq."(a,b)",name.eq."c,d")`, or(eq("name", "(a,b)"), eq("name", "c,d"))},
		{`or=(name.eq."a\"b\\c")`, or(eq("name", `a"b\c`))},
		{`or=(name.eq.d"e)`, or(eq("name", `d"e`))},
		{`or=(name.eq."a"b)`, or(eq("name", `"a"b`))},
		{`or=(name.eq.")`, or(eq("name", `"`))},
		{"or=(name.eq.)", or(eq("name", ""))},
		{"or=(name.eq.,b.eq.x)", or(eq("name", ""), eq("b", "x"))},
		{"or=(name.eq.a(b,c.eq.1)", or(eq("name", "a(b"), eq("c", "1"))},
		{"or=(name.eq.a.b:c=d)", or(eq("name", "a.b:c=d"))},
		{"or=(arr.cs.{1,2,3},arr.cd.{1})", or(op("arr", parse.Contains, "{1,2,3}", "1", "2", "3"), op("arr", parse.ContainedIn, "{1}", "1"))},
		{`or=(j.cs.{"a":1,"b":2},k.eq.1)`, or(op("j", parse.Contains, `{"a":1,"b":2}`), eq("k", "1"))},
		{"or=(arr.eq.{1,k.eq.1)", or(eq("arr", "{1"), eq("k", "1"))},
		{"or=(arr.eq.{{1},k.eq.1)", or(eq("arr", "{{1}"), eq("k", "1"))},
		{"or=(name.like(any).{a*,*b})", or(parse.Filter{
			Path: column("name"), Op: parse.Like, Quantifier: parse.Any, Value: "{a*,*b}", Values: []string{"a*", "*b"}})},
		{"or=(v.fts(english).a,v.plfts.b)", or(parse.Filter{
			Path: column("v"), Op: parse.FullText, Language: "english", Value: "a"}, op("v", parse.PlainFullText, "b"))},
		{"or=(data->>a.eq.1,data->0.is.null)", or(
			parse.Filter{Path: column("data", text("a")), Op: parse.Eq, Value: "1"},
			parse.Filter{Path: column("data", index("0")), Op: parse.Is, Value: "null"})},
		{`or=("a.b".eq.1)`, or(eq("a.b", "1"))},
		{"or=(and_start.eq.1,or_start.eq.2)", or(eq("and_start", "1"), eq("or_start", "2"))},
		{"or=(and.eq.1,or.eq.2,not.eq.3)", or(eq("and", "1"), eq("or", "2"), eq("not", "3"))},
		{"or=(not.not.eq.3)", or(negated(eq("not", "3")))},
	} {
		t.Run(c.text, func(t *testing.T) {
			t.Parallel()
			operator, value, _ := strings.Cut(c.text, "=")
			got, err := parse.ParseLogic(operator, value)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			operator, value, _ = strings.Cut(got.String(), "(")
			again, err := parse.ParseLogic(operator, "("+value)
			require.NoError(t, err)
			assert.Equal(t, got, again)
		})
	}
}

func TestLogicRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "(", ")", "()", "a.eq.1", "(a.eq.1", "(a.eq.1,)", "(,a.eq.1)", "(a.eq.1)x", "(a.eq.1),(b.eq.1)", "(a)", "(a.1)",
		"(a.foo.1)", "(.eq.1)", "(a.is.nullx)", "(a.is.nope)", "(a.in.1)", "(a.in.(1)", "(a.eq.{1}x)", "(not(a.eq.1))",
		"(not.a.eq.1)", "(xor(a.eq.1))", "(and)", "(and())", "(and(a.eq.1)", "(and(a.eq.1)b.eq.1)", "(a.b.eq.1)", ".eq.1",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := parse.ParseLogic("or", text)
			require.ErrorContains(t, err, `"failed to parse logic tree (`+text+`)" (line 1, column `)
		})
	}
}
