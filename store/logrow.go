package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// logStatements are the writer's prepared statements.
type logStatements struct {
	insert, update, remove      *sql.Stmt
	byID, byCallID, countedByID *sql.Stmt
	userExists, addUser         *sql.Stmt
	addTokens, addUserTokens    *sql.Stmt

	// Where rows go in one statement: see bulk.go.
	addManyUsers, newIDs, insertMany, updateMany, noteStaleMany *sql.Stmt

	callOf *sql.Stmt // where logs are spread over servers: see distributed.go

	totals, monthly, hourly rollupStatements
	noteStale               *sql.Stmt
}

// The rows of request_logs are read and written with every column, in the
// order of the table, and written with cost_nano and price_id after them.
var (
	logColumnNames = func() []string {
		names := make([]string, 0, logColumnCount+2)
		for _, c := range logTable {
			names = append(names, c.name)
		}
		return append(names, "cost_nano", "price_id")
	}()

	updateLogSQL = fmt.Sprintf(`
		UPDATE request_logs
		SET (%s) = (%s)
		WHERE id = $1`,
		strings.Join(logColumnNames[1:], ", "), placeholders(2, len(logColumnNames)))

	selectLogSQL = fmt.Sprintf(`SELECT %s, coalesce(price_id, 0) FROM request_logs`,
		strings.Join(logColumnNames[:logColumnCount], ", "))

	// Without the JSON columns, whose overflow pages take time to read.
	selectCountedSQL = fmt.Sprintf(`SELECT %s FROM request_logs`, strings.Join(logColumnNames[:ColMessages], ", "))
)

// insertLogSQL stores a log unless its call id is taken.
func insertLogSQL(e *engine) string {
	sql := fmt.Sprintf(`
		INSERT INTO request_logs (%s)
		VALUES (%s, %s)
		ON CONFLICT (litellm_call_id) DO NOTHING`,
		strings.Join(logColumnNames, ", "), e.newID, placeholders(2, len(logColumnNames)))
	if e.shared {
		sql += " RETURNING id"
	}
	return sql
}

func placeholders(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		if i > from {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i)
	}
	return b.String()
}

func (s *logStatements) prepare(db *sql.DB, e *engine) error {
	p := preparer{db: db, engine: e}
	s.byCallID = p.prepare(selectLogSQL + " WHERE litellm_call_id = $1" + e.forUpdate)
	if e.distributed {
		s.prepareDistributed(&p)
	} else {
		s.update = p.prepare(updateLogSQL)
		s.byID = p.prepare(selectLogSQL + " WHERE id = $1" + e.forUpdate)
		s.countedByID = p.prepare(selectCountedSQL + " WHERE id = $1" + e.forUpdate)
	}
	s.remove = p.prepare("DELETE FROM request_logs WHERE id = $1")
	s.userExists = p.prepare("SELECT 1 FROM user_profiles WHERE user_id = $1")
	s.addUser = p.prepare("INSERT INTO user_profiles (user_id) VALUES ($1) ON CONFLICT (user_id) DO NOTHING")
	const addUserTokens = "INSERT INTO user_profiles (user_id, tokens_used) VALUES ($1, $2)"
	s.addTokens = p.prepare("UPDATE user_profiles SET tokens_used = tokens_used + $2 WHERE user_id = $1")
	if e.shared {
		s.addManyUsers = p.prepare(insertManySQL("user_profiles", []bulkColumn{{"user_id", "text"}, {"tokens_used", "bigint"}}) + `
			ON CONFLICT (user_id) DO UPDATE
			SET tokens_used = user_profiles.tokens_used + excluded.tokens_used
			WHERE excluded.tokens_used <> 0`)
		s.newIDs = p.prepare(newLogIDsSQL)
		s.insertMany = p.prepare(insertManyLogsSQL)
		if s.updateMany == nil {
			s.updateMany = p.prepare(updateManyLogsSQL)
		}
		s.noteStaleMany = p.prepare(insertManySQL("stale_months", []bulkColumn{{"month", "timestamptz"}}) + " ON CONFLICT DO NOTHING")
	}
	s.addUserTokens = p.prepare(addUserTokens)
	s.totals = p.rollup(totalsTable)
	s.monthly = p.rollup(monthlyTable)
	s.hourly = p.rollup(hourlyTable)
	s.noteStale = p.prepare(noteStaleSQL)
	s.insert = p.prepare(insertLogSQL(e))
	return p.err
}

