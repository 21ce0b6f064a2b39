package v1_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

type health struct {
	Window           string
	From, To         time.Time
	Requests, Errors int
	ErrorRate        *float64 `json:"error_rate"`
	P50, P95, P99    *float64
	Status           string
	Unfinished       int
	Model, Provider  string
	Models           []health
}

func (s *server) health(query string) (h health) {
	s.t.Helper()
	require.NoError(s.t, json.Unmarshal([]byte(s.ok(service, "/v1/health/system"+query)), &h))
	return h
}

func TestHealthIsAnsweredOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.get(service, "/v1/health/system")
	require.Equal(t, http.StatusOK, a.status)
	assert.Equal(t, "no-store", a.header.Get("Cache-Control"))
	assert.Empty(t, a.header.Get("ETag"))
	const empty = `"window":"24h","from":"2026-03-30T12:00:00+00:00","to":"2026-03-31T13:00:00+00:00",
		"requests":0,"errors":0,"error_rate":null,"p50":null,"p95":null,"p99":null,"status":"unknown","unfinished":0`
	assert.JSONEq(t, "{"+empty+"}", a.body)
	assert.JSONEq(t, "{"+empty+`,"models":[]}`, s.ok(service, "/v1/health/system?by=model"))
}

func TestHealthLooksBackAsFarAsItIsAsked(t *testing.T) {
	t.Parallel()
	s := books(t)
	for query, want := range map[string]struct {
		window, from string
		requests     int
	}{
		"":              {"24h", "2026-03-30T12:00:00Z", 5},
		"?window=":      {"24h", "2026-03-30T12:00:00Z", 5},
		"?window=1h":    {"1h", "2026-03-31T11:00:00Z", 4},
		"?window=1d":    {"1d", "2026-03-30T12:00:00Z", 5},
		"?window=1d12h": {"1d12h", "2026-03-30T00:00:00Z", 5},
		"?window=59h":   {"59h", "2026-03-29T01:00:00Z", 6},
		"?window=7d":    {"7d", "2026-03-24T12:00:00Z", 7},
		"?window=366d":  {"366d", "2025-03-30T12:00:00Z", 8},
	} {
		h := s.health(query)
		assert.Equal(t, want.window, h.Window, query)
		assert.Equal(t, want.from, h.From.UTC().Format(time.RFC3339), query)
		assert.Equal(t, "2026-03-31T13:00:00Z", h.To.UTC().Format(time.RFC3339), query)
		assert.Equal(t, want.requests, h.Requests, query)
		assert.Nil(t, h.Models, "models are told when they are asked for")
	}
}

func TestABadWindowIsRefusedWithAHint(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, window := range []string{"0h", "90m", "1.5h", "-1h", "367d", "24", "x", "1h'--", "1 h", strings.Repeat("9", 3000) + "h"} {
		a := s.get(service, "/v1/health/system?window="+url.QueryEscape(window))
		detail := requireProblem(t, a, http.StatusUnprocessableEntity)
		assert.Contains(t, detail, "invalid window")
		assert.Contains(t, a.body, `"hint":"send whole hours and days`)
		assert.Less(t, len(a.body), 1000)
	}
	requireProblem(t, s.get(service, "/v1/health/system?by=user"), http.StatusUnprocessableEntity)
	requireProblem(t, s.get(ann, "/v1/health/system?window=x"), http.StatusForbidden)
}

func TestHealthTellsModelsApart(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var logs []string
	for i := range 40 {
		model, status := "good", "success"
		if i%2 == 1 {
			model, status = "bad", []string{"success", "error", "success", "failure"}[i/2%4]
		}
		logs = append(logs, fmt.Sprintf(`{"model":%q,"status":%q,"response_time":%d,"created_at":"2026-03-31T12:00:00Z"}`, model, status, 1+i%2*9))
	}
	storetest.Append(t, s.db, service, append(logs, `{"model":"rare","status":"error"}`)...)
	h := s.health("?window=1h&by=model")
	assert.Equal(t, "degraded", h.Status)
	require.Len(t, h.Models, 3)
	verdicts := map[string]string{}
	for _, m := range h.Models {
		verdicts[m.Model] = fmt.Sprintf("%s: %d of %d", m.Status, m.Errors, m.Requests)
	}
	assert.Equal(t, map[string]string{"good": "ok: 0 of 20", "bad": "degraded: 10 of 20", "rare": "unknown: 1 of 1"}, verdicts)
	assert.InEpsilon(t, 1, *h.P50, 0.032)
	assert.InEpsilon(t, 10, *h.P95, 0.032)
	assert.Equal(t, "rare", h.Models[2].Model, "most requests first")
	assert.Nil(t, h.Models[2].P50, "it was never timed")
}

func TestRequestsThatNeverEndedAreToldWhenTheyBegan(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	storetest.Append(t, s.db, service,
		`{"status":"initiated","created_at":"2024-01-01T00:00:00Z"}`,
		`{"status":"initiated","created_at":"2026-03-31T11:09:59.999999Z","litellm_call_id":"slow"}`,
		`{"status":"initiated","created_at":"2026-03-31T11:10:00Z"}`,
		`{"status":"initiated","created_at":"2026-03-31T12:00:00Z"}`,
		`{"status":"success","created_at":"2026-03-31T10:00:00Z"}`)
	for _, query := range []string{"", "?window=1h", "?window=366d"} {
		assert.Equal(t, 2, s.health(query).Unfinished, "over an hour ago, whatever the window: %s", query)
	}
	storetest.Append(t, s.db, service, `{"status":"success","litellm_call_id":"slow"}`)
	assert.Equal(t, 1, s.health("").Unfinished)
}
