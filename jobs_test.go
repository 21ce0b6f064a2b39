package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestJobsRunWhileTheServerDoesAndAreListedAfterwards(t *testing.T) {
	db := filepath.Join(t.TempDir(), "a.db")
	s := startServer(t, db, "--schedule-optimize", "off", "--schedule-monthly-previous", "@every 100h")
	status, answer := s.post(`{"end_user":"ann","tokens_used":7,"created_at":"2024-02-29T23:59:59.999999Z"}`)
	require.Equal(t, http.StatusCreated, status, answer)

	var list []store.JobRecord
	record := func(name string) store.JobRecord {
		require.Equal(t, http.StatusOK, s.get("/v1/jobs", &list))
		for _, j := range list {
			if j.Name == name {
				return j
			}
		}
		t.Fatalf("no job %s", name)
		return store.JobRecord{}
	}
	ended := func() bool { r := record("monthly").LastResult; return r != nil && *r == store.JobOK }
	require.Eventually(t, ended, 10*time.Second, 5*time.Millisecond, "it ran at the start")
	request, err := http.NewRequest(http.MethodPost, s.url+"/v1/jobs/monthly/run", nil)
	require.NoError(t, err)
	status, answer = s.do(request)
	require.Equal(t, http.StatusAccepted, status, answer)
	require.Eventually(t, ended, 10*time.Second, 5*time.Millisecond)
	var rows []map[string]any
	require.Equal(t, http.StatusOK, s.get("/rest/v1/tokens_usage?select=user_profile_id,period_start,period_end,total_tokens", &rows))
	assert.Equal(t, []map[string]any{{
		"user_profile_id": "ann", "period_start": "2024-02-01T00:00:00+00:00", "period_end": "2024-03-01T00:00:00+00:00", "total_tokens": 7.0,
	}}, rows)
	assert.Equal(t, "off", record("optimize").Schedule)
	assert.Nil(t, record("optimize").NextRunAt)
	assert.Equal(t, "@every 100h", record("monthly-previous").Schedule)

	s.signal(syscall.SIGTERM)
	require.NoError(t, s.wait())
	out := runProgram(t, "jobs", "--db", db).stdout
	assert.Regexp(t, `(?m)^JOB +SCHEDULE +LAST RUN \(UTC\) +TOOK +RESULT +NEXT RUN \(UTC\) +MESSAGE$`, out)
	assert.Regexp(t, `(?m)^monthly +5 \* \* \* \* +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\S+ +ok +\S+ \d\d:05:00 +\d months? looked at, \d rows? changed$`, out)
	assert.Regexp(t, `(?m)^optimize +off +- +- +- +- +-$`, out)
}

func TestWhereNoServerEverRanThereAreNoJobs(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "no job is known yet: `llmtally serve` runs them\n", mustRun(t, "jobs", "--db", storetest.Path(t)))
	missing := filepath.Join(t.TempDir(), "missing.db")
	_, err := try(t, nil, "jobs", "--db", missing)
	require.ErrorContains(t, err, "there is no database")
	assert.NoFileExists(t, missing)
}

func TestABadScheduleKeepsTheServerFromStarting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "settings.yaml")
	require.NoError(t, os.WriteFile(file, []byte("schedule_checkpoint: CRON_TZ=UTC 5 * * * *\n"), 0o600))
	for _, tt := range []struct {
		want string
		env  map[string]string
		args []string
	}{
		{`the job monthly: "TZ=0" is not a schedule`, nil, []string{"--schedule-monthly", "TZ=0"}},
		{`the job unfinished: "61 * * * *" is not a schedule`, map[string]string{"LLMTALLY_SCHEDULE_UNFINISHED": "61 * * * *"}, nil},
		{"schedules are in UTC, without a time zone", nil, []string{"--config", file}},
	} {
		args := append([]string{"serve", "--addr", "127.0.0.1:0", "--db", filepath.Join(dir, "a.db")}, tt.args...)
		_, err := try(t, tt.env, args...)
		require.ErrorContains(t, err, tt.want)
	}
}

func TestTheListOfJobsIsForReading(t *testing.T) {
	t.Parallel()
	at := func(text string) *store.Timestamp {
		moment, err := store.ParseTimestamp(text, time.Time{})
		require.NoError(t, err)
		return &moment
	}
	var out bytes.Buffer
	require.NoError(t, printJobs(&out, []store.JobRecord{
		{Name: "a", Schedule: "off"},
		{
			Name: "months", Schedule: "5 * * * *", NextRunAt: at("2026-02-01T01:05:00Z"), LastStartedAt: at("2026-02-01T00:05:00.000123Z"),
			LastDuration: new(61.5), LastResult: new("failed"), LastMessage: new("2025-12: no\n2026-01: no"),
		},
		{Name: "quick", Schedule: "@hourly", LastStartedAt: at("2026-02-01T00:00:00Z"), LastDuration: new(0.0000875), LastResult: new("ok"), LastMessage: new("")},
		{Name: "slow", Schedule: "@daily", LastStartedAt: at("2026-02-01T00:00:00Z"), LastResult: new("running")},
	}))
	assert.Equal(t, `
JOB     SCHEDULE   LAST RUN (UTC)       TOOK    RESULT   NEXT RUN (UTC)       MESSAGE
a       off        -                    -       -        -                    -
months  5 * * * *  2026-02-01 00:05:00  1m1.5s  failed   2026-02-01 01:05:00  2025-12: no 2026-01: no
quick   @hourly    2026-02-01 00:00:00  88µs    ok       -                    -
slow    @daily     2026-02-01 00:00:00  -       running  -                    -
`, "\n"+out.String())
}
