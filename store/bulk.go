package store

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// Where each statement is a journey to a server, many rows go in one: a column
// of all rows is one argument, an array of texts that is cast to the column's
// type. On SQLite, in the same process, row by row is as fast.

// A bulkColumn is a column of rows that are written together, and its type;
// none is text.
type bulkColumn struct{ name, kind string }

// unnestSQL makes rows of arrays, one argument a column.
func unnestSQL(columns []bulkColumn) string {
	arrays := make([]string, len(columns))
	for i, c := range columns {
		arrays[i] = fmt.Sprintf("CAST($%d AS text[])", i+1)
		if c.kind != "" && c.kind != "text" {
			arrays[i] = fmt.Sprintf("CAST(%s AS %s[])", arrays[i], c.kind)
		}
	}
	return "unnest(" + strings.Join(arrays, ", ") + ")"
}

func namesOf(columns []bulkColumn) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// insertManySQL inserts rows from arrays, in their order.
func insertManySQL(table string, columns []bulkColumn) string {
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM %s", table, namesOf(columns), unnestSQL(columns))
}

// execMany runs a statement that takes rows as arrays, if there are any.
func execMany(tx *sql.Tx, stmt *sql.Stmt, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.Stmt(stmt).Exec(bulkArgs(rows)...)
	return err
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
