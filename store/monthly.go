package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// rebuildChunk is how many users' rows one transaction of a rebuild writes, so
// that the logs of others wait only a moment.
const rebuildChunk = 100

// monthSQL is the rows of tokens_usage for one month ($1), as the view
// monthly_token_usage has them. It goes from user to user, so that it takes as
// long as there are users, however many months they have.
const monthSQL = `
	SELECT
		p.user_id AS user_profile_id,
		next_month($1) AS period_end,
		sum(u.tokens) AS total_tokens,
		round(sum(u.cost_usd) + sum(u.cost_nano) / 1e9, 9) AS total_cost,
		sum(u.requests) AS request_count,
		(
			SELECT json('{' || string_agg(json_quote(b.model) || ':' || b.tokens, ',' ORDER BY b.model) || '}')
			FROM (
				SELECT m.model, sum(m.tokens) AS tokens
				FROM usage_monthly AS m
				WHERE m.user_profile_id = p.user_id AND m.month = $1
				GROUP BY m.model
			) AS b
		) AS model_breakdown,
		(
			SELECT json('{' || string_agg(json_quote(b.provider) || ':' || b.tokens, ',' ORDER BY b.provider) || '}')
			FROM (
				SELECT m.provider, sum(m.tokens) AS tokens
				FROM usage_monthly AS m
				WHERE m.user_profile_id = p.user_id AND m.month = $1
				GROUP BY m.provider
			) AS b
		) AS provider_breakdown
	FROM user_profiles AS p
	CROSS JOIN usage_monthly AS u ON u.user_profile_id = p.user_id AND u.month = $1
	GROUP BY p.user_id`

// differingSQL selects the users whose row for a month ($1) is missing, differs,
// or has outlived the user's usage.
const differingSQL = `
	WITH made AS (` + monthSQL + `)
	SELECT m.user_profile_id
	FROM made AS m
	LEFT JOIN tokens_usage AS t
		ON t.user_profile_id = m.user_profile_id AND t.period_type = 'monthly' AND t.period_start = $1
	WHERE (t.period_end, t.total_tokens, t.total_cost, t.request_count,
			CAST(t.model_breakdown AS TEXT), CAST(t.provider_breakdown AS TEXT))
		IS DISTINCT FROM (m.period_end, m.total_tokens, m.total_cost, m.request_count,
			CAST(m.model_breakdown AS TEXT), CAST(m.provider_breakdown AS TEXT))
	UNION ALL
	SELECT p.user_id
	FROM user_profiles AS p
	CROSS JOIN tokens_usage AS t
		ON t.user_profile_id = p.user_id AND t.period_type = 'monthly' AND t.period_start = $1
	WHERE NOT EXISTS (SELECT 1 FROM usage_monthly AS u WHERE u.user_profile_id = p.user_id AND u.month = $1)
	ORDER BY 1`

// saveMonthSQL makes one user's row ($2) for a month, or corrects it where it
// differs, at the moment $3.
const saveMonthSQL = `
	WITH made AS (` + monthSQL + `)
	INSERT INTO tokens_usage (
		user_profile_id, period_type, period_start, period_end, total_tokens, total_cost, request_count,
		model_breakdown, provider_breakdown, created_at, updated_at
	)
	SELECT user_profile_id, 'monthly', $1, period_end, total_tokens, total_cost, request_count,
		model_breakdown, provider_breakdown, $3, $3
	FROM made
	WHERE user_profile_id = $2
	ON CONFLICT (user_profile_id, period_type, period_start) DO UPDATE
	SET period_end = excluded.period_end, total_tokens = excluded.total_tokens, total_cost = excluded.total_cost,
		request_count = excluded.request_count, model_breakdown = excluded.model_breakdown,
		provider_breakdown = excluded.provider_breakdown, updated_at = excluded.updated_at
	WHERE (tokens_usage.period_end, tokens_usage.total_tokens, tokens_usage.total_cost, tokens_usage.request_count,
			CAST(tokens_usage.model_breakdown AS TEXT), CAST(tokens_usage.provider_breakdown AS TEXT))
		IS DISTINCT FROM (excluded.period_end, excluded.total_tokens, excluded.total_cost, excluded.request_count,
			CAST(excluded.model_breakdown AS TEXT), CAST(excluded.provider_breakdown AS TEXT))`

// dropMonthSQL removes a user's row for a month without usage.
const dropMonthSQL = `
	DELETE FROM tokens_usage
	WHERE user_profile_id = $2 AND period_type = 'monthly' AND period_start = $1
		AND NOT EXISTS (SELECT 1 FROM usage_monthly AS u WHERE u.user_profile_id = $2 AND u.month = $1)`

