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

func TestAnEmptyUserIsNobodyAlsoBesideAnUnknownEndUser(t *testing.T) {
	t.Parallel()
	db := storetest.OpenWith(t, store.Options{})
	for _, caller := range []policy.Caller{policy.System(), storetest.Anon()} {
		storetest.Append(t, db, caller, `{"user_profile_id":"","end_user":"stranger"}`)
		assert.Equal(t, one, outcome(t, db, caller, query.Insert{Relation: "request_logs", Set: []query.Assignment{
			{Column: "user_profile_id", Value: ""}, {Column: "end_user", Value: "stranger"},
		}}))
	}
	assert.Equal(t, "4 rows", outcome(t, db, policy.System(), query.Select{
		From: "request_logs", Where: query.And{query.IsNull{Column: "user_profile_id"}, query.Is("end_user", "stranger")},
	}))
}

func TestARowWhoseKeyChangesIsShownByItsNewKey(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	set := []query.Assignment{{Column: "id", Value: int64(77)}}
	var shown []any
	_, err := db.Mutate(t.Context(), storetest.User("ann"), store.Mutation{
		Relation: "tokens_usage", Action: policy.Update, Set: set,
		Show: func(_ *store.View, keys []any) error { shown = keys; return nil },
	})
	require.NoError(t, err)
	assert.Equal(t, []any{int64(77)}, shown)
}
