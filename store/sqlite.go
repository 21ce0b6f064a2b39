package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// The functions that our SQL calls beside SQLite's own. They are deterministic,
// and no table or view depends on them, so that any SQLite tool reads the file.
func init() {
	sqlite.MustRegisterDeterministicScalarFunction("latency_add", 2,
		func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			a, okA := args[0].(string)
			b, okB := args[1].(string)
			if !okA || !okB {
				return nil, errors.New("latency_add takes two histograms")
			}
			return addLatency(a, b), nil
		})
	sqlite.MustRegisterDeterministicScalarFunction("latency_bucket", 1,
		func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			us, ok := args[0].(int64)
			if !ok {
				return nil, nil
			}
			return int64(latencyBucket(us)), nil
		})
	sqlite.MustRegisterDeterministicScalarFunction("nano_usd", 1,
		func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			usd, ok := args[0].(float64)
			if !ok {
				return nil, nil
			}
			return NanoUSD(usd), nil
		})
}

// translate turns the driver's errors into the store's, by number. What is no
// refusal stays as it is.
func translate(err error) error {
	var known *Error
	var e *sqlite.Error
	if err == nil || errors.As(err, &known) || !errors.As(err, &e) {
		return err
	}
	switch code := e.Code(); code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return uniqueError(e.Error())
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return errorf(CodeForeignKey, "a foreign key constraint is violated")
	case sqlite3.SQLITE_CONSTRAINT_NOTNULL:
		return errorf(CodeNotNull, "null value in column %q violates not-null constraint", constraintColumn(e.Error()))
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

func uniqueError(text string) *Error {
	return errorf(CodeUnique, "duplicate key value violates unique constraint on %s", constraintColumn(text))
}

// constraintColumn cuts `table.column, …` out of SQLite's text. It is shown to
// people; nothing is decided by it.
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
