package query_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// fuzzed is a schema like the store's, with names that need their quotes. Its
// relations share their columns, so that most queries find them.
var fuzzed = func() query.Schema {
	columns := []query.ColumnSpec{
		{Name: "id", Type: query.Int}, {Name: "user_profile_id"}, {Name: "user_id"}, {Name: "call"},
		{Name: "at", Type: query.Time}, {Name: "cost", Type: query.Double}, {Name: `odd "name"`, Type: query.JSON},
	}
	return query.Schema{
		"user_profiles": {Name: "user_profiles", Key: []string{"user_id"}, Columns: columns},
		"request_logs": {
			Name: "request_logs", Key: []string{"id"}, Unique: [][]string{{"call"}}, Columns: columns,
			Order: []query.Order{{Column: "at", Desc: true}, {Column: "id", Desc: true}},
		},
	}
}()

// A reader makes choices out of bytes; without bytes, always the first.
type reader struct{ bytes []byte }

func (r *reader) n(most int) int {
	if len(r.bytes) == 0 {
		return 0
	}
	b := r.bytes[0]
	r.bytes = r.bytes[1:]
	return int(b) % most
}

func (r *reader) yes() bool { return r.n(2) == 1 }

func pick[T any](r *reader, of ...T) T { return of[r.n(len(of))] }

// text is a value or a name of the client's own; each can be told by its mark.
func (r *reader) text() string {
	return "secret" + pick(r, "", `"`, "'", "$1", "; DROP TABLE request_logs --", "\x00", "t0", `") OR ("1"="1`)
}

// badly is seldom a bad word for an operator, and else none at all, which is as
// bad for some.
func (r *reader) badly() string {
	if r.n(8) == 7 {
		return r.text()
	}
	return ""
}

func (r *reader) relation() string {
	if r.n(40) == 39 {
		return pick(r, "no_such", "", r.text())
	}
	return pick(r, "request_logs", "user_profiles")
}

func (r *reader) column() string {
	if r.n(40) == 39 {
		return pick(r, "no_such", "", r.text())
	}
	return pick(r, "id", "user_profile_id", "user_id", "call", "at", "cost", `odd "name"`)
}

func (r *reader) keys() (keys []query.Key) {
	for range r.n(3) {
		keys = append(keys, query.Key{Name: r.text(), Index: r.n(9) - 4, IsIndex: r.yes()})
	}
	return keys
}

func (r *reader) place() query.Place { return query.Place{Column: r.column(), Keys: r.keys()} }

func (r *reader) join() query.Join {
	return query.Join{Relation: r.relation(), Foreign: r.column(), Local: r.column()}
}

func (r *reader) value() any { return pick[any](r, r.text(), nil, int64(7), 0.5) }

func (r *reader) expr(depth int) query.Expr {
	kind := r.n(9)
	if depth == 0 {
		kind %= 5
	}
	p := r.place()
	switch kind {
	case 0:
		op := pick(r, query.Eq, query.Eq, query.Neq, query.Lt, query.Lte, query.Gt, query.Gte, query.Distinct, query.Op(r.badly()))
		return query.Compare{Column: p.Column, Keys: p.Keys, Op: op, Value: r.value()}
	case 1:
		return query.In{Place: p, Values: slices.Repeat([]any{r.value()}, r.n(4))}
	case 2:
		return query.IsNull{Column: p.Column, Keys: p.Keys, JSON: r.yes()}
	case 3:
		kind := pick(r, query.Like, query.ILike, query.Match, query.IMatch, query.PatternKind(r.badly()))
		return query.Pattern{Place: p, Kind: kind, Text: r.text()}
	case 4:
		return query.Contains{Place: p, Value: r.text(), Within: r.yes()}
	case 5:
		return query.Not{Expr: r.expr(depth - 1)}
	case 6:
		return query.And(r.exprs(depth))
	case 7:
		return query.Or(r.exprs(depth))
	}
	e := query.Exists{Join: r.join()}
	if r.yes() {
		e.Where = r.expr(depth - 1)
	}
	return e
}

func (r *reader) exprs(depth int) (parts []query.Expr) {
	for range r.n(4) {
		parts = append(parts, r.expr(depth-1))
	}
	return parts
}

