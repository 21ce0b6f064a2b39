package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// answer returns all cells that a select finds.
func answer(t testing.TB, db *store.DB, caller policy.Caller, q query.Select) (cells []any) {
	t.Helper()
	_, err := db.Run(t.Context(), caller, q, func(r query.Row) error { cells = append(cells, r...); return nil })
	require.NoError(t, err)
	return cells
}

// A user gets the same answers whether or not others are in the database.
func TestAnAnswerToAUserDoesNotDependOnTheRowsOfOthers(t *testing.T) {
	t.Parallel()
	alone, crowded := storetest.Open(t), storetest.Open(t)
	own := `{"user_profile_id":"ann","model":"m","status":"success","tokens_used":7,"total_cost":0.5,"created_at":"2026-01-01T00:00:00Z"}`
	storetest.Append(t, alone, policy.System(), own)
	storetest.Append(t, crowded, policy.System(), own,
		`{"user_profile_id":"bob","model":"a","status":"error","tokens_used":9,"total_cost":90,"created_at":"2026-01-02T00:00:00Z"}`,
		`{"user_profile_id":"al","model":"z","status":"success","tokens_used":1,"created_at":"2025-01-02T00:00:00Z"}`)
	ids := []query.Output{{Name: "id"}}
	tests := map[string]query.Select{
		"counting":           {From: "request_logs", Columns: []query.Output{{Name: "id", Func: query.Count}}},
		"counting models":    {From: "request_logs", Columns: []query.Output{{Name: "model", Func: query.CountDistinct}}},
		"adding up":          {From: "request_logs", Columns: []query.Output{{Name: "tokens_used", Func: query.Sum}, {Name: "total_cost", Func: query.Max}, {Name: "created_at", Func: query.Min}}},
		"grouping":           {From: "request_logs", Columns: []query.Output{{Name: "model"}, {Name: "id", Func: query.Count}}, Group: []string{"model"}},
		"the first by order": {From: "request_logs", Columns: ids, Order: []query.Order{{Column: "model"}}, Limit: query.Limit(1)},
		"the last by order":  {From: "request_logs", Columns: ids, Order: []query.Order{{Column: "tokens_used", Desc: true}}, Limit: query.Limit(1)},
		"the second page":    {From: "request_logs", Columns: ids, Limit: query.Limit(10), Offset: 1},
		"an offset alone":    {From: "request_logs", Columns: ids, Offset: 1},
		"a filter on others": {From: "request_logs", Columns: ids, Where: query.Or{query.Is("user_profile_id", "bob"), query.Is("model", "a")}},
		"all but one's own":  {From: "request_logs", Columns: ids, Where: query.Not{Expr: query.Is("user_profile_id", "ann")}},
		"nobody's":           {From: "request_logs", Columns: ids, Where: query.IsNull{Column: "user_profile_id"}},
		"the users":          {From: "user_profiles", Columns: []query.Output{{Name: "user_id"}}},
		"the analytics":      {From: "user_request_analytics"},
		"the months":         {From: "monthly_token_usage"},
		"the activity":       {From: "user_recent_activity"},
		"the breakdown":      {From: "user_token_breakdown"},
	}
	for name, q := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, caller := range []policy.Caller{storetest.User("ann"), storetest.User("nobody yet"), storetest.Anon()} {
				assert.Equal(t, answer(t, alone, caller, q), answer(t, crowded, caller, q), "%v", caller)
			}
		})
	}
}

