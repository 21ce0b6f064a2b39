package http

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/http/record"
)

// accessLog writes a line for each request, with its path but without its query
// and headers, where secrets may stand. What went well at a logging door is for
// the debug level: those lines alone would fill a disk.
func accessLog(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			rec := &record.Record{ID: requestID(r)}
			w.Header().Set("X-Request-Id", rec.ID)
			sent := &sentStatus{ResponseWriter: w}
			next.ServeHTTP(sent, r.WithContext(record.With(r.Context(), rec)))

			level := slog.LevelInfo
			switch {
			case sent.status >= http.StatusInternalServerError:
				level = slog.LevelError
			case r.Method == http.MethodPost && sent.status < http.StatusBadRequest:
				level = slog.LevelDebug
			}
			if !log.Enabled(r.Context(), level) {
				return
			}
			attrs := []slog.Attr{
				slog.String("id", rec.ID), slog.String("method", r.Method), slog.String("path", r.URL.EscapedPath()),
				slog.Int("status", sent.status), slog.Duration("took", time.Since(begin)),
				slog.String("remote", r.RemoteAddr), slog.String("role", string(rec.Role)),
			}
			if rec.Err != nil {
				attrs = append(attrs, slog.String("error", rec.Err.Error()))
			}
			log.LogAttrs(r.Context(), level, "request", attrs...)
		})
	}
}

// requestID returns the id that a proxy gave the request, if it is harmless, or
// a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	harmless := strings.IndexFunc(id, func(c rune) bool {
		return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune("-_.:", c))
	}) < 0
	if id != "" && len(id) <= 128 && harmless {
		return id
	}
	return uuid.Must(uuid.NewV7()).String()
}

// sentStatus remembers the status of an answer.
type sentStatus struct {
	http.ResponseWriter
	status int
}

func (s *sentStatus) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *sentStatus) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *sentStatus) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// A challenging answer tells how to authenticate whenever it is a 401, as RFC
// 9110 asks, where nobody has said it in more detail.
type challenging struct{ http.ResponseWriter }

func (c challenging) WriteHeader(status int) {
	if status == http.StatusUnauthorized && c.Header().Get("WWW-Authenticate") == "" {
		c.Header().Set("WWW-Authenticate", "Bearer")
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c challenging) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// recoverPanic answers 500 for a request that panics, and keeps the server up.
func recoverPanic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler {
				panic(cause)
			}
			err := fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
			record.Fail(r.Context(), err)
			problem.From(err, "").Write(w)
		}()
		next.ServeHTTP(w, r)
	})
}

// secure sets what every answer should say to a browser.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(challenging{w}, r)
	})
}
