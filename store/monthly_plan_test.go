package store

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const someMonth = "2026-01-01T00:00:00.000000Z"

func TestAMonthIsComparedUserByUserWhateverOtherMonthsHold(t *testing.T) {
	t.Parallel()
	plan := planOf(t, differingSQL, someMonth)
	assert.Equal(t, []string{
		"SCAN b", "SCAN b", "SCAN m", // what was just made
		"SCAN p USING COVERING INDEX sqlite_autoindex_user_profiles_1", "SCAN p USING COVERING INDEX sqlite_autoindex_user_profiles_1",
	}, scans(plan))
	assert.Contains(t, plan, "SEARCH u USING PRIMARY KEY (user_profile_id=? AND month=?)")
	assert.Contains(t, plan, "SEARCH t USING INDEX sqlite_autoindex_tokens_usage_1 (user_profile_id=? AND period_type=? AND period_start=?) LEFT-JOIN")
	assert.Contains(t, plan, "SEARCH t USING COVERING INDEX sqlite_autoindex_tokens_usage_1 (user_profile_id=? AND period_type=? AND period_start=?)")
}

func TestAUsersMonthIsMadeFromTheirOwnRowsAlone(t *testing.T) {
	t.Parallel()
	plan := planOf(t, saveMonthSQL, someMonth, "ann", someMonth)
	assert.Equal(t, []string{"SCAN b", "SCAN b", "SCAN made"}, scans(plan))
	assert.Contains(t, plan, "SEARCH p USING COVERING INDEX sqlite_autoindex_user_profiles_1 (user_id=?)")
	assert.Empty(t, scans(planOf(t, dropMonthSQL, someMonth, "ann")))
}

func TestUnfinishedRequestsComeFromTheirOwnIndex(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"SEARCH request_logs USING COVERING INDEX request_logs_initiated_idx (created_at<?)"},
		planOf(t, unfinishedSQL, someMonth))
}

func TestTheLogsOfASpanAreFoundByTheirTimeHoweverFewUsersThereAre(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	db := opened(t, path)
	for _, statement := range []string{
		"ANALYZE", // makes the table
		"DELETE FROM sqlite_stat1",
		`INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
			('request_logs', 'request_logs_created_at_idx', '10000000 1'),
			('request_logs', 'request_logs_user_created_at_idx', '10000000 100000 1 1 1 1 1 1 1')`,
	} {
		_, err := db.writer.Exec(statement)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	for _, statement := range []string{topByLogSQL, activeAmongLogsSQL} {
		plan := planIn(t, opened(t, path), statement, someMonth, someMonth, 10)
		assert.Contains(t, plan, "SEARCH request_logs USING INDEX request_logs_created_at_idx (created_at>? AND created_at<?)", statement)
	}
}

// planOf returns the steps by which SQLite would run a statement on an empty
// database.
func planOf(t *testing.T, statement string, args ...any) (steps []string) {
	t.Helper()
	return planIn(t, opened(t, filepath.Join(t.TempDir(), "a.db")), statement, args...)
}

func opened(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func planIn(t *testing.T, db *DB, statement string, args ...any) (steps []string) {
	t.Helper()
	args = args[:min(len(args), strings.Count(statement, "$"))]
	rows, err := db.readers.Query("EXPLAIN QUERY PLAN "+statement, args...)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
		steps = append(steps, step)
	}
	require.NoError(t, rows.Err())
	return steps
}

// scans returns the steps that read all of something, sorted.
func scans(plan []string) (found []string) {
	for _, step := range plan {
		if strings.HasPrefix(step, "SCAN ") {
			found = append(found, step)
		}
	}
	slices.Sort(found)
	return found
}
