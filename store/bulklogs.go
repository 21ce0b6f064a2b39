package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/llmtally/llmtally/store/query"
)

// kinds are the names of the types on PostgreSQL, as request_logs has them.
var kinds = map[query.Type]string{
	query.Text: "text", query.Int: "bigint", query.Real: "real", query.Double: "double precision",
	query.Time: "timestamptz", query.JSON: "json",
}

var bulkLogColumns = func() (columns []bulkColumn) {
	for _, c := range logTable {
		columns = append(columns, bulkColumn{c.name, kinds[c.kind]})
	}
	return append(columns, bulkColumn{"cost_nano", "bigint"}, bulkColumn{"price_id", "bigint"})
}()

var (
	// insertManyLogsSQL stores logs unless their call ids are taken, and returns
	// the ids of those that were stored.
	insertManyLogsSQL = insertManySQL("request_logs", bulkLogColumns) + " ON CONFLICT (litellm_call_id) DO NOTHING RETURNING id"

	updateManyLogsSQL = func() string {
		set := make([]string, len(bulkLogColumns)-1)
		for i, c := range bulkLogColumns[1:] {
			set[i] = fmt.Sprintf("%s = l.%[1]s", c.name)
		}
		return fmt.Sprintf("UPDATE request_logs AS r SET %s FROM %s AS l (%s) WHERE r.id = l.id",
			strings.Join(set, ", "), unnestSQL(bulkLogColumns), namesOf(bulkLogColumns))
	}()

	// newLogIDsSQL gives ids, and leaves the transaction's mark on the way.
	newLogIDsSQL = `
		WITH marked AS (
			INSERT INTO book_state (name, value)
			VALUES ($2, $3)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value
		)
		SELECT nextval('request_logs_id_seq')
		FROM generate_series(1, $1)`
)

// statementBytes bounds the JSON of the logs that go in one statement.
const statementBytes = 8 << 20

// insertMany stores logs, and gives each its id. A call id that is taken, by a
// stored log or by one before it, keeps a log from being inserted.
func (b *logBatch) insertMany(logs []*sentLog) error {
	if len(logs) == 0 {
		return nil
	}
	if err := b.giveIDs(logs); err != nil {
		return err
	}
	ordered := slices.Clone(logs)
	slices.SortStableFunc(ordered, func(a, b *sentLog) int { return cmp.Compare(a.CallID, b.CallID) })
	for len(ordered) > 0 {
		n, size := 0, 0
		for n < len(ordered) && size < statementBytes {
			size += ordered[n].jsonBytes()
			n++
		}
		if err := b.insertSome(ordered[:n]); err != nil {
			return fmt.Errorf("inserting logs: %w", err)
		}
		ordered = ordered[n:]
	}
	return nil
}

func (l *Log) jsonBytes() int {
	return len(l.Messages) + len(l.Response) + len(l.Error) + len(l.AdditionalDetails)
}

func (b *logBatch) insertSome(logs []*sentLog) error {
	rows := make([][]any, len(logs))
	at := make(map[int64]*sentLog, len(logs))
	for i, l := range logs {
		rows[i] = l.values()
		rows[i][0] = l.ID
		at[l.ID] = l
	}
	stored, err := b.tx.Stmt(b.stmts.insertMany).Query(bulkArgs(rows)...)
	if err != nil {
		return err
	}
	defer stored.Close()
	for stored.Next() {
		var id int64
		if err := stored.Scan(&id); err != nil {
			return err
		}
		at[id].inserted = true
	}
	return stored.Err()
}

func (b *logBatch) giveIDs(logs []*sentLog) error {
	name, mark := b.mark(b.tx)
	ids, err := b.tx.Stmt(b.stmts.newIDs).Query(len(logs), name, mark)
	if err != nil {
		return fmt.Errorf("asking for ids: %w", err)
	}
	defer ids.Close()
	for _, l := range logs {
		var id int64
		if !ids.Next() {
			break
		}
		if err := ids.Scan(&id); err != nil {
			return err
		}
		if !l.Has(ColID) {
			l.ID = id
		}
	}
	return ids.Err()
}

// loadMany reads stored rows with a statement that selects whole logs, or what
// they count for.
func (b *logBatch) loadMany(statement string, keys any) (found []*takenRow, err error) {
	rows, err := b.tx.Query(statement, keys)
	if err != nil {
		return nil, fmt.Errorf("reading stored logs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		row := &takenRow{}
		if strings.HasPrefix(statement, selectLogSQL) {
			row.Log, err = scanWholeLog(rows.Scan)
		} else {
			row.Log, err = scanLog(rows.Scan, ColMessages)
		}
		if err != nil {
			return nil, fmt.Errorf("reading stored logs: %w", err)
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

// lockMany reads logs by id, in that order, and locks them.
func (b *logBatch) lockMany(statement string, ids []int64) ([]*takenRow, error) {
	if b.db.engine.distributed {
		return b.lockEach(statement, ids)
	}
	return b.loadMany(statement+" WHERE id = ANY($1) ORDER BY id FOR UPDATE", ids)
}

// updateTaken writes the rows that logs have changed.
func (b *logBatch) updateTaken(rows map[string]*takenRow) error {
	var changed [][]any
	for _, row := range rows {
		if row.changed {
			changed = append(changed, row.values())
		}
	}
	if err := execMany(b.tx.Tx, b.stmts.updateMany, changed); err != nil {
		return fmt.Errorf("completing logs: %w", translate(err))
	}
	return nil
}

// deleteMany deletes those of the logs that are there still.
func (b *logBatch) deleteMany(ids []any) error {
	keys := make([]int64, len(ids))
	for i, id := range ids {
		keys[i] = integer(id)
	}
	// Locked in one order, and what they count for after that.
	rows, err := b.lockMany(selectCountedSQL, keys)
	if err != nil {
		return err
	}
	for _, row := range rows {
		b.tally.remove(&row.Log)
	}
	_, err = b.tx.Exec("DELETE FROM request_logs WHERE id = ANY($1)", keys)
	return translate(err)
}
