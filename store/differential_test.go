package store_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// Whoever writes and reads whatever they like, through the program with its own
// policy or in SQL under PostgreSQL's row-level security: they get the same
// rows, the same refusals and the same sums. differential_adds_test.go lists the
// exceptions.
func TestTheProgramAndPlainSQLTellEachRoleTheSame(t *testing.T) {
	t.Parallel()
	want := int64(400) // statements, twice
	if storetest.Required() {
		want = 5_500
	}
	for name, tables := range map[string][]string{
		"logs above all":  {"request_logs", "request_logs", "request_logs", "request_logs", "tokens_usage", "user_profiles"},
		"users above all": {"request_logs", "tokens_usage", "tokens_usage", "user_profiles", "user_profiles"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sides := duel{self: openStoreSide(t), sql: newSQLSide(t, storetest.Postgres(t))}
			programs := drawDiffProgram(tables)
			started, done, failed, text := time.Now(), int64(0), "", ""
			for failed == "" && done < want {
				rapid.Check(t, func(rt *rapid.T) {
					if done >= want && failed == "" {
						return
					}
					program := programs.Draw(rt, "program")
					if failed == "" {
						found := sides.run(t, program)
						if done += int64(len(program)); found == nil {
							return
						}
						failed = program.String()
						text = shrink(program, found, func(p diffProgram) *finding { return sides.run(t, p) })
					}
					if program.String() == failed { // rapid need not shrink it any more
						rt.Fatal(text)
					}
				})
			}
			t.Logf("%d statements, %.0f a second", done, float64(done)/time.Since(started).Seconds())
		})
	}
}

const diffStart = "2026-01-15T12:00:00.000000Z"

// A reply is what a statement came to.
type reply struct {
	Code    string // of a refusal
	Written int64
	Rows    [][]any
}

// A duel is both sides after the same statements.
type duel struct {
	*finding
	self *storeSide
	sql  *sqlSide
	at   string // what was done last
}

// run does a program on both sides, each empty before, and returns how they
// differ; nil if they do not.
func (d duel) run(t *testing.T, program diffProgram) (found *finding) {
	d.finding = &finding{}
	defer func() {
		if was := recover(); was == any(d.finding) {
			found = d.finding
		} else if was != nil {
			panic(was)
		}
	}()
	d.self.reset(t)
	d.sql.reset(t)
	for i, s := range program {
		d.at, d.after = fmt.Sprintf("%d %s", i, s), i+1
		d.step(s)
		if i%10 == 9 {
			n := i / 10 * 2
			d.compareAll("service", observers[n%len(observers)], observers[(n+1)%len(observers)])
		}
	}
	d.at = "the end"
	d.compareAll(append([]string{"service"}, observers...)...)
	require.Equal(d, d.sql.changedMonths(), d.self.changedMonths(), "months to make tokens_usage of")
	d.sound()
	return nil
}

// changedMonths are those that tokens_usage is to be made of again.
const changedMonths = "SELECT month FROM stale_months ORDER BY month"

// emptied are the tables that both sides begin without any rows of.
var emptied = []string{
	"request_logs", "tokens_usage", "user_profiles", "usage_totals", "usage_monthly", "traffic_hourly", "stale_months",
}

func (d duel) sound() {
	require.NoError(d, d.self.err, "%s", d.at)
	require.NoError(d, d.sql.err, "%s", d.at)
}

func (d duel) step(s statement) {
	got, keys := d.self.do(s)
	want := d.sql.do(s)
	d.sound()
	if sameRefusal(s, got, want) {
		return
	}
	added := s.adds() && s.On != "user_profiles" && got.Code == "" && !s.Undo
	if added {
		d.self.meet(s.On)
		d.sql.meet(s.On)
	}
	got.Rows, want.Rows = d.self.ids.canonical(s.On, got.Rows), d.sql.ids.canonical(s.On, want.Rows)
	if s.writes() {
		sortRows(got.Rows)
		sortRows(want.Rows)
	}
	require.Equal(d, want, got, "%s\nin SQL, and by the program", d.at)
	if !s.writes() || got.Code != "" || s.Undo || len(keys) == 0 || s.Show && s.caller().Role == policy.Service {
		return
	}
	d.compareRows(s.On, keys)
}