func (r *reader) selection(depth int) query.Select {
	s := query.Select{From: r.relation(), Offset: int64(r.n(3))}
	if depth > 0 && r.yes() {
		within := r.selection(depth - 1)
		s.Within = &within
	}
	for range r.n(4) {
		s.Columns = append(s.Columns, query.Output{
			Name: r.column(), As: pick(r, "", "alias", `an "alias"`),
			Func: pick(r, "", query.Sum, query.Max, query.Min, query.Count, query.CountDistinct, query.Concat, query.CountRows, query.Aggregate(r.badly())),
		})
	}
	if r.yes() {
		s.Where = r.expr(4)
	}
	for range r.n(3) {
		s.Group = append(s.Group, r.column())
	}
	for range r.n(3) {
		o := query.Order{Column: r.column(), Keys: r.keys(), Desc: r.yes(), Nulls: query.Nulls(r.n(3))}
		if r.yes() {
			join := r.join()
			o.Through = &join
		}
		s.Order = append(s.Order, o)
	}
	if r.yes() {
		s.Limit = query.Limit(int64(r.n(5)))
	}
	return s
}

func (r *reader) query() query.Query {
	var set []query.Assignment
	switch kind := r.n(6); kind {
	case 0, 1, 2:
		return r.selection(2)
	case 3:
		return query.Delete{Relation: r.relation(), Where: r.expr(3)}
	default:
		for range 1 + r.n(3) {
			set = append(set, query.Assignment{Column: r.column(), Value: r.value()})
		}
		if kind == 4 {
			return query.Update{Relation: r.relation(), Set: set, Where: r.expr(3)}
		}
		return query.Insert{Relation: r.relation(), Set: set}
	}
}

func compileFuzzed(caller policy.Caller, q query.Query) (query.Statement, error) {
	switch q := q.(type) {
	case query.Select:
		return query.CompileSelect(fuzzed, caller, q)
	case query.Update:
		return query.CompileUpdate(fuzzed, caller, q)
	case query.Delete:
		return query.CompileDelete(fuzzed, caller, q)
	default:
		return query.CompileInsert(fuzzed, caller, q.(query.Insert))
	}
}

var (
	quotedName = regexp.MustCompile(`"(?:[^"]|"")*"`)
	// What is left of a statement without its quoted names.
	plainSQL = regexp.MustCompile(`^[A-Za-z0-9_ $(),.*=<>]*$`)
	alias    = regexp.MustCompile(`^t\d+$`)
	words    = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// ours are the lower-case words that the compiler and the policy write.
var ours = []string{
	"count", "sum", "max", "min", "string_agg", "json_path", "json_path_text", "json_contains",
	"like_text", "ilike_text", "match_text", "imatch_text", "user_profile_id", "user_id",
}

// requireBound requires that each placeholder has its argument and each argument
// a placeholder, and that nothing of the client's stands in the SQL but names
// that the schema has, and aliases of answers.
func requireBound(t testing.TB, s query.Statement) {
	t.Helper()
	bare := strings.ReplaceAll(quotedName.ReplaceAllString(s.SQL, ""), ", ',')", ")") // Concat's own comma
	named := map[string]bool{}
	for _, match := range placeholder.FindAllStringSubmatch(bare, -1) {
		named[match[1]] = true
	}
	require.Len(t, named, len(s.Args), s.SQL)
	for i := range s.Args {
		require.True(t, named[fmt.Sprint(i+1)], "$%d in %s", i+1, s.SQL)
	}
	for _, quoted := range quotedName.FindAllString(s.SQL, -1) {
		name := strings.ReplaceAll(quoted[1:len(quoted)-1], `""`, `"`)
		require.True(t, known(name), "%s in %s", quoted, s.SQL)
	}
	require.Regexp(t, plainSQL, bare)
	for _, word := range words.FindAllString(bare, -1) {
		require.True(t, word == strings.ToUpper(word) || alias.MatchString(word) || slices.Contains(ours, word), "%s in %s", word, s.SQL)
	}
	require.NotContains(t, s.SQL, "secret")
}

func known(name string) bool {
	if name == "" || name == "alias" || name == `an "alias"` { // a count of rows may have no name
		return true
	}
	for _, r := range fuzzed {
		if _, ok := r.Column(name); ok || r.Name == name {
			return true
		}
	}
	return false
}

func FuzzCompile(f *testing.F) {
	for i := range 256 {
		seed := make([]byte, 64)
		for j := range seed {
			seed[j] = byte(i*(j+3) ^ i>>2 ^ j*j)
		}
		f.Add(uint8(i%3), seed)
	}
	f.Fuzz(func(t *testing.T, who uint8, bytes []byte) {
		if len(bytes) > 1<<12 {
			return
		}
		r := &reader{bytes}
		q := r.query()
		compiled, err := compileFuzzed(callers[int(who)%len(callers)].Caller, q)
		var unknown *query.UnknownName
		switch {
		case err == nil:
			requireBound(t, compiled)
		case errors.As(err, &unknown):
			require.False(t, unknown.Kind == "relation" && fuzzed[unknown.Name] != nil, "%s is known", unknown.Name)
		default:
			require.Contains(t, err.Error(), "unknown", "%#v", q)
		}
	})
}
