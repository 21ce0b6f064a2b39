// Package record carries what the access log says of a request beside its
// status: its id, who called, and the error behind a failure. Handlers note it
// in the request's context; the access log writes it once.
package record

import (
	"context"

	"github.com/llmtally/llmtally/policy"
)

// A Record is one request's line in the making. One goroutine at a time uses
// it.
type Record struct {
	ID   string // the request's id
	Role policy.Role
	Err  error
}

type key struct{}

// With returns a context that carries the record.
func With(ctx context.Context, r *Record) context.Context { return context.WithValue(ctx, key{}, r) }

// From returns the request's record, or an empty one that nobody reads.
func From(ctx context.Context) *Record {
	if r, ok := ctx.Value(key{}).(*Record); ok {
		return r
	}
	return &Record{}
}

// Fail notes the error behind a request's failure.
func Fail(ctx context.Context, err error) { From(ctx).Err = err }
