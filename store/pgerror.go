package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// translatePostgres turns PostgreSQL's errors into the store's, by SQLSTATE.
func translatePostgres(e *pgconn.PgError, err error) error {
	switch e.Code {
	case CodeUnique, CodeNotNull:
		return &Error{Code: e.Code, Message: e.Message, column: constraintOf(e)}
	case CodeForeignKey:
		return errorf(CodeForeignKey, "a foreign key constraint is violated")
	case CodeCheck:
		return errorf(CodeCheck, "a check constraint is violated")
	case CodeOutOfRange:
		return errorf(CodeOutOfRange, "a value, or a sum that it adds to, is out of range")
	case CodeDiskFull:
		return diskFull(err)
	}
	// Values that PostgreSQL cannot take, and such as are too large for it.
	if strings.HasPrefix(e.Code, "22") || strings.HasPrefix(e.Code, "54") {
		return &Error{Code: e.Code, Message: e.Message, Hint: e.Hint}
	}
	return away(err)
}

// constraintOf returns what a constraint is about, as SQLite names it:
// `table.column, table.column`.
func constraintOf(e *pgconn.PgError) string {
	if e.ColumnName != "" {
		return e.TableName + "." + e.ColumnName
	}
	r, ok := Schema[e.TableName]
	if !ok {
		return e.ConstraintName
	}
	for _, key := range append([][]string{r.Key}, r.Unique...) {
		if e.ConstraintName == r.Name+"_pkey" || e.ConstraintName == r.Name+"_"+strings.Join(key, "_")+"_key" {
			names := make([]string, len(key))
			for i, column := range key {
				names[i] = r.Name + "." + column
			}
			return strings.Join(names, ", ")
		}
	}
	return e.ConstraintName
}

// ErrAway says that the database's server does not answer: try again in a
// moment. Nothing was stored.
var ErrAway = errors.New("the database does not answer")

// Away says whether an error means that the database's server did not answer,
// or that others got in the way for too long: what was asked for was not done,
// and may be asked for again.
func Away(err error) bool {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	return errors.Is(err, ErrAway) || again(err) ||
		(errors.As(err, &pg) || errors.As(err, &connect) || errors.Is(err, driver.ErrBadConn)) && disconnected(err)
}

// away marks an error of the database's connection, which may look like that of
// any other.
func away(err error) error {
	if errors.Is(err, ErrAway) || !disconnected(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// Codes after which the same transaction may well succeed: a serialization
// failure, a deadlock, a lock that was not had in time, a statement that an
// operator cancelled, a server short of memory.
var retried = map[string]bool{"40001": true, "40P01": true, "55P03": true, "57014": true, "53200": true}

// errMoved says that another process changed a row between two looks at it.
var errMoved = errors.New("another process changed what was looked at")

// again says whether a transaction that failed so is worth another try.
func again(err error) bool {
	var e *pgconn.PgError
	return errors.Is(err, errMoved) || errors.As(err, &e) && retried[e.Code]
}

// codeReadOnly is what a server says that does not take writes: a standby that
// the address leads to until another is the primary.
const codeReadOnly = "25006"

func readOnly(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == codeReadOnly
}

// disconnected says whether an error means that the connection is gone or could
// not be made, and not that the database refused something: then the
// transaction may be run again.
func disconnected(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false // by us
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true // whatever the reason: too many connections, a standby that starts
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// Connection exceptions; a server that shuts down, crashes or starts; a
		// transaction that did nothing for too long.
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P") ||
			pg.Code == "25P03" || pg.Code == codeReadOnly
	}
	var network *net.OpError
	return errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}
