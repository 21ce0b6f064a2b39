package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/store/query"
)

// Where each statement is a journey to a server, many rows go in one: a column
// of all rows is one argument, an array of texts that is cast to the column's
// type. On SQLite, in the same process, row by row is as fast.

// A bulkColumn is a column of rows that are written together, and its type;
// none is text.
type bulkColumn struct{ name, kind string }

// insertManySQL inserts rows from arrays, one argument a column.
func insertManySQL(table string, columns []bulkColumn) string {
	names, arrays := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
		arrays[i] = fmt.Sprintf("CAST($%d AS text[])", i+1)
		if c.kind != "" && c.kind != "text" {
			arrays[i] = fmt.Sprintf("CAST(%s AS %s[])", arrays[i], c.kind)
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM unnest(%s)",
		table, strings.Join(names, ", "), strings.Join(arrays, ", "))
}

// bulkArgs turns rows into the columns that insertManySQL takes.
func bulkArgs(rows [][]any) []any {
	columns := make([]any, len(rows[0]))
	for c := range columns {
		column := make([]*string, len(rows))
		for r, row := range rows {
			column[r] = bulkText(row[c])
		}
		columns[c] = column
	}
	return columns
}

func bulkText(value any) *string {
	var s string
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		s = v
	case int64:
		s = strconv.FormatInt(v, 10)
	case float64:
		s = strconv.FormatFloat(v, 'g', -1, 64)
	case Timestamp:
		s = v.Stored()
	default:
		panic(fmt.Sprintf("a column holds a %T", value))
	}
	return &s
}

// kinds are the names of the types on PostgreSQL, as request_logs has them.
var kinds = map[query.Type]string{
	query.Text: "text", query.Int: "bigint", query.Real: "real", query.Double: "double precision",
	query.Time: "timestamptz", query.JSON: "json",
}

// insertManyLogsSQL stores logs unless their call ids are taken, and returns
// the ids of those that were stored. It goes by call id, so that processes wait
// for each other in one order.
var insertManyLogsSQL = func() string {
	var columns []bulkColumn
	for _, c := range logTable {
		columns = append(columns, bulkColumn{c.name, kinds[c.kind]})
	}
	columns = append(columns, bulkColumn{"cost_nano", "bigint"}, bulkColumn{"price_id", "bigint"})
	insert := insertManySQL("request_logs", columns)
	return fmt.Sprintf("%s AS l (%s) ORDER BY litellm_call_id, id ON CONFLICT (litellm_call_id) DO NOTHING RETURNING id",
		insert, strings.Join(logColumnNames, ", "))
}()

const newLogIDsSQL = "SELECT nextval('request_logs_id_seq') FROM generate_series(1, $1)"

// insertMany stores logs, and gives each its id; false where the call id is
// taken, by a stored log or by one before it.
func (b *logBatch) insertMany(logs []*Log) (inserted []bool, err error) {
	if err := b.giveIDs(logs); err != nil {
		return nil, err
	}
	rows := make([][]any, len(logs))
	at := make(map[int64]int, len(logs))
	for i, l := range logs {
		rows[i] = l.values()
		rows[i][0] = l.ID
		at[l.ID] = i
	}
	stored, err := b.tx.Stmt(b.stmts.insertMany).Query(bulkArgs(rows)...)
	if err != nil {
		return nil, fmt.Errorf("inserting logs: %w", err)
	}
	defer stored.Close()
	inserted = make([]bool, len(logs))
	for stored.Next() {
		var id int64
		if err := stored.Scan(&id); err != nil {
			return nil, err
		}
		inserted[at[id]] = true
	}
	return inserted, stored.Err()
}

func (b *logBatch) giveIDs(logs []*Log) error {
	ids, err := b.tx.Stmt(b.stmts.newIDs).Query(len(logs))
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
