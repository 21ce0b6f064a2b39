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

// openWithAnnAndBob opens a database that knows the users ann and bob.
func openWithAnnAndBob(t testing.TB, autoCreate bool) *store.DB {
	t.Helper()
	db := storetest.OpenWith(t, store.Options{AutoCreateUsers: autoCreate})
	for _, user := range []string{"ann", "bob"} {
		_, err := db.Run(t.Context(), policy.System(), query.Insert{
			Relation: "user_profiles", Set: []query.Assignment{{Column: "user_id", Value: user}},
		}, nil)
		require.NoError(t, err)
	}
	return db
}

// link is what a stored log says of its user; null reads as "null".
type link struct{ user, endUser string }

func linkOf(t testing.TB, db *store.DB, callID string) link {
	t.Helper()
	read := func(column string) string {
		s, ok := cell(t, db, "request_logs", column, query.Is("litellm_call_id", callID)).(string)
		if !ok {
			return "null"
		}
		return s
	}
	return link{read("user_profile_id"), read("end_user")}
}

func TestALogIsLinkedAsItsCallerAndTheSettingAllow(t *testing.T) {
	t.Parallel()
	ann, newcomer := storetest.User("ann"), storetest.User("new")
	tests := []struct {
		name       string
		autoCreate bool
		caller     policy.Caller
		log        string
		want       link
		code       string
		created    bool // a profile for new
	}{
		{"the service role names a user", true, policy.System(), `"user_profile_id":"ann","end_user":"bob"`, link{"ann", "bob"}, "", false},
		{"the service role names an end user", true, policy.System(), `"end_user":"ann"`, link{"ann", "ann"}, "", false},
		{"the service role names nobody", true, policy.System(), `"model":"m"`, link{"null", ""}, "", false},
		{"an empty name is nobody's", true, policy.System(), `"user_profile_id":"","end_user":""`, link{"null", ""}, "", false},
		{"an empty user gives way to the end user", true, policy.System(), `"user_profile_id":"","end_user":"ann"`, link{"ann", "ann"}, "", false},
		{"a null user gives way to the end user", true, policy.System(), `"user_profile_id":null,"end_user":"ann"`, link{"ann", "ann"}, "", false},
		{"a null end user stays null", true, policy.System(), `"end_user":null`, link{"null", "null"}, "", false},
		{"an unknown user is made", true, policy.System(), `"user_profile_id":"new"`, link{"new", ""}, "", true},
		{"an unknown end user is made", true, policy.System(), `"end_user":"new"`, link{"new", "new"}, "", true},

		{"without the setting a known user is linked", false, policy.System(), `"user_profile_id":"ann"`, link{"ann", ""}, "", false},
		{"without the setting a known end user is linked", false, policy.System(), `"end_user":"ann"`, link{"ann", "ann"}, "", false},
		{"without the setting an unknown user is refused", false, policy.System(), `"user_profile_id":"new"`, link{}, "23503", false},
		{"without the setting an unknown end user stays unlinked", false, policy.System(), `"end_user":"new"`, link{"null", "new"}, "", false},

		{"a user's log is theirs", true, ann, `"model":"m"`, link{"ann", ""}, "", false},
		{"a user's log is theirs before it is the end user's", true, ann, `"end_user":"bob"`, link{"ann", "bob"}, "", false},
		{"a user may name themself", true, ann, `"user_profile_id":"ann"`, link{"ann", ""}, "", false},
		{"a user may not log for another", true, ann, `"user_profile_id":"bob"`, link{}, "42501", false},
		{"a user may not make a profile", true, newcomer, `"model":"m"`, link{}, "23503", false},
		{"nor without the setting", false, newcomer, `"model":"m"`, link{}, "23503", false},

		{"anon may log for a known user", true, storetest.Anon(), `"user_profile_id":"ann"`, link{"ann", ""}, "", false},
		{"anon may name a known end user", true, storetest.Anon(), `"end_user":"ann"`, link{"ann", "ann"}, "", false},
		{"anon's unknown user is kept as the end user", true, storetest.Anon(), `"user_profile_id":"new"`, link{"null", "new"}, "", false},
		{"anon's unknown user replaces the end user", true, storetest.Anon(), `"user_profile_id":"new","end_user":"bob"`, link{"null", "new"}, "", false},
		{"anon's unknown end user stays unlinked", true, storetest.Anon(), `"end_user":"new"`, link{"null", "new"}, "", false},
		{"and so without the setting", false, storetest.Anon(), `"user_profile_id":"new"`, link{"null", "new"}, "", false},
		{"anon's subject is nobody", true, policy.Caller{Role: policy.Anon, Subject: "ann"}, `"model":"m"`, link{"null", ""}, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := openWithAnnAndBob(t, tt.autoCreate)
			verdicts, err := db.Append(t.Context(), tt.caller, storetest.Log(t, `{"litellm_call_id":"c",`+tt.log+`}`))
			require.NoError(t, err)
			assert.Equal(t, tt.code, codeOf(verdicts[0].Err))
			if tt.code == "" {
				assert.Equal(t, tt.want, linkOf(t, db, "c"))
			}
			created, err := db.UserExists(t.Context(), policy.System(), "new")
			require.NoError(t, err)
			assert.Equal(t, tt.created, created)
			storetest.RequireClean(t, db)
		})
	}
}

