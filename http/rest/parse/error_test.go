package parse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/rest/parse"
)

// requireError checks that an error has PostgREST's form and words.
func requireError(t testing.TB, err error, message, details string) {
	t.Helper()
	var parseError *parse.Error
	require.ErrorAs(t, err, &parseError)
	assert.Equal(t, "PGRST100", parseError.Code)
	assert.Equal(t, message, parseError.Message)
	assert.Equal(t, details, parseError.Details)
}

// Section 6, PGRST100.
func TestErrorsSayWhereAndWhatWasExpected(t *testing.T) {
	t.Parallel()
	const afterName = `letter, digit, "-", "->>", "->", `
	for _, c := range []struct{ query, message, details string }{
		{"id=0", `"failed to parse filter (0)" (line 1, column 1)`, `unexpected "0" expecting "not" or operator (eq, gt, ...)`},
		{"id=foo.1", `"failed to parse filter (foo.1)" (line 1, column 1)`, `unexpected "f" expecting "not" or operator (eq, gt, ...)`},
		{"id=noop.0", `"failed to parse filter (noop.0)" (line 1, column 1)`, `unexpected "o" expecting "not" or operator (eq, gt, ...)`},
		{"id=", `"failed to parse filter ()" (line 1, column 1)`, `unexpected end of input expecting "not" or operator (eq, gt, ...)`},
		{"id=not.foo.1", `"failed to parse filter (not.foo.1)" (line 1, column 5)`, `unexpected "f" expecting operator (eq, gt, ...)`},
		{"id=fts().v", `"failed to parse filter (fts().v)" (line 1, column 5)`, `unexpected ")" expecting operator (eq, gt, ...)`},
		{"id=eq().v", `"failed to parse filter (eq().v)" (line 1, column 4)`, `unexpected ")" expecting operator (eq, gt, ...)`},
		{"id=is().v", `"failed to parse filter (is().v)" (line 1, column 3)`, `unexpected "(" expecting operator (eq, gt, ...)`},
		{"id=in().v", `"failed to parse filter (in().v)" (line 1, column 3)`, `unexpected "(" expecting operator (eq, gt, ...)`},
		{"id=eqx.1", `"failed to parse filter (eqx.1)" (line 1, column 3)`, `unexpected "x" expecting operator (eq, gt, ...)`},
		{"id=eq", `"failed to parse filter (eq)" (line 1, column 3)`, `unexpected end of input expecting operator (eq, gt, ...)`},
		{"id=is.nope", `"failed to parse filter (is.nope)" (line 1, column 6)`, `unexpected "p" expecting isVal: (null, not_null, true, false, unknown)`},
		{"id=in.1,2", `"failed to parse filter (in.1,2)" (line 1, column 4)`, `unexpected "1" expecting "("`},
		{"id=in.(1", `"failed to parse filter (in.(1)" (line 1, column 6)`, `unexpected end of input expecting "," or ")"`},
		{"or=()", `"failed to parse logic tree (())" (line 1, column 4)`, `unexpected ")" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)`},
		{"or=(id.in.1,2,id.eq.3)", `"failed to parse logic tree ((id.in.1,2,id.eq.3))" (line 1, column 10)`, `unexpected "1" expecting "("`},
		{"or=)(", `"failed to parse logic tree ()()" (line 1, column 3)`, `unexpected ")" expecting "("`},
		{"and=(ord(id.eq.1,id.eq.1),id.eq.2)", `"failed to parse logic tree ((ord(id.eq.1,id.eq.1),id.eq.2))" (line 1, column 7)`, `unexpected "d" expecting "("`},
		{"or=(id.eq.1,not.xor(id.eq.2,id.eq.3))", `"failed to parse logic tree ((id.eq.1,not.xor(id.eq.2,id.eq.3)))" (line 1, column 16)`, `unexpected "x" expecting logic operator (and, or)`},
		{"not.or=(id)", `"failed to parse logic tree ((id))" (line 1, column 10)`, `unexpected ")" expecting ` + afterName[:len(afterName)-2] + ` or delimiter (.)`},
		{"or=(id.eq.1", `"failed to parse logic tree ((id.eq.1)" (line 1, column 11)`, `unexpected end of input expecting "," or ")"`},
		{"order=id.asc.nullslasttt", `"failed to parse order (id.asc.nullslasttt)" (line 1, column 17)`, `unexpected 't' expecting "," or end of input`},
		{"order=id.ac", `"failed to parse order (id.ac)" (line 1, column 4)`, `unexpected "c" expecting "asc", "desc", "nullsfirst" or "nullslast"`},
		{"order=id.descc", `"failed to parse order (id.descc)" (line 1, column 8)`, `unexpected 'c' expecting delimiter (.), "," or end of input`},
		{"order=id.nullslasttt", `"failed to parse order (id.nullslasttt)" (line 1, column 13)`, `unexpected 't' expecting "," or end of input`},
		{"order=id.asc.nlsfst", `"failed to parse order (id.asc.nlsfst)" (line 1, column 8)`, `unexpected "l" expecting "nullsfirst" or "nullslast"`},
		{"order=id.smth34", `"failed to parse order (id.smth34)" (line 1, column 4)`, `unexpected "s" expecting "asc", "desc", "nullsfirst" or "nullslast"`},
		{"order=clients(name,id)", `"failed to parse order (clients(name,id))" (line 1, column 8)`, `unexpected '(' expecting ` + afterName + `delimiter (.), "," or end of input`},
		{"order=", `"failed to parse order ()" (line 1, column 1)`, `unexpected end of input expecting field name (* or [a..z0..9_$])`},
		{"columns=", `"failed to parse columns parameter ()" (line 1, column 1)`, `unexpected end of input expecting field name (* or [a..z0..9_$])`},
		{"on_conflict=", `"failed to parse on_conflict parameter ()" (line 1, column 1)`, `unexpected end of input expecting field name (* or [a..z0..9_$])`},
		{"select=name!hint", `"failed to parse select parameter (name!hint)" (line 1, column 5)`, `unexpected '!' expecting ` + afterName + `"::", ".", ")", "," or end of input`},
		{"select=data[0]", `"failed to parse select parameter (data[0])" (line 1, column 5)`, `unexpected '[' expecting ` + afterName + `"::", ".", ")", "," or end of input`},
		{"select=*!hint", `"failed to parse select parameter (*!hint)" (line 1, column 2)`, `unexpected '!' expecting ")", "," or end of input`},
		{"select=name::", `"failed to parse select parameter (name::)" (line 1, column 7)`, `unexpected end of input expecting letter or digit`},
		{"select=data->>-78xy", `"failed to parse select parameter (data->>-78xy)" (line 1, column 11)`, `unexpected 'x' expecting digit, "->", "::", ".", "," or end of input`},
		{"select=data->>--34", `"failed to parse select parameter (data->>--34)" (line 1, column 9)`, `unexpected "-" expecting digit`},
		{"select=data->(!@%23$%25^%26*_d->>x::integer", `"failed to parse select parameter (data->(!@#$%^&*_d->>x::integer)" (line 1, column 7)`, `unexpected "(" expecting "-", digit or any non reserved character different from: .,>()`},
		{"select=rel(*", `"failed to parse select parameter (rel(*)" (line 1, column 6)`, `unexpected end of input expecting "," or ")"`},
		{"id!x=eq.1", `"failed to parse tree path (id!x)" (line 1, column 3)`, `unexpected "!" expecting ` + afterName + `delimiter (.) or end of input`},
		{"=eq.1", `"failed to parse tree path ()" (line 1, column 1)`, `unexpected end of input expecting field name (* or [a..z0..9_$])`},
	} {
		t.Run(c.query, func(t *testing.T) {
			t.Parallel()
			_, err := parse.ParseQuery(c.query, parse.Options{})
			requireError(t, err, c.message, c.details)
		})
	}
}

