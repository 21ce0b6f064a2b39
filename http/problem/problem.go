// Package problem turns errors into answers: one table says which HTTP status
// each code has, and the problem documents of RFC 9457 are written here.
package problem

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// A Problem is an answer in the form of RFC 9457. It is an error too, so that a
// handler can return it.
type Problem struct {
	Type   string `json:"type" doc:"Always about:blank: the status and the code say what happened."`
	Title  string `json:"title" doc:"The status in words."`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty" doc:"What happened, for a person."`
	Code   string `json:"code,omitempty" doc:"An SQLSTATE or PGRST code, for a program."`
	Hint   string `json:"hint,omitempty" doc:"What to do about it."`

	Errors any `json:"errors,omitempty" doc:"What is wrong with each part of the request."`

	cause error
}

// New returns a problem of that status.
func New(status int, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// WithHint returns the problem with a word on what to do.
func (p *Problem) WithHint(hint string) *Problem { p.Hint = hint; return p }

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// Unwrap returns what an internal error came from; it is for the log alone.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus returns the HTTP status, as huma asks for it.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType names the media type, as huma asks for it.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// statuses gives the HTTP status of each code. The codes that are not here
// mean that the request is at fault: 422.
var statuses = map[string]int{
	store.CodePrivilege:       http.StatusForbidden, // 401 for anon: see Status
	store.CodeUnique:          http.StatusConflict,
	store.CodeForeignKey:      http.StatusConflict,
	store.CodeUnknownRelation: http.StatusNotFound,
	store.CodeDiskFull:        http.StatusInsufficientStorage,
	CodeTooLarge:              http.StatusRequestEntityTooLarge,
	CodeBadJSON:               http.StatusBadRequest,
}

// The codes of problems that do not come from the store.
const (
	CodeTooLarge = "54000"    // PostgreSQL's program_limit_exceeded
	CodeBadJSON  = "PGRST102" // PostgREST's for a body that cannot be read
)

// Status returns the HTTP status of a code for a caller: what anon may not do,
// a token might.
func Status(code string, role policy.Role) int {
	if code == store.CodePrivilege && role != policy.Authenticated && role != policy.Service {
		return http.StatusUnauthorized
	}
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusUnprocessableEntity
}

// From returns the problem that an error is to its caller. An error that is no
// refusal becomes a 500 that says nothing of its cause.
func From(err error, role policy.Role) *Problem {
	var p *Problem
	var refused *store.Error
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refused):
		p = New(Status(refused.Code, role), refused.Message)
		p.Code, p.Hint = refused.Code, refused.Hint
		if refused.Details != "" && refused.Code != store.CodeDiskFull {
			p.Detail += " " + refused.Details
		}
	case errors.Is(err, store.ErrNotFound):
		p = New(http.StatusNotFound, "there is no such thing, or it is not yours to see")
	case errors.Is(err, store.ErrBusy):
		p = New(http.StatusServiceUnavailable, "too many logs are waiting to be written").
			WithHint("send again after the time in Retry-After")
	case store.Away(err):
		p = New(http.StatusServiceUnavailable, "the database does not answer").
			WithHint("send again after the time in Retry-After")
	case errors.Is(err, store.ErrClosed):
		p = New(http.StatusServiceUnavailable, "the server is shutting down").WithHint("send again in a moment")
	default:
		p = New(http.StatusInternalServerError, "something went wrong here; the server's log says what")
	}
	p.cause = err
	return p
}

// Write answers with the problem.
func (p *Problem) Write(w http.ResponseWriter) { p.WriteAs(w, p) }

// WriteAs answers with the problem, in the form of a document that has members
// of its own beside the problem's.
func (p *Problem) WriteAs(w http.ResponseWriter, document any) {
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	// An error here is the client's going away.
	_ = json.NewEncoder(w).Encode(document)
}
