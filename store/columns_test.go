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

func profileUpdate(user string, set ...query.Assignment) query.Update {
	return query.Update{Relation: "user_profiles", Set: set, Where: query.Is("user_id", user)}
}

func TestAUserChangesTheirProfileButNotWhatItCounts(t *testing.T) {
	t.Parallel()
	ann := storetest.User("ann")
	tests := map[string]struct {
		column string
		value  any
		want   string
	}{
		"may change the email":                {"email", "a@example.com", one},
		"may empty the full name":             {"full_name", nil, one},
		"may change the OAuth details":        {"raw_oauth_details", `{"a":1}`, one},
		"may not change the tokens used":      {"tokens_used", int64(0), refused},
		"may not change the tier":             {"subscription_tier", "pro", refused},
		"may not change the user id":          {"user_id", "eve", refused},
		"may not even keep the user id":       {"user_id", "ann", refused},
		"may not take another's user id":      {"user_id", "bob", refused},
		"is told of a column that is not":     {"password", "x", store.CodeUnknownColumn},
		"cannot use SQL as a column":          {`email" = 'x', "subscription_tier`, "pro", store.CodeUnknownColumn},
		"cannot write a column of the rollup": {"cost_nano", int64(1), store.CodeUnknownColumn},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openForTwo(t)
			assert.Equal(t, tt.want, outcome(t, db, ann, profileUpdate("ann", query.Assignment{Column: tt.column, Value: tt.value})))
			both := profileUpdate("ann", query.Assignment{Column: "email", Value: "b@example.com"},
				query.Assignment{Column: tt.column, Value: tt.value})
			assert.Equal(t, tt.want, outcome(t, db, ann, both), "beside a column that may be written")
			a, err := db.Analytics(t.Context(), ann, "ann")
			require.NoError(t, err)
			assert.Equal(t, int64(7), a.TotalTokensCounter)
			assert.Equal(t, "free", *a.SubscriptionTier)
			storetest.RequireClean(t, db)
		})
	}
}

func TestTheDatabaseKeepsTokensUsedWhateverTheServiceRoleSends(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	system := policy.System()
	_, err := db.Run(t.Context(), system, profileUpdate("ann",
		query.Assignment{Column: "tokens_used", Value: int64(1_000_000)},
		query.Assignment{Column: "subscription_tier", Value: "pro"}), nil)
	require.NoError(t, err)
	_, err = db.Run(t.Context(), system, query.Insert{Relation: "user_profiles", Set: []query.Assignment{
		{Column: "user_id", Value: "cid"}, {Column: "tokens_used", Value: int64(5)},
	}}, nil)
	require.NoError(t, err)
	for user, tokens := range map[string]int64{"ann": 7, "cid": 0} {
		a, err := db.Analytics(t.Context(), system, user)
		require.NoError(t, err)
		assert.Equal(t, tokens, a.TotalTokensCounter, user)
	}
	storetest.RequireClean(t, db)
}

func TestAnUpdateNotesWhenTheRowWasChanged(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	before := cell(t, db, "user_profiles", "updated_at", query.Is("user_id", "bob"))
	_, err := db.Run(t.Context(), policy.System(), profileUpdate("ann", query.Assignment{Column: "email", Value: "x"}), nil)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, cell(t, db, "user_profiles", "updated_at", query.Is("user_id", "ann")), before)
	assert.Equal(t, before, cell(t, db, "user_profiles", "updated_at", query.Is("user_id", "bob")))
}

// cell reads one column of one row as the service role.
func cell(t testing.TB, db *store.DB, relation, column string, where query.Expr) (value any) {
	t.Helper()
	n, err := db.Run(t.Context(), policy.System(), query.Select{
		From: relation, Columns: []query.Output{{Name: column}}, Where: where,
	}, func(r query.Row) error { value = r[0]; return nil })
	require.NoError(t, err)
	require.Equal(t, int64(1), n)
	return value
}

func TestAUserCannotGiveTheirUsageRowToAnother(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	give := query.Update{Relation: "tokens_usage", Set: []query.Assignment{{Column: "user_profile_id", Value: "bob"},
		{Column: "period_type", Value: "given"}}}
	assert.Equal(t, refused, outcome(t, db, storetest.User("ann"), give))
	assert.Equal(t, one, outcome(t, db, storetest.User("ann"), query.Select{From: "tokens_usage"}), "it was rolled back")
}

func TestPrivateRelationsAreReadByTheirOwnersAndWrittenByNobody(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	for _, relation := range []string{"usage_totals", "usage_monthly", "usage_by_log", "user_token_breakdown", "traffic_hourly"} {
		column := store.Schema[relation].Columns[0].Name
		for name, caller := range accessCallers {
			set := []query.Assignment{{Column: column, Value: "x"}}
			for _, q := range []query.Query{
				query.Insert{Relation: relation, Set: set}, query.Update{Relation: relation, Set: set}, query.Delete{Relation: relation},
			} {
				assert.Equal(t, store.CodeUnknownRelation, outcome(t, db, caller, q), "%s, %s", name, relation)
			}
		}
		assert.Equal(t, none, outcome(t, db, storetest.Anon(), query.Select{From: relation}))
	}
	assert.Equal(t, none, outcome(t, db, storetest.User("ann"), query.Select{From: "traffic_hourly"}), "everybody's traffic is nobody's")
	storetest.RequireClean(t, db)
}