func TestAUserMadeByALogIsThereForTheNextLogOfTheSameBatch(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(),
		`{"user_profile_id":"new","tokens_used":3}`, `{"end_user":"new","tokens_used":4}`, `{"end_user":"other"}`)
	a, err := db.Analytics(t.Context(), policy.System(), "new")
	require.NoError(t, err)
	assert.Equal(t, int64(7), a.TotalTokensCounter)
	assert.Equal(t, "free", *a.SubscriptionTier)
	assert.Nil(t, a.Email, "the profile holds the user's id alone")
	storetest.RequireClean(t, db)
}

func TestALogForAnUnknownUserCostsItsNeighboursNothing(t *testing.T) {
	t.Parallel()
	db := openWithAnnAndBob(t, false)
	verdicts, err := db.Append(t.Context(), policy.System(), storetest.Log(t, `{"user_profile_id":"ann"}`),
		storetest.Log(t, `{"user_profile_id":"new"}`), storetest.Log(t, `{"user_profile_id":"bob"}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"", "23503", ""}, []string{codeOf(verdicts[0].Err), codeOf(verdicts[1].Err), codeOf(verdicts[2].Err)})
	assert.Contains(t, verdicts[1].Err.(*store.Error).Details, "(new)")
	storetest.RequireClean(t, db)
}

func TestACorrectionMovesALogFromOneUserToAnother(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		set        query.Assignment
		autoCreate bool
		want       link
		code       string
	}{
		"to another user":                {query.Assignment{Column: "user_profile_id", Value: "bob"}, true, link{"bob", "ann"}, one},
		"to nobody":                      {query.Assignment{Column: "user_profile_id", Value: nil}, true, link{"null", "ann"}, one},
		"to a new user":                  {query.Assignment{Column: "user_profile_id", Value: "new"}, true, link{"new", "ann"}, one},
		"not to a user that may not be":  {query.Assignment{Column: "user_profile_id", Value: "new"}, false, link{"ann", "ann"}, "23503"},
		"not by its end user":            {query.Assignment{Column: "end_user", Value: "bob"}, true, link{"ann", "bob"}, one},
		"not by a change of other kinds": {query.Assignment{Column: "total_cost", Value: 1.5}, true, link{"ann", "ann"}, one},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openWithAnnAndBob(t, tt.autoCreate)
			storetest.Append(t, db, policy.System(), `{"end_user":"ann","litellm_call_id":"c","tokens_used":7}`)
			assert.Equal(t, tt.code, outcome(t, db, policy.System(), query.Update{
				Relation: "request_logs", Set: []query.Assignment{tt.set},
			}))
			assert.Equal(t, tt.want, linkOf(t, db, "c"))
			storetest.RequireClean(t, db)
		})
	}
}

func TestACorrectionThatNamesNoUserLeavesAnUnlinkedLogUnlinked(t *testing.T) {
	t.Parallel()
	db := openWithAnnAndBob(t, true)
	storetest.Append(t, db, policy.System(), `{"end_user":"ann","litellm_call_id":"c"}`)
	for _, set := range []query.Assignment{{Column: "user_profile_id", Value: nil}, {Column: "total_cost", Value: 1.5}} {
		require.Equal(t, one, outcome(t, db, policy.System(), query.Update{Relation: "request_logs", Set: []query.Assignment{set}}))
		assert.Equal(t, link{"null", "ann"}, linkOf(t, db, "c"), "after setting %s", set.Column)
	}
}
