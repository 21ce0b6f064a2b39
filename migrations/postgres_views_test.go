package migrations_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/storetest"
)

// What each view and function must answer, asked of the logs row by row.
var byRow = map[string]string{
	"SELECT * FROM user_request_analytics": `
		SELECT p.user_id, p.email, p.full_name, p.subscription_tier,
			coalesce(sum(l.tokens_used), 0)::bigint,
			count(l.id),
			count(l.id) FILTER (WHERE l.status = 'success'),
			count(l.id) FILTER (WHERE l.status IN ('failure', 'error')),
			coalesce(sum(l.tokens_used), 0)::bigint,
			coalesce(sum(round(l.total_cost::text::numeric, 9)), 0)::double precision,
			sum(floor(l.response_time::text::double precision * 1e6 + 0.5)) FILTER (WHERE l.response_time > 0 AND l.status IS DISTINCT FROM 'initiated')
				/ 1e6 / nullif(count(*) FILTER (WHERE l.response_time > 0 AND l.status IS DISTINCT FROM 'initiated'), 0),
			(SELECT m.model FROM request_logs AS m WHERE m.user_profile_id = p.user_id AND m.model <> ''
				GROUP BY m.model ORDER BY count(*) DESC, max(m.created_at) DESC, m.model COLLATE "C" LIMIT 1),
			(SELECT m.provider FROM request_logs AS m WHERE m.user_profile_id = p.user_id AND m.provider <> ''
				GROUP BY m.provider ORDER BY count(*) DESC, max(m.created_at) DESC, m.provider COLLATE "C" LIMIT 1),
			max(l.created_at)
		FROM user_profiles AS p LEFT JOIN request_logs AS l ON l.user_profile_id = p.user_id
		GROUP BY p.user_id`,
	`SELECT user_profile_id, email, period_start, request_count, total_tokens, total_cost, model_breakdown::text,
			provider_breakdown::text FROM monthly_token_usage`: `
		WITH logs AS (
			SELECT l.*, p.email, coalesce(l.model, '') AS m, coalesce(l.provider, '') AS v,
				date_trunc('month', l.created_at AT TIME ZONE 'UTC') AS month
			FROM request_logs AS l JOIN user_profiles AS p ON p.user_id = l.user_profile_id
		)
		SELECT user_profile_id, email, month AT TIME ZONE 'UTC', count(*), coalesce(sum(tokens_used), 0)::bigint,
			coalesce(sum(round(total_cost::text::numeric, 9)), 0)::double precision,
			(SELECT '{' || string_agg(to_json(b.m) || ':' || b.n, ',' ORDER BY b.m) || '}' FROM (
				SELECT k.m, coalesce(sum(k.tokens_used), 0) AS n FROM logs AS k
				WHERE k.user_profile_id = logs.user_profile_id AND k.month = logs.month GROUP BY k.m) AS b),
			(SELECT '{' || string_agg(to_json(b.v) || ':' || b.n, ',' ORDER BY b.v) || '}' FROM (
				SELECT k.v, coalesce(sum(k.tokens_used), 0) AS n FROM logs AS k
				WHERE k.user_profile_id = logs.user_profile_id AND k.month = logs.month GROUP BY k.v) AS b)
		FROM logs GROUP BY user_profile_id, email, month`,
	"SELECT p.user_id, b.* FROM user_profiles AS p, get_user_token_breakdown(p.user_id) AS b": `
		SELECT user_profile_id, coalesce(model, ''), coalesce(provider, ''), count(*), coalesce(sum(tokens_used), 0)::bigint,
			coalesce(sum(round(total_cost::text::numeric, 9)), 0)::double precision,
			coalesce(sum(tokens_used), 0)::double precision / nullif(count(*) FILTER (
				WHERE tokens_used <> 0 OR prompt_tokens IS NOT NULL OR completion_tokens IS NOT NULL), 0),
			max(created_at)
		FROM request_logs WHERE user_profile_id IS NOT NULL GROUP BY 1, 2, 3`,
	`SELECT p.user_id, h.id, h.request_time, h.tokens_used, h.error::text
			FROM user_profiles AS p, get_user_request_history(p.user_id, 1000000) AS h`: `
		SELECT user_profile_id, id, created_at, tokens_used, error::text FROM request_logs WHERE user_profile_id IS NOT NULL`,
	"SELECT request_id, user_id, email, tokens_used FROM user_recent_activity": `
		SELECT id, user_profile_id, (SELECT email FROM user_profiles WHERE user_id = user_profile_id), tokens_used FROM request_logs`,
	"SELECT sum(requests), sum(failures), sum(tokens), sum(cost_usd) * 1000000000 + sum(cost_nano) FROM traffic_by_log": `
		SELECT nullif(count(*), 0), sum(CASE WHEN status IN ('failure', 'error') THEN 1 ELSE 0 END),
			sum(tokens_used), sum(nano_usd(total_cost))
		FROM request_logs`,
	"SELECT user_profile_id, sum(requests), sum(tokens) FROM usage_by_log GROUP BY 1": `
		SELECT user_profile_id, count(*), sum(tokens_used) FROM request_logs WHERE user_profile_id IS NOT NULL GROUP BY 1`,
	"SELECT subscription_tier, sum(requests), coalesce(sum(tokens), 0) FROM usage_by_tier GROUP BY 1": `
		SELECT subscription_tier, count(*), coalesce(sum(l.tokens_used), 0)
		FROM request_logs AS l JOIN user_profiles AS p ON p.user_id = l.user_profile_id GROUP BY 1`,
	"SELECT subscription_tier, sum(requests), sum(tokens) FROM totals_by_tier GROUP BY 1": `
		SELECT subscription_tier, count(*), coalesce(sum(l.tokens_used), 0)
		FROM request_logs AS l JOIN user_profiles AS p ON p.user_id = l.user_profile_id GROUP BY 1`,
}

