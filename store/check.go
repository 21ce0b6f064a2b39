package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Difference is a place where the books do not agree with the logs.
type Difference struct {
	Table    string
	Key      string // of the row
	Recorded string // what the table says; "" when it has no such row
	Expected string // what the logs say; "" when they have none
}

// Check recomputes every aggregate from the logs, row by row, and reports what
// differs. It reads one snapshot: writes go on meanwhile.
func (db *DB) Check(ctx context.Context, report func(Difference)) error {
	tx, err := db.readers.BeginTx(ctx, &db.engine.snapshot)
	if err != nil {
		return fmt.Errorf("checking: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	for _, c := range checks() {
		if err := c.run(ctx, tx, report); err != nil {
			return fmt.Errorf("checking %s: %w", c.table, err)
		}
	}
	return nil
}

// Rebuild makes every aggregate anew from the logs, in one transaction. The rows
// of tokens_usage follow when the months, which are stale then, are rebuilt.
func (db *DB) Rebuild(ctx context.Context) error {
	return db.Write(ctx, func(tx *Tx) error {
		var steps []string
		if db.engine.shared {
			// What others write meanwhile would be counted twice, or not at all.
			steps = append(steps, "LOCK TABLE request_logs, user_profiles IN SHARE ROW EXCLUSIVE MODE")
		}
		steps = append(steps,
			"UPDATE request_logs SET cost_nano = nano_usd(total_cost) WHERE cost_nano IS DISTINCT FROM nano_usd(total_cost)")
		for _, t := range rollupTables {
			steps = append(steps, "DELETE FROM "+t.name,
				fmt.Sprintf("INSERT INTO %s (%s) %s", t.name, strings.Join(t.columns(), ", "), t.expectedSQL()))
		}
		steps = append(steps, `
			UPDATE user_profiles
			SET tokens_used = (SELECT coalesce(sum(l.tokens_used), 0) FROM request_logs AS l WHERE l.user_profile_id = user_id)`,
			allStaleSQL)
		for _, step := range steps {
			if _, err := tx.ExecContext(ctx, step); err != nil {
				return fmt.Errorf("rebuilding: %w", err)
			}
		}
		return nil
	})
}

// keySQL is what each key column of a rollup is made of.
var keySQL = map[string]string{
	"user_profile_id": "user_profile_id",
	"month":           "month_of(created_at)",
	"hour":            "hour_of(created_at)",
	"model":           "coalesce(model, '')",
	"provider":        "coalesce(provider, '')",
	"bucket": `CASE WHEN response_time > 0 AND status IS DISTINCT FROM 'initiated'
		THEN latency_bucket(micros(response_time)) END`,
}

// sumSQL is what each sum of a rollup adds up, in the order of sumColumns.
const sumSQL = `
	count(*) AS requests,
	count(*) FILTER (WHERE status = 'success') AS successes,
	count(*) FILTER (WHERE status IN ('failure', 'error')) AS failures,
	coalesce(sum(tokens_used), 0) AS tokens,
	coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
	coalesce(sum(completion_tokens), 0) AS completion_tokens,
	coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens,
	coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens,
	coalesce(sum(reasoning_tokens), 0) AS reasoning_tokens,
	count(*) FILTER (WHERE tokens_used <> 0 OR prompt_tokens IS NOT NULL
		OR completion_tokens IS NOT NULL) AS token_requests,
	coalesce(sum(nano_usd(total_cost) / 1000000000), 0) AS cost_usd,
	coalesce(sum(nano_usd(total_cost) % 1000000000), 0) AS cost_nano,
	coalesce(sum(nano_usd(total_cost) / 1000000000)
		FILTER (WHERE status IN ('failure', 'error')), 0) AS failed_cost_usd,
	coalesce(sum(nano_usd(total_cost) % 1000000000)
		FILTER (WHERE status IN ('failure', 'error')), 0) AS failed_cost_nano,
	count(total_cost) AS priced_requests,
	count(*) FILTER (WHERE total_cost IS NULL AND tokens_used > 0) AS unpriced_requests,
	coalesce(sum(tokens_used) FILTER (WHERE total_cost IS NULL), 0) AS unpriced_tokens,
	coalesce(sum(micros(response_time))
		FILTER (WHERE response_time > 0 AND status IS DISTINCT FROM 'initiated'), 0) AS response_us,
	count(*) FILTER (WHERE response_time > 0 AND status IS DISTINCT FROM 'initiated') AS timed_requests,
	max(created_at) AS last_at`

// expectedSQL is what the rollup says, asked of request_logs row by row: the
// definition that the writer's arithmetic must agree with.
func (t *rollupTable) expectedSQL() string {
	where := ""
	if t.key[0] == "user_profile_id" {
		where = "WHERE user_profile_id IS NOT NULL"
	}
	if !t.latency {
		return groupSQL(t.key, where)
	}
	sums := make([]string, len(sumColumns))
	for i, c := range sumColumns {
		sums[i] = fmt.Sprintf("sum(%s) AS %[1]s", c)
	}
	return fmt.Sprintf(`
		SELECT %[1]s, %[2]s, max(last_at) AS last_at,
			'{' || coalesce(string_agg('"' || bucket || '":' || timed_requests, ',' ORDER BY bucket)
				FILTER (WHERE bucket IS NOT NULL), '') || '}' AS latency
		FROM (%[3]s) AS by_bucket
		GROUP BY %[1]s`,
		strings.Join(t.key, ", "), strings.Join(sums, ", "),
		groupSQL(append(slices.Clone(t.key), "bucket"), where))
}

func groupSQL(key []string, where string) string {
	terms := make([]string, len(key))
	positions := make([]string, len(key))
	for i, k := range key {
		terms[i] = keySQL[k] + " AS " + k
		positions[i] = strconv.Itoa(i + 1)
	}
	return fmt.Sprintf("SELECT %s, %s FROM request_logs %s GROUP BY %s",
		strings.Join(terms, ", "), sumSQL, where, strings.Join(positions, ", "))
}

// A check compares two selections, row by row of a key.
type check struct {
	table              string
	recorded, expected string // each selects a key and its values as two texts
}

func checks() []check {
	all := []check{
		{
			table: "request_logs",
			recorded: `SELECT 'id ' || id AS key, 'cost_nano ' || coalesce(CAST(cost_nano AS TEXT), 'null') AS said
				FROM request_logs WHERE cost_nano IS DISTINCT FROM nano_usd(total_cost)`,
			expected: `SELECT 'id ' || id AS key, 'cost_nano ' || coalesce(CAST(nano_usd(total_cost) AS TEXT), 'null') AS said
				FROM request_logs WHERE cost_nano IS DISTINCT FROM nano_usd(total_cost)`,
		},
		{
			table:    "user_profiles",
			recorded: `SELECT user_id AS key, 'tokens_used ' || tokens_used AS said FROM user_profiles`,
			expected: `SELECT p.user_id AS key, 'tokens_used ' || coalesce(sum(l.tokens_used), 0) AS said
				FROM user_profiles AS p LEFT JOIN request_logs AS l ON l.user_profile_id = p.user_id
				GROUP BY p.user_id`,
		},
	}
	for _, t := range rollupTables {
		key := "concat_ws(' | ', " + strings.Join(t.key, ", ") + ")"
		var values []string
		for _, c := range t.columns()[len(t.key):] {
			values = append(values, fmt.Sprintf("'%s ' || %[1]s", c))
		}
		said := strings.Join(values, " || ', ' || ")
		all = append(all, check{
			table:    t.name,
			recorded: fmt.Sprintf("SELECT %s AS key, %s AS said FROM %s", key, said, t.name),
			expected: fmt.Sprintf("SELECT %s AS key, %s AS said FROM (%s) AS counted", key, said, t.expectedSQL()),
		})
	}
	return all
}

func (c check) run(ctx context.Context, tx *sql.Tx, report func(Difference)) error {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(`
		WITH recorded AS MATERIALIZED (%s), expected AS MATERIALIZED (%s)
		SELECT coalesce(r.key, e.key), coalesce(r.said, ''), coalesce(e.said, '')
		FROM recorded AS r FULL JOIN expected AS e ON e.key = r.key
		WHERE r.said IS DISTINCT FROM e.said
		ORDER BY 1`, c.recorded, c.expected))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		d := Difference{Table: c.table}
		if err := rows.Scan(&d.Key, &d.Recorded, &d.Expected); err != nil {
			return err
		}
		report(d)
	}
	return rows.Err()
}
