package v1_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	v1 "github.com/llmtally/llmtally/http/v1"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestHowLongAnAnswerMayBeKept(t *testing.T) {
	t.Parallel()
	s := books(t)
	for path, want := range map[string]string{
		"/v1/users/ann/analytics": "private, max-age=300",
		"/v1/users/ann/breakdown": "private, max-age=3600",
		"/v1/users/ann/usage":     "private, max-age=300",
		"/v1/users/ann/dashboard": "private, max-age=300",
		"/v1/users/ann/requests":  "no-store",
		"/v1/activity":            "no-store",
		"/v1/overview":            "no-store",
	} {
		a := s.get(service, path)
		assert.Equal(t, want, a.header.Get("Cache-Control"), path)
		if want == "no-store" {
			assert.Empty(t, a.header.Get("ETag"), path)
			continue
		}
		assert.Regexp(t, `^"[A-Za-z0-9_-]+"$`, a.header.Get("ETag"), path)
		assert.Contains(t, a.header.Get("Vary"), "Authorization", path)
		assert.Contains(t, a.header.Get("Vary"), "apikey", path)
	}
}

func TestTheTimesAreSettings(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, v1.Settings{AnalyticsMaxAge: 7 * time.Second, BreakdownMaxAge: time.Minute, Now: clock})
	storetest.Append(t, s.db, service, `{"end_user":"ann"}`)
	assert.Equal(t, "private, max-age=7", s.get(ann, "/v1/users/ann/analytics").header.Get("Cache-Control"))
	assert.Equal(t, "private, max-age=60", s.get(ann, "/v1/users/ann/breakdown").header.Get("Cache-Control"))
}

func TestAnAnswerThatTheClientHasIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s := books(t)
	const path = "/v1/users/ann/analytics"
	first := s.get(ann, path)
	etag := first.header.Get("ETag")
	for name, tt := range map[string]struct {
		headers []string
		status  int
	}{
		"the same":             {[]string{"If-None-Match", etag}, http.StatusNotModified},
		"the same, weak":       {[]string{"If-None-Match", "W/" + etag}, http.StatusNotModified},
		"one of several":       {[]string{"If-None-Match", `"a", ` + etag + `,"b"`}, http.StatusNotModified},
		"in the second header": {[]string{"If-None-Match", `"a"`, "If-None-Match", etag}, http.StatusNotModified},
		"any":                  {[]string{"If-None-Match", "*"}, http.StatusNotModified},
		"another":              {[]string{"If-None-Match", `"another"`}, http.StatusOK},
		"without its quotes":   {[]string{"If-None-Match", etag[1 : len(etag)-1]}, http.StatusOK},
		"an empty one":         {[]string{"If-None-Match", ""}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := s.get(ann, path, tt.headers...)
			assert.Equal(t, tt.status, a.status)
			assert.Equal(t, etag, a.header.Get("ETag"))
			assert.Equal(t, first.header.Get("Cache-Control"), a.header.Get("Cache-Control"))
			assert.Equal(t, first.header.Get("Vary"), a.header.Get("Vary"))
			if tt.status == http.StatusNotModified {
				assert.Empty(t, a.body)
				assert.Empty(t, a.header.Get("Content-Type"))
			} else {
				assert.Equal(t, first.body, a.body)
			}
		})
	}
}

func TestAChangedAnswerHasAnotherETag(t *testing.T) {
	t.Parallel()
	s := books(t)
	for _, face := range []string{"analytics", "breakdown", "usage", "dashboard"} {
		path := "/v1/users/ann/" + face
		etag := s.get(ann, path).header.Get("ETag")
		assert.Equal(t, etag, s.get(ann, path).header.Get("ETag"), "nothing happened")
		storetest.Append(t, s.db, service, `{"end_user":"bob","tokens_used":1}`)
		assert.Equal(t, etag, s.get(ann, path).header.Get("ETag"), "another user's log is not in it")
		storetest.Append(t, s.db, service, `{"end_user":"ann","tokens_used":1}`)
		a := s.get(ann, path, "If-None-Match", etag)
		require.Equal(t, http.StatusOK, a.status)
		assert.NotEqual(t, etag, a.header.Get("ETag"))
	}
}

func TestHEADAnswersAsGETWithoutTheBody(t *testing.T) {
	t.Parallel()
	s := books(t)
	for _, path := range []string{
		"/v1/users/ann/analytics", "/v1/users/ann/requests", "/v1/activity", "/v1/overview", "/v1/users/nobody/analytics",
		"/v1/users/ann/requests?limit=x", "/healthz", "/readyz", "/openapi.json", "/docs",
	} {
		get, head := s.get(service, path), s.do(http.MethodHead, service, path)
		assert.Equal(t, get.status, head.status, path)
		assert.Empty(t, head.body, path)
		for _, name := range []string{"Content-Type", "ETag", "Cache-Control", "Vary"} {
			assert.Equal(t, get.header.Values(name), head.header.Values(name), "%s of %s", name, path)
		}
	}
	etag := s.get(ann, "/v1/users/ann/analytics").header.Get("ETag")
	assert.Equal(t, http.StatusNotModified, s.do(http.MethodHead, ann, "/v1/users/ann/analytics", "If-None-Match", etag).status)
}
