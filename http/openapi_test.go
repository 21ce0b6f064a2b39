package http_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/dashboard"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// description returns /openapi.json, as any client would get it.
func (s *server) description() document {
	s.t.Helper()
	a := s.do(http.MethodGet, "/openapi.json", "", "apikey", "")
	require.Equal(s.t, http.StatusOK, a.status)
	assert.Contains(s.t, a.header.Get("Content-Type"), "json")
	var d document
	require.NoError(s.t, json.Unmarshal([]byte(a.body), &d))
	return d
}

func (d document) paths() map[string]any { return d["paths"].(map[string]any) }

// answerSchema returns the schema of an operation's answer, or nil.
func (d document) answerSchema(path, method, status, media string) any {
	var at any = d.paths()
	for _, key := range []string{path, strings.ToLower(method), "responses", status, "content", media, "schema"} {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[key]
	}
	return at
}

func TestTheAPIIsDescribedInOpenAPI31(t *testing.T) {
	t.Parallel()
	d := newServer(t).description()
	assert.Regexp(t, `^3\.1(\.\d+)?$`, d["openapi"])
	info := d["info"].(map[string]any)
	assert.Equal(t, "llmtally", info["title"])
	assert.Equal(t, "v1.2.3", info["version"])
	schemes := d["components"].(map[string]any)["securitySchemes"].(map[string]any)
	assert.Contains(t, schemes, "bearer")
	assert.Contains(t, schemes, "apikey")
}

// undescribed are the routes that are not the API's: the description itself,
// its page, and what supervisors ask. The dashboard's come to these.
var undescribed = []string{"GET /openapi.json", "GET /docs", "GET /healthz", "GET /readyz", "GET /metrics"}

// routes lists a router's routes that are not excepted.
func routes(t testing.TB, router chi.Routes, except []string) (names []string) {
	t.Helper()
	require.NoError(t, chi.Walk(router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if name := method + " " + route; !slices.Contains(except, name) && !strings.HasPrefix(route, "/rest/") {
			names = append(names, name)
		}
		return nil
	}))
	return names
}

