package rest_test

import (
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A truth is what a condition is of a row: SQL's third value is unknown.
type truth int8

const (
	no truth = iota
	unknown
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// A modelColumn is a place that filters name, and what rows may have there: nil,
// or a string, int64, float64 or time.
type modelColumn struct {
	path   string
	values []any
}

var modelColumns = []modelColumn{
	{"model", []any{"", "a", "b", "A", "aB", "a,b", `q"x\`, "(p)", "ä", "null", "a%_*", nil}},
	{"provider", []any{"", "a", "B", "not.eq.a", "{a}", nil}},
	{"prompt_tokens", []any{int64(0), int64(1), int64(2), int64(1e12), nil}},
	{"response_time", []any{0.0, 0.1, 0.5, 1.25, 1e-7, 2.0, nil}},
	{"total_cost", []any{0.0, 0.1, 0.25, 1e-9, nil}},
	{"created_at", []any{
		time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(2025, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(1999, 2, 3, 4, 5, 6, 0, time.UTC),
	}},
	{"additional_details->>tag", []any{"", "a", "b", "a b", "ä", "1", "true", nil}},
	{`additional_details->"odd key"->list->>-1`, []any{"", "z", nil}},
}

// A modelRow has one value for each of modelColumns.
type modelRow []any

// object returns the row as a client sends it.
func (r modelRow) object(t *testing.T) string {
	details := map[string]any{"odd key": map[string]any{"list": []any{1, r[7]}}}
	if r[6] != nil || r[7] != nil { // null is as good as nothing
		details["tag"] = r[6]
	}
	row := map[string]any{"additional_details": details, "status": "property"}
	for i, c := range modelColumns[:6] {
		row[c.path] = r[i]
	}
	text, err := json.Marshal(row)
	require.NoError(t, err)
	return string(text)
}

func compareValues(a, b any) int {
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	default:
		return a.(time.Time).Compare(b.(time.Time))
	}
}

// A modelFilter is a condition that can be written, and decided in Go.
type modelFilter interface {
	String() string
	of(modelRow) truth
}

// A leaf compares a column with values.
type leaf struct {
	column  int
	op      string
	values  []any
	literal func(any) string
}

func (l leaf) String() string {
	path := modelColumns[l.column].path
	switch l.op {
	case "is.null", "is.not_null", "not.is.null", "not.is.not_null":
		return path + "." + l.op
	case "in", "not.in":
		list := make([]string, len(l.values))
		for i, v := range l.values {
			list[i] = quoted(l.literal(v))
		}
		return path + "." + l.op + ".(" + strings.Join(list, ",") + ")"
	}
	return path + "." + l.op + "." + quoted(l.literal(l.values[0]))
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func (l leaf) of(r modelRow) truth {
	op, negated := strings.CutPrefix(l.op, "not.")
	result := l.compare(op, r[l.column])
	if negated {
		return yes - result
	}
	return result
}

func (l leaf) compare(op string, have any) truth {
	switch {
	case op == "is.null":
		return truthOf(have == nil)
	case op == "is.not_null":
		return truthOf(have != nil)
	case op == "isdistinct":
		return truthOf(have == nil || compareValues(have, l.values[0]) != 0)
	case op == "in" && len(l.values) == 0:
		return no
	case have == nil:
		return unknown
	case op == "in":
		return truthOf(slices.ContainsFunc(l.values, func(v any) bool { return compareValues(have, v) == 0 }))
	case op == "like":
		return truthOf(matches(have.(string), l.values[0].(string)))
	}
	order := compareValues(have, l.values[0])
	return truthOf(map[string]bool{
		"eq": order == 0, "neq": order != 0, "lt": order < 0, "lte": order <= 0, "gt": order > 0, "gte": order >= 0,
	}[op])
}

// matches says whether a text is LIKE a pattern of stars and underscores.
func matches(text, pattern string) bool {
	if pattern == "" {
		return text == ""
	}
	if pattern[0] == '*' || pattern[0] == '%' {
		return matches(text, pattern[1:]) || text != "" && matches(text[runeLength(text):], pattern)
	}
	if text == "" {
		return false
	}
	n := runeLength(text)
	return (pattern[0] == '_' || strings.HasPrefix(pattern, text[:n])) &&
		matches(text[n:], pattern[min(len(pattern), map[bool]int{true: 1, false: n}[pattern[0] == '_']):])
}

func runeLength(s string) int { return len(string([]rune(s)[:1])) }

// A tree joins conditions.
type tree struct {
	op    string
	parts []modelFilter
}

func (l tree) String() string {
	parts := make([]string, len(l.parts))
	for i, p := range l.parts {
		parts[i] = p.String()
	}
	return l.op + "(" + strings.Join(parts, ",") + ")"
}

func (l tree) of(r modelRow) truth {
	op, negated := strings.CutPrefix(l.op, "not.")
	result := l.parts[0].of(r)
	for _, p := range l.parts[1:] {
		if op == "and" {
			result = min(result, p.of(r))
		} else {
			result = max(result, p.of(r))
		}
	}
	if negated {
		return yes - result
	}
	return result
}

func drawFilter(t *rapid.T, depth int) modelFilter {
	if depth == 0 || rapid.IntRange(0, 2).Draw(t, "leaf") == 0 {
		return drawLeaf(t)
	}
	l := tree{op: rapid.SampledFrom([]string{"and", "or", "not.and", "not.or"}).Draw(t, "logic")}
	for range rapid.IntRange(1, 3).Draw(t, "parts") {
		l.parts = append(l.parts, drawFilter(t, depth-1))
	}
	return l
}

func drawLeaf(t *rapid.T) modelFilter {
	l := leaf{column: rapid.IntRange(0, len(modelColumns)-1).Draw(t, "column")}
	known := slices.DeleteFunc(slices.Clone(modelColumns[l.column].values), func(v any) bool { return v == nil })
	ops := []string{"eq", "neq", "lt", "lte", "gt", "gte", "isdistinct", "in", "is.null", "is.not_null"}
	if _, ok := known[0].(string); ok {
		ops = append(ops, "like")
	}
	l.op = rapid.SampledFrom(ops).Draw(t, "op")
	offset := rapid.SampledFrom([]int{0, 3600, -5400}).Draw(t, "offset")
	l.literal = func(v any) string { return literal(v, offset) }
	count := 1
	if l.op == "in" {
		count = rapid.IntRange(0, 3).Draw(t, "values")
	}
	for range count {
		l.values = append(l.values, rapid.SampledFrom(known).Draw(t, "value"))
	}
	if l.op == "like" {
		l.values = []any{rapid.SampledFrom([]string{"a*", "*b", "_", "*", "", "%a%", "a_b", "_*_", "ä"}).Draw(t, "pattern")}
	}
	if rapid.Bool().Draw(t, "not") {
		l.op = "not." + l.op
	}
	return l
}

// literal writes a value as a filter may have it.
func literal(v any, offset int) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		return v.In(time.FixedZone("", offset)).Format(time.RFC3339Nano)
	default:
		return v.(string)
	}
}

// Any filter finds over HTTP the rows that it is true of, and no others: those of
// which it is unknown are left out, and so are they by its negation.
func TestAnyFilterFindsTheRowsThatItIsTrueOf(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	rows := map[int64]modelRow{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		id, row := s.addModelRow(t, random)
		rows[id] = row
	}
	rapid.Check(t, func(rt *rapid.T) {
		filter := drawFilter(rt, 3)
		want := []int64{}
		for id, row := range rows {
			if filter.of(row) == yes {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		// A tree may stand alone; and with one part it means that part.
		text := url.QueryEscape("(" + filter.String() + ")")
		got := s.do(t, "service", http.MethodGet, "/request_logs?select=id&order=id&status=eq.property&and="+text, "")
		require.Equal(rt, http.StatusOK, got.status, "%s: %s", filter, got.body)
		require.Equal(rt, want, idsIn(rt, got.body), "%s", filter)
	})
}

func (s *server) addModelRow(t *testing.T, random *rand.Rand) (id int64, row modelRow) {
	for _, c := range modelColumns {
		row = append(row, c.values[random.IntN(len(c.values))])
	}
	got := s.do(t, "service", http.MethodPost, "/request_logs?select=id", row.object(t), "Prefer", "return=representation")
	require.Equal(t, http.StatusCreated, got.status, got.body)
	ids := idsIn(t, got.body)
	require.Len(t, ids, 1)
	return ids[0], row
}

func idsIn(t require.TestingT, body string) []int64 {
	var rows []struct{ ID int64 }
	require.NoError(t, json.Unmarshal([]byte(body), &rows), body)
	ids := []int64{}
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids
}
