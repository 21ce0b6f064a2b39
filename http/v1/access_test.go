package v1_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/storetest"
)

var faces = []string{"analytics", "requests", "breakdown", "usage", "dashboard", "costs", "limits"}

func TestWhoGetsWhichStatus(t *testing.T) {
	t.Parallel()
	s := books(t)
	type row struct {
		method, path                               string
		nobody, anon, own, other, foreign, service int
	}
	const (
		ok, gone, unknown       = http.StatusOK, http.StatusNoContent, http.StatusNotFound
		unauthorized, forbidden = http.StatusUnauthorized, http.StatusForbidden
	)
	rows := []row{
		{"GET", "/v1/activity", unauthorized, ok, ok, ok, ok, ok},
		{"GET", "/v1/overview", unauthorized, unauthorized, forbidden, forbidden, forbidden, ok},
		{"GET", "/v1/overview/costs", unauthorized, unauthorized, forbidden, forbidden, forbidden, ok},
		{"GET", "/v1/prices", unauthorized, unauthorized, forbidden, forbidden, forbidden, ok},
		{"GET", "/v1/prices/match?model=gpt-4o", unauthorized, unauthorized, forbidden, forbidden, forbidden, ok},
		{"GET", "/v1/prices/unpriced", unauthorized, unauthorized, forbidden, forbidden, forbidden, ok},
		{"DELETE", "/v1/prices/1000000", unauthorized, unauthorized, forbidden, forbidden, forbidden, unknown},
		{"GET", "/v1/health/system", unauthorized, unauthorized, forbidden, forbidden, forbidden, ok},
		{"GET", "/v1/alerts", unauthorized, unauthorized, forbidden, forbidden, forbidden, ok},
		{"GET", "/v1/alerts?user_id=ann", unauthorized, unauthorized, forbidden, forbidden, forbidden, ok},
		{"GET", "/v1/alert-rules", unauthorized, unauthorized, forbidden, forbidden, forbidden, ok},
		{"DELETE", "/v1/alert-rules/1000000", unauthorized, unauthorized, forbidden, forbidden, forbidden, unknown},
		{"GET", "/v1/alert-channels", unauthorized, unauthorized, forbidden, forbidden, forbidden, ok},
		{"DELETE", "/v1/alert-channels/1000000", unauthorized, unauthorized, forbidden, forbidden, forbidden, unknown},
		{"GET", "/v1/jobs", unauthorized, unauthorized, forbidden, forbidden, forbidden, ok},
		{"POST", "/v1/jobs/nothing/run", unauthorized, unauthorized, forbidden, forbidden, forbidden, unknown},
		{"DELETE", "/v1/users/nobody", unauthorized, unauthorized, forbidden, forbidden, forbidden, unknown},
	}
	for _, face := range faces {
		rows = append(rows,
			row{"GET", "/v1/users/ann/" + face, unauthorized, unauthorized, ok, forbidden, forbidden, ok},
			row{"GET", "/v1/users/nobody/" + face, unauthorized, unauthorized, forbidden, forbidden, unknown, unknown})
	}
	rows = append(rows, row{"DELETE", "/v1/users/ann", unauthorized, unauthorized, forbidden, forbidden, forbidden, gone})
	for _, row := range rows {
		for _, who := range []struct {
			name   string
			caller policy.Caller
			status int
		}{
			{"no key", nobody, row.nobody}, {"anon", anon, row.anon}, {"ann", ann, row.own}, {"bob", bob, row.other},
			{"a user without a profile", storetest.User("nobody"), row.foreign}, {"the service role", service, row.service},
		} {
			t.Run(fmt.Sprintf("%s %s by %s", row.method, row.path, who.name), func(t *testing.T) {
				a := s.do(row.method, who.caller, row.path)
				if who.status >= 400 {
					requireProblem(t, a, who.status)
				}
				assert.Equal(t, who.status, a.status, a.body)
			})
		}
	}
}

