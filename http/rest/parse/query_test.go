package parse_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/rest/parse"
)

var everything = []parse.SelectItem{{Star: true}}

func where(embed string, conditions ...parse.Condition) []parse.Where {
	var path []string
	if embed != "" {
		path = strings.Split(embed, ".")
	}
	var list []parse.Where
	for _, condition := range conditions {
		list = append(list, parse.Where{Embed: path, Condition: condition})
	}
	return list
}

// Section 2, what clients send.
func TestQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query string
		want  parse.Query
	}{
		{"", parse.Query{Select: everything}},
		{"&&", parse.Query{Select: everything}},
		{"select=%2A", parse.Query{Select: everything}},
		{"select=", parse.Query{}},
		{"select", parse.Query{Select: everything}},
		{"select=id&select=name", parse.Query{Select: []parse.SelectItem{value("id")}}},
		{"flag&x=eq.1", parse.Query{Select: everything, Where: where("", eq("x", "1"))}},
		{"a=eq.1&a=eq.2", parse.Query{Select: everything, Where: where("", eq("a", "1"), eq("a", "2"))}},
		{"a=eq.x+y%2Bz", parse.Query{Select: everything, Where: where("", eq("a", "x y+z"))}},
		{"a=eq.50%&b=eq.%zz&c=eq.%4", parse.Query{Select: everything, Where: where("", eq("a", "50%"), eq("b", "%zz"), eq("c", "%4"))}},
		{"a=eq.x;y=z", parse.Query{Select: everything, Where: where("", eq("a", "x;y=z"))}},
		{"a=eq.%c3%A9", parse.Query{Select: everything, Where: where("", eq("a", "é"))}},
		{"child.a=eq.1", parse.Query{Select: everything, Where: where("child", eq("a", "1"))}},
		{"a.b.c=eq.1", parse.Query{Select: everything, Where: where("a.b", eq("c", "1"))}},
		{"or=(a.eq.1)&and=(b.eq.2)", parse.Query{Select: everything, Where: where("", or(eq("a", "1")), and(eq("b", "2")))}},
		{"not.or=(a.eq.1)&not.and=(b.eq.2)", parse.Query{Select: everything, Where: where("", not(or(eq("a", "1"))), not(and(eq("b", "2"))))}},
		{"child.or=(a.eq.1)&child.and=(b.eq.2)", parse.Query{Select: everything, Where: where("child", or(eq("a", "1")), and(eq("b", "2")))}},
		{"a.b.not.or=(a.eq.1)", parse.Query{Select: everything, Where: where("a.b", not(or(eq("a", "1"))))}},
		{"not.child.or=(a.eq.1)", parse.Query{Select: everything, Where: where("child", not(or(eq("a", "1"))))}},
		{"order=a.asc,b.desc.nullsfirst&child.order=c&order=z", parse.Query{Select: everything, Orders: []parse.Order{
			{Terms: []parse.OrderTerm{{Path: column("a")}, {Path: column("b"), Desc: true, Nulls: parse.NullsFirst}}},
			{Embed: []string{"child"}, Terms: []parse.OrderTerm{{Path: column("c")}}},
		}}},
		{"columns=%22b%22%2C%22a%22&columns=c", parse.Query{Select: everything, Columns: []string{"b", "a"}}},
		{"on_conflict=a,b", parse.Query{Select: everything, OnConflict: []string{"a", "b"}}},
		{`%22select%22=eq.1&%22or%22=eq.2`, parse.Query{Select: everything, Where: where("", eq("select", "1"), eq("or", "2"))}},
		{"child.select=eq.1", parse.Query{Select: everything, Where: where("child", eq("select", "1"))}},
	} {
		t.Run(c.query, func(t *testing.T) {
			t.Parallel()
			got, err := parse.ParseQuery(c.query, parse.Options{})
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
	for _, query := range []string{
		"a=1", "a.order=", "a..order=b", "a->b.or=(c.eq.1)", "a!b.limit=1", "child.or=()", "order=a&order=", "a->b.limit=1", "apikey=x",
	} {
		_, err := parse.ParseQuery(query, parse.Options{})
		require.ErrorContains(t, err, `"failed to parse `, query)
	}
}

// Section 5, rpc.
func TestArgumentsHaveNoOperator(t *testing.T) {
	t.Parallel()
	call := parse.Options{Arguments: true}
	q, err := parse.ParseQuery("id=5&id=gt.2&name=Michael+Scott&empty=&arr={1,2}&x=eqx.1&select=id&limit=2&a.b=1&%22q%22=v&id=6", call)
	require.NoError(t, err)
	assert.Equal(t, []parse.Argument{
		{Name: "id", Value: "5"}, {Name: "name", Value: "Michael Scott"}, {Name: "empty"}, {Name: "arr", Value: "{1,2}"},
		{Name: "x", Value: "eqx.1"}, {Name: "a.b", Value: "1"}, {Name: "q", Value: "v"}, {Name: "id", Value: "6"},
	}, q.Arguments)
	assert.Equal(t, where("", parse.Filter{Path: column("id"), Op: parse.Gt, Value: "2"}), q.Where)
	assert.Equal(t, []parse.SelectItem{value("id")}, q.Select)
	assert.Len(t, q.Windows, 1)

	for _, value := range []string{"in.x", "is.x", "not.x", "not.eq"} {
		_, err := parse.ParseQuery("a="+value, call)
		require.ErrorContains(t, err, `"failed to parse filter (`+value+`)`)
	}
	_, err = parse.ParseQuery("a=5", parse.Options{})
	require.Error(t, err, "without arguments all are filters")
}

// Section 1, Content-Location.
func TestCanonical(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"":                          "",
		"b=eq.1&a=eq.1":             "a=eq.1&b=eq.1",
		"a=1&c=3&b=2&d":             "a=1&b=2&c=3&d=",
		"a=x+y%2Bz&a=(1,%C3%A9)~-_": "a=x%20y%2Bz&a=%281%2C%C3%A9%29~-_",
	} {
		assert.Equal(t, want, parse.Canonical(query))
	}
}

// What is four times as long may take some four times the memory, and not
// sixteen times. Time that grew with the square would show in the test's own.
func TestLongInputTakesLinearMemory(t *testing.T) {
	const n = 20_000
	once, fourTimes := longInputs(n), longInputs(4*n)
	for name := range once {
		small, large := allocated(once[name]), allocated(fourTimes[name])
		assert.Less(t, large, 8*small+1<<20, name)
	}
}

// allocated returns how many bytes parsing takes, given back ones included.
func allocated(query string) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = parse.ParseQuery(query, parse.Options{})
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func longInputs(n int) map[string]string {
	return map[string]string{
		"commas":     "select=" + strings.Repeat("a,", n) + "a",
		"dashes":     "select=" + strings.Repeat("a-", n) + "a",
		"arrows":     "select=a" + strings.Repeat("->a", n),
		"quotes":     "a=in.(" + strings.Repeat(`"a,`, n) + ")",
		"backslash":  "a=in.(" + strings.Repeat(`"\,`, n) + ")",
		"tree":       "or=(" + strings.Repeat(`a.eq."\,`, n) + "a.eq.1)",
		"braces":     "or=(" + strings.Repeat("a.eq.{,", n) + "a.eq.1)",
		"array":      "a=cs.{" + strings.Repeat("a ,", n) + "a}",
		"parameters": strings.Repeat("a=eq.1&", n),
		"limits":     strings.Repeat("a.limit=1&b.limit=1&", n/2),
		"open":       "select=" + strings.Repeat("a(", n),
		"nested":     "or=" + strings.Repeat("(and", n),
		"negated":    "or=(" + strings.Repeat("not.", n),
		"order":      "order=" + strings.Repeat("a(b),", n) + "a",
		"columns":    "columns=" + strings.Repeat("a,", n) + "a",
		"steps":      strings.Repeat("a.", n) + "b=eq.1",
		"nots":       strings.Repeat("not.", n) + "or=(a.eq.1)",
	}
}
