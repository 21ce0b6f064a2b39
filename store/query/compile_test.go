package query_test

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

var update = flag.Bool("update", false, "write the golden file anew")

var callers = []struct {
	name string
	policy.Caller
}{
	{"anon", policy.Caller{Role: policy.Anon}},
	{"ann", policy.Caller{Role: policy.Authenticated, Subject: "ann"}},
	{"service", policy.System()},
}

// Questions of each kind. Values that must never be seen in SQL say secret.
var questions = []struct {
	name string
	query.Query
}{
	{"a whole relation", query.Select{From: "tokens_usage"}},
	{"a view with an order of its own", query.Select{From: "user_recent_activity", Columns: []query.Output{{Name: "request_id"}}}},
	{"a column under another name", query.Select{From: "request_logs", Columns: []query.Output{{Name: "created_at", As: `quoted "name"`}}}},
	{"filters of each kind", query.Select{
		From: "request_logs", Columns: []query.Output{{Name: "id"}},
		Where: query.And{
			query.Is("model", "secret model"), query.Or{query.Compare{Column: "id", Op: query.Gt, Value: int64(7)}, query.IsNull{Column: "status"}},
			query.Not{Expr: query.Compare{Column: "total_cost", Op: query.Neq, Value: 0.5}},
		},
	}},
	{"all of nothing, and any of nothing", query.Select{
		From: "request_logs", Columns: []query.Output{{Name: "id"}}, Where: query.Or{query.And{}, query.Or{}},
	}},
	{"sums of groups", query.Select{
		From: "usage_totals", Group: []string{"model"},
		Columns: []query.Output{{Name: "model"}, {Name: "tokens", Func: query.Sum, As: "all"}, {Name: "provider", Func: query.CountDistinct}},
	}},
	{"texts put together", query.Select{
		From: "traffic_hourly", Columns: []query.Output{{Name: "latency", Func: query.Concat}}, Where: query.Is("provider", "secret"),
	}},
	{"an order of nullable columns and of the key", query.Select{
		From: "request_logs", Columns: []query.Output{{Name: "id"}},
		Order: []query.Order{{Column: "model"}, {Column: "provider", Desc: true}, {Column: "id", Desc: true}},
	}},
	{"a page", query.Select{From: "user_profiles", Columns: []query.Output{{Name: "user_id"}}, Limit: query.Limit(10), Offset: 20}},
	{"an offset alone", query.Select{From: "user_profiles", Columns: []query.Output{{Name: "user_id"}}, Offset: 20}},
	{"an update", query.Update{
		Relation: "user_profiles", Set: []query.Assignment{{Column: "email", Value: "secret@example.com"}, {Column: "full_name", Value: nil}},
		Where: query.Or{query.Is("user_id", "secret"), query.Is("email", "secret")},
	}},
	{"an update of all", query.Update{Relation: "tokens_usage", Set: []query.Assignment{{Column: "total_tokens", Value: int64(1)}}}},
	{"a delete", query.Delete{Relation: "tokens_usage", Where: query.Is("period_type", "secret")}},
	{"a delete of all", query.Delete{Relation: "tokens_usage"}},
	{"an insert", query.Insert{Relation: "tokens_usage", Set: []query.Assignment{{Column: "user_profile_id", Value: "secret"}, {Column: "total_cost", Value: 0.5}}}},
	{"an insert of nothing", query.Insert{Relation: "user_profiles"}},
}

func compile(caller policy.Caller, q query.Query) (query.Statement, error) {
	switch q := q.(type) {
	case query.Select:
		return query.CompileSelect(store.Schema, caller, q)
	case query.Update:
		return query.CompileUpdate(store.Schema, caller, q)
	case query.Delete:
		return query.CompileDelete(store.Schema, caller, q)
	default:
		return query.CompileInsert(store.Schema, caller, q.(query.Insert))
	}
}

var placeholder = regexp.MustCompile(`\$(\d+)`)

