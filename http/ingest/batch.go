package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// A batch is logs that are stored together.
type batch struct {
	db      *store.DB
	caller  policy.Caller
	logs    []store.Log
	indexes []int // of the logs in the body
}

// An outcome is what became of a batch. err is for all of it.
type outcome struct {
	accepted, duplicates int
	refused              []refusal
	err                  error
}

type refusal struct {
	index  int
	reason *store.Error
}

func (b batch) store(ctx context.Context) (o outcome) {
	verdicts, err := b.db.Append(ctx, b.caller, b.logs...)
	if err != nil {
		return outcome{err: err}
	}
	for i, v := range verdicts {
		var reason *store.Error
		switch {
		case errors.As(v.Err, &reason):
			o.refused = append(o.refused, refusal{b.indexes[i], reason})
		case v.Err != nil:
			o.err = v.Err
		default:
			o.accepted++
			if v.Duplicate {
				o.duplicates++
			}
		}
	}
	return o
}

// storePatiently stores a batch of a body that is stored in part already: when
// the queue is full it waits, rather than tell the client to send all again.
func (b batch) storePatiently(ctx context.Context) outcome {
	const pause, patience = 20 * time.Millisecond, 30 * time.Second
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		o := b.store(ctx)
		if !errors.Is(o.err, store.ErrBusy) {
			return o
		}
		select {
		case <-time.After(pause):
		case <-deadline.C:
			return o
		case <-ctx.Done():
			return outcome{err: ctx.Err()}
		}
	}
}
