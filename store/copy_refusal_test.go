package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestATargetThatHoldsAnythingElseIsRefusedAndStaysAsItIs(t *testing.T) {
	t.Parallel()
	system := policy.System()
	profile := query.Insert{Relation: "user_profiles", Set: []query.Assignment{{Column: "user_id", Value: "eve"}}}
	tests := map[string]func(t *testing.T, target *store.DB){
		"a log":     func(t *testing.T, target *store.DB) { storetest.Append(t, target, system, `{"model":"m"}`) },
		"a profile": func(t *testing.T, target *store.DB) { runAll(t, target, profile) },
		"a channel": func(t *testing.T, target *store.DB) {
			_, err := target.SaveAlertChannel(t.Context(), system, store.AlertChannel{Name: "a", Kind: "slack", Target: "https://x.example"}, nil)
			require.NoError(t, err)
		},
		"a rule of its own": func(t *testing.T, target *store.DB) {
			rules, err := target.AlertRules(t.Context(), system)
			require.NoError(t, err)
			rules[0].Limit = 11
			_, err = target.SaveAlertRule(t.Context(), system, rules[0])
			require.NoError(t, err)
		},
		"the copy of another database": func(t *testing.T, target *store.DB) {
			other := open(t, onSQLite.fresh(t))
			storetest.Append(t, other, system, `{"end_user":"ann"}`)
			copyTo(t, other, target)
		},
		"a copy and a log since": func(t *testing.T, target *store.DB) {
			source := open(t, onSQLite.fresh(t))
			storetest.Append(t, source, system, `{"end_user":"ann"}`)
			copyTo(t, source, target)
			storetest.Append(t, target, system, `{"end_user":"ann"}`)
			_, err := source.Copy(t.Context(), target, store.Copying{})
			require.ErrorIs(t, err, store.ErrNotACopy)
		},
	}
	for name, hold := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, path := open(t, onSQLite.fresh(t)), storetest.Path(t)
			fillOddly(t, source)
			target := open(t, path)
			hold(t, target)
			before := dump(t, path)
			_, err := source.Copy(t.Context(), target, store.Copying{})
			require.ErrorIs(t, err, store.ErrNotACopy)
			assert.Equal(t, before, dump(t, path))
		})
	}
}

func TestADatabaseIsNotCopiedToItselfNorToACopyOfItsFile(t *testing.T) {
	t.Parallel()
	path := onSQLite.fresh(t)
	db := open(t, path)
	_, err := db.Copy(t.Context(), db, store.Copying{})
	require.ErrorIs(t, err, store.ErrNotACopy)
	require.NoError(t, db.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	twin := filepath.Join(t.TempDir(), "twin.db")
	require.NoError(t, os.WriteFile(twin, data, 0o600))
	_, err = open(t, path).Copy(t.Context(), open(t, twin), store.Copying{})
	require.ErrorIs(t, err, store.ErrNotACopy)
}

// Whatever was done to the target since, and whatever the source has not noted.
func TestOverwritingMakesTheTargetAsTheSourceIs(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, from, to engineKind) {
		system := policy.System()
		start := from.fresh(t)
		source, target := open(t, start), open(t, to.fresh(t))
		fillOddly(t, source)
		copyTo(t, source, target)
		for name, change := range map[string][]query.Query{
			"profiles": {query.Update{Relation: "user_profiles", Set: []query.Assignment{{Column: "email", Value: "x"}}, Where: query.Is("user_id", "ann")}},
			"usage":    {query.Delete{Relation: "tokens_usage", Where: query.Is("period_type", "weekly")}},
			"a log":    {query.Delete{Relation: "request_logs", Where: query.Is("litellm_call_id", "call-9")}},
		} {
			runAll(t, target, change...)
			_, err := source.Copy(t.Context(), target, store.Copying{})
			require.ErrorIs(t, err, store.ErrNotACopy, name)
			done, err := source.Copy(t.Context(), target, store.Copying{Overwrite: true})
			require.NoError(t, err)
			assert.True(t, done.Compared)
		}
		storetest.Append(t, target, system, `{"end_user":"mallory"}`, `{"litellm_call_id":"open","status":"success"}`)
		runAll(t, target, query.Update{Relation: "request_logs",
			Set: []query.Assignment{{Column: "messages", Value: `"quietly"`}}, Where: query.Is("litellm_call_id", "call-8")})
		done, err := source.Copy(t.Context(), target, store.Copying{Overwrite: true})
		require.NoError(t, err)
		assert.EqualValues(t, 2, done.Copied, "completed and quietly changed")
		storetest.RequireClean(t, target)
		back := from.fresh(t)
		copyTo(t, target, open(t, back))
		requireEqual(t, start, back)
	})
}

