package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// A statement is what somebody does, as plain data: it prints, it shrinks, and
// each side of the comparison makes of it what it understands.
type statement struct {
	Who     string // a key of diffCallers
	Do      string // select, call, insert, ignore, merge (inserts on conflict), update, delete
	On      string // a table, a view or a function
	Target  string // of ignore and merge: "column, column"; "" for the primary key
	Columns []string
	Rows    [][]string // JSON values, in the order of Columns; the arguments of a call
	Where   []term
	Order   []string // "column" or "column desc"
	Limit   string   // of a select; "" for none
	Show    bool     // write: show the rows that were written
	Undo    bool     // write: roll back
}

// A term compares a column with texts. An id is written #3: the third that the
// database has given.
type term struct {
	Column, Op string // =, <>, <, >=, in, is null
	Values     []string
}

func (s statement) writes() bool { return s.Do != "select" && s.Do != "call" }
func (s statement) adds() bool   { return s.Do == "insert" || s.Do == "ignore" || s.Do == "merge" }

func (s statement) caller() policy.Caller { return diffCallers[s.Who] }

// value returns what a row gives a column, as JSON.
func (s statement) value(row int, column string) (string, bool) {
	i := slices.Index(s.Columns, column)
	if i < 0 {
		return "", false
	}
	return s.Rows[row][i], true
}

func (s statement) names(column string) bool { return slices.Contains(s.Columns, column) }

// String returns the statement, cut to a line.
func (s statement) String() string {
	const most = 200
	if runes := []rune(s.whole()); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s.whole()
}

func (s statement) whole() string {
	text := s.Who + ": " + sqlOf(s, func(_, ref string) string { return ref })
	if r := store.Schema[s.On]; r != nil {
		text = strings.ReplaceAll(text, columnList(r), "*")
	}
	if s.Undo {
		text += " -- undone"
	}
	return text
}

// A program is what they do, one after the other.
type diffProgram []statement

// String returns the program to read: statements of any length in lines that have
// an end.
func (p diffProgram) String() string {
	const most = 190
	var lines strings.Builder
	for i, s := range p {
		for part := range slices.Chunk([]rune(s.whole()), most) {
			fmt.Fprintf(&lines, "\n%4d %s", i, string(part))
		}
	}
	return lines.String()
}

// GoString is what rapid prints of a program as it was drawn: see shrink.
func (p diffProgram) GoString() string { return fmt.Sprintf("%d statements", len(p)) }