func TestAForeignUserLooksLikeAMissingOne(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	foreign := storetest.Append(t, db, policy.System(), `{"user_profile_id":"bob"}`)[0].ID
	for _, caller := range []policy.Caller{storetest.User("ann"), storetest.Anon(), {}} {
		for _, user := range []string{"bob", "no such user"} {
			_, err := db.Analytics(t.Context(), caller, user)
			assert.Equal(t, store.ErrNotFound, err)
			exists, err := db.UserExists(t.Context(), caller, user)
			require.NoError(t, err)
			assert.False(t, exists)
			history, err := db.History(t.Context(), caller, user, 50, 0)
			require.NoError(t, err)
			assert.Equal(t, []store.HistoryRow{}, history)
			breakdown, err := db.Breakdown(t.Context(), caller, user)
			require.NoError(t, err)
			assert.Equal(t, []store.BreakdownRow{}, breakdown)
			assert.Equal(t, refused, codeOf(db.EraseUser(t.Context(), caller, user)))
			for _, id := range []int64{foreign, 1_000_000} {
				_, err = db.HistoryBefore(t.Context(), caller, user, id, 50, 0)
				assert.Equal(t, store.ErrNotFound, err)
				_, err = db.HistoryBefore(t.Context(), caller, "ann", id, 50, 0)
				assert.Equal(t, store.ErrNotFound, err)
			}
		}
	}
}

func TestARefusalSaysTheSameOfAForeignUserAndAMissingOne(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	ann := storetest.User("ann")
	refusal := func(q query.Query) error {
		_, err := db.Run(t.Context(), ann, q, nil)
		require.Error(t, err)
		return err
	}
	t.Run("when logging for them", func(t *testing.T) {
		log := func(user string) query.Query {
			return query.Insert{Relation: "request_logs", Set: []query.Assignment{{Column: "user_profile_id", Value: user}}}
		}
		assert.Equal(t, refusal(log("no such user")), refusal(log("bob")))
		assert.Equal(t, refused, codeOf(refusal(log("bob"))))
	})
	t.Run("when writing their usage", func(t *testing.T) {
		fresh, taken := "2031-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.000000Z"
		want := refusal(usageRow("no such user", fresh))
		assert.Equal(t, refused, codeOf(want))
		assert.Equal(t, want, refusal(usageRow("bob", fresh)))
		assert.Equal(t, want, refusal(usageRow("bob", taken)), "of a period that bob has a row of")
	})
	t.Run("when giving them a row", func(t *testing.T) {
		give := func(user string) query.Query {
			return query.Update{Relation: "tokens_usage", Set: []query.Assignment{{Column: "user_profile_id", Value: user}}}
		}
		want := refusal(give("no such user"))
		assert.Equal(t, refused, codeOf(want))
		assert.Equal(t, want, refusal(give("bob")), "bob has a row of the same period")
	})
}

func TestADuplicateOfAForeignRequestLooksAccepted(t *testing.T) {
	t.Parallel()
	for name, caller := range map[string]policy.Caller{"to anon": storetest.Anon(), "to another user": storetest.User("ann")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openForTwo(t)
			verdicts, err := db.Append(t.Context(), caller,
				storetest.Log(t, `{"litellm_call_id":"of bob","status":"error","tokens_used":1}`),
				storetest.Log(t, `{"litellm_call_id":"of nobody","status":"error","tokens_used":1}`))
			require.NoError(t, err)
			assert.Equal(t, []store.Verdict{{}, {}}, verdicts, "no id, and no word of a duplicate")
			assert.Equal(t, "success", cell(t, db, "request_logs", "status", query.Is("litellm_call_id", "of bob")))
			storetest.RequireClean(t, db)
		})
	}
	t.Run("and to its owner is a duplicate", func(t *testing.T) {
		t.Parallel()
		db := openForTwo(t)
		verdicts := storetest.Append(t, db, storetest.User("bob"), `{"litellm_call_id":"of bob","status":"error"}`)
		assert.True(t, verdicts[0].Duplicate)
		assert.Positive(t, verdicts[0].ID)
	})
}

func TestAnonNeverLearnsAnIDOrWhichUsersExist(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	verdicts := storetest.Append(t, db, storetest.Anon(),
		`{"user_profile_id":"ann"}`, `{"user_profile_id":"no such user"}`, `{"end_user":"bob"}`, `{"end_user":"nor this"}`,
		`{"litellm_call_id":"new"}`, `{"litellm_call_id":"new"}`, `{"litellm_call_id":"of ann"}`)
	for _, v := range verdicts {
		assert.Equal(t, store.Verdict{}, v)
	}
}
