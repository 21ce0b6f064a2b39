package v1

import (
	"net/http"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/store"
)

// Stream answers with server-sent events: each log that the caller may see, as
// it comes. It reads the caller from the request's context, where
// auth.WithCaller puts it. Streams that one handler answers share its limit.
func Stream(db *store.DB, settings StreamSettings) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tail, err := db.Tail(r.Context(), auth.From(r.Context()), r.Header.Get("Last-Event-ID"))
		if err == nil {
			w.Header().Set("Content-Type", "text/event-stream")
			_, err = tail.Next(r.Context())
		}
	})
}

// StreamSettings are what an operator may choose about streams. Zero values
// mean the defaults.
type StreamSettings struct {
	Most int // streams at once; 100
}
