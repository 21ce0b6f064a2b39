package v1_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// requireGolden compares an answer with a file, whose form is for reading.
func requireGolden(t testing.TB, name, body string) {
	t.Helper()
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, bytes.TrimSpace([]byte(body)), "", "  "), body)
	pretty.WriteByte('\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.WriteFile(path, pretty.Bytes(), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), pretty.String())
}

func TestAnswersLookAsTheyAlwaysDid(t *testing.T) {
	t.Parallel()
	s := books(t)
	for name, tt := range map[string]struct {
		caller policy.Caller
		path   string
	}{
		"analytics":              {ann, "/v1/users/ann/analytics"},
		"analytics-no-logs":      {service, "/v1/users/cara/analytics"},
		"requests":               {ann, "/v1/users/ann/requests"},
		"requests-no-logs":       {service, "/v1/users/cara/requests"},
		"breakdown":              {ann, "/v1/users/ann/breakdown"},
		"breakdown-no-logs":      {service, "/v1/users/cara/breakdown"},
		"usage-day":              {ann, "/v1/users/ann/usage?from=2026-03-28&to=2026-04-01"},
		"usage-day-berlin":       {ann, "/v1/users/ann/usage?from=2026-03-28&to=2026-04-01&tz=Europe/Berlin"},
		"usage-month":            {ann, "/v1/users/ann/usage?granularity=month&from=2026-01-01"},
		"usage-hour":             {ann, "/v1/users/ann/usage?granularity=hour&from=2026-03-29T00:00:00Z&to=2026-03-29T03:00:00Z"},
		"costs":                  {ann, "/v1/users/ann/costs"},
		"costs-no-logs":          {service, "/v1/users/cara/costs"},
		"costs-overview":         {service, "/v1/overview/costs"},
		"dashboard":              {ann, "/v1/users/ann/dashboard"},
		"dashboard-no-logs":      {service, "/v1/users/cara/dashboard"},
		"activity-service":       {service, "/v1/activity"},
		"activity-authenticated": {bob, "/v1/activity"},
		"activity-anon":          {anon, "/v1/activity"},
		"overview":               {service, "/v1/overview"},
		"health-system":          {service, "/v1/health/system"},
		"health-system-by-model": {service, "/v1/health/system?window=366d&by=model"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := s.get(tt.caller, tt.path)
			require.Equal(t, http.StatusOK, a.status, a.body)
			assert.Equal(t, "application/json", a.header.Get("Content-Type"))
			requireGolden(t, name, a.body)
		})
	}
}

func TestTheServiceRoleSeesWhatTheUserSees(t *testing.T) {
	t.Parallel()
	s := books(t)
	for _, face := range []string{"analytics", "requests", "breakdown", "usage", "dashboard"} {
		path := "/v1/users/ann/" + face
		assert.Equal(t, s.ok(ann, path), s.ok(service, path), face)
	}
}
