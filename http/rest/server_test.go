package rest_test

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

func clock() time.Time { return time.Date(2026, 3, 31, 12, 10, 0, 0, time.UTC) }

// The rows that every test finds: two users with logs, one without, a log of
// nobody's, and texts that are hard to quote.
const (
	seedProfiles = `
INSERT INTO user_profiles (user_id, email, full_name, avatar_url, provider, provider_user_id, raw_oauth_details, subscription_tier, created_at, updated_at) VALUES
  ('ann', 'ann@example.com', 'Ann Ä', NULL, 'github', '1001', '{"b": 1, "a": [2]}', 'pro', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z'),
  ('bob', NULL, 'Bob', NULL, NULL, NULL, NULL, 'free', '2026-01-02T00:00:00.000000Z', '2026-01-02T00:00:00.000000Z'),
  ('cy', 'cy@example.com', NULL, NULL, NULL, NULL, NULL, 'free', '2026-01-03T00:00:00.000000Z', '2026-01-03T00:00:00.000000Z')`
	seedUsage = `
INSERT INTO tokens_usage (user_profile_id, period_type, period_start, period_end, total_tokens, total_cost, request_count, model_breakdown, provider_breakdown, created_at, updated_at) VALUES
  ('ann', 'monthly', '2026-01-01T00:00:00.000000Z', '2026-02-01T00:00:00.000000Z', 30, 0.003, 2, '{"gpt-4o":30}', '{"openai":30}', '2026-02-01T00:00:00.000000Z', '2026-02-01T00:00:00.000000Z'),
  ('bob', 'monthly', '2026-02-01T00:00:00.000000Z', '2026-03-01T00:00:00.000000Z', 107, 0.0100001, 3, '{}', '{}', '2026-03-01T00:00:00.000000Z', '2026-03-01T00:00:00.000000Z')`
)

var seedLogs = []string{
	`{"litellm_call_id":"call-1","user_profile_id":"ann","created_at":"2026-01-10T08:00:00.5Z","provider":"openai","model":"gpt-4o",
	  "status":"success","response_time":1.25,"total_cost":0.003,"messages":[{"role":"user","content":"hi"}],
	  "response":{"id":"r1","usage":{"prompt_tokens":10,"completion_tokens":20},"flag":true,"none":null},
	  "additional_details":{"tag":"x,y","deep":{"list":[1,"two",null]},"12":"digits"}}`,
	`{"litellm_call_id":"call-2","user_profile_id":"ann","created_at":"2026-01-10T09:00:00Z","provider":"anthropic","model":"claude",
	  "status":"failure","response_time":0.5,"error":{"message":"overloaded","code":529}}`,
	`{"litellm_call_id":"call-3","user_profile_id":"bob","created_at":"2026-02-01T00:00:00Z","provider":"openai","model":"gpt-4o",
	  "status":"success","response_time":2,"tokens_used":100,"total_cost":0.01,"response":"a plain string"}`,
	`{"user_profile_id":"bob","created_at":"2026-02-02T00:00:00.000123Z","provider":"d\"e","model":"odd, \"name\" (1)",
	  "status":"success","tokens_used":7,"response":"{\"looks\": \"like JSON\"}","additional_details":{"tag":"b"}}`,
	`{"litellm_call_id":"call-5","created_at":"2026-03-01T00:00:00Z","end_user":"","model":"100%_a\\b*","provider":null,
	  "status":"initiated","messages":[],"additional_details":{"tag":null}}`,
	`{"user_profile_id":"bob","created_at":"2026-02-03T23:59:59.9Z","provider":"mistral","model":"GPT-4O",
	  "status":"error","response_time":1e-7,"total_cost":0.0000001,"error":"a plain error"}`,
}

// seeded returns the path of a database with these rows.
var seeded = storetest.Filled(store.Options{AutoCreateUsers: true, Now: clock}, seed)

func seed(db *store.DB) error {
	ctx := context.Background()
	err := db.Write(ctx, func(tx *store.Tx) error {
		for _, sql := range []string{seedProfiles, seedUsage} {
			if _, err := tx.Exec(sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, object := range seedLogs {
		l, _, _, err := store.DecodeLog([]byte(object))
		if err != nil {
			return err
		}
		verdicts, err := db.Append(ctx, policy.System(), l)
		if err != nil {
			return err
		}
		if verdicts[0].Err != nil {
			return verdicts[0].Err
		}
	}
	return nil
}

// A server is a whole llmtally on a port of its own.
type server struct {
	db      *store.DB
	auth    *auth.Authenticator
	http    *httptest.Server
	handler http.Handler
}

func newServer(t testing.TB) *server {
	t.Helper()
	db, err := store.Open(t.Context(), seeded(t), store.Options{AutoCreateUsers: true, Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := &server{db: db, auth: auth.New([]byte("a secret for tests, and for no other use"), auth.AnonKey, clock)}
	s.handler, err = llmhttp.NewHandler(llmhttp.Config{
		DB: db, Auth: s.auth, V1: v1.Settings{Now: clock}, Log: slog.New(slog.DiscardHandler), Version: "test",
	})
	require.NoError(t, err)
	s.http = httptest.NewServer(s.handler)
	t.Cleanup(s.http.Close)
	return s
}

// The callers of the tests, by the names that they have in testdata.
var callers = map[string]policy.Caller{
	"service": policy.System(),
	"anon":    storetest.Anon(),
	"ann":     storetest.User("ann"),
	"bob":     storetest.User("bob"),
	"new":     storetest.User("new"), // a user without a profile
}

// key returns what a caller authenticates with; "none" has nothing.
func (s *server) key(t testing.TB, who string) string {
	t.Helper()
	if who == "none" {
		return ""
	}
	caller, known := callers[who]
	require.True(t, known, "nobody is called %q", who)
	var key string
	var err error
	if caller.Role == policy.Authenticated {
		key, err = s.auth.UserToken(caller.Subject, clock(), time.Hour)
	} else {
		key, err = s.auth.Key(caller.Role)
	}
	require.NoError(t, err)
	return key
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request. Headers are names and values in turn. The path is below
// /rest/v1, unless it begins with /v1/.
func (s *server) do(t testing.TB, who, method, path, body string, headers ...string) answer {
	t.Helper()
	if !strings.HasPrefix(path, "/v1/") {
		path = "/rest/v1" + path
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.http.URL, strings.NewReader(body))
	require.NoError(t, err)
	// As it is written: net/url would refuse or mend some of it.
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(path, "?")
	r.URL.Path = strings.ReplaceAll(r.URL.Path, "%2F", "/")
	if key := s.key(t, who); key != "" {
		r.Header.Set("apikey", key)
		r.Header.Set("Authorization", "Bearer "+key)
	}
	seen := map[string]bool{}
	for i := 0; i < len(headers); i += 2 {
		if !seen[headers[i]] {
			r.Header.Del(headers[i])
		}
		seen[headers[i]] = true
		if headers[i+1] != "" {
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	response, err := s.http.Client().Do(r)
	require.NoError(t, err, "%s %s", method, path)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(text)}
}
