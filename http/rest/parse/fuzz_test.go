package parse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/rest/parse"
)

func seed(f *testing.F, texts ...string) {
	f.Helper()
	for _, text := range texts {
		f.Add(text)
	}
}

// checkError requires an error, if there is one, to be of this package's kind.
func checkError(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var parseError *parse.Error
	require.ErrorAs(t, err, &parseError)
	require.NotEmpty(t, parseError.Details)
}

func FuzzSelect(f *testing.F) {
	seed(f, "*", "id,x:a->>b::int.sum()::text", `a:rel!"left"!inner(*,...b(),"c,d")`, "count()", "a->-1->12ab", `"count"(a)`, "a - b", "rel(data->0 )")
	f.Fuzz(func(t *testing.T, text string) {
		items, err := parse.ParseSelect(text)
		checkError(t, err)
		if err != nil {
			return
		}
		again, err := parse.ParseSelect(parse.WriteSelect(items))
		require.NoError(t, err)
		require.Equal(t, items, again)
	})
}

func FuzzFilter(f *testing.F) {
	seed(f, "not.eq.x", "in.(a,\"b,c\",d\"e)", "in.()", "is.True", "like(any).{a%,NULL}", "fts(english).x", `cs.{"a":1}`, `eq."\,)(}{`)
	f.Fuzz(func(t *testing.T, text string) {
		_, filter, err := parse.ParseFilter("a", text)
		checkError(t, err)
		if err != nil {
			return
		}
		tree, err := parse.ParseLogic("or", "("+filter.String()+","+filter.String()+")")
		require.NoError(t, err)
		require.Equal(t, []parse.Condition{filter, filter}, tree.Children)
	})
}

func FuzzLogic(f *testing.F) {
	seed(f, "(a.eq.1)", "(a->>b.not.in.(1,2),not.and(b.is.null,or(c.cs.{1},d.eq.\"x,\\\"\")))", "( a.eq.1 , and ( b.eq.2 ) ))", "(and.eq.1,not.eq.2)")
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := parse.ParseLogic("not.and", text)
		checkError(t, err)
		if err != nil {
			return
		}
		operator, children, _ := strings.Cut(tree.String(), "(")
		again, err := parse.ParseLogic(operator, "("+children)
		require.NoError(t, err)
		require.Equal(t, tree, again)
	})
}

func FuzzOrder(f *testing.F) {
	seed(f, "a.asc,b.desc.nullsfirst", "rel(a->>b).nullslast", `"a.b"->0.desc , c`, "a->x-1.asc")
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := parse.ParseOrder(text)
		checkError(t, err)
		if err != nil {
			return
		}
		again, err := parse.ParseOrder(parse.WriteOrder(terms))
		require.NoError(t, err)
		require.Equal(t, terms, again)
	})
}

func FuzzPrefer(f *testing.F) {
	seed(f, "count=exact, return=minimal", "handling=strict,max-affected=3,foo", "timezone=UTC,,tx=rollback", "text/csv;q=0.5,*/*")
	f.Fuzz(func(t *testing.T, text string) {
		prefer := parse.ParsePrefer([]string{text})
		require.Equal(t, prefer, parse.ParsePrefer(strings.Split(text, ",")))
		prefer.Resolution, prefer.Unknown = "", nil
		if !prefer.Strict() {
			prefer.MaxAffected = nil
		}
		prefer.Missing = ""
		again := parse.ParsePrefer([]string{prefer.Applied(parse.Delete, false)})
		require.Equal(t, prefer, again)
		for _, media := range parse.ParseAccept([]string{text}) {
			assert.Equal(t, media, parse.ParseMediaType(media.Text))
		}
	})
}

func FuzzQuery(f *testing.F) {
	seed(f, "select=*&a=eq.1&child.or=(a.eq.1)&limit=5&offset=-1", "order=a&not.and=(b.in.(1))&columns=a,b&on_conflict=c", "a=5&%zz=in.()&b.limit=0", "limit=9999999999999999999&offset=9223372036854775807")
	f.Fuzz(func(t *testing.T, text string) {
		for _, options := range []parse.Options{{}, {Arguments: true}} {
			query, err := parse.ParseQuery(text, options)
			checkError(t, err)
			again, errAgain := parse.ParseQuery(text, options)
			require.Equal(t, query, again)
			require.Equal(t, err, errAgain)
			if _, err := query.Window(text); err != nil {
				checkError(t, err)
			}
		}
		canonical := parse.Canonical(text)
		require.Equal(t, canonical, parse.Canonical(canonical))
	})
}
