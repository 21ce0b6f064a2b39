// Package http is everything that llmtally says over HTTP: the router, and what
// surrounds every request. The faces are packages of their own: v1 (the typed
// API), ingest (the logging doors), rest (Supabase's dialect) and dashboard (the
// pages).
package http

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/dashboard"
	"github.com/llmtally/llmtally/http/ingest"
	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/http/record"
	"github.com/llmtally/llmtally/http/rest"
	v1 "github.com/llmtally/llmtally/http/v1"
	"github.com/llmtally/llmtally/store"
)

// A Config is what the handler is made of.
type Config struct {
	DB     *store.DB
	Auth   *auth.Authenticator
	Limits ingest.Limits
	// TraceUsers are the attributes that name the user of a span at /v1/traces;
	// none means otlp.Users.
	TraceUsers []string
	V1         v1.Settings
	// RestBody is how many bytes a body for /rest/v1 may have; 0 means 64 MiB.
	RestBody int64
	// PublicURL is where people reach the server; empty when nobody said.
	PublicURL string
	Log       *slog.Logger // the access log; nil means slog.Default
	Version   string
}

// NewHandler returns the whole of llmtally's HTTP.
func NewHandler(c Config) (http.Handler, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	c.V1.Version = c.Version
	c.Auth.KeepEnded(c.DB)
	if c.V1.Streams.Now == nil {
		c.V1.Streams.Now = c.V1.Now
	}
	router := chi.NewRouter()
	r := chi.Router(router)
	r.Use(accessLog(c.Log), recoverPanic, secure, middleware.GetHead)
	stream := v1.Stream(c.DB, c.V1.Streams) // one, since it limits how many there are
	pages := dashboard.New(dashboard.Settings{
		DB: c.DB, Auth: c.Auth, Version: c.Version, PublicURL: c.PublicURL, Now: c.V1.Now, RunJob: c.V1.RunJob,
		Live: stream.Newest(dashboard.TailRows),
	})
	pages.Register(r)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		if pages.NotFound(w, r) {
			return
		}
		problem.New(http.StatusNotFound, "there is nothing at this path").WithHint("see /docs").Write(w)
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, rest.Prefix+"/") {
			rest.UnknownMethod(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed(router, r.URL.EscapedPath()), ", "))
		if pages.WrongMethod(w, r) {
			return
		}
		problem.New(http.StatusMethodNotAllowed, fmt.Sprintf("%s is not for this path", r.Method)).Write(w)
	})
	r.Get("/healthz", healthz)
	r.Get("/readyz", readyz(c.DB))

	known := c.Auth.Require(unauthorized)
	r.With(known).Post("/v1/logs", ingest.Logs(c.DB, c.Limits))
	r.With(known).Post("/v1/litellm", ingest.LiteLLM(c.DB, c.Limits))
	r.With(known).Method(http.MethodGet, v1.StreamPath, stream)
	r.With(c.Auth.Require(ingest.TracesUnauthorized)).Post("/v1/traces", ingest.Traces(c.DB, c.Limits, c.TraceUsers))
	r.Route(rest.Prefix, func(r chi.Router) {
		r.Use(rest.Preflight, c.Auth.Require(rest.Unauthorized))
		r.Handle("/*", rest.NewHandler(c.DB, c.RestBody))
	})
	api := v1.Register(r.With(known, v1.Conditional), c.DB, c.V1)
	ingest.Describe(api)
	description, err := json.Marshal(api)
	if err != nil {
		return nil, fmt.Errorf("describing the API: %w", err)
	}
	r.Get("/openapi.json", static("application/vnd.oai.openapi+json;version=3.1", description))
	r.Get("/docs", docs(api))
	return r, nil
}

// allowed lists the methods that a path has.
func allowed(router *chi.Mux, path string) (methods []string) {
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if router.Match(chi.NewRouteContext(), m, path) {
			methods = append(methods, m)
		}
		if m == http.MethodGet && len(methods) == 1 {
			methods = append(methods, http.MethodHead)
		}
	}
	return methods
}

func unauthorized(w http.ResponseWriter, _ *http.Request, e *auth.Error) {
	p := problem.New(http.StatusUnauthorized, e.Message)
	p.Code = e.Code
	p.WithHint("`llmtally keys` prints the keys, `llmtally token` makes a user's token").Write(w)
}

// healthz says that the process runs.
func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintln(w, `{"status":"ok"}`)
}

// readyz says whether requests can be served now.
func readyz(db *store.DB) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if err := db.Ready(r.Context()); err != nil {
			record.Fail(r.Context(), err)
			problem.New(http.StatusServiceUnavailable, "the database does not answer, or is closing").Write(w)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintln(w, `{"status":"ready"}`)
	}
}

func static(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		// An error here is the client's going away.
		_, _ = w.Write(body)
	}
}