// compareRows compares the rows that the program says that it wrote.
func (d duel) compareRows(on string, keys []any) {
	theirs := make([]string, len(keys))
	for i, k := range keys {
		theirs[i] = fmt.Sprint(k)
		if id, ok := k.(int64); ok {
			theirs[i] = strconv.FormatInt(d.sql.ids.id(on, d.self.ids.number(on, id)), 10)
		}
	}
	want, got := d.sql.look(on, theirs), d.self.look(on, keys)
	d.sound()
	want, got = d.sql.ids.canonical(on, want), d.self.ids.canonical(on, got)
	require.Equal(d, want, got, "the rows in %s after %s\nin SQL, and by the program", on, d.at)
}

// observers are those whose sight is compared in turn.
var observers = []string{"ann", "bob", "odd", "eve", "anonAnn", "nobody", "anon"}

// compareAll compares all that some callers see.
func (d duel) compareAll(callers ...string) {
	for _, who := range callers {
		var reads []statement
		for _, on := range diffRelations {
			reads = append(reads, statement{Who: who, Do: "select", On: on, Order: relationKeys[on]})
		}
		if who == "service" {
			const on = "traffic_hourly"
			reads = append(reads, statement{Who: who, Do: "select", On: on, Order: relationKeys[on]})
		}
		for _, user := range diffProfiles {
			reads = append(reads,
				statement{Who: who, Do: "call", On: "get_user_request_history", Rows: [][]string{{quoted(user), "30", "0"}}},
				statement{Who: who, Do: "call", On: "get_user_token_breakdown", Rows: [][]string{{quoted(user)}}})
		}
		want := d.sql.see(diffCallers[who], reads)
		for i, s := range reads {
			got, _ := d.self.do(s)
			d.sound()
			require.Equal(d, d.sql.ids.canonical(s.On, want[i]), d.self.ids.canonical(s.On, got.Rows),
				"%s\nafter %s\nin SQL, and by the program", s, d.at)
		}
	}
}

func sortRows(rows [][]any) {
	slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(fmt.Sprint(a...), fmt.Sprint(b...)) })
}

// givenIDs are the ids that a database has given to the rows of its tables, in
// order. The two sides leave different gaps.
type givenIDs map[string][]int64

// tableOfIDs names the table whose ids a relation has.
func tableOfIDs(on string) string {
	switch on {
	case "user_recent_activity", "usage_by_log", "get_user_request_history":
		return "request_logs"
	}
	return on
}

func (g givenIDs) add(table string, id int64) { g[table] = append(g[table], id) }

func (g givenIDs) last(table string) int64 {
	if n := len(g[table]); n > 0 {
		return g[table][n-1]
	}
	return 0
}

// number returns which id it is that the table has given; those that clients
// gave are negative, and stay. One that was undone comes after the last.
func (g givenIDs) number(on string, id int64) int64 {
	if id <= 0 {
		return id
	}
	given := g[tableOfIDs(on)]
	if i, ok := slices.BinarySearch(given, id); ok {
		return int64(i) + 1
	}
	return int64(len(given)) + 1
}

// id is the opposite of number; 0, which is no row's, when there is none.
func (g givenIDs) id(on string, number int64) int64 {
	given := g[tableOfIDs(on)]
	switch {
	case number <= 0:
		return number
	case number <= int64(len(given)):
		return given[number-1]
	}
	return 0
}

func (g givenIDs) ref(on, ref string) string {
	n, _ := strconv.ParseInt(strings.TrimPrefix(ref, "#"), 10, 64)
	return strconv.FormatInt(g.id(on, n), 10)
}

// canonical replaces ids by their numbers.
func (g givenIDs) canonical(on string, rows [][]any) [][]any {
	for i, c := range columnsOf(on) {
		if c.Name != "id" && c.Name != "request_id" {
			continue
		}
		for _, row := range rows {
			if id, ok := row[i].(int64); ok {
				row[i] = g.number(on, id)
			}
		}
	}
	return rows
}

// functionColumns are the columns of functions' rows.
var functionColumns = sync.OnceValue(func() map[string][]query.ColumnSpec {
	all := map[string][]query.ColumnSpec{}
	for name, f := range store.Functions {
		s, err := f.Select(make([]any, len(f.Params)))
		if err != nil {
			panic(err)
		}
		compiled, err := query.CompileSelect(store.Schema, policy.System(), s)
		if err != nil {
			panic(err)
		}
		all[name] = compiled.Columns
	}
	return all
})

// columnsOf returns the columns of a relation, or of a function's rows.
func columnsOf(on string) []query.ColumnSpec {
	if r, ok := store.Schema[on]; ok {
		return r.Columns
	}
	return functionColumns()[on]
}
