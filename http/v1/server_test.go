package v1_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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

// moment is the time on the tests' clocks.
var moment = time.Date(2026, 3, 31, 12, 10, 0, 0, time.UTC)

func clock() time.Time { return moment }

// The callers of the tests.
var (
	nobody  policy.Caller
	service = policy.System()
	anon    = storetest.Anon()
	ann     = storetest.User("ann")
	bob     = storetest.User("bob")
)

// A server is a whole llmtally on a port of its own.
type server struct {
	t    testing.TB
	db   *store.DB
	auth *auth.Authenticator
	http *httptest.Server
}

func newServer(t testing.TB) *server { return newServerWith(t, v1.Settings{Now: clock}) }

func newServerWith(t testing.TB, settings v1.Settings) *server {
	t.Helper()
	s := &server{
		t:    t,
		db:   storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: clock}),
		auth: auth.New([]byte("a secret for tests, and for no other use"), auth.AnonKey, clock),
	}
	handler, err := llmhttp.NewHandler(llmhttp.Config{DB: s.db, Auth: s.auth, V1: settings, Log: slog.New(slog.DiscardHandler), Version: "test"})
	require.NoError(t, err)
	s.http = httptest.NewServer(handler)
	t.Cleanup(s.http.Close)
	return s
}

// books returns a server with the fixed data set of the golden files: ann has a
// history, bob a little one, cara none; one log is nobody's.
func books(t testing.TB) *server {
	t.Helper()
	s := newServer(t)
	require.NoError(t, s.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(`
			INSERT INTO user_profiles (user_id, email, full_name, subscription_tier)
			VALUES ('ann', 'ann@example.com', 'Ann Ä.', 'pro'), ('bob', NULL, NULL, 'free'), ('cara', 'cara@example.com', NULL, 'free')`)
		return err
	}))
	storetest.Append(t, s.db, service, history...)
	storetest.Append(t, s.db, anon, passerBy)
	return s
}

// history is the logs of the data set; their ids go up from 1.
var history = []string{
	`{"user_profile_id":"ann","created_at":"2026-01-31T23:59:59.5Z","model":"gpt-4o","provider":"openai","status":"success",
	  "prompt_tokens":10,"completion_tokens":5,"total_cost":0.0000000125,"response_time":1.5,"end_user":"ann"}`,
	`{"user_profile_id":"ann","created_at":"2026-03-29T00:30:00Z","model":"gpt-4o","provider":"openai","status":"success",
	  "prompt_tokens":100,"completion_tokens":50,"total_cost":0.25,"response_time":0.5}`,
	`{"user_profile_id":"ann","created_at":"2026-03-29T01:15:00Z","model":"claude","provider":"anthropic","status":"failure",
	  "total_cost":null,"error":{"message":"overloaded"}}`,
	`{"user_profile_id":"ann","created_at":"2026-03-30T22:30:00Z","model":"claude","provider":"anthropic","status":"success",
	  "tokens_used":1000,"total_cost":0.1,"response_time":2}`,
	`{"user_profile_id":"ann","created_at":"2026-03-31T11:00:00Z","model":"gpt-4o","provider":"openai","status":"initiated","litellm_call_id":"begun"}`,
	`{"user_profile_id":"ann","created_at":"2026-03-31T11:00:00Z","model":"claude","provider":"anthropic","status":"error","response_time":4}`,
	`{"user_profile_id":"bob","created_at":"2026-03-31T11:30:00.123456Z","model":"gemini-2.0-flash","provider":"google","status":"success",
	  "prompt_tokens":7,"completion_tokens":3,"total_cost":0.5,"response_time":0.25}`,
}

// passerBy is a log that is linked to no user.
const passerBy = `{"created_at":"2026-03-31T11:45:00Z","model":"gpt-4o","provider":"openai","status":"success","tokens_used":1,"end_user":"passer-by"}`

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *server) get(c policy.Caller, path string, headers ...string) answer {
	s.t.Helper()
	return s.do(http.MethodGet, c, path, headers...)
}

// do sends a request. The path is percent-encoded already; headers are names
// and values in turn.
func (s *server) do(method string, c policy.Caller, path string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, nil)
	require.NoError(s.t, err)
	if c.Role != "" {
		r.Header.Set("Authorization", "Bearer "+s.token(c))
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := s.http.Client().Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

func (s *server) token(c policy.Caller) string {
	s.t.Helper()
	if c.Role == policy.Authenticated {
		token, err := s.auth.UserToken(c.Subject, moment, time.Hour)
		require.NoError(s.t, err)
		return token
	}
	token, err := s.auth.Key(c.Role)
	require.NoError(s.t, err)
	return token
}

// ok requires a good answer and returns its body.
func (s *server) ok(c policy.Caller, path string) string {
	s.t.Helper()
	a := s.get(c, path)
	require.Equal(s.t, http.StatusOK, a.status, "%s: %s", path, a.body)
	return a.body
}