// requireSound requires as many arguments as placeholders, each numbered once
// at least, no value in the SQL, and a statement that the database understands.
func requireSound(t require.TestingT, db *sql.DB, s query.Statement) {
	named := map[string]bool{}
	for _, match := range placeholder.FindAllStringSubmatch(s.SQL, -1) {
		named[match[1]] = true
	}
	require.Len(t, named, len(s.Args), s.SQL)
	for i := range s.Args {
		require.True(t, named[fmt.Sprint(i+1)], "$%d in %s", i+1, s.SQL)
	}
	require.NotContains(t, s.SQL, "secret")
	stmt, err := db.Prepare(s.SQL)
	require.NoError(t, err, s.SQL)
	require.NoError(t, stmt.Close())
}

func TestEachQuestionCompilesToItsSQL(t *testing.T) {
	t.Parallel()
	db := storetest.SQL(t, storetest.Path(t))
	var b strings.Builder
	for _, q := range questions {
		fmt.Fprintf(&b, "# %s\n", q.name)
		for _, c := range callers {
			s, err := compile(c.Caller, q.Query)
			require.NoError(t, err)
			requireSound(t, db, s)
			fmt.Fprintf(&b, "%-8s %s\n         %#v\n", c.name+":", s.SQL, s.Args)
		}
		b.WriteByte('\n')
	}
	if *update {
		require.NoError(t, os.WriteFile("testdata/compile.golden", []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile("testdata/compile.golden")
	require.NoError(t, err)
	assert.Equal(t, string(want), b.String(), "go test ./store/query -update writes what is compiled now")
}

func TestTheKeysToChangeAreThoseThatTheCallerSeesAndMayChange(t *testing.T) {
	t.Parallel()
	db := storetest.SQL(t, storetest.Path(t))
	for _, c := range callers {
		for _, action := range []policy.Action{policy.Update, policy.Delete} {
			for _, filter := range []query.Expr{nil, query.Is("model", "secret")} {
				s, err := query.CompileKeys(store.Schema, c.Caller, "request_logs", action, filter)
				require.NoError(t, err)
				requireSound(t, db, s)
				assert.Equal(t, c.Role != policy.Service, strings.Contains(s.SQL, "FALSE"), s.SQL)
			}
		}
	}
}

// Names that a client may send for a relation or a column.
var hostile = []string{
	"", "no_such", "cost_nano", "MODEL", "model ", `model"`, `"model"`, "model; DROP TABLE request_logs", "model, email", "*", "rowid", "sqlite_master",
	"request_logs.model", "(SELECT 1)", "model\x00", "' OR 1=1 --",
}

func TestANameThatTheSchemaDoesNotHaveIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range hostile {
		outputs := []query.Output{{Name: name}}
		set := []query.Assignment{{Column: name, Value: "v"}}
		for place, q := range map[string]query.Query{
			"from":        query.Select{From: name},
			"update":      query.Update{Relation: name, Set: []query.Assignment{{Column: "model", Value: "v"}}},
			"insert into": query.Insert{Relation: name},
			"delete from": query.Delete{Relation: name},
			"output":      query.Select{From: "request_logs", Columns: outputs},
			"aggregate":   query.Select{From: "request_logs", Columns: []query.Output{{Name: name, Func: query.Sum}}},
			"where":       query.Select{From: "request_logs", Where: query.Not{Expr: query.And{query.Is(name, "v")}}},
			"null":        query.Select{From: "request_logs", Where: query.Or{query.IsNull{Column: name}}},
			"group":       query.Select{From: "request_logs", Columns: []query.Output{{Name: "id"}}, Group: []string{name}},
			"order":       query.Select{From: "request_logs", Order: []query.Order{{Column: name}}},
			"set":         query.Update{Relation: "request_logs", Set: set},
			"filter":      query.Update{Relation: "request_logs", Set: []query.Assignment{{Column: "model", Value: "v"}}, Where: query.Is(name, "v")},
			"values":      query.Insert{Relation: "request_logs", Set: set},
			"delete":      query.Delete{Relation: "request_logs", Where: query.Is(name, "v")},
		} {
			_, err := compile(policy.System(), q)
			var unknown *query.UnknownName
			require.ErrorAs(t, err, &unknown, "%s %q", place, name)
			assert.Equal(t, name, unknown.Name)
		}
	}
}

func TestAnOperatorOrAggregateOfNoKindIsRefused(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"", "LIKE", "= 1 OR 1 =", "<=>"} {
		_, err := compile(policy.System(), query.Select{From: "request_logs", Where: query.Compare{Column: "id", Op: query.Op(op), Value: 1}})
		assert.Error(t, err, op)
		_, err = compile(policy.System(), query.Select{From: "request_logs", Columns: []query.Output{{Name: "id", Func: query.Aggregate("x" + op)}}})
		assert.Error(t, err, op)
	}
}

func TestTheAnswersColumnsAreNamedAndTyped(t *testing.T) {
	t.Parallel()
	s, err := query.CompileSelect(store.Schema, policy.System(), query.Select{From: "request_logs", Columns: []query.Output{
		{Name: "created_at", As: "at"}, {Name: "model", Func: query.Count, As: "n"}, {Name: "model", Func: query.CountDistinct},
		{Name: "total_cost", Func: query.Sum}, {Name: "messages"},
	}})
	require.NoError(t, err)
	names, types := []string{}, []query.Type{}
	for _, c := range s.Columns {
		names, types = append(names, c.Name), append(types, c.Type)
	}
	assert.Equal(t, []string{"at", "n", "model", "total_cost", "messages"}, names)
	assert.Equal(t, []query.Type{query.Time, query.Int, query.Int, query.Double, query.JSON}, types)
	all, err := query.CompileSelect(store.Schema, policy.System(), query.Select{From: "request_logs"})
	require.NoError(t, err)
	assert.Len(t, all.Columns, len(store.Schema["request_logs"].Columns))
}

// Any tree of conditions, over any relation, by any caller.
func TestAnySelectIsSound(t *testing.T) {
	t.Parallel()
	db := storetest.SQL(t, storetest.Path(t))
	relations := []string{}
	for name := range store.Schema {
		relations = append(relations, name)
	}
	slices.Sort(relations)
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.SampledFrom(relations).Draw(t, "from")
		var names, comparable []string
		for _, c := range store.Schema[from].Columns {
			names = append(names, c.Name)
			if c.Type != query.JSON { // which PostgreSQL neither compares nor sorts
				comparable = append(comparable, c.Name)
			}
		}
		column := columns{rapid.SampledFrom(names), rapid.SampledFrom(comparable)}
		s := query.Select{From: from, Where: drawExpr(t, column, 3), Offset: rapid.Int64Range(0, 3).Draw(t, "offset")}
		for range rapid.IntRange(0, 3).Draw(t, "orders") {
			s.Order = append(s.Order, query.Order{Column: column.comparable.Draw(t, "order"), Desc: rapid.Bool().Draw(t, "desc")})
		}
		caller := rapid.SampledFrom(callers).Draw(t, "caller").Caller
		compiled, err := query.CompileSelect(store.Schema, caller, s)
		require.NoError(t, err)
		requireSound(t, db, compiled)
	})
}

// columns draw a relation's columns: any, or one that can be compared.
type columns struct{ any, comparable *rapid.Generator[string] }

func drawExpr(t *rapid.T, column columns, depth int) query.Expr {
	kind := rapid.IntRange(0, 4).Draw(t, "kind")
	if depth == 0 {
		kind = min(kind, 1)
	}
	switch kind {
	case 0:
		return query.Is(column.comparable.Draw(t, "is"), "secret")
	case 1:
		return query.IsNull{Column: column.any.Draw(t, "null")}
	case 2:
		return query.Not{Expr: drawExpr(t, column, depth-1)}
	}
	var parts []query.Expr
	for range rapid.IntRange(0, 3).Draw(t, "parts") {
		parts = append(parts, drawExpr(t, column, depth-1))
	}
	if kind == 3 {
		return query.And(parts)
	}
	return query.Or(parts)
}