// A month is stale when its sums have changed since its rows in tokens_usage
// were made: the writer notes it with the logs. While a rebuild is under way
// the mark says so, so that a log which comes meanwhile makes another, and a
// rebuild that does not come to its end leaves one.
const (
	noteStaleSQL    = `INSERT INTO stale_months (month) VALUES ($1) ON CONFLICT DO NOTHING`
	beginRebuildSQL = `INSERT INTO stale_months (month, rebuilding) VALUES ($1, TRUE) ON CONFLICT DO NOTHING`
	unmarkSQL       = `DELETE FROM stale_months WHERE month = $1 AND NOT rebuilding`
	endRebuildSQL   = `DELETE FROM stale_months WHERE month = $1 AND rebuilding`
	allStaleSQL     = `
		INSERT INTO stale_months (month)
		SELECT month FROM usage_monthly
		UNION
		SELECT period_start FROM tokens_usage
		WHERE period_type = 'monthly' AND period_start = month_of(period_start)
		ON CONFLICT DO NOTHING`
	staleMonthsSQL = `SELECT DISTINCT month FROM stale_months ORDER BY month`
)

// StaleMonths returns the first moments of the months whose rows in
// tokens_usage may differ from the sums, oldest first.
func (db *DB) StaleMonths(ctx context.Context) ([]Timestamp, error) {
	stored, err := readTexts(db.readers.QueryContext(ctx, staleMonthsSQL))
	if err != nil {
		return nil, fmt.Errorf("listing the stale months: %w", err)
	}
	months := make([]Timestamp, len(stored))
	for i, s := range stored {
		if months[i], err = parseStored(s); err != nil {
			return nil, err
		}
	}
	return months, nil
}

// RebuildMonth makes the monthly rows of tokens_usage for the month that begins
// at the moment given, from the rollup: also when the logs behind it are gone.
// It returns how many rows it changed; rows that agree stay untouched. The
// writer is held for a moment at a time. When RebuildMonth fails or ctx ends,
// the month stays stale.
func (db *DB) RebuildMonth(ctx context.Context, month Timestamp) (changed int, err error) {
	db.rebuilding.Lock()
	defer db.rebuilding.Unlock()
	// First the mark, then what there is to do: a log that is not seen by the
	// one is by the other.
	err = db.Write(ctx, func(tx *Tx) error {
		_, err := tx.Exec(beginRebuildSQL, month)
		if err == nil {
			_, err = tx.Exec(unmarkSQL, month)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("beginning to rebuild a month: %w", err)
	}
	users, err := readTexts(db.readers.QueryContext(ctx, db.engine.sql(differingSQL), month))
	if err != nil {
		return 0, fmt.Errorf("comparing a month: %w", err)
	}
	for chunk := range slices.Chunk(users, rebuildChunk) {
		n := 0
		err := db.Write(ctx, func(tx *Tx) (err error) { n, err = saveMonth(tx, month, chunk); return err })
		if err != nil {
			return changed, fmt.Errorf("rebuilding a month: %w", err)
		}
		changed += n
	}
	err = db.Write(ctx, func(tx *Tx) error { _, err := tx.Exec(endRebuildSQL, month); return err })
	if err != nil {
		return changed, fmt.Errorf("finishing a month: %w", err)
	}
	return changed, nil
}

// saveMonth brings some users' rows for a month in line with the rollup, as it
// is now, and returns how many it changed.
func saveMonth(tx *Tx, month Timestamp, users []string) (changed int, err error) {
	save, err := tx.Prepare(tx.engine.sql(saveMonthSQL))
	if err != nil {
		return 0, err
	}
	defer save.Close()
	drop, err := tx.Prepare(dropMonthSQL)
	if err != nil {
		return 0, err
	}
	defer drop.Close()
	now := tx.now()
	for _, user := range users {
		saved, err := rowsAffected(save.Exec(month, user, now))
		if err != nil {
			return 0, err
		}
		dropped, err := rowsAffected(drop.Exec(month, user))
		if err != nil {
			return 0, err
		}
		changed += saved + dropped
	}
	return changed, nil
}

func rowsAffected(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// noteStale marks months in the transaction that changes their sums.
func noteStale(tx *sql.Tx, stmts *logStatements, months []Timestamp) error {
	slices.Sort(months)
	if stmts.noteStaleMany != nil {
		rows := make([][]any, len(months))
		for i, month := range months {
			rows[i] = []any{month}
		}
		if err := execMany(tx, stmts.noteStaleMany, rows); err != nil {
			return fmt.Errorf("noting the months that changed: %w", err)
		}
		return nil
	}
	for _, month := range months {
		if _, err := tx.Stmt(stmts.noteStale).Exec(month); err != nil {
			return fmt.Errorf("noting a month that changed: %w", err)
		}
	}
	return nil
}
