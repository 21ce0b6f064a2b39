package dashboard_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	llmhttp "github.com/llmtally/llmtally/http"
	"github.com/llmtally/llmtally/http/auth"
	v1 "github.com/llmtally/llmtally/http/v1"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// now is the time on the tests' clocks.
var now = time.Date(2026, 3, 31, 12, 10, 0, 0, time.UTC)

var secret = []byte("a secret for tests, and for no other use")

func authAt(t time.Time) *auth.Authenticator {
	return auth.New(secret, auth.AnonKey, func() time.Time { return t })
}

// A server is a whole llmtally on a port of its own.
type server struct {
	t    testing.TB
	db   *store.DB
	auth *auth.Authenticator
	http *httptest.Server

	mu   sync.Mutex
	log  strings.Builder // the access log
	jobs []string        // that were started
}

func newServer(t testing.TB) *server { return newServerWith(t, llmhttp.Config{}) }

func newServerWith(t testing.TB, c llmhttp.Config) *server {
	t.Helper()
	clock := func() time.Time { return now }
	return serve(t, storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: clock}), clock, c)
}

// serve serves a database.
func serve(t testing.TB, db *store.DB, clock func() time.Time, c llmhttp.Config) *server {
	t.Helper()
	s := &server{t: t, db: db, auth: authAt(clock())}
	c.DB, c.Auth, c.Version = s.db, s.auth, "v1.2.3"
	c.V1 = v1.Settings{Now: clock, RunJob: s.runJob}
	c.Log = slog.New(slog.NewTextHandler(s, nil))
	handler, err := llmhttp.NewHandler(c)
	require.NoError(t, err)
	s.http = httptest.NewServer(handler)
	t.Cleanup(s.http.Close)
	return s
}

// Write takes lines of the access log.
func (s *server) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(line)
}

// logged is the whole access log; the server has ended then.
func (s *server) logged() string {
	s.http.Close()
	return s.log.String()
}

func (s *server) runJob(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = append(s.jobs, name)
	return nil
}

func (s *server) started() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs
}

// add stores logs, as the service role does.
func (s *server) add(objects ...string) {
	s.t.Helper()
	storetest.Append(s.t, s.db, policy.System(), objects...)
}

// books returns a server where ann and bob have used something.
func books(t testing.TB) *server {
	t.Helper()
	s := newServer(t)
	s.add(
		`{"user_profile_id":"ann","created_at":"2026-03-29T08:00:00Z","model":"gpt-4o","provider":"openai","status":"success",
		  "prompt_tokens":1000,"completion_tokens":500,"total_cost":12345678.9,"response_time":1.5,
		  "messages":[{"role":"user","content":"Why is the sky blue?"}],"response":{"choices":[{"message":{"role":"assistant","content":"Scattering."}}]}}`,
		`{"user_profile_id":"ann","created_at":"2026-03-30T09:00:00Z","model":"gpt-4o","provider":"openai","status":"failure",
		  "response_time":0.2,"error":{"message":"slow down","type":"rate_limit_error"}}`,
		`{"user_profile_id":"bob","created_at":"2026-03-31T10:00:00Z","model":"claude-sonnet-4","provider":"anthropic","status":"success",
		  "prompt_tokens":7,"completion_tokens":3,"total_cost":0.0000012,"response_time":0.82}`,
	)
	return s
}

// A visitor is a browser.
type visitor struct {
	*server
	session string
}

func (s *server) visitor() *visitor { return &visitor{server: s} }

// operator returns a browser that has signed in with the service key.
func (s *server) operator() *visitor { return s.signedIn(policy.System()) }

// user returns one that a user has signed in with.
func (s *server) user(id string) *visitor { return s.signedIn(storetest.User(id)) }

func (s *server) signedIn(c policy.Caller) *visitor {
	s.t.Helper()
	token, _, err := s.auth.Session(c)
	require.NoError(s.t, err)
	return &visitor{s, token}
}

// A shown page is what came back.
type shown struct {
	status int
	header http.Header
	body   string
}

// get asks for a page.
func (v *visitor) get(path string, headers ...string) shown {
	v.t.Helper()
	return v.do(http.MethodGet, path, nil, headers...)
}

// post sends a form from a page of ours.
func (v *visitor) post(path string, form url.Values, headers ...string) shown {
	v.t.Helper()
	return v.do(http.MethodPost, path, form, append([]string{"Sec-Fetch-Site", "same-origin"}, headers...)...)
}

func (v *visitor) do(method, path string, form url.Values, headers ...string) shown {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.http.URL+path, strings.NewReader(form.Encode()))
	require.NoError(v.t, err)
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if v.session != "" {
		r.AddCookie(&http.Cookie{Name: "llmtally_session", Value: v.session})
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Cookie" {
			r.Header.Add("Cookie", headers[i+1])
			continue
		}
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	client := *v.http.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	require.NoError(v.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(v.t, err)
	return shown{response.StatusCode, response.Header, string(text)}
}

// see asks for a page that must be there, and returns its text.
func (v *visitor) see(path string, headers ...string) string {
	v.t.Helper()
	page := v.get(path, headers...)
	require.Equal(v.t, http.StatusOK, page.status, path)
	return page.body
}

func (p shown) requireRedirect(t testing.TB, to string) {
	t.Helper()
	require.Equal(t, http.StatusSeeOther, p.status, p.body)
	assert.Equal(t, to, p.header.Get("Location"))
}

// cookie returns one that the answer sets.
func (p shown) cookie(t testing.TB, name string) *http.Cookie {
	t.Helper()
	response := http.Response{Header: p.header}
	for _, c := range response.Cookies() {
		if c.Name == name {
			return c
		}
	}
	require.Fail(t, "no cookie", "%s is not set: %v", name, p.header)
	return nil
}
