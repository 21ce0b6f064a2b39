package v1_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

// escape percent-encodes a user id for a path; dots alone too, which would be
// taken for folders.
func escape(id string) string {
	if strings.Trim(id, ".") == "" {
		return strings.Repeat("%2E", len(id))
	}
	return url.PathEscape(id)
}

func TestEachUserIsFoundByTheEncodedID(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	// Each is another user: no two encodings may meet.
	users := []string{
		"aA", "a%41", "a%2541", "a/b", "a%2Fb", "a%252Fb", "100%", "%", "🙂", "ü", ".", "..", "a.b", "a b", "a+b", "a%20b", "a%2Bb",
		"a?b", "a#b", "a;b", "a&b=c", "a:b", "a@b", "a,b", "requests", "a/requests", "{user_id}", "'", `"`, `\`, "*", "a\nb",
	}
	for _, id := range users {
		body, err := json.Marshal(map[string]string{"end_user": id, "model": "model of " + id})
		require.NoError(t, err)
		storetest.Append(t, s.db, service, string(body))
	}
	for _, id := range users {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			for _, face := range []string{"analytics", "dashboard", "requests", "breakdown"} {
				own := s.ok(storetest.User(id), "/v1/users/"+escape(id)+"/"+face)
				var text string
				require.NoError(t, json.Unmarshal([]byte(modelIn(t, own)), &text))
				assert.Equal(t, "model of "+id, text, face)
			}
			assert.Equal(t, http.StatusForbidden, s.get(storetest.User("someone else"), "/v1/users/"+escape(id)+"/requests").status)
			assert.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, service, "/v1/users/"+escape(id)).status)
			assert.Equal(t, http.StatusNotFound, s.do(http.MethodDelete, service, "/v1/users/"+escape(id)).status)
		})
	}
}

// modelIn returns the first model that an answer names, as JSON.
func modelIn(t testing.TB, body string) string {
	t.Helper()
	for _, member := range []string{`"most_used_model":`, `"model":`} {
		if _, rest, ok := strings.Cut(body, member); ok {
			var model json.RawMessage
			require.NoError(t, json.NewDecoder(strings.NewReader(rest)).Decode(&model))
			return string(model)
		}
	}
	require.Fail(t, "no model", body)
	return ""
}

func TestAnErasedUserLeavesNothing(t *testing.T) {
	t.Parallel()
	s := books(t)
	a := s.do(http.MethodDelete, service, "/v1/users/ann")
	assert.Equal(t, http.StatusNoContent, a.status)
	assert.Empty(t, a.body)
	requireProblem(t, s.do(http.MethodDelete, service, "/v1/users/ann"), http.StatusNotFound)
	for _, path := range facesOf("ann") {
		requireProblem(t, s.get(service, path), http.StatusNotFound)
	}
	assert.Equal(t, []int64{8, 7}, ids(t, s.ok(service, "/v1/activity"), "request_id"))
	assert.Equal(t, []int64{7}, ids(t, s.ok(bob, "/v1/users/bob/requests"), "id"), "others keep theirs")
	storetest.RequireClean(t, s.db)

	storetest.Append(t, s.db, service, `{"end_user":"ann","tokens_used":1}`)
	assert.Contains(t, s.ok(ann, "/v1/users/ann/analytics"), `"total_tokens_counter":1`, "a new ann begins at nothing")
}

func TestALongHistoryIsErasedWhole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for range 3 {
		rows := make([]string, 800)
		for i := range rows {
			rows[i] = `{"end_user":"ann","tokens_used":1}`
		}
		storetest.Append(t, s.db, service, rows...)
	}
	assert.Equal(t, http.StatusNoContent, s.do(http.MethodDelete, service, "/v1/users/ann").status)
	assert.Empty(t, ids(t, s.ok(service, "/v1/activity"), "request_id"))
	storetest.RequireClean(t, s.db)
}
