package store_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

func logWithID(id int64) query.Insert {
	return query.Insert{Relation: "request_logs", Set: []query.Assignment{{Column: "id", Value: id}, {Column: "status", Value: "success"}}}
}

// SQLite gives no more ids once the largest was used.
func TestAClientCannotUseUpTheIDs(t *testing.T) {
	t.Parallel()
	for name, caller := range map[string]policy.Caller{"anon": storetest.Anon(), "a user": storetest.User("ann")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openForTwo(t)
			_ = outcome(t, db, caller, logWithID(math.MaxInt64))
			verdicts, err := db.Append(t.Context(), policy.System(), storetest.Log(t, `{"status":"success"}`))
			require.NoError(t, err)
			assert.NoError(t, verdicts[0].Err)
		})
	}
}

func TestAnonCannotFindOutWhichIDsExist(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	assert.Equal(t, outcome(t, db, storetest.Anon(), logWithID(1000)), outcome(t, db, storetest.Anon(), logWithID(1)))
}

func TestAnUpdateOfAnIDTouchesNoOtherRow(t *testing.T) {
	t.Parallel()
	for name, to := range map[string]int64{"that another row has": 2, "that no row has": 77} {
		t.Run("to one "+name, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t)
			storetest.Append(t, db, policy.System(),
				`{"user_profile_id":"ann","model":"a","tokens_used":7}`, `{"user_profile_id":"bob","model":"b","tokens_used":9}`)
			_ = outcome(t, db, policy.System(), query.Update{
				Relation: "request_logs", Where: query.Is("user_profile_id", "ann"),
				Set: []query.Assignment{{Column: "id", Value: to}, {Column: "tokens_used", Value: int64(100)}},
			})
			assert.Equal(t, int64(9), cell(t, db, "request_logs", "tokens_used", query.Is("user_profile_id", "bob")))
			storetest.RequireClean(t, db)
		})
	}
}

func deleteLog(id int64) query.Delete {
	return query.Delete{Relation: "request_logs", Where: query.Is("id", id)}
}
