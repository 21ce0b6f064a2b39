package store_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// What is asked of many rows is answered from indexes on PostgreSQL, too. Tables
// are empty here, so it is told to read a whole table only where it must.
func TestPostgreSQLAnswersFromIndexes(t *testing.T) {
	t.Parallel()
	db := storetest.SQL(t, storetest.Postgres(t))
	const month = "2026-01-01T00:00:00.000000Z"
	planned := store.Planned()
	selected := func(s query.Select) string {
		compiled, err := query.CompileSelect(store.Schema, policy.System(), s)
		require.NoError(t, err)
		return compiled.SQL
	}
	mine := query.Is("user_profile_id", "ann")
	from := query.Compare{Column: "created_at", Op: query.Gte, Value: month}
	for _, tt := range []struct {
		sql  string
		args []any
		want []string
	}{
		{planned["a month compared"], []any{month}, []string{"tokens_usage_user_profile_id_period_type_period_start_key", "usage_monthly_pkey"}},
		{planned["a user's month"], []any{month, "ann", month}, []string{"user_profiles_pkey", "usage_monthly_pkey"}},
		{planned["a month dropped"], []any{month, "ann"}, []string{"tokens_usage_user_profile_id_period_type_period_start_key"}},
		{planned["unfinished"], []any{month}, []string{"request_logs_initiated_idx"}},
		{planned["a total's last"], []any{"ann", "m", "p"}, []string{"usage_totals_pkey", "request_logs_user_created_at_idx"}},
		{planned["an hour's last"], []any{month, "m", "p", month}, []string{"traffic_hourly_pkey", "request_logs_created_at_idx"}},
		{planned["failures"], []any{month, month, 10}, []string{"Index Scan Backward using request_logs_failures_idx"}},
		{
			selected(query.Select{From: "request_logs", Where: from, Order: []query.Order{{Column: "created_at", Desc: true}, {Column: "id", Desc: true}}, Limit: query.Limit(50)}),
			[]any{month, 50, 0}, []string{"Limit", "Index Scan Backward using request_logs_created_at_idx"},
		},
		{
			selected(query.Select{From: "request_logs", Where: mine, Order: []query.Order{{Column: "created_at", Desc: true}, {Column: "id", Desc: true}}, Limit: query.Limit(50)}),
			[]any{"ann", 50, 0}, []string{"Limit", "Index Scan Backward using request_logs_user_created_at_idx"},
		},
		{
			selected(query.Select{
				From: "usage_by_log", Where: query.And{mine, from},
				Columns: []query.Output{{Name: "tokens", Func: query.Sum, As: "tokens"}},
			}),
			[]any{"ann", month}, []string{"Index Only Scan using request_logs_user_created_at_idx"},
		},
		{
			selected(query.Select{From: "user_request_analytics", Where: query.Is("user_id", "ann")}),
			[]any{"ann"}, []string{"user_profiles_pkey", "usage_totals_pkey"},
		},
		{
			selected(query.Select{From: "monthly_token_usage", Where: mine}),
			[]any{"ann"}, []string{"usage_monthly_pkey"},
		},
	} {
		plan := explained(t, db, tt.sql, tt.args)
		for _, want := range tt.want {
			assert.Contains(t, plan, want, tt.sql)
		}
		assert.NotContains(t, plan, "Seq Scan", tt.sql)
	}
}

// explained returns the plan of a statement, as PostgreSQL shows it.
func explained(t testing.TB, db *sql.DB, statement string, args []any) string {
	t.Helper()
	tx, err := db.Begin()
	require.NoError(t, err)
	defer tx.Rollback() //nolint:errcheck // nothing is written
	for _, setting := range []string{"enable_seqscan", "enable_bitmapscan"} {
		_, err := tx.Exec("SET LOCAL " + setting + " = off")
		require.NoError(t, err)
	}
	rows, err := tx.Query("EXPLAIN "+statement, args...)
	require.NoError(t, err, statement)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	require.NoError(t, rows.Err())
	return strings.Join(lines, "\n")
}