func TestTheDescriptionAndTheRouterNameTheSameRoutes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var described []string
	for path, operations := range s.description().paths() {
		for method := range operations.(map[string]any) {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	pages := chi.NewRouter()
	dashboard.New(dashboard.Settings{}).Register(pages)
	except := append(routes(t, pages, nil), undescribed...)
	routed := routes(t, s.handler.(chi.Routes), except)
	assert.NotEmpty(t, routed)
	assert.ElementsMatch(t, routed, described)
}

func TestEachOperationSaysWhatItIs(t *testing.T) {
	t.Parallel()
	d := newServer(t).description()
	seen := map[string]bool{}
	for path, operations := range d.paths() {
		for method, op := range operations.(map[string]any) {
			op := op.(map[string]any)
			assert.NotEmpty(t, op["summary"], "%s %s", method, path)
			id, _ := op["operationId"].(string)
			assert.NotEmpty(t, id)
			assert.False(t, seen[id], "%s occurs twice", id)
			seen[id] = true
			responses := op["responses"].(map[string]any)
			assert.Contains(t, responses, "401", "%s %s", method, path)
			for status, response := range responses {
				assert.NotEmpty(t, response.(map[string]any)["description"], "%s %s %s", method, path, status)
			}
		}
	}
}

func TestEachReferenceOfTheDescriptionLeadsSomewhere(t *testing.T) {
	t.Parallel()
	d := newServer(t).description()
	text, err := json.Marshal(d)
	require.NoError(t, err)
	references := regexp.MustCompile(`"\$ref":"([^"]*)"`).FindAllStringSubmatch(string(text), -1)
	assert.NotEmpty(t, references)
	for _, r := range references {
		assert.NotNil(t, d.resolve(r[1]), r[1])
	}
}

func TestEachAnswerIsAsDescribed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	storetest.Append(t, s.db, storetest.Anon(), `{"model":"gpt-4o"}`)
	storetest.Append(t, s.db, policy.System(),
		`{"end_user":"ann","model":"gpt-4o","provider":"openai","prompt_tokens":1,"completion_tokens":2,"total_cost":0.5,"response_time":1.5,
		  "error":{"a":[1]},"created_at":"2026-03-30T00:00:00.5Z"}`,
		`{"end_user":"ann","status":"failure","error":"text"}`, `{"end_user":"ann","model":null,"provider":null,"tokens_used":null,"error":null,"end_user":"ann"}`,
		`{"end_user":"bob"}`)
	require.NoError(t, s.db.RecordJobs(t.Context(), []store.JobRecord{{Name: "asleep", Schedule: "off"}, {Name: "monthly", Schedule: "@hourly"}}))
	require.NoError(t, s.db.RecordJobStart(t.Context(), "monthly", 0, new(store.Timestamp)))
	require.NoError(t, s.db.RecordJobEnd(t.Context(), "monthly", store.JobOK, "done", time.Second, new(store.Timestamp)))
	d := s.description()
	for _, tt := range []struct{ method, path, pattern, body, status string }{
		{"GET", "/v1/users/ann/analytics", "/v1/users/{user_id}/analytics", "", "200"},
		{"GET", "/v1/users/ann/requests", "/v1/users/{user_id}/requests", "", "200"},
		{"GET", "/v1/users/ann/breakdown", "/v1/users/{user_id}/breakdown", "", "200"},
		{"GET", "/v1/users/ann/usage", "/v1/users/{user_id}/usage", "", "200"},
		{"GET", "/v1/health/system?by=model", "/v1/health/system", "", "200"},
		{"GET", "/v1/users/ann/dashboard", "/v1/users/{user_id}/dashboard", "", "200"},
		{"GET", "/v1/activity", "/v1/activity", "", "200"},
		{"GET", "/v1/overview", "/v1/overview", "", "200"},
		{"GET", "/v1/users/ann/costs", "/v1/users/{user_id}/costs", "", "200"},
		{"GET", "/v1/overview/costs", "/v1/overview/costs", "", "200"},
		{"GET", "/v1/prices", "/v1/prices", "", "200"},
		{"GET", "/v1/prices/match?model=o3", "/v1/prices/match", "", "200"},
		{"GET", "/v1/prices/match?model=nothing", "/v1/prices/match", "", "404"},
		{"GET", "/v1/prices/unpriced", "/v1/prices/unpriced", "", "200"},
		{"POST", "/v1/prices", "/v1/prices", `{"model":"m","rates":{"input":1}}`, "201"},
		{"POST", "/v1/prices", "/v1/prices", `{"model":"m","rates":{"input":-1}}`, "422"},
		{"DELETE", "/v1/prices/1", "/v1/prices/{id}", "", "422"},
		{"GET", "/v1/jobs", "/v1/jobs", "", "200"},
		{"POST", "/v1/jobs/nothing/run", "/v1/jobs/{name}/run", "", "404"},
		{"GET", "/v1/users/nobody/analytics", "/v1/users/{user_id}/analytics", "", "404"},
		{"GET", "/v1/users/ann/requests?limit=x", "/v1/users/{user_id}/requests", "", "422"},
		{"DELETE", "/v1/users/nobody", "/v1/users/{user_id}", "", "404"},
		{"POST", "/v1/logs", "/v1/logs", `{"model":"a"}`, "201"},
		{"POST", "/v1/logs", "/v1/logs", `[{"model":"a"},{"tokens_used":-1}]`, "207"},
		{"POST", "/v1/logs", "/v1/logs", `{"tokens_used":-1}`, "422"},
		{"POST", "/v1/logs", "/v1/logs", `nothing`, "400"},
	} {
		t.Run(tt.method+" "+tt.path+" "+tt.status, func(t *testing.T) {
			t.Parallel()
			media := "application/json"
			if tt.status >= "400" {
				media = "application/problem+json"
			}
			schema := d.answerSchema(tt.pattern, tt.method, tt.status, media)
			if schema == nil {
				schema = d.answerSchema(tt.pattern, tt.method, "default", media)
			}
			require.NotNil(t, schema, "the answer %s is not described", tt.status)
			a := s.do(tt.method, tt.path, tt.body)
			require.Equal(t, tt.status, strconv.Itoa(a.status), a.body)
			assert.Empty(t, d.validate(schema, a.body))
		})
	}
}

