package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/body"
	"github.com/llmtally/llmtally/http/ingest/otlp"
	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/http/record"
	"github.com/llmtally/llmtally/store"
)

// maxTraces is how many bytes a body of spans may have: it is held in memory,
// since protobuf that breaks off shows so at its end only. Exporters send some
// hundred spans at once.
const maxTraces = 64 << 20

// Traces returns the handler of POST /v1/traces: OTLP/HTTP
// (https://opentelemetry.io/docs/specs/otlp/), whose spans of LLM requests are
// logs. users are the attributes that name a request's user, in turn; none
// means otlp.Users.
func Traces(db *store.DB, limits Limits, users []string) http.HandlerFunc {
	limits = limits.orDefaults()
	limits.Body = min(limits.Body, maxTraces)
	if len(users) == 0 {
		users = otlp.Users
	}
	reader := otlp.NewReader(users)
	return func(w http.ResponseWriter, r *http.Request) {
		in := &intake{db: db, caller: auth.From(r.Context())}
		encoding := otlp.EncodingOf(r.Header.Get("Content-Type"))
		if encoding == nil {
			refuseTraces(w, otlp.JSON, http.StatusUnsupportedMediaType, fmt.Sprintf("the Content-Type must be %s or %s",
				otlp.Protobuf.MediaType, otlp.JSON.MediaType))
			return
		}
		if err := in.answerTraces(w, encoding, in.takeTraces(w, r, limits, reader, encoding)); err != nil {
			record.Fail(r.Context(), err)
		}
	}
}

func (in *intake) takeTraces(w http.ResponseWriter, r *http.Request, limits Limits, reader *otlp.Reader, e *otlp.Encoding) error {
	stream, err := body.Open(w, r, limits.Body)
	if err != nil {
		return err
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	err = reader.Read(e, text, limits.Row, func(row otlp.Row) error { return in.takeSpan(r.Context(), row) })
	if waitErr := in.wait(); waitErr != nil {
		return waitErr
	}
	if err != nil {
		return err
	}
	return in.finish(r.Context())
}

func (in *intake) takeSpan(ctx context.Context, row otlp.Row) error {
	var reason *store.Error
	switch {
	case errors.As(row.Invalid, &reason):
		in.reject(in.index, reason)
	case row.Invalid != nil:
		return row.Invalid
	case row.Log != nil:
		in.add(*row.Log, row.Size)
	}
	return in.advance(ctx)
}

// answerTraces tells an exporter what became of its spans: 200 when all are
// stored or are none of ours, 200 with partial_success when some are refused
// for what they say, and a status when the request itself is.
func (in *intake) answerTraces(w http.ResponseWriter, e *otlp.Encoding, err error) error {
	in.sortErrors()
	var malformed *otlp.Malformed
	switch {
	case errors.As(err, &malformed):
		refuseTraces(w, e, http.StatusBadRequest, malformed.Error())
		return nil
	case err != nil:
		p := in.problemOf(err)
		refuseTraces(w, e, p.Status, words(p))
		if p.Status >= http.StatusInternalServerError {
			return err
		}
		return nil
	}
	message := ""
	if in.result.Rejected > 0 {
		all := in.allRejected()
		if in.result.Accepted == 0 && (all.Status == http.StatusUnauthorized || all.Status == http.StatusForbidden) {
			refuseTraces(w, e, all.Status, words(all))
			return nil
		}
		message = in.whyRejected()
	}
	w.Header().Set("Content-Type", e.MediaType)
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(e.Accepted(in.result.Rejected, message))
	return err
}

// whyRejected says of the first refused spans where they stand in the body, and
// what is wrong.
func (in *intake) whyRejected() string {
	const named = 5
	var why []string
	for i, e := range in.result.Errors {
		if i == named {
			why = append(why, fmt.Sprintf("and %d more", in.result.Rejected-named))
			break
		}
		text := fmt.Sprintf("span %d: %s", e.Index, e.Message)
		for _, more := range []string{e.Details, e.Hint} {
			if more != "" {
				text += " (" + more + ")"
			}
		}
		why = append(why, text)
	}
	return strings.Join(why, "; ")
}

func words(p *problem.Problem) string {
	if p.Hint == "" {
		return p.Detail
	}
	return p.Detail + ": " + p.Hint
}

// TracesUnauthorized answers an exporter whose key is missing or bad.
func TracesUnauthorized(w http.ResponseWriter, r *http.Request, e *auth.Error) {
	encoding := otlp.EncodingOf(r.Header.Get("Content-Type"))
	if encoding == nil {
		encoding = otlp.JSON
	}
	refuseTraces(w, encoding, http.StatusUnauthorized, e.Message+"; `llmtally keys` prints the keys")
}

// refuseTraces answers with a google.rpc.Status. Exporters send again after 429,
// 502, 503 and 504 alone, so a full disk, which somebody will empty, is a 503
// here.
func refuseTraces(w http.ResponseWriter, e *otlp.Encoding, status int, message string) {
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusInsufficientStorage:
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "30")
	}
	w.Header().Set("Content-Type", e.MediaType)
	w.WriteHeader(status)
	// An error here is the client's going away.
	_, _ = w.Write(e.Status(message))
}
