package browser_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	llmhttp "github.com/llmtally/llmtally/http"
	"github.com/llmtally/llmtally/http/auth"
	v1 "github.com/llmtally/llmtally/http/v1"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// now is the time on the server's clock.
var now = time.Date(2026, 10, 14, 15, 20, 0, 0, time.UTC)

func clock() time.Time { return now }

// A server is a whole llmtally on a port of its own.
type server struct {
	db   *store.DB
	auth *auth.Authenticator
	http *httptest.Server
}

// newServer returns a server that has no logs yet.
func newServer(t testing.TB) *server {
	t.Helper()
	return serverOn(t, storetest.Path(t))
}

func serverOn(t testing.TB, path string) *server {
	t.Helper()
	db, err := store.Open(t.Context(), path, options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return serve(t, db, clock)
}

func serve(t testing.TB, db *store.DB, clock func() time.Time) *server {
	t.Helper()
	s := &server{db: db, auth: auth.New([]byte("a secret for tests, and for no other use"), auth.AnonKey, clock)}
	handler, err := llmhttp.NewHandler(llmhttp.Config{
		DB: db, Auth: s.auth, V1: v1.Settings{Now: clock, RunJob: runNothing}, Log: slog.New(slog.DiscardHandler), Version: "v1.2.3",
	})
	require.NoError(t, err)
	s.http = httptest.NewServer(handler)
	t.Cleanup(s.http.Close)
	return s
}

// runNothing stands for the jobs: they can be started, and do nothing.
func runNothing(context.Context, string) error { return nil }

var options = store.Options{AutoCreateUsers: true, Now: clock}

// log sends logs as a program does, and requires that all are taken.
func (s *server) log(t testing.TB, objects ...string) {
	t.Helper()
	s.post(t, "/v1/logs", "["+strings.Join(objects, ",")+"]")
}

// post sends JSON with the service key.
func (s *server) post(t testing.TB, path, body string) {
	t.Helper()
	key, err := s.auth.Key(policy.Service)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.http.Client().Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, answer.StatusCode, "%s: %s", path, text)
}

// page asks for a page with a session, as a browser that holds its cookie
// would.
func (s *server) page(t testing.TB, path, session string) (status int, location string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.http.URL+path, nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/html")
	r.AddCookie(&http.Cookie{Name: "llmtally_session", Value: session})
	client := *s.http.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	return answer.StatusCode, answer.Header.Get("Location")
}
