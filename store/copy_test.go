package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestACopyThereAndBackIsTheSameByteForByte(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, by engineKind }{
		{onSQLite, onSQLite}, {onSQLite, onPostgres}, {onPostgres, onSQLite}, {onPostgres, onPostgres},
	} {
		t.Run(fmt.Sprintf("from %s by %s", c.from, c.by), func(t *testing.T) {
			t.Parallel()
			start, between, end := c.from.fresh(t), c.by.fresh(t), c.from.fresh(t)
			source := open(t, start)
			fillOddly(t, source)
			there := open(t, between)
			done := copyTo(t, source, there)
			assert.EqualValues(t, len(oddLogs())-1, done.Copied)
			assert.Zero(t, done.Replaced)
			back := open(t, end)
			copyTo(t, there, back)
			requireEqual(t, start, end)
			if c.from == c.by {
				requireEqual(t, start, between)
			}
			next := nextID(t, source)
			assert.Equal(t, next, nextID(t, there), "the id of a log that was deleted last is not given again")
			assert.Equal(t, next, nextID(t, back))
		})
	}
}

func TestASecondCopyTakesWhatIsNewOrHasChanged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to engineKind }{
		{onSQLite, onSQLite}, {onSQLite, onPostgres}, {onPostgres, onSQLite}, {onPostgres, onPostgres},
	} {
		t.Run(fmt.Sprintf("from %s to %s", c.from, c.to), func(t *testing.T) {
			t.Parallel()
			start := c.from.fresh(t)
			source := open(t, start)
			fillOddly(t, source)
			target := open(t, c.to.fresh(t))
			copyTo(t, source, target)
			again := copyTo(t, source, target)
			assert.Zero(t, again.Copied, "nothing has changed")
			assert.False(t, again.Compared)

			storetest.Append(t, source, policy.System(),
				`{"litellm_call_id":"open","status":"success","end_user":"cleo","total_cost":0.5}`, `{"end_user":"dora"}`)
			runAll(t, source,
				query.Update{Relation: "request_logs", Set: []query.Assignment{{Column: "messages", Value: `"other"`}},
					Where: query.Is("litellm_call_id", "call-5")},
				query.Delete{Relation: "request_logs", Where: query.Is("litellm_call_id", "call-6")},
				query.Update{Relation: "user_profiles", Set: []query.Assignment{{Column: "email", Value: "i@example.com"}},
					Where: query.Is("user_id", "idle")},
				query.Delete{Relation: "tokens_usage", Where: query.Is("period_type", "weekly")},
				// An id below the highest, and the call id of a log that is gone.
				query.Insert{Relation: "request_logs", Set: []query.Assignment{
					{Column: "id", Value: int64(-7)}, {Column: "litellm_call_id", Value: "call-6"}, {Column: "status", Value: "success"}}})
			require.NoError(t, source.EraseUser(t.Context(), policy.System(), "user-3"))
			const erased = 8

			third := copyTo(t, source, target)
			assert.EqualValues(t, 4, third.Copied, "completed, patched, named, and new")
			assert.EqualValues(t, 3+erased, third.Replaced, "completed, patched, deleted, and erased")
			back := c.from.fresh(t)
			copyTo(t, target, open(t, back))
			requireEqual(t, start, back)
			last, err := source.Copy(t.Context(), target, store.Copying{Last: true})
			require.NoError(t, err)
			assert.Zero(t, last.Copied)
			after, err := source.Copy(t.Context(), target, store.Copying{})
			require.NoError(t, err)
			assert.True(t, after.Compared, "after the last copy, nothing was noted")
			assert.Zero(t, after.Copied)
		})
	}
}
