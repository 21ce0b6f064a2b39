package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func moment(text string) *store.Timestamp {
	at, err := store.ParseTimestamp(text, time.Time{})
	if err != nil {
		panic(err)
	}
	return &at
}

func jobsOf(t testing.TB, db *store.DB) []store.JobRecord {
	t.Helper()
	jobs, err := db.Jobs(t.Context())
	require.NoError(t, err)
	return jobs
}

func TestThereAreNoJobsBeforeAServerRan(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	assert.Empty(t, jobsOf(t, db))
	assert.NotNil(t, jobsOf(t, db), "an empty list, for JSON")
	_, err := db.Job(t.Context(), "monthly")
	assert.ErrorIs(t, err, store.ErrNotFound)
}

func TestAJobsRecordSaysHowItWentAndWhenItComesAgain(t *testing.T) {
	t.Parallel()
	db, ctx := storetest.Open(t), t.Context()
	one, two := moment("2026-01-01T01:00:00Z"), moment("2026-01-01T02:00:00Z")
	require.NoError(t, db.RecordJobs(ctx, []store.JobRecord{
		{Name: "monthly", Purpose: "months", Schedule: "0 * * * *", NextRunAt: one},
		{Name: "asleep", Purpose: "nothing", Schedule: "off"},
	}))
	assert.Equal(t, []store.JobRecord{
		{Name: "asleep", Purpose: "nothing", Schedule: "off"},
		{Name: "monthly", Purpose: "months", Schedule: "0 * * * *", NextRunAt: one},
	}, jobsOf(t, db))

	started := *moment("2026-01-01T01:00:00.000001Z")
	require.NoError(t, db.RecordJobStart(ctx, "monthly", started, two))
	job, err := db.Job(ctx, "monthly")
	require.NoError(t, err)
	assert.Equal(t, store.JobRecord{
		Name: "monthly", Purpose: "months", Schedule: "0 * * * *", NextRunAt: two,
		LastStartedAt: &started, LastResult: new("running"),
	}, job)

	require.NoError(t, db.RecordJobEnd(ctx, "monthly", store.JobFailed, "no luck", 1500*time.Millisecond, nil))
	job, err = db.Job(ctx, "monthly")
	require.NoError(t, err)
	assert.Equal(t, store.JobRecord{
		Name: "monthly", Purpose: "months", Schedule: "0 * * * *",
		LastStartedAt: &started, LastDuration: new(1.5), LastResult: new("failed"), LastMessage: new("no luck"),
	}, job)

	require.NoError(t, db.RecordJobStart(ctx, "monthly", started, two))
	job, err = db.Job(ctx, "monthly")
	require.NoError(t, err)
	assert.Nil(t, job.LastDuration, "of a job that runs nothing else is known yet")
	assert.Nil(t, job.LastMessage)
}

func TestAStartKeepsWhatIsKnownAndForgetsTheJobsThatAreGone(t *testing.T) {
	t.Parallel()
	db, ctx := storetest.Open(t), t.Context()
	names := func(names ...string) (jobs []store.JobRecord) {
		for _, n := range names {
			jobs = append(jobs, store.JobRecord{Name: n, Purpose: "p", Schedule: "0 * * * *"})
		}
		return jobs
	}
	started := *moment("2026-01-01T01:00:00Z")
	require.NoError(t, db.RecordJobs(ctx, names("done", "gone", "killed")))
	require.NoError(t, db.RecordJobStart(ctx, "done", started, nil))
	require.NoError(t, db.RecordJobEnd(ctx, "done", store.JobOK, "fine", time.Second, nil))
	require.NoError(t, db.RecordJobStart(ctx, "killed", started, nil))

	next := names("done", "killed", "new")
	next[0].Purpose, next[0].Schedule = "another purpose", "off"
	require.NoError(t, db.RecordJobs(ctx, next))
	assert.Equal(t, []store.JobRecord{
		{
			Name: "done", Purpose: "another purpose", Schedule: "off",
			LastStartedAt: &started, LastDuration: new(1.0), LastResult: new("ok"), LastMessage: new("fine"),
		},
		{
			Name: "killed", Purpose: "p", Schedule: "0 * * * *",
			LastStartedAt: &started, LastResult: new("interrupted"), LastMessage: new("the process ended while it ran"),
		},
		{Name: "new", Purpose: "p", Schedule: "0 * * * *"},
	}, jobsOf(t, db))
}