func TestWhatTheSourceDidNotNoteIsFoundByComparing(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, from, to engineKind) {
		start := from.fresh(t)
		source, target := open(t, start), open(t, to.fresh(t))
		fillOddly(t, source)
		copyTo(t, source, target)
		drop := "DROP TRIGGER copy_notes_updated"
		if from == onPostgres {
			drop += " ON request_logs"
		}
		require.NoError(t, source.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(drop); return err }))
		runAll(t, source, query.Update{Relation: "request_logs",
			Set: []query.Assignment{{Column: "error", Value: `"unseen"`}}, Where: query.Is("litellm_call_id", "call-8")})
		done := copyTo(t, source, target)
		assert.True(t, done.Compared)
		assert.EqualValues(t, 1, done.Copied)
		assert.False(t, copyTo(t, source, target).Compared, "now changes are noted again")
		back := from.fresh(t)
		copyTo(t, target, open(t, back))
		requireEqual(t, start, back)
	})
}

func TestEachTargetHasNotesOfItsOwnAndTheLastLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, from := range []engineKind{onSQLite, onPostgres} {
		t.Run(string(from), func(t *testing.T) {
			t.Parallel()
			start := from.fresh(t)
			source := open(t, start)
			fillOddly(t, source)
			one, two := open(t, onSQLite.fresh(t)), open(t, onSQLite.fresh(t))
			copyTo(t, source, one)
			copyTo(t, source, two)
			for _, last := range []bool{false, true} {
				runAll(t, source, query.Delete{Relation: "request_logs", Where: query.Is("model", map[bool]string{false: "first", true: "last"}[last])})
				for _, target := range []*store.DB{one, two} {
					done, err := source.Copy(t.Context(), target, store.Copying{Last: last})
					require.NoError(t, err)
					assert.False(t, done.Compared)
					assert.EqualValues(t, 1, done.Replaced)
				}
			}
			raw := storetest.SQL(t, start)
			left := "SELECT name FROM sqlite_master WHERE name LIKE 'copy_%'"
			if from == onPostgres {
				left = `SELECT relname FROM pg_class WHERE relname LIKE 'copy_%'
					UNION ALL SELECT tgname FROM pg_trigger WHERE tgname LIKE 'copy_%'
					UNION ALL SELECT proname FROM pg_proc WHERE proname = 'note_changed_logs'`
			}
			assert.Empty(t, texts(t, raw, left))
		})
	}
}

func TestALogThatTheTargetRefusesIsToldByItsID(t *testing.T) {
	t.Parallel()
	start := onSQLite.fresh(t)
	source, target := open(t, start), open(t, storetest.Postgres(t))
	fillOddly(t, source)
	_, err := storetest.SQL(t, start).Exec("UPDATE request_logs SET messages = 'no JSON' WHERE litellm_call_id = 'call-20'")
	require.NoError(t, err)
	id := texts(t, storetest.SQL(t, start), "SELECT id FROM request_logs WHERE litellm_call_id = 'call-20'")[0]
	_, err = source.Copy(t.Context(), target, store.Copying{})
	require.ErrorContains(t, err, "log "+id+":")
	storetest.RequireClean(t, target)
	_, err = storetest.SQL(t, start).Exec("UPDATE request_logs SET messages = '[]' WHERE litellm_call_id = 'call-20'")
	require.NoError(t, err)
	copyTo(t, source, target)
}