const oddUser = `Zoë/"ü'\`

// diffCallers are those who do it.
var diffCallers = map[string]policy.Caller{
	"service": policy.System(),
	"anon":    storetest.Anon(),
	"anonAnn": {Role: policy.Anon, Subject: "ann"},
	"ann":     storetest.User("ann"),
	"bob":     storetest.User("bob"),
	"odd":     storetest.User(oddUser),
	"eve":     storetest.User("eve"),
	"nobody":  storetest.User(""),
}

// diffProfiles are the users who have a profile from the beginning.
var diffProfiles = []string{"ann", "bob", oddUser}

// drawDiffProgram draws a program that favours some tables.
func drawDiffProgram(tables []string) *rapid.Generator[diffProgram] {
	one := rapid.Custom(func(t *rapid.T) statement {
		s := statement{Do: rapid.SampledFrom([]string{
			"insert", "insert", "insert", "insert", "ignore", "merge", "merge", "update", "update", "update",
			"delete", "select", "select", "call",
		}).Draw(t, "do")}
		s.Who = rapid.SampledFrom([]string{
			"service", "service", "service", "service", "ann", "ann", "ann", "bob", "anon", "anon",
			"odd", "eve", "anonAnn", "nobody",
		}).Draw(t, "who")
		d := drawer{t, &s}
		switch s.Do {
		case "select":
			d.selection()
		case "call":
			d.call()
		default:
			s.On = rapid.SampledFrom(tables).Draw(t, "on")
			d.write()
		}
		return s
	})
	return rapid.Map(rapid.SliceOfN(one, 150, 250), func(all []statement) diffProgram { return all })
}

// A drawer draws the parts of a statement.
type drawer struct {
	*rapid.T
	s *statement
}

func (d drawer) pick(what string, from ...string) string {
	return rapid.SampledFrom(from).Draw(d.T, what)
}

// chance says yes once in n times, and shrinks to no.
func (d drawer) chance(n int, what string) bool {
	return rapid.IntRange(0, n-1).Draw(d.T, what) == n-1
}

func quoted(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

func (d drawer) text(what string, from ...string) string { return quoted(d.pick(what, from...)) }

func (d drawer) number(what string, most int64) string {
	return strconv.FormatInt(rapid.Int64Range(0, most).Draw(d.T, what), 10)
}

func (d drawer) orNull(n int, value string) string {
	if d.chance(n, "null") {
		return "null"
	}
	return value
}

func (d drawer) write() {
	s := d.s
	switch {
	case s.Do == "update" || s.Do == "delete":
		s.Where = d.filter(3)
		if s.Do == "delete" && !d.chance(8, "widely") {
			s.Where = append(s.Where, d.byKey())
		}
		if s.Do == "update" {
			d.columns()
			s.Rows = [][]string{d.row(0)}
		}
	default:
		s.Target = d.pick("target", conflictTargets[s.On]...)
		if s.On == "request_logs" && s.Do == "merge" && s.caller().Role == policy.Authenticated {
			s.Do = "ignore" // see differential_adds_test.go
		}
		if s.Do == "insert" {
			s.Target = ""
		}
		d.columns()
		most := 3
		if storetest.OnPostgres() && s.On != "request_logs" {
			most = 1 // there the program takes rows in the order of their keys, not as they came
		}
		for i := range rapid.IntRange(1, most).Draw(d.T, "rows") {
			s.Rows = append(s.Rows, d.row(i))
		}
	}
	s.Show = s.caller().Role != policy.Anon && d.chance(2, "show")
	s.Undo = d.chance(12, "undo")
	d.spoil()
}

var conflictTargets = map[string][]string{
	"request_logs":  {"litellm_call_id", "litellm_call_id", ""},
	"tokens_usage":  {"user_profile_id, period_type, period_start", "user_profile_id, period_type, period_start", ""},
	"user_profiles": {"", "user_id"},
}

// spoil makes a few statements wrong: a column that is not there, a text of the
// wrong type.
func (d drawer) spoil() {
	s := d.s
	if !d.chance(15, "wrong") {
		return
	}
	bad := map[string][2]string{
		"request_logs": {"tokens_used", "created_at"}, "tokens_usage": {"total_tokens", "period_end"},
		"user_profiles": {"tokens_used", "updated_at"},
	}[s.On]
	switch how := d.pick("how", "type", "time", "column", "range", "target"); {
	case how == "target" && s.Target != "" && !blind(*s):
		s.Target = d.pick("target", "created_at", "created_at, updated_at, model", "updated_at")
		return
	case how == "column":
		s.Where = append(s.Where, term{"no_such_column", "=", []string{"1"}})
	case how == "type":
		s.Where = append(s.Where, term{bad[0], "=", []string{d.pick("text", "x", "1.5.", "", "12 monkeys")}})
	case how == "time":
		s.Where = append(s.Where, term{bad[1], "<", []string{d.pick("text", "x", "2026-13-01", "soon")}})
	default:
		s.Where = append(s.Where, term{bad[0], "<", []string{"99999999999999999999"}})
	}
	if s.adds() {
		wrong := s.Where[len(s.Where)-1]
		s.Where = nil
		at := slices.Index(s.Columns, wrong.Column)
		if at < 0 {
			at = len(s.Columns)
			s.Columns = append(s.Columns, wrong.Column)
			for i := range s.Rows {
				s.Rows[i] = append(s.Rows[i], "null")
			}
		}
		s.Rows[0][at] = quoted(wrong.Values[0])
	}
}

var diffRelations = []string{
	"request_logs", "tokens_usage", "user_profiles", "user_request_analytics", "user_recent_activity",
	"monthly_token_usage", "user_token_breakdown", "usage_by_log", "usage_totals", "usage_monthly",
}

// relationKeys order a relation's rows, no two alike.
var relationKeys = map[string][]string{
	"request_logs": {"id"}, "tokens_usage": {"id"}, "user_profiles": {"user_id"},
	"user_request_analytics": {"user_id"}, "user_recent_activity": {"request_id"},
	"monthly_token_usage":  {"user_profile_id", "period_start"},
	"user_token_breakdown": {"user_profile_id", "model", "provider"}, "usage_by_log": {"id"},
	"usage_totals":   {"user_profile_id", "model", "provider"},
	"usage_monthly":  {"user_profile_id", "month", "model", "provider"},
	"traffic_hourly": {"hour", "model", "provider"},
}

func (d drawer) selection() {
	s := d.s
	s.On = d.pick("on", diffRelations...)
	s.Where = d.filter(2)
	r := store.Schema[s.On]
	for range rapid.IntRange(0, 2).Draw(d.T, "orders") {
		c := r.Columns[rapid.IntRange(0, len(r.Columns)-1).Draw(d.T, "by")]
		if c.Type != query.JSON && !named(s.Order, c.Name) {
			s.Order = append(s.Order, c.Name+d.pick("direction", "", " desc"))
		}
	}
	for _, key := range relationKeys[s.On] {
		if !named(s.Order, key) {
			s.Order = append(s.Order, key)
		}
	}
	if d.chance(3, "limited") {
		s.Limit = d.number("limit", 4)
	}
	d.spoilSelection()
}

func named(order []string, column string) bool {
	return slices.Contains(order, column) || slices.Contains(order, column+" desc")
}

func (d drawer) spoilSelection() {
	if !d.chance(20, "wrong") {
		return
	}
	d.s.Order = append(d.s.Order, "no_such_column")
}

func (d drawer) call() {
	s := d.s
	user := d.text("user", "ann", "bob", oddUser, "eve", "ghost")
	if s.On = d.pick("on", "get_user_request_history", "get_user_token_breakdown"); s.On == "get_user_token_breakdown" {
		s.Rows = [][]string{{user}}
		return
	}
	s.Rows = [][]string{{user, d.pick("limit", "50", "2", "0", "null", "-1"), d.pick("offset", "0", "1", "3", "-1")}}
}
