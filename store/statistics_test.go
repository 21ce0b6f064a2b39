package store_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestStatisticsAreAboutTheDatabase(t *testing.T) {
	t.Parallel()
	db := storetest.OpenWith(t, store.Options{AutoCreateUsers: true, QueueRows: 77})
	s, err := db.Statistics(t.Context(), policy.System())
	require.NoError(t, err)
	assert.Zero(t, s.Logs)
	assert.Zero(t, s.Users)
	assert.Nil(t, s.Oldest)
	assert.Nil(t, s.Newest)

	storetest.Append(t, db, policy.System(), logAt(noon, `,"end_user":"ann"`), logAt(noon.Add(-time.Hour), ""),
		logAt(noon.Add(-time.Minute), `,"end_user":"bob","status":"initiated"`))
	s, err = db.Statistics(t.Context(), policy.System())
	require.NoError(t, err)
	oldest, newest := store.At(noon.Add(-time.Hour)), store.At(noon)
	assert.Equal(t, []any{int64(3), int64(2), &oldest, &newest, int64(1), 0, 77},
		[]any{s.Logs, s.Users, s.Oldest, s.Newest, s.Unfinished, s.QueueDepth, s.QueueCapacity})
	assert.Nil(t, s.LastBackup)
	assert.Regexp(t, `^\d+\.\d+`, s.Version)
	assert.Greater(t, s.Size, int64(10_000))
	if storetest.OnPostgres() {
		assert.Equal(t, "PostgreSQL", s.Engine)
		assert.Nil(t, s.WALSize)
		return
	}
	assert.Equal(t, "SQLite", s.Engine)
	assert.Positive(t, *s.WALSize)
	assert.GreaterOrEqual(t, *s.FreeBytes, int64(0))
	_, err = db.Checkpoint(t.Context())
	require.NoError(t, err)
	file, err := os.Stat(db.Path())
	require.NoError(t, err)
	assert.Equal(t, file.Size(), s.Size)
}

func TestStatisticsAreForTheServiceRole(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for _, caller := range []policy.Caller{{}, storetest.Anon(), storetest.User("ann")} {
		_, err := db.Statistics(t.Context(), caller)
		var refused *store.Error
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, store.CodePrivilege, refused.Code)
	}
}
