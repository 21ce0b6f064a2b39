package ingest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	llmhttp "github.com/llmtally/llmtally/http"
	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/ingest"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// A server is a whole llmtally on a port of its own.
type server struct {
	t    testing.TB
	db   *store.DB
	auth *auth.Authenticator
	http *httptest.Server
}

// serverOptions are what a test may want to be otherwise.
type serverOptions struct {
	store  store.Options
	limits ingest.Limits
	anon   auth.Anon
	log    slog.Handler
	tune   func(*http.Server)

	traceUsers []string
}

func newServer(t testing.TB) *server {
	return newServerWith(t, serverOptions{store: store.Options{AutoCreateUsers: true}})
}

func newServerWith(t testing.TB, o serverOptions) *server {
	t.Helper()
	if o.anon == "" {
		o.anon = auth.AnonKey
	}
	if o.log == nil {
		o.log = slog.DiscardHandler
	}
	s := &server{t: t, db: storetest.OpenWith(t, o.store), auth: auth.New([]byte("a secret for tests, and for no other use"), o.anon, nil)}
	handler, err := llmhttp.NewHandler(llmhttp.Config{
		DB: s.db, Auth: s.auth, Limits: o.limits, TraceUsers: o.traceUsers, Log: slog.New(o.log), Version: "test",
	})
	require.NoError(t, err)
	s.http = httptest.NewUnstartedServer(handler)
	s.http.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if o.tune != nil {
		o.tune(s.http.Config)
	}
	s.http.Start()
	t.Cleanup(s.http.Close)
	return s
}

// token returns what a caller authenticates with: a user's token, or a role's
// key.
func (s *server) token(c policy.Caller) string {
	s.t.Helper()
	if c.Role == policy.Authenticated {
		token, err := s.auth.UserToken(c.Subject, now(), tokenLife)
		require.NoError(s.t, err)
		return token
	}
	token, err := s.auth.Key(c.Role)
	require.NoError(s.t, err)
	return token
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	ingest.Result
	Type, Title, Detail, Code, Hint string
	Status                          int
}

// post sends a body to POST /v1/logs. Headers are names and values in turn.
func (s *server) post(c policy.Caller, body io.Reader, headers ...string) answer {
	s.t.Helper()
	return s.postTo("/v1/logs", c, body, headers...)
}

func (s *server) postTo(path string, c policy.Caller, body io.Reader, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.http.URL+path, body)
	require.NoError(s.t, err)
	if c.Role != "" {
		r.Header.Set("Authorization", "Bearer "+s.token(c))
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := s.http.Client().Do(r)
	require.NoError(s.t, err)
	return s.answerOf(response)
}

func (s *server) answerOf(response *http.Response) answer {
	s.t.Helper()
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	require.NoError(s.t, json.Unmarshal(text, &a), "not JSON: %s", text)
	if a.status >= 400 {
		assert.Equal(s.t, "application/problem+json", a.header.Get("Content-Type"))
		assert.Equal(s.t, "about:blank", a.Type)
		assert.Equal(s.t, http.StatusText(a.status), a.Title)
		assert.Equal(s.t, a.status, a.Status)
		assert.NotEmpty(s.t, a.Detail)
	} else {
		assert.Equal(s.t, "application/json", a.header.Get("Content-Type"))
		assert.NotNil(s.t, a.Errors, "errors is an array, be it empty")
	}
	return a
}

// log sends a body and requires its answer's status.
func (s *server) log(c policy.Caller, body string, status int) answer {
	s.t.Helper()
	a := s.post(c, strings.NewReader(body))
	require.Equal(s.t, status, a.status, a.text)
	return a
}

// logs returns how many logs are stored, and users how many users are.
func (s *server) logs() int64  { return s.count("request_logs") }
func (s *server) users() int64 { return s.count("user_profiles") }

func (s *server) count(table string) (n int64) {
	s.t.Helper()
	require.NoError(s.t, s.db.Write(s.t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow("SELECT count(*) FROM " + table).Scan(&n)
	}))
	return n
}

// cell returns one column of the one log that is stored.
func (s *server) cell(column string) (value any) {
	s.t.Helper()
	_, err := s.db.Run(s.t.Context(), policy.System(), query.Select{
		From: "request_logs", Columns: []query.Output{{Name: column}},
	}, func(r query.Row) error { value = r[0]; return nil })
	require.NoError(s.t, err)
	return value
}

// requireNothingChanged requires that a refused request left nothing behind.
func (s *server) requireNothingChanged() {
	s.t.Helper()
	assert.Zero(s.t, s.logs(), "a log was stored")
	assert.Zero(s.t, s.users(), "a user was made")
	storetest.RequireClean(s.t, s.db)
}

func lines(rows ...string) string { return strings.Join(rows, "\n") + "\n" }

func array(rows ...string) string { return "[" + strings.Join(rows, ",") + "]" }

func reader(b []byte) io.Reader { return bytes.NewReader(b) }
