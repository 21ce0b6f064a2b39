package store

import (
	"context"

	"github.com/llmtally/llmtally/policy"
)

// A Tail follows the logs that one caller may see, as they come. One goroutine
// uses it.
type Tail struct {
	db     *DB
	caller policy.Caller
	after  int64
}

// A TailEvent is a log that is new, or one that was shown while it was
// `initiated` and has come to its end.
type TailEvent struct {
	Activity
	Completed bool   // whether it was shown before
	Cursor    string // where to go on after this event: see Tail
}

// Tail returns a tail that begins after the event of that cursor, or with what
// comes from now on when it is empty.
func (db *DB) Tail(ctx context.Context, caller policy.Caller, after string) (*Tail, error) {
	return &Tail{db: db, caller: caller}, nil
}

// Next waits for events, and returns them in order, 200 at most. It returns
// ErrClosed when the database is about to close, and ctx's error when that
// ends.
func (t *Tail) Next(ctx context.Context) ([]TailEvent, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
