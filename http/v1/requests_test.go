package v1_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

// ids returns the member of that name of each row.
func ids(t testing.TB, body, member string) []int64 {
	t.Helper()
	var rows []map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &rows), body)
	found := []int64{}
	for _, row := range rows {
		found = append(found, int64(row[member].(float64)))
	}
	return found
}

func TestAHistoryIsReadAPageAtATime(t *testing.T) {
	t.Parallel()
	s := books(t)
	for query, want := range map[string][]int64{
		"":                           {6, 5, 4, 3, 2, 1},
		"limit=2":                    {6, 5},
		"limit=2&offset=2":           {4, 3},
		"limit=1000":                 {6, 5, 4, 3, 2, 1},
		"offset=5":                   {1},
		"offset=6":                   {},
		"offset=9223372036854775807": {},
		"before=6":                   {5, 4, 3, 2, 1},
		"before=4&limit=2":           {3, 2},
		"before=4&limit=2&offset=1":  {2, 1},
		"before=1":                   {},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, want, ids(t, s.ok(ann, "/v1/users/ann/requests?"+query), "id"))
		})
	}
}

func TestAHistoryIsInOrderOfTimeNotOfArrival(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	storetest.Append(t, s.db, service,
		`{"end_user":"ann","created_at":"2026-03-03T00:00:00Z"}`, `{"end_user":"ann","created_at":"2026-03-01T00:00:00Z"}`,
		`{"end_user":"ann","created_at":"2026-03-02T00:00:00Z"}`, `{"end_user":"ann","created_at":"2026-03-02T00:00:00Z"}`)
	assert.Equal(t, []int64{1, 4, 3, 2}, ids(t, s.ok(ann, "/v1/users/ann/requests"), "id"))
	assert.Equal(t, []int64{3, 2}, ids(t, s.ok(ann, "/v1/users/ann/requests?before=4"), "id"))
	assert.Equal(t, []int64{}, ids(t, s.ok(ann, "/v1/users/ann/requests?before=2"), "id"))
}

func TestPagesStayPutWhileNewRequestsArrive(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i := range 25 {
		storetest.Append(t, s.db, service, fmt.Sprintf(`{"end_user":"ann","created_at":"2026-03-01T00:00:%02dZ"}`, i/2))
	}
	var seen []int64
	page := ids(t, s.ok(ann, "/v1/users/ann/requests?limit=4"), "id")
	for len(page) > 0 {
		seen = append(seen, page...)
		storetest.Append(t, s.db, service, `{"end_user":"ann"}`)
		page = ids(t, s.ok(ann, fmt.Sprintf("/v1/users/ann/requests?limit=4&before=%d", page[len(page)-1])), "id")
	}
	require.Len(t, seen, 25)
	for i, id := range seen {
		assert.Equal(t, int64(25-i), id)
	}
}

func TestFiftyRequestsAreAnsweredWhenNobodySaysHowMany(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for range 60 {
		storetest.Append(t, s.db, service, `{"end_user":"ann"}`)
	}
	assert.Len(t, ids(t, s.ok(ann, "/v1/users/ann/requests"), "id"), 50)
	assert.Len(t, ids(t, s.ok(ann, "/v1/activity"), "request_id"), 20)
	assert.Len(t, ids(t, s.ok(ann, "/v1/activity?limit=60"), "request_id"), 60)
	var dashboard struct {
		RecentActivity []any `json:"recent_activity"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.ok(ann, "/v1/users/ann/dashboard")), &dashboard))
	assert.Len(t, dashboard.RecentActivity, 10)
	var overview struct {
		RecentActivity []any `json:"recent_activity"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.ok(service, "/v1/overview")), &overview))
	assert.Len(t, overview.RecentActivity, 50)
}

func TestABadPageIsAProblem(t *testing.T) {
	t.Parallel()
	s := books(t)
	for path, status := range map[string]int{
		"/v1/users/ann/requests?limit=0":                    http.StatusUnprocessableEntity,
		"/v1/users/ann/requests?limit=-1":                   http.StatusUnprocessableEntity,
		"/v1/users/ann/requests?limit=1001":                 http.StatusUnprocessableEntity,
		"/v1/users/ann/requests?limit=many":                 http.StatusUnprocessableEntity,
		"/v1/users/ann/requests?limit=99999999999999999999": http.StatusUnprocessableEntity,
		"/v1/users/ann/requests?offset=-1":                  http.StatusUnprocessableEntity,
		"/v1/users/ann/requests?offset=x":                   http.StatusUnprocessableEntity,
		"/v1/users/ann/requests?before=x":                   http.StatusUnprocessableEntity,
		"/v1/users/ann/requests?before=999":                 http.StatusNotFound,
		"/v1/users/ann/requests?before=-1":                  http.StatusNotFound,
		"/v1/activity?limit=0":                              http.StatusUnprocessableEntity,
		"/v1/activity?limit=x":                              http.StatusUnprocessableEntity,
		"/v1/overview?limit=0":                              http.StatusUnprocessableEntity,
		"/v1/overview?offset=-1":                            http.StatusUnprocessableEntity,
		"/v1/users/ann/usage?granularity=week":              http.StatusUnprocessableEntity,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			requireProblem(t, s.get(service, path), status)
		})
	}
}

func TestAnOverviewIsReadAPageAtATime(t *testing.T) {
	t.Parallel()
	s := books(t)
	for query, want := range map[string][]string{
		"": {"ann", "bob", "cara"}, "limit=2": {"ann", "bob"}, "limit=2&offset=2": {"cara"}, "offset=3": {},
	} {
		var o struct {
			UserSummaries []struct {
				UserID string `json:"user_id"`
			} `json:"user_summaries"`
			TotalUsers  int64 `json:"total_users"`
			ActiveUsers int64 `json:"active_users"`
		}
		require.NoError(t, json.Unmarshal([]byte(s.ok(service, "/v1/overview?"+query)), &o))
		found := []string{}
		for _, u := range o.UserSummaries {
			found = append(found, u.UserID)
		}
		assert.Equal(t, want, found, query)
		assert.Equal(t, int64(3), o.TotalUsers, "whatever the page")
		assert.Equal(t, int64(2), o.ActiveUsers)
	}
}
