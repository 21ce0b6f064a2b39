package http_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheServerSaysThatItLives(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for path, body := range map[string]string{"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ready"}`} {
		a := s.do(http.MethodGet, path, "", "apikey", "")
		assert.Equal(t, http.StatusOK, a.status, "without a key: %s", path)
		assert.JSONEq(t, body, a.body)
		assert.Equal(t, "application/json", a.header.Get("Content-Type"))
	}
	require.NoError(t, s.db.Close())
	assert.Equal(t, http.StatusOK, s.do(http.MethodGet, "/healthz", "").status, "the process lives")
	a := s.do(http.MethodGet, "/readyz", "")
	requireProblem(t, a, http.StatusServiceUnavailable)
	assert.Equal(t, "no-store", a.header.Get("Cache-Control"))
}

func requireProblem(t testing.TB, a answer, status int) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	assert.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var p struct {
		Type, Title, Detail string
		Status              int
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &p), a.body)
	assert.Equal(t, "about:blank", p.Type)
	assert.Equal(t, http.StatusText(status), p.Title)
	assert.Equal(t, status, p.Status)
	assert.NotEmpty(t, p.Detail)
}

func TestEachErrorIsAProblemDocument(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for request, status := range map[string]int{
		"GET /nothing":                      http.StatusNotFound,
		"GET /v1":                           http.StatusNotFound,
		"GET /v1/nothing":                   http.StatusNotFound,
		"GET /v1/users":                     http.StatusNotFound,
		"GET /v1/users/ann":                 http.StatusMethodNotAllowed,
		"GET /v1/users//analytics":          http.StatusUnprocessableEntity,
		"GET /v1/users/a/b/analytics":       http.StatusNotFound,
		"GET /v1/users/ann/analytics/":      http.StatusNotFound,
		"GET /V1/activity":                  http.StatusNotFound,
		"GET /.git/config":                  http.StatusNotFound,
		"GET /v1/../v1/nothing":             http.StatusNotFound,
		"GET /v1/users/nobody/analytics":    http.StatusNotFound,
		"GET /v1/activity?limit=x":          http.StatusUnprocessableEntity,
		"GET /v1/logs":                      http.StatusMethodNotAllowed,
		"GET /v1/traces":                    http.StatusMethodNotAllowed,
		"PUT /v1/logs":                      http.StatusMethodNotAllowed,
		"DELETE /v1/logs":                   http.StatusMethodNotAllowed,
		"POST /v1/activity":                 http.StatusMethodNotAllowed,
		"PATCH /v1/users/ann/analytics":     http.StatusMethodNotAllowed,
		"TRACE /v1/activity":                http.StatusMethodNotAllowed,
		"BREW /v1/activity":                 http.StatusMethodNotAllowed,
		"POST /healthz":                     http.StatusMethodNotAllowed,
		"POST /v1/logs":                     http.StatusBadRequest,
		"GET /v1/users/nobody/usage?to=x":   http.StatusNotFound,
		"DELETE /v1/users/nobody":           http.StatusNotFound,
		"GET /v1/users/%00/analytics":       http.StatusNotFound,
		"GET /v1/users/%ff%fe/analytics":    http.StatusNotFound,
		"GET /v1/users/nobody/usage?tz=%00": http.StatusNotFound,
	} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(request, " ")
			a := s.do(method, path, "")
			requireProblem(t, a, status)
			if status == http.StatusMethodNotAllowed {
				assert.NotEmpty(t, a.header.Get("Allow"), "a 405 names the methods (RFC 9110, 15.5.6)")
			}
		})
	}
}

func TestARequestWithoutAKeyIsToldHow(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, request := range []string{"GET /v1/activity", "GET /v1/users/ann/analytics", "POST /v1/logs", "DELETE /v1/users/ann", "GET /v1/overview"} {
		method, path, _ := strings.Cut(request, " ")
		for _, key := range []string{"", "garbage"} {
			a := s.do(method, path, "{}", "apikey", key)
			requireProblem(t, a, http.StatusUnauthorized)
			assert.True(t, strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer"), request)
			assert.Contains(t, a.body, "PGRST30")
		}
	}
}

func TestARequestKeepsAnIDThatIsHarmless(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, id := range []string{"a", "req_01HZX.7:8-9", "0af7651916cd43dd8448eb211c80319c", strings.Repeat("x", 128)} {
		assert.Equal(t, id, s.do(http.MethodGet, "/healthz", "", "X-Request-Id", id).header.Get("X-Request-Id"))
	}
	for _, id := range []string{
		"", " ", "a b", "a\tb", "<script>", "ä", "🙂", `"`, "a,b", "a=b level=ERROR", "${jndi:ldap://x}", "%0a", "a;b", strings.Repeat("x", 129),
	} {
		given := s.do(http.MethodGet, "/healthz", "", "X-Request-Id", id).header.Get("X-Request-Id")
		_, err := uuid.Parse(given)
		assert.NoError(t, err, "%q became %q", id, given)
	}
	first, second := s.do(http.MethodGet, "/healthz", ""), s.do(http.MethodGet, "/healthz", "")
	assert.NotEqual(t, first.header.Get("X-Request-Id"), second.header.Get("X-Request-Id"))
}

func TestEachAnswerTellsABrowserToBeCareful(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, request := range []string{
		"GET /healthz", "GET /readyz", "GET /docs", "GET /openapi.json", "GET /nothing", "POST /healthz", "GET /v1/activity",
		"GET /v1/overview", "POST /v1/logs", "HEAD /docs", "GET /v1/activity?limit=x",
	} {
		method, path, _ := strings.Cut(request, " ")
		a := s.do(method, path, "")
		assert.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"), request)
		assert.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'self'", request)
		assert.Contains(t, a.header.Get("Content-Security-Policy"), "frame-ancestors 'none'", request)
		assert.Equal(t, "no-referrer", a.header.Get("Referrer-Policy"), request)
		assert.NotEmpty(t, a.header.Get("X-Request-Id"), request)
		assert.Empty(t, a.header.Get("Server"), request)
	}
}

func TestAnErrorDoesNotThrowBackWhatAnAttackerSent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	long := strings.Repeat("x", 4000)
	for _, path := range []string{
		"/<script>", "/v1/users/%3Cscript%3E/analytics", "/v1/users/" + long + "/analytics",
		"/v1/users/nobody/usage?tz=" + long,
	} {
		a := s.do(http.MethodGet, path, "")
		assert.GreaterOrEqual(t, a.status, 400, path)
		assert.NotContains(t, a.body, "<script>")
		assert.Less(t, len(a.body), 1000)
	}
}
