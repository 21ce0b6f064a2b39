package store

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// A rollupTable is a table of sums over request_logs.
type rollupTable struct {
	name    string
	key     []string
	latency bool // has the column latency after the sums
	// logs is what selects the logs behind one row, given its key; logsOf does
	// the same but for the model and the provider, given the row as t.
	logs, logsOf string
}

// The selections of logs by key are answered from an index, newest first. Their
// last placeholder is the last moment of the key's month or hour; a user's
// totals have none.
var (
	totalsTable = rollupTable{
		name: "usage_totals",
		key:  []string{"user_profile_id", "model", "provider"},
		logs: `user_profile_id = $1 AND coalesce(model, '') = $2 AND coalesce(provider, '') = $3`,

		logsOf: `l.user_profile_id = t.user_profile_id`,
	}
	monthlyTable = rollupTable{
		name: "usage_monthly",
		key:  []string{"user_profile_id", "month", "model", "provider"},
		logs: `user_profile_id = $1 AND created_at >= $2
			AND coalesce(model, '') = $3 AND coalesce(provider, '') = $4 AND created_at <= $5`,

		logsOf: `l.user_profile_id = t.user_profile_id AND l.created_at >= t.month AND l.created_at < next_month(t.month)`,
	}
	hourlyTable = rollupTable{
		name:    "traffic_hourly",
		key:     []string{"hour", "model", "provider"},
		logs:    `created_at >= $1 AND coalesce(model, '') = $2 AND coalesce(provider, '') = $3 AND created_at <= $4`,
		logsOf:  `l.created_at >= t.hour AND l.created_at < t.hour + interval '1 hour'`,
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

// addManySQL adds sums to many rows, or makes them.
func (t *rollupTable) addManySQL() string {
	var set []string
	for _, c := range sumColumns {
		set = append(set, fmt.Sprintf("%s = %s.%[1]s + excluded.%[1]s", c, t.name))
	}
	set = append(set, fmt.Sprintf("last_at = greatest(%s.last_at, excluded.last_at)", t.name))
	if t.latency {
		set = append(set, fmt.Sprintf("latency = latency_add(%s.latency, excluded.latency)", t.name))
	}
	columns := make([]bulkColumn, 0, len(t.key)+len(sumColumns)+2)
	for _, c := range t.columns() {
		columns = append(columns, t.bulk(c))
	}
	return fmt.Sprintf("%s ON CONFLICT (%s) DO UPDATE SET %s",
		insertManySQL(t.name, columns), strings.Join(t.key, ", "), strings.Join(set, ", "))
}

func (t *rollupTable) bulk(column string) bulkColumn {
	switch {
	case column == "month" || column == "hour" || column == "last_at":
		return bulkColumn{column, "timestamptz"}
	case slices.Contains(sumColumns, column):
		return bulkColumn{column, "bigint"}
	}
	return bulkColumn{column, "text"}
}

// gone is rows from which logs were taken, by their keys.
func (t *rollupTable) gone() (from, where string) {
	columns := make([]bulkColumn, len(t.key))
	terms := make([]string, len(t.key))
	for i, k := range t.key {
		columns[i] = t.bulk(k)
		terms[i] = fmt.Sprintf("t.%s = gone.%[1]s", k)
	}
	return fmt.Sprintf("%s AS gone (%s)", unnestSQL(columns), namesOf(columns)), strings.Join(terms, " AND ")
}

// repairManySQL does what repairSQL does, for many rows.
func (t *rollupTable) repairManySQL() string {
	from, where := t.gone()
	return fmt.Sprintf(`
		UPDATE %s AS t
		SET last_at = coalesce((
			SELECT created_at FROM request_logs AS l
			WHERE %s AND coalesce(l.model, '') = t.model AND coalesce(l.provider, '') = t.provider
			ORDER BY created_at DESC
			LIMIT 1
		), last_at)
		FROM %s
		WHERE %s`, t.name, t.logsOf, from, where)
}

// clearManySQL does what clearSQL does, for many rows.
func (t *rollupTable) clearManySQL() string {
	from, where := t.gone()
	return fmt.Sprintf(`DELETE FROM %s AS t USING %s WHERE %s AND t.requests = 0`, t.name, from, where)
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

type rollupStatements struct {
	add, insert, repair, clear *sql.Stmt
	many                       bool      // rows go in one statement, and there is no insert: see bulk.go
	latest                     *sql.Stmt // where logs are spread over servers: see distributed.go
}

func (p *preparer) rollup(t rollupTable) rollupStatements {
	if p.engine.distributed {
		return p.distributedRollup(t)
	}
	if p.engine.shared {
		return rollupStatements{
			add: p.prepare(t.addManySQL()), repair: p.prepare(t.repairManySQL()), clear: p.prepare(t.clearManySQL()), many: true,
		}
	}
	return rollupStatements{
		add: p.prepare(t.addSQL()), insert: p.prepare(t.insertSQL()), repair: p.prepare(t.repairSQL()), clear: p.prepare(t.clearSQL()),
	}
}

// A rollupWriter gathers the changes of one rollup in a transaction, in the
// order of its key, and writes them.
type rollupWriter struct {
	tx      *sql.Tx
	stmts   *rollupStatements
	rows    [][]any
	removed []removedRow
}

// A removedRow is a row from which logs were taken.
type removedRow struct {
	key, repair []any // repair is nil when the row's last request is known
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
	return &rollupWriter{tx: tx, stmts: stmts}
}

// change adds sums to the row of the key. rest is what the row has after the
// sums; last is the last moment of the key's month or hour, if it has one.
func (w *rollupWriter) change(s *sums, key, rest []any, last ...any) {
	row := append(append(key[:len(key):len(key)], s.values()...), s.last.latest())
	w.rows = append(w.rows, append(row, rest...))
	if !s.last.hasRemoved {
		return
	}
	r := removedRow{key: key}
	if s.last.unknown {
		r.repair = append(key[:len(key):len(key)], last...)
	}
	w.removed = append(w.removed, r)
}

// write writes what was gathered.
func (w *rollupWriter) write() error {
	if w.stmts.many {
		return w.writeMany()
	}
	add := w.tx.Stmt(w.stmts.add)
	for _, row := range w.rows {
		if err := addOrInsert(w.tx, add, w.stmts.insert, row); err != nil {
			return fmt.Errorf("adding to a rollup: %w", err)
		}
	}
	for _, r := range w.removed {
		if r.repair != nil {
			if _, err := w.tx.Stmt(w.stmts.repair).Exec(r.repair...); err != nil {
				return fmt.Errorf("finding a rollup's last request: %w", err)
			}
		}
		if _, err := w.tx.Stmt(w.stmts.clear).Exec(r.key...); err != nil {
			return fmt.Errorf("clearing a rollup: %w", err)
		}
	}
	return nil
}

func (w *rollupWriter) writeMany() error {
	if err := execMany(w.tx, w.stmts.add, w.rows); err != nil {
		return fmt.Errorf("adding to a rollup: %w", err)
	}
	if w.stmts.latest != nil {
		return w.repairEach()
	}
	var repair, clear [][]any
	for _, r := range w.removed {
		clear = append(clear, r.key)
		if r.repair != nil {
			repair = append(repair, r.key)
		}
	}
	if err := execMany(w.tx, w.stmts.repair, repair); err != nil {
		return fmt.Errorf("finding the last requests of a rollup: %w", err)
	}
	if err := execMany(w.tx, w.stmts.clear, clear); err != nil {
		return fmt.Errorf("clearing a rollup: %w", err)
	}
	return nil
}
