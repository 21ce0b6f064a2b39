package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// exported returns what a caller gets of a user: kinds, and objects.
func exported(t testing.TB, db *store.DB, caller policy.Caller, user string) (kinds []string, objects []map[string]any, err error) {
	t.Helper()
	err = db.ExportUser(t.Context(), caller, user, func(kind string, object json.RawMessage) error {
		var members map[string]any
		require.NoError(t, json.Unmarshal(object, &members), string(object))
		kinds, objects = append(kinds, kind), append(objects, members)
		return nil
	})
	return kinds, objects, err
}

func TestAnExportIsAllThatIsStoredOfAUser(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	_, err := db.Mutate(t.Context(), policy.System(), profile("ann/ä", "ann@example.com", "\"Ann\"\n"))
	require.NoError(t, err)
	storetest.Append(t, db, policy.System(),
		logAt(noon.AddDate(0, 0, 1), `,"user_profile_id":"ann/ä","model":"m","tokens_used":7,"total_cost":0.0000012,"messages":[{"content":"later"}]`),
		logAt(noon, `,"user_profile_id":"ann/ä","messages":"<b>","response":null,"response_time":0.1`),
		logAt(noon, `,"user_profile_id":"bob"`), logAt(noon, ``))
	_, err = db.RebuildMonth(t.Context(), store.At(noon).Month())
	require.NoError(t, err)
	for _, caller := range []policy.Caller{policy.System(), storetest.User("ann/ä")} {
		kinds, objects, err := exported(t, db, caller, "ann/ä")
		require.NoError(t, err)
		assert.Equal(t, []string{"user_profiles", "tokens_usage", "request_logs", "request_logs"}, kinds)
		for i, kind := range kinds {
			assert.Len(t, objects[i], len(store.Schema[kind].Columns))
		}
		assert.Equal(t, "\"Ann\"\n", objects[0]["full_name"])
		assert.Equal(t, map[string]any{"": 0.0, "m": 7.0}, objects[1]["model_breakdown"])
		assert.Equal(t, "2026-02-01T12:00:00+00:00", objects[2]["created_at"], "oldest first")
		assert.Equal(t, "<b>", objects[2]["messages"])
		assert.Equal(t, 0.1, objects[2]["response_time"])
		assert.Nil(t, objects[2]["response"])
		assert.Nil(t, objects[2]["total_cost"])
		assert.Equal(t, 0.0000012, objects[3]["total_cost"])
		assert.Equal(t, []any{map[string]any{"content": "later"}}, objects[3]["messages"])
	}
}

func TestAnExportedLogCanBeLoggedAgain(t *testing.T) {
	t.Parallel()
	db, other := storetest.Open(t), storetest.Open(t)
	storetest.Append(t, db, policy.System(), storetest.FullLog("ann", "x"))
	var text string
	require.NoError(t, db.ExportUser(t.Context(), policy.System(), "ann", func(kind string, object json.RawMessage) error {
		text = string(object)
		return nil
	}))
	v := storetest.Append(t, other, policy.System(), text)
	a, err := db.RequestLog(t.Context(), policy.System(), 1)
	require.NoError(t, err)
	b, err := other.RequestLog(t.Context(), policy.System(), v[0].ID)
	require.NoError(t, err)
	assert.Equal(t, a, b)
}

func TestAnExportIsForWhoMaySeeTheUser(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)
	for _, tt := range []struct {
		caller policy.Caller
		user   string
	}{
		{policy.System(), "nobody"}, {policy.System(), "\xff"}, {storetest.User("bob"), "ann"}, {storetest.Anon(), "ann"}, {policy.Caller{}, "ann"},
	} {
		kinds, _, err := exported(t, db, tt.caller, tt.user)
		require.ErrorIs(t, err, store.ErrNotFound, fmt.Sprint(tt))
		assert.Empty(t, kinds)
	}
	stop := errors.New("stop")
	require.ErrorIs(t, db.ExportUser(t.Context(), policy.System(), "ann", func(string, json.RawMessage) error { return stop }), stop)
}
