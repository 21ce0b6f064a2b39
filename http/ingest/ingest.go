// Package ingest is the logging doors of /v1. A body is read as a stream and
// stored in batches, so that its size does not matter; small bodies are read
// whole before anything is stored, so that one that breaks off changes nothing.
// OpenTelemetry's spans (traces.go) are always read whole.
package ingest

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/body"
	"github.com/llmtally/llmtally/http/record"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// Limits bound what a request may send. Zero values mean the defaults.
type Limits struct {
	Body int64 // bytes of a body, unpacked; 2 GiB
	Row  int   // bytes of one log; 8 MiB
}

// The defaults of Limits.
const (
	DefaultBody = 2 << 30
	DefaultRow  = 8 << 20
)

// Batches are stored while the next one is read.
const (
	batchRows  = 3000
	batchBytes = 4 << 20
)

// maxErrors bounds the refused rows that an answer names.
const maxErrors = 1000

// A Result is the answer to a body of logs.
type Result struct {
	Accepted   int        `json:"accepted" doc:"Logs that are stored, duplicates included."`
	Duplicates int        `json:"duplicates" doc:"Accepted logs of finished requests that were stored already; nothing changed."`
	Rejected   int        `json:"rejected" doc:"Logs that are not stored; errors says why."`
	Errors     []RowError `json:"errors" doc:"The first thousand rejected logs."`
}

// A RowError says why a log was rejected.
type RowError struct {
	Index   int    `json:"index" doc:"Its place in the body, from 0; null rows do not count."`
	Code    string `json:"code" doc:"An SQLSTATE or PGRST code."`
	Message string `json:"message"`
	Details string `json:"details,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Logs returns the handler of POST /v1/logs.
func Logs(db *store.DB, limits Limits) http.HandlerFunc {
	return door(db, limits, store.DecodeLog)
}

// LiteLLM returns the handler of POST /v1/litellm: the bodies of LiteLLM's
// generic_api callback.
func LiteLLM(db *store.DB, limits Limits) http.HandlerFunc {
	return door(db, limits, decodeLiteLLM)
}

// A decoder reads one row, as store.DecodeLog does.
type decoder = func([]byte) (log store.Log, length int, invalid error, err error)

func (l Limits) orDefaults() Limits {
	if l.Body == 0 {
		l.Body = DefaultBody
	}
	if l.Row == 0 {
		l.Row = DefaultRow
	}
	return l
}

func door(db *store.DB, limits Limits, decode decoder) http.HandlerFunc {
	limits = limits.orDefaults()
	return func(w http.ResponseWriter, r *http.Request) {
		caller := auth.From(r.Context())
		in := &intake{db: db, caller: caller, decode: decode}
		if err := in.answer(w, in.take(w, r, limits)); err != nil {
			record.Fail(r.Context(), err)
		}
	}
}

// An intake stores one body's logs.
type intake struct {
	db     *store.DB
	caller policy.Caller
	decode decoder
	result Result
	index  int // of the next row

	batch   []store.Log
	indexes []int // of the batch's logs
	bytes   int

	pending chan outcome // of the batch that is being stored
}

func (in *intake) take(w http.ResponseWriter, r *http.Request, limits Limits) error {
	stream, err := body.Open(w, r, limits.Body)
	if err != nil {
		return err
	}
	defer stream.Close()
	rows := NewRows(stream, limits.Row, sizeHint(r))
	rows.decode = in.decode
	err = in.readAll(r.Context(), rows)
	if waitErr := in.wait(); waitErr != nil {
		return waitErr
	}
	if err != nil {
		return err
	}
	return in.finish(r.Context())
}

// sizeHint is how long the body will be, as far as that is known.
func sizeHint(r *http.Request) int64 {
	if r.Header.Get("Content-Encoding") != "" {
		return 0
	}
	return r.ContentLength
}

// readAll reads the rows and hands on full batches. What remains in the batch
// at the end is the caller's to store.
func (in *intake) readAll(ctx context.Context, rows *Rows) error {
	for {
		log, err := rows.Next()
		var refusal *Refused
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &refusal):
			in.reject(in.index, refusal.Reason)
		case err != nil:
			return err
		default:
			in.add(log, len(rows.Raw()))
		}
		if err := in.advance(ctx); err != nil {
			return err
		}
	}
}

// advance goes on to the next row; a full batch is handed on.
func (in *intake) advance(ctx context.Context) error {
	in.index++
	if len(in.batch) < batchRows && in.bytes < batchBytes {
		return nil
	}
	return in.handOn(ctx)
}

func (in *intake) add(log store.Log, size int) {
	if log.Status == "" {
		// A log that says nothing else is of a request that went well.
		if err := log.SetText(store.ColStatus, store.StatusSuccess); err != nil {
			panic(err) // the constant is a valid status
		}
	}
	in.batch = append(in.batch, log)
	in.indexes = append(in.indexes, in.index)
	in.bytes += size // a log keeps the chunk that it stood in
}

// handOn stores the batch while the next one is read, at most one at a time.
func (in *intake) handOn(ctx context.Context) error {
	if err := in.wait(); err != nil {
		return err
	}
	full := batch{in.db, in.caller, in.batch, in.indexes}
	in.batch, in.indexes, in.bytes = nil, nil, 0
	in.pending = make(chan outcome, 1)
	pending := in.pending
	go func() { pending <- full.storePatiently(ctx) }()
	return nil
}

// wait returns when no batch is being stored.
func (in *intake) wait() error {
	if in.pending == nil {
		return nil
	}
	o := <-in.pending
	in.pending = nil
	in.count(o)
	return o.err
}

// finish stores what remains.
func (in *intake) finish(ctx context.Context) error {
	if len(in.batch) == 0 {
		return nil
	}
	last := batch{in.db, in.caller, in.batch, in.indexes}
	if in.result.Accepted > 0 {
		o := last.storePatiently(ctx)
		in.count(o)
		return o.err
	}
	o := last.store(ctx)
	in.count(o)
	return o.err
}

func (in *intake) count(o outcome) {
	in.result.Accepted += o.accepted
	in.result.Duplicates += o.duplicates
	for _, e := range o.refused {
		in.reject(e.index, e.reason)
	}
}

func (in *intake) reject(index int, reason *store.Error) {
	in.result.Rejected++
	if len(in.result.Errors) < maxErrors {
		in.result.Errors = append(in.result.Errors, RowError{
			Index: index, Code: reason.Code, Message: reason.Message, Details: reason.Details, Hint: reason.Hint,
		})
	}
}
