package store

import (
	"database/sql"
	"fmt"
	"strings"
)

// A rollupTable is a table of sums over request_logs.
type rollupTable struct {
	name    string
	key     []string
	latency bool // has the column latency after the sums
	// logs is what selects the logs behind one row, given its key.
	logs string
}

// The selections of logs by key are answered from an index, newest first. Their
// last placeholder is the last moment of the key's month or hour; a user's
// totals have none.
var (
	totalsTable = rollupTable{
		name: "usage_totals",
		key:  []string{"user_profile_id", "model", "provider"},
		logs: `user_profile_id = $1 AND coalesce(model, '') = $2 AND coalesce(provider, '') = $3`,
	}
	monthlyTable = rollupTable{
		name: "usage_monthly",
		key:  []string{"user_profile_id", "month", "model", "provider"},
		logs: `user_profile_id = $1 AND created_at >= $2
			AND coalesce(model, '') = $3 AND coalesce(provider, '') = $4 AND created_at <= $5`,
	}
	hourlyTable = rollupTable{
		name:    "traffic_hourly",
		key:     []string{"hour", "model", "provider"},
		logs:    `created_at >= $1 AND coalesce(model, '') = $2 AND coalesce(provider, '') = $3 AND created_at <= $4`,
		latency: true,
	}
	rollupTables = []*rollupTable{&totalsTable, &monthlyTable, &hourlyTable}
)

// sumColumns are the columns that every rollup adds up.
var sumColumns = []string{
	"requests", "successes", "failures", "tokens", "prompt_tokens", "completion_tokens",
	"cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "token_requests",
	"cost_usd", "cost_nano", "failed_cost_usd", "failed_cost_nano", "priced_requests",
	"unpriced_requests", "unpriced_tokens", "response_us", "timed_requests",
}

// values are the sums in the order of sumColumns.
func (s *sums) values() []any {
	return []any{
		s.requests, s.successes, s.failures, s.tokens, s.promptTokens, s.completionTokens,
		s.cacheReadTokens, s.cacheWriteTokens, s.reasoningTokens, s.tokenRequests,
		s.costUSD, s.costNano, s.failedUSD, s.failedNano, s.pricedRequests,
		s.unpricedRequests, s.unpricedTokens, s.responseMicros, s.timedRequests,
	}
}

// columns are all columns of the table, in the order that save binds them.
func (t *rollupTable) columns() []string {
	all := append(append([]string{}, t.key...), sumColumns...)
	all = append(all, "last_at")
	if t.latency {
		all = append(all, "latency")
	}
	return all
}

// upsertSQL adds sums to a row, or makes it.
func (t *rollupTable) upsertSQL() string {
	var set []string
	for _, c := range sumColumns {
		set = append(set, fmt.Sprintf("%s = %s.%[1]s + excluded.%[1]s", c, t.name))
	}
	set = append(set, fmt.Sprintf("last_at = greatest(%s.last_at, excluded.last_at)", t.name))
	if t.latency {
		set = append(set, fmt.Sprintf("latency = latency_add(%s.latency, excluded.latency)", t.name))
	}
	return fmt.Sprintf("%s ON CONFLICT (%s) DO UPDATE SET %s", t.insertSQL(), strings.Join(t.key, ", "), strings.Join(set, ", "))
}

// addSQL adds sums to a row that is there, as most are. It binds what insertSQL
// binds.
func (t *rollupTable) addSQL() string {
	set := make([]string, 0, len(sumColumns)+2)
	next := len(t.key) + 1
	for _, c := range sumColumns {
		set = append(set, fmt.Sprintf("%s = %[1]s + $%d", c, next))
		next++
	}
	set = append(set, fmt.Sprintf("last_at = max(last_at, $%d)", next))
	if t.latency {
		set = append(set, fmt.Sprintf("latency = latency_add(latency, $%d)", next+1))
	}
	return fmt.Sprintf(`UPDATE %s SET %s WHERE %s`, t.name, strings.Join(set, ", "), t.keyIs())
}

// insertSQL makes a row.
func (t *rollupTable) insertSQL() string {
	columns := t.columns()
	return fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s)`,
		t.name, strings.Join(columns, ", "), placeholders(1, len(columns)))
}

// repairSQL recomputes a row's last_at from the logs, which subtracting cannot
// do, and keeps it when no log is left.
func (t *rollupTable) repairSQL() string {
	return fmt.Sprintf(`
		UPDATE %s
		SET last_at = coalesce((
			SELECT created_at FROM request_logs
			WHERE %s
			ORDER BY created_at DESC
			LIMIT 1
		), last_at)
		WHERE %s`, t.name, t.logs, t.keyIs())
}

// clearSQL removes a row that counts no log any more.
func (t *rollupTable) clearSQL() string {
	return fmt.Sprintf(`DELETE FROM %s WHERE %s AND requests = 0`, t.name, t.keyIs())
}

func (t *rollupTable) keyIs() string {
	terms := make([]string, len(t.key))
	for i, k := range t.key {
		terms[i] = fmt.Sprintf("%s = $%d", k, i+1)
	}
	return strings.Join(terms, " AND ")
}

type rollupStatements struct{ add, insert, repair, clear *sql.Stmt }

func (p *preparer) rollup(t rollupTable) rollupStatements {
	add := t.addSQL()
	if p.engine.shared {
		add = t.upsertSQL()
	}
	return rollupStatements{
		add: p.prepare(add), insert: p.prepare(t.insertSQL()),
		repair: p.prepare(t.repairSQL()), clear: p.prepare(t.clearSQL()),
	}
}

// A rollupWriter writes the rows of one rollup in a transaction, until one
// fails.
type rollupWriter struct {
	tx    *sql.Tx
	stmts *rollupStatements
	add   *sql.Stmt
	err   error
}

// addOrInsert adds to a row, or makes it when it is not there.
func addOrInsert(tx *sql.Tx, add, insert *sql.Stmt, args []any) error {
	result, err := add.Exec(args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	_, err = tx.Stmt(insert).Exec(args...)
	return err
}

func newRollupWriter(tx *sql.Tx, stmts *rollupStatements) *rollupWriter {
	return &rollupWriter{tx: tx, stmts: stmts, add: tx.Stmt(stmts.add)}
}

// write adds sums to the row of the key. rest is what the row has after the sums;
// last is the last moment of the key's month or hour, if it has one.
func (w *rollupWriter) write(s *sums, key, rest []any, last ...any) {
	if w.err != nil {
		return
	}
	args := append(append(key[:len(key):len(key)], s.values()...), s.last.latest().Stored())
	if err := addOrInsert(w.tx, w.add, w.stmts.insert, append(args, rest...)); err != nil {
		w.err = fmt.Errorf("adding to a rollup: %w", err)
		return
	}
	if !s.last.hasRemoved {
		return
	}
	if s.last.unknown {
		if _, err := w.tx.Stmt(w.stmts.repair).Exec(append(key[:len(key):len(key)], last...)...); err != nil {
			w.err = fmt.Errorf("finding a rollup's last request: %w", err)
			return
		}
	}
	if _, err := w.tx.Stmt(w.stmts.clear).Exec(key...); err != nil {
		w.err = fmt.Errorf("clearing a rollup: %w", err)
	}
}
