package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// An engineKind is where a test's databases are.
type engineKind string

const (
	onSQLite   engineKind = "SQLite"
	onPostgres engineKind = "PostgreSQL"
)

// fresh returns the place of a database that is not there yet, or is empty.
func (e engineKind) fresh(t testing.TB) string {
	t.Helper()
	if e == onPostgres {
		return storetest.Postgres(t)
	}
	return filepath.Join(t.TempDir(), "copy.db")
}

// open opens a database until the test ends.
func open(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// everyTable is what a copy must have, rollups included.
var everyTable = []string{
	"user_profiles", "request_logs", "tokens_usage", "model_prices", "alert_rules", "alert_channels", "alerts",
	"alert_deliveries", "usage_totals", "usage_monthly", "traffic_hourly",
}

// dump writes every row of the tables as the engine itself has it. Dumps of two
// databases of one engine can be compared byte by byte.
func dump(t testing.TB, path string) map[string][]string {
	t.Helper()
	raw := storetest.SQL(t, path)
	defer raw.Close()
	tables := map[string][]string{}
	for _, table := range everyTable {
		if store.IsServer(path) {
			tables[table] = texts(t, raw, fmt.Sprintf("SELECT CAST(t AS text) FROM %s AS t ORDER BY 1", table))
			continue
		}
		columns := texts(t, raw, "SELECT name FROM pragma_table_info('"+table+"')")
		for i, c := range columns {
			columns[i] = fmt.Sprintf("typeof(%[1]s) || ' ' || quote(%[1]s)", c)
		}
		tables[table] = texts(t, raw, fmt.Sprintf("SELECT %s FROM %s ORDER BY 1", strings.Join(columns, " || ', ' || "), table))
	}
	return tables
}

func texts(t testing.TB, raw *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := raw.Query(query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		require.NoError(t, rows.Scan(&s))
		all = append(all, s)
	}
	require.NoError(t, rows.Err())
	return all
}

// requireEqual requires that two databases of one engine hold the same.
func requireEqual(t testing.TB, want, got string) {
	t.Helper()
	a, b := dump(t, want), dump(t, got)
	for _, table := range everyTable {
		if !assert.Equal(t, len(a[table]), len(b[table]), "rows of %s", table) {
			continue
		}
		for i := range a[table] {
			if a[table][i] != b[table][i] {
				assert.Equal(t, a[table][i], b[table][i], table)
				break
			}
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

func copyTo(t testing.TB, from, to *store.DB) store.Copied {
	t.Helper()
	done, err := from.Copy(t.Context(), to, store.Copying{})
	require.NoError(t, err)
	storetest.RequireClean(t, to)
	return done
}

// oddLogs are logs with everything in them that two engines may keep differently.
func oddLogs() []string {
	odd := []string{
		`{"end_user":"Zoë/ü 🦊","model":"","provider":null,"messages":[{"role":"user","content":"👩‍👩‍👧 \u0000 \ud800 \"\\"}]}`,
		`{"end_user":"nobody's","user_profile_id":null,"status":"initiated","litellm_call_id":"open"}`,
		`{"created_at":"0001-01-01T00:00:00Z","end_user":"ann","model":"first","total_cost":0,"tokens_used":0}`,
		`{"created_at":"9999-12-31T23:59:59.999999Z","end_user":"ann","model":"last","total_cost":99999999.999999999}`,
		`{"created_at":"1969-12-31T23:59:59.000001Z","end_user":"ann","response_time":0.0000004}`,
		`{"created_at":"2026-02-28T23:59:59.999999+00:00","end_user":"ann","total_cost":0.0000000005,"response_time":17.123457}`,
		`{"end_user":"ann","total_cost":1e-10,"prompt_cost_per_token":2.5e-7,"completion_cost_per_token":0.30000000000000004}`,
		`{"end_user":"ann","tokens_used":1000000000000,"prompt_tokens":0,"completion_tokens":null,"reasoning_tokens":7}`,
		`{"end_user":"ann","messages":null,"response":null,"error":null,"additional_details":null}`,
		`{"end_user":"ann","messages":"text","response":[],"error":0,"additional_details":{ "b" : 1,  "a":1.0, "a":2e400 }}`,
		`{"end_user":"ann","model":"openai/gpt-4o","prompt_tokens":100,"completion_tokens":20,"litellm_call_id":"priced"}`,
		`{"end_user":"ann","model":"tailored","prompt_tokens":100,"completion_tokens":20}`,
		`{"end_user":"ann","status":"failure","total_cost":12.5,"error":{"message":"rate limited"}}`,
		`{"model":"nobody's own","status":"success","response_time":999999}`,
		`{"end_user":"ann","response":"` + strings.Repeat("huge ", 400_000) + `"}`,
	}
	for i := range 300 {
		odd = append(odd, storetest.LeanLog(fmt.Sprintf("user-%d", i%40), fmt.Sprintf("call-%d", i),
			time.Date(2026, time.Month(1+i%7), 1+i%28, i%24, i%60, 0, i*1000, time.UTC), i))
	}
	return append(odd, storetest.FullLog("bob", "full"), storetest.FullLog("bob", ""))
}

// fillOddly fills a database through the doors that it has.
func fillOddly(t testing.TB, db *store.DB) {
	t.Helper()
	system := policy.System()
	secret := "s3cret"
	_, err := db.SaveAlertChannel(t.Context(), system, store.AlertChannel{
		Name: "ops 🦊", Kind: "webhook", Target: "https://hooks.example.com/x", Enabled: true,
	}, &secret)
	require.NoError(t, err)
	rates := price.Rates{}
	require.NoError(t, rates.UnmarshalJSON([]byte(`{"input":1.5,"output":3}`)))
	match := price.Match{}
	require.NoError(t, match.UnmarshalJSON([]byte(`{"equals":"tailored"}`)))
	require.NoError(t, db.SavePrices(t.Context(), system, []price.Price{
		{Source: price.SourceOverride, Model: "tailored", Match: match, Rates: rates},
	}))
	storetest.Append(t, db, system, oddLogs()...)
	for _, q := range []query.Query{
		query.Insert{Relation: "user_profiles", Set: []query.Assignment{
			{Column: "user_id", Value: "idle"}, {Column: "email", Value: ""}, {Column: "full_name", Value: nil},
			{Column: "raw_oauth_details", Value: `{ "sub" : "x", "n":1.50 }`}, {Column: "subscription_tier", Value: nil},
		}},
		query.Insert{Relation: "tokens_usage", Set: []query.Assignment{
			{Column: "user_profile_id", Value: "idle"}, {Column: "period_type", Value: "weekly"},
			{Column: "period_start", Value: "2026-01-05T00:00:00.000000Z"}, {Column: "period_end", Value: "2026-01-12T00:00:00.000000Z"},
			{Column: "total_cost", Value: 0.1}, {Column: "model_breakdown", Value: `{"b":1, "a":2}`},
		}},
		query.Delete{Relation: "request_logs", Where: query.Is("litellm_call_id", "call-299")},
	} {
		_, err := db.Run(t.Context(), system, q, nil)
		require.NoError(t, err)
	}
	months, err := db.StaleMonths(t.Context())
	require.NoError(t, err)
	for _, month := range months {
		_, err := db.RebuildMonth(t.Context(), month)
		require.NoError(t, err)
	}
	storetest.RequireClean(t, db)
}

// nextIDs returns the id that a new log gets.
func nextID(t testing.TB, db *store.DB) int64 {
	t.Helper()
	return storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)[0].ID
}

// run does an operation as the service role.
func runAll(t testing.TB, db *store.DB, queries ...query.Query) {
	t.Helper()
	for _, q := range queries {
		_, err := db.Run(context.Background(), policy.System(), q, nil)
		require.NoError(t, err)
	}
}