func TestTheAnswersToAnExporterAreAsDescribed(t *testing.T) {
	t.Parallel()
	const media = "application/json"
	s := newServer(t)
	d := s.description()
	span := `{"spanId":"0102030405060708","traceId":"01020304050607080102030405060708","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}}]}`
	spans := func(list string) string { return `{"resourceSpans":[{"scopeSpans":[{"spans":[` + list + `]}]}]}` }
	for _, tt := range []struct{ body, key, media, status, want string }{
		{spans(span), "", media, "200", `{}`},
		{spans(span + "," + span[:1] + span[29:]), "", media, "200",
			`{"partialSuccess":{"rejectedSpans":"1","errorMessage":"span 1: the span has no valid trace id and span id (in JSON they are 32 and 16 hexadecimal digits)"}}`},
		{"nothing", "", media, "400", `{"message":"the body is malformed: invalid JSON at byte 0: expected null"}`},
		{spans(span), "garbage", media, "401", ""},
		{spans(span), "", "text/plain", "415", `{"message":"the Content-Type must be application/x-protobuf or application/json"}`},
	} {
		headers := []string{"Content-Type", tt.media}
		if tt.key != "" {
			headers = append(headers, "apikey", tt.key)
		}
		a := s.do(http.MethodPost, "/v1/traces", tt.body, headers...)
		require.Equal(t, tt.status, strconv.Itoa(a.status), a.body)
		schema := d.answerSchema("/v1/traces", http.MethodPost, tt.status, media)
		require.NotNil(t, schema, tt.status)
		assert.Empty(t, d.validate(schema, a.body))
		if tt.want != "" {
			assert.JSONEq(t, tt.want, a.body)
		}
		require.NotNil(t, d.answerSchema("/v1/traces", http.MethodPost, tt.status, "application/x-protobuf"), tt.status)
	}
}

func TestTheDocsNeedNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.do(http.MethodGet, "/docs", "", "apikey", "")
	require.Equal(t, http.StatusOK, a.status)
	assert.Contains(t, a.header.Get("Content-Type"), "text/html")
	for _, reference := range regexp.MustCompile(`(?:src|href|action|url|@import)\s*[=(]\s*["']?([^"'\s>)]+)`).FindAllStringSubmatch(a.body, -1) {
		assert.Regexp(t, `^/[^/]`, reference[1], "from this server alone")
		assert.Equal(t, http.StatusOK, s.do(http.MethodGet, reference[1], "").status)
	}
	assert.NotContains(t, a.body, "://", "nor anything else that looks like an address")
	for path, operations := range s.description().paths() {
		for method := range operations.(map[string]any) {
			assert.Contains(t, a.body, strings.ToUpper(method)+" "+path)
		}
	}
}

// TestTheGoldenAnswersAreAsDescribed holds the answers that v1's tests pin to
// the description that clients are made from.
func TestTheGoldenAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	d := newServer(t).description()
	files, err := filepath.Glob("v1/testdata/*.json")
	require.NoError(t, err)
	assert.NotEmpty(t, files)
	for _, file := range files {
		face, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
		path := "/v1/users/{user_id}/" + face
		switch face {
		case "activity", "overview":
			path = "/v1/" + face
		case "health":
			path = "/v1/health/system"
		}
		schema := d.answerSchema(path, http.MethodGet, "200", "application/json")
		require.NotNil(t, schema, path)
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Empty(t, d.validate(schema, string(body)), file)
	}
}
