package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// translate turns the driver's errors into the store's, by number. What is no
// refusal stays as it is.
func translate(err error) error {
	var known *Error
	var e *sqlite.Error
	var pg *pgconn.PgError
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.As(err, &pg):
		return translatePostgres(pg, err)
	case !errors.As(err, &e):
		return away(err)
	}
	switch code := e.Code(); code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return &Error{Code: CodeUnique, Message: "duplicate key value violates unique constraint", column: constraintColumn(e.Error())}
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return errorf(CodeForeignKey, "a foreign key constraint is violated")
	case sqlite3.SQLITE_CONSTRAINT_NOTNULL:
		return &Error{Code: CodeNotNull, Message: "null value violates not-null constraint", column: constraintColumn(e.Error())}
	case sqlite3.SQLITE_CONSTRAINT_CHECK:
		return errorf(CodeCheck, "a check constraint is violated")
	case sqlite3.SQLITE_CONSTRAINT_DATATYPE:
		return errorf(CodeOutOfRange, "a value, or a sum that it adds to, is out of range")
	case sqlite3.SQLITE_FULL:
		return diskFull(err)
	default:
		if code&0xff == sqlite3.SQLITE_IOERR && writeFailed(code) {
			return diskFull(err)
		}
		return err
	}
}

// writeFailed says whether an I/O error came from writing: on Linux a full
// quota or file size limit shows as one.
func writeFailed(code int) bool {
	switch code {
	case sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE,
		sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP:
		return true
	}
	return false
}

func diskFull(err error) error {
	return &Error{
		Code:    CodeDiskFull,
		Message: "the database cannot grow: the disk is full or a limit is reached",
		Details: err.Error(),
		Hint:    "make room, then send again; nothing of this request was stored",
	}
}

// constraintColumn cuts `table.column, …` out of SQLite's text. It is shown to
// people; nothing but words is decided by it.
func constraintColumn(text string) string {
	_, column, ok := strings.Cut(text, "constraint failed: ")
	if !ok {
		return "?"
	}
	if i := strings.LastIndex(column, " ("); i > 0 {
		column = column[:i]
	}
	return fmt.Sprint(strings.TrimPrefix(column, "UNIQUE constraint failed: "))
}