func TestPositionsCountCharactersTabsAndLines(t *testing.T) {
	t.Parallel()
	for text, where := range map[string]string{
		"é,è,%":      "(line 1, column 5)",
		"a,\tb,%":    "(line 1, column 11)",
		"a,\n b , %": "(line 2, column 6)",
	} {
		_, err := parse.ParseSelect(text)
		require.ErrorContains(t, err, where, "%q", text)
	}
}

func TestCharactersAreShownAsPostgRESTShowsThem(t *testing.T) {
	t.Parallel()
	for text, shown := range map[string]string{
		`\`: `"\\"`, "\n": `"\n"`, "\t": `"\t"`, "é": `"\233"`, "\x00": `"\0"`, `"`: `"\""`,
	} {
		_, _, err := parse.ParseFilter("id", text)
		require.ErrorContains(t, err, "unexpected "+shown+" expecting", "%q", text)
	}
}

func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	nested := func(open, core, close string, n int) string {
		return strings.Repeat(open, n) + core + strings.Repeat(close, n)
	}
	_, err := parse.ParseSelect(nested("r(", "id", ")", 99))
	require.NoError(t, err)
	_, err = parse.ParseSelect(nested("r(", "id", ")", 100))
	require.ErrorContains(t, err, "too many levels of nesting")
	_, err = parse.ParseLogic("or", nested("(and", "(a.eq.1)", ")", 99))
	require.NoError(t, err)
	_, err = parse.ParseLogic("or", nested("(and", "(a.eq.1)", ")", 100))
	require.ErrorContains(t, err, "too many levels of nesting")
	_, err = parse.ParseLogic("or", nested("(not.and", "(a.eq.1)", ")", 100_000))
	require.ErrorContains(t, err, "too many levels of nesting")
}