// TestAUserCannotTellWhetherAnotherExists compares whole answers, but for what
// every answer has of its own.
func TestAUserCannotTellWhetherAnotherExists(t *testing.T) {
	t.Parallel()
	s := books(t)
	etags := map[string]string{}
	for _, face := range faces {
		etags[face] = s.get(ann, "/v1/users/ann/"+face).header.Get("ETag")
	}
	for _, caller := range []policy.Caller{bob, anon, storetest.User(""), storetest.User("stranger")} {
		for _, face := range faces {
			for _, query := range []string{"", "?limit=1", "?before=1", "?before=999", "?limit=x", "?granularity=x", "?offset=1000", "?tz=x"} {
				for _, headers := range [][]string{nil, {"If-None-Match", "*"}, {"If-None-Match", etags[face]}} {
					existing := s.get(caller, "/v1/users/ann/"+face+query, headers...)
					missing := s.get(caller, "/v1/users/nemo/"+face+query, headers...)
					name := fmt.Sprintf("%s by %q: %s%s", face, caller.Subject, query, headers)
					assert.Equal(t, missing.status, existing.status, name)
					assert.GreaterOrEqual(t, existing.status, 400, name)
					assert.Equal(t, missing.body, existing.body, name)
					assert.Equal(t, lasting(missing.header), lasting(existing.header), name)
				}
			}
		}
		existing, missing := s.do(http.MethodDelete, caller, "/v1/users/ann"), s.do(http.MethodDelete, caller, "/v1/users/nemo")
		assert.Equal(t, missing.status, existing.status)
		assert.Equal(t, missing.body, existing.body)
	}
	assert.Equal(t, http.StatusOK, s.get(service, "/v1/users/ann/analytics").status, "ann is still there")
}

// lasting leaves out what differs between any two answers.
func lasting(h http.Header) http.Header {
	h = h.Clone()
	h.Del("X-Request-Id")
	h.Del("Date")
	return h
}

func TestAnothersRequestIDsAreAsGoodAsNone(t *testing.T) {
	t.Parallel()
	s := books(t)
	for _, id := range []int{1, 6, 8} { // ann's, and nobody's
		foreign := s.get(bob, fmt.Sprintf("/v1/users/bob/requests?before=%d", id))
		missing := s.get(bob, "/v1/users/bob/requests?before=424242")
		requireProblem(t, foreign, http.StatusNotFound)
		assert.Equal(t, missing.body, foreign.body)
		assert.Equal(t, lasting(missing.header), lasting(foreign.header))
	}
	assert.Equal(t, http.StatusOK, s.get(bob, "/v1/users/bob/requests?before=7").status)
}

func TestAUserSeesOnlyTheirOwnWhateverTheyAskFor(t *testing.T) {
	t.Parallel()
	s := books(t)
	for _, query := range []string{"", "limit=1000", "user_id=ann", "limit=1000&offset=0&user_profile_id=eq.ann", "before=8"} {
		assert.Equal(t, []int64{7}, ids(t, s.ok(bob, "/v1/activity?"+query), "request_id"), query)
		assert.Empty(t, ids(t, s.ok(anon, "/v1/activity?"+query), "request_id"), query)
	}
	assert.Equal(t, []int64{7}, ids(t, s.ok(bob, "/v1/users/bob/requests?offset=0&limit=1000&user_id=ann"), "id"))
	assert.Empty(t, ids(t, s.ok(storetest.User("cara"), "/v1/activity"), "request_id"))
	assert.Empty(t, ids(t, s.ok(storetest.User("nemo"), "/v1/activity"), "request_id"))
	assert.Empty(t, ids(t, s.ok(storetest.User(""), "/v1/activity"), "request_id"), "not even the logs of nobody")
}

func TestAnothersDoingsLeaveNoTraceInAUsersAnswers(t *testing.T) {
	t.Parallel()
	s := books(t)
	before := map[string]string{}
	for _, path := range append([]string{"/v1/activity"}, facesOf("bob")...) {
		before[path] = s.ok(bob, path)
	}
	storetest.Append(t, s.db, service, `{"end_user":"ann","tokens_used":9,"total_cost":9}`, `{"tokens_used":9}`)
	require.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, service, "/v1/users/cara").status)
	for path, want := range before {
		assert.Equal(t, want, s.ok(bob, path), path)
	}
}

func facesOf(user string) (paths []string) {
	for _, face := range faces {
		paths = append(paths, "/v1/users/"+user+"/"+face)
	}
	return paths
}