// requireViews requires that every view says what the logs say.
func requireViews(t testing.TB, db *sql.DB, after string) {
	t.Helper()
	for view, oracle := range byRow {
		differing := fmt.Sprintf("((%[1]s) EXCEPT ALL (%[2]s)) UNION ALL ((%[2]s) EXCEPT ALL (%[1]s))", view, oracle)
		found := *answer(t, db, "SELECT coalesce(string_agg(d::text, E'\\n'), '') FROM ("+differing+") AS d")
		require.Empty(t, found, "%s after %s", view, after)
	}
}

func TestTheViewsSayWhatTheLogsSayWhoeverWrites(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.AsSuperuser(t, storetest.Postgres(t)))
	exec(t, db, `INSERT INTO user_profiles (user_id, email, subscription_tier)
		VALUES ('ann', 'ann@example.com', 'pro'), ('bob', NULL, 'free'), ('Ça', '', NULL), ('idle', NULL, 'pro')`)
	seed := rand.Uint64()
	w := directWriter{rand.New(rand.NewPCG(seed, 0))}
	for i := range 80 {
		role, statement := w.one("anon", "authenticated", "service_role"), w.statement()
		switch policy.Role(role) {
		case policy.Anon:
			statement = w.insert(1 + w.IntN(4))
		case policy.Authenticated:
			statement = strings.NewReplacer("'bob'", "'ann'", "'Ça'", "'ann'").Replace(w.insert(1))
		}
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.Exec(`SELECT set_config('request.jwt.claims', '{"sub":"ann"}', true), set_config('role', $1, true)`, role)
		require.NoError(t, err)
		if _, err = tx.Exec(statement); role == "authenticated" && isDenied(err) {
			require.NoError(t, tx.Rollback()) // a log that is nobody's
			continue
		}
		require.NoError(t, err, "seed %d: %s", seed, statement)
		require.NoError(t, tx.Commit())
		if i%8 == 7 {
			requireViews(t, db, fmt.Sprintf("seed %d, %s", seed, statement))
		}
	}
}

func TestHistoryIsNewestFirstAndPaged(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Postgres(t))
	exec(t, db, "INSERT INTO user_profiles (user_id) VALUES ('ann')", `INSERT INTO request_logs (user_profile_id, created_at)
		SELECT 'ann', timestamptz '2026-01-01 00:00:00+00' + n / 2 * interval '1 minute' FROM generate_series(1, 120) AS n`)
	ids := func(call string) string {
		return strings.Join(lines(t, db, "SELECT id::text FROM "+call), " ")
	}
	assert.Equal(t, "120 119 118", ids("get_user_request_history('ann', 3)"))
	assert.Equal(t, "2 1", ids("get_user_request_history(p_user_id => 'ann', p_offset => 118)"))
	assert.Len(t, strings.Fields(ids("get_user_request_history('ann')")), 50)
	assert.Empty(t, ids("get_user_request_history('bob')"))
}

func TestTheBreakdownHasMostTokensFirst(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Postgres(t))
	exec(t, db, "INSERT INTO user_profiles (user_id) VALUES ('ann')", `INSERT INTO request_logs (user_profile_id, model, tokens_used)
		VALUES ('ann', 'b', 5), ('ann', 'a', 5), ('ann', 'Z', 5), ('ann', 'most', 9), ('ann', 'unknown', 0)`)
	assert.Equal(t, []string{"most", "Z", "a", "b", "unknown"}, lines(t, db, "SELECT model FROM get_user_token_breakdown('ann')"))
	assert.Equal(t, []string{"unknown"},
		lines(t, db, "SELECT model FROM get_user_token_breakdown('ann') WHERE avg_tokens_per_request IS NULL"))
}