// A preparer prepares statements until one fails.
type preparer struct {
	db     *sql.DB
	engine *engine
	err    error
}

func (p *preparer) prepare(query string) *sql.Stmt {
	if p.err != nil {
		return nil
	}
	stmt, err := p.db.Prepare(query)
	if err != nil {
		p.err = fmt.Errorf("preparing %q: %w", query, err)
	}
	return stmt
}

// values returns what to bind for a whole row: every column, cost_nano and
// price_id.
func (l *Log) values() []any {
	values := make([]any, 0, logColumnCount+2)
	for c := range logColumnCount {
		values = append(values, l.value(c))
	}
	values = append(values, l.costNano())
	if l.priceID == 0 {
		return append(values, nil)
	}
	return append(values, l.priceID)
}

// insert stores the log unless its call id is taken.
func (b *logBatch) insert(l *Log) (id int64, inserted bool, err error) {
	if b.db.engine.shared {
		err = b.tx.Stmt(b.stmts.insert).QueryRow(l.values()...).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return 0, false, nil
		}
		return id, err == nil, err
	}
	result, err := b.tx.Stmt(b.stmts.insert).Exec(l.values()...)
	if err != nil {
		return 0, false, fmt.Errorf("inserting a log: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil || n == 0 {
		return 0, false, err
	}
	id, err = result.LastInsertId()
	return id, true, err
}

// update writes the whole row of l.ID.
func (b *logBatch) update(l *Log) error {
	if _, err := b.tx.Stmt(b.stmts.update).Exec(l.values()...); err != nil {
		return fmt.Errorf("updating a log: %w", err)
	}
	return nil
}

// load reads a stored row with one of the statements that select a log.
func (b *logBatch) load(stmt *sql.Stmt, key any) (Log, error) {
	keys, err := b.located(stmt, key)
	if err != nil {
		return Log{}, err
	}
	scan := b.tx.Stmt(stmt).QueryRow(keys...).Scan
	var l Log
	if stmt == b.stmts.countedByID {
		l, err = scanLog(scan, ColMessages)
	} else {
		l, err = scanWholeLog(scan)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return l, ErrNotFound
	}
	return l, err
}

// scanWholeLog reads a row that selectLogSQL selects.
func scanWholeLog(scan func(...any) error) (Log, error) {
	var priceID int64
	l, err := scanLog(func(columns ...any) error { return scan(append(columns, &priceID)...) }, logColumnCount)
	l.priceID = priceID
	return l, err
}

// scanLog reads the first columns of a stored row. Each counts as sent.
func scanLog(scan func(...any) error, columns LogColumn) (Log, error) {
	var l Log
	var cells [logColumnCount]any
	targets := make([]any, columns)
	for c := range targets {
		targets[c] = &cells[c]
	}
	if err := scan(targets...); err != nil {
		return l, err
	}
	for c, value := range cells[:columns] {
		if err := l.setStored(LogColumn(c), cell(logTable[c].kind, value)); err != nil {
			return l, fmt.Errorf("reading %s: %w", logTable[c].name, err)
		}
	}
	return l, nil
}

// setStored gives a column the value that the database holds.
func (l *Log) setStored(c LogColumn, cell any) error {
	if cell == nil {
		l.SetNull(c)
		return nil
	}
	l.mark(c)
	switch field := logTable[c].field(l).(type) {
	case *int64:
		*field, _ = cell.(int64)
	case *float64:
		*field, _ = cell.(float64)
	case *string:
		*field, _ = cell.(string)
	case *json.RawMessage:
		s, _ := cell.(string)
		*field = json.RawMessage(s)
	case *Timestamp:
		s, _ := cell.(string)
		t, err := parseStored(s)
		*field = t
		return err
	}
	return nil
}
