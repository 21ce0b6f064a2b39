package ingest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/llmtally/llmtally/http/body"
	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
)

// answer tells the client what became of its logs: 201 when all are stored, 207
// when some are, and a problem when none is or the body could not be read to
// its end.
func (in *intake) answer(w http.ResponseWriter, err error) error {
	in.sortErrors()
	if err != nil {
		p := in.problemOf(err)
		in.answerProblem(w, p)
		if p.Status >= http.StatusInternalServerError {
			return err
		}
		return nil
	}
	if in.result.Rejected > 0 && in.result.Accepted == 0 {
		in.answerProblem(w, in.allRejected())
		return nil
	}
	status := http.StatusCreated
	if in.result.Rejected > 0 {
		status = http.StatusMultiStatus
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(in.result)
}

// sortErrors puts the refusals in the body's order: those of the store come
// later than those of the reader.
func (in *intake) sortErrors() {
	if in.result.Errors == nil {
		in.result.Errors = []RowError{}
	}
	slices.SortStableFunc(in.result.Errors, func(a, b RowError) int { return cmp.Compare(a.Index, b.Index) })
}

// allRejected is the problem of a body none of whose logs is stored: 422, or
// what the one reason that they share asks for.
func (in *intake) allRejected() *problem.Problem {
	first := in.result.Errors[0]
	status := http.StatusUnprocessableEntity
	same := !slices.ContainsFunc(in.result.Errors, func(e RowError) bool { return e.Code != first.Code })
	if same && (first.Code == store.CodePrivilege || first.Code == problem.CodeTooLarge) {
		status = problem.Status(first.Code, in.caller.Role)
	}
	p := problem.New(status, first.Message)
	if in.result.Rejected > 1 {
		p.Detail = fmt.Sprintf("none of %d logs is stored; the first: %s", in.result.Rejected, first.Message)
	}
	p.Code, p.Hint = first.Code, first.Hint
	return p
}

// problemOf is the problem of a body that was not read to its end.
func (in *intake) problemOf(err error) *problem.Problem {
	var unknown body.UnknownEncoding
	switch {
	case errors.As(err, &unknown):
		return problem.New(http.StatusUnsupportedMediaType, err.Error())
	case errors.Is(err, body.ErrTooLarge):
		p := problem.New(http.StatusRequestEntityTooLarge, body.ErrTooLarge.Error())
		p.Code = problem.CodeTooLarge
		return p.WithHint("send it in several requests")
	case errors.Is(err, body.ErrTimeout):
		return problem.New(http.StatusRequestTimeout, body.ErrTimeout.Error())
	case errors.Is(err, body.ErrStopped):
		return problem.New(http.StatusBadRequest, body.ErrStopped.Error())
	case errors.Is(err, body.ErrCompression):
		return problem.New(http.StatusBadRequest, body.ErrCompression.Error())
	default:
		return problem.From(err, in.caller.Role)
	}
}

// A problemDocument is a problem with the counts of a Result.
type problemDocument struct {
	*problem.Problem
	Accepted   int        `json:"accepted"`
	Duplicates int        `json:"duplicates"`
	Rejected   int        `json:"rejected"`
	Errors     []RowError `json:"errors"`
}

func (in *intake) answerProblem(w http.ResponseWriter, p *problem.Problem) {
	if in.result.Accepted > 0 {
		p.Hint = fmt.Sprintf("%d logs from the start of the body are stored; logs with a litellm_call_id can safely be sent again",
			in.result.Accepted)
	}
	p.WriteAs(w, problemDocument{p, in.result.Accepted, in.result.Duplicates, in.result.Rejected, in.result.Errors})
}
