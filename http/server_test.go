package http_test

import (
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

func clock() time.Time { return time.Date(2026, 3, 31, 12, 10, 0, 0, time.UTC) }

// A server is a whole llmtally on a port of its own.
type server struct {
	t       testing.TB
	db      *store.DB
	auth    *auth.Authenticator
	handler http.Handler
	http    *httptest.Server
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{
		t:    t,
		db:   storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: clock}),
		auth: auth.New([]byte("a secret for tests, and for no other use"), auth.AnonKey, clock),
	}
	var err error
	s.handler, err = llmhttp.NewHandler(llmhttp.Config{
		DB: s.db, Auth: s.auth, V1: v1.Settings{Now: clock}, Log: slog.New(slog.DiscardHandler), Version: "v1.2.3",
	})
	require.NoError(t, err)
	s.http = httptest.NewServer(s.handler)
	t.Cleanup(s.http.Close)
	return s
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request as the service role, unless a header says otherwise.
func (s *server) do(method, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, strings.NewReader(body))
	require.NoError(s.t, err)
	key, err := s.auth.Key(policy.Service)
	require.NoError(s.t, err)
	r.Header.Set("apikey", key)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.http.Client().Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return answer{response.StatusCode, response.Header, string(text)}
}
