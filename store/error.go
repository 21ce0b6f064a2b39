package store

import (
	"errors"
	"fmt"
)

// An Error is a refusal that its caller can act on. Code is a PostgreSQL
// SQLSTATE, on every engine. Anything else that goes wrong is an internal
// error, whose text is for the log alone.
type Error struct {
	Code    string
	Message string
	Details string
	Hint    string

	column string // SQLite's name of what a constraint is about
}

func (e *Error) Error() string { return e.Message + " (SQLSTATE " + e.Code + ")" }

// The codes that the store gives, from PostgreSQL's appendix A.
const (
	CodeInvalidText     = "22P02" // not of the column's type
	CodeOutOfRange      = "22003" // a number beyond the column's range
	CodeTooLong         = "22001" // a text longer than its column takes
	CodeBadTime         = "22007" // not a time
	CodeTimeRange       = "22008" // a time beyond the range
	CodeBadCharacter    = "22021" // a NUL, or bytes that are not UTF-8
	CodeCheck           = "23514" // a value that the table refuses
	CodeForeignKey      = "23503"
	CodeNotNull         = "23502"
	CodeUnique          = "23505"
	CodePrivilege       = "42501" // row-level security, column privileges
	CodeUnknownColumn   = "42703"
	CodeUnknownRelation = "42P01"
	CodeNotWritable     = "42809" // a view
	CodeDiskFull        = "53100"
)

func errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// ErrBusy says that the queue of writes is full: try again in a moment.
var ErrBusy = errors.New("the write queue is full")

// ErrClosed says that the database is shutting down or closed.
var ErrClosed = errors.New("the database is closed")

// ErrNotFound says that the user or row asked for does not exist, or is not
// for the caller to see.
var ErrNotFound = errors.New("not found")

func errRowSecurity(relation string) *Error {
	return errorf(CodePrivilege, "new row violates row-level security policy for table %q", relation)
}

func errPermission(relation string) *Error {
	return errorf(CodePrivilege, "permission denied for table %s", relation)
}

func errUnknownUser(id string) *Error {
	return &Error{
		Code:    CodeForeignKey,
		Message: `insert or update on table "request_logs" violates foreign key constraint "request_logs_user_profile_id_fkey"`,
		Details: fmt.Sprintf(`Key (user_profile_id)=(%s) is not present in table "user_profiles".`, id),
	}
}
