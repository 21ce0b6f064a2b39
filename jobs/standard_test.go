package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// newBooks returns a house whose jobs are the standard ones, and whose database
// has the same clock.
func newBooks(t testing.TB, at time.Time) *house {
	t.Helper()
	h := &house{t: t, clock: newHandClock(at), log: &log{}}
	h.db = storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: h.clock.now})
	runner, err := jobs.New(h.db, jobs.Standard(h.db, jobs.Schedules{}),
		jobs.Settings{Now: h.clock.now, Log: slog.New(slog.NewTextHandler(h.log, nil))})
	require.NoError(t, err)
	h.Runner = runner
	t.Cleanup(func() { require.NoError(t, runner.Stop(context.Background())) })
	return h.started()
}

// did runs a job, and returns its message.
func (h *house) did(name string) string {
	h.t.Helper()
	require.NoError(h.t, h.RunAndWait(h.t.Context(), name))
	return *h.record(name).LastMessage
}

// months returns ann's monthly rows: tokens by month.
func (h *house) months(relation string) (rows []string) {
	h.t.Helper()
	_, err := h.db.Run(h.t.Context(), policy.System(), query.Select{
		From: relation, Columns: []query.Output{{Name: "period_start"}, {Name: "period_end"}, {Name: "total_tokens"}},
		Where: query.Is("user_profile_id", "ann"), Order: []query.Order{{Column: "period_start"}},
	}, func(r query.Row) error {
		rows = append(rows, fmt.Sprintf("%.10s to %.10s: %d", r[0], r[1], r[2]))
		return nil
	})
	require.NoError(h.t, err)
	return rows
}

func TestAMonthEndsAsTheClockPassesMidnight(t *testing.T) {
	t.Parallel()
	h := newBooks(t, time.Date(2026, 1, 31, 23, 59, 59, 999_999_000, time.UTC))
	ann := func(tokens int) {
		storetest.Append(t, h.db, policy.System(), fmt.Sprintf(`{"end_user":"ann","tokens_used":%d}`, tokens))
	}
	ann(1)
	assert.Equal(t, "1 month looked at, 1 row changed", h.did("monthly"))
	assert.Equal(t, "0 months looked at, 0 rows changed", h.did("monthly"))
	ann(2) // after the hour's run, in the month's last microsecond

	h.clock.set(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	ann(4)
	assert.Equal(t, []string{"2026-01-01 to 2026-02-01: 1"}, h.months("tokens_usage"), "until the next run")
	assert.Equal(t, "2 months looked at, 2 rows changed", h.did("monthly"))
	want := []string{"2026-01-01 to 2026-02-01: 3", "2026-02-01 to 2026-03-01: 4"}
	assert.Equal(t, want, h.months("tokens_usage"))
	assert.Equal(t, want, h.months("monthly_token_usage"))
	assert.Equal(t, "2 months looked at, 0 rows changed", h.did("monthly-previous"))

	h.clock.set(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	assert.Equal(t, "2 months looked at, 0 rows changed", h.did("monthly-previous"))
	storetest.Append(t, h.db, policy.System(), `{"end_user":"ann","tokens_used":8,"created_at":"2026-01-01T00:00:00Z"}`)
	assert.Equal(t, "1 month looked at, 1 row changed", h.did("monthly"), "a late log reopens its month")
	assert.Equal(t, h.months("monthly_token_usage"), h.months("tokens_usage"))
}

func TestTheNightlyRunLooksAtTheMonthAndTheOneBeforeWhateverWasNoted(t *testing.T) {
	t.Parallel()
	h := newBooks(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	for _, at := range []string{"2025-11-30T23:59:59.999999Z", "2025-12-31T23:59:59.999999Z", "2026-01-01T00:00:00Z"} {
		storetest.Append(t, h.db, policy.System(), fmt.Sprintf(`{"end_user":"ann","tokens_used":1,"created_at":%q}`, at))
	}
	require.NoError(t, h.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("DELETE FROM stale_months")
		return err
	}))
	assert.Equal(t, "0 months looked at, 0 rows changed", h.did("monthly"))
	assert.Equal(t, "2 months looked at, 2 rows changed", h.did("monthly-previous"))
	assert.Equal(t, []string{"2025-12-01 to 2026-01-01: 1", "2026-01-01 to 2026-02-01: 1"}, h.months("tokens_usage"))
}

func TestAMonthThatFailsHoldsUpNoOtherAndStaysStale(t *testing.T) {
	t.Parallel()
	h := newBooks(t, noon)
	for _, at := range []string{"2026-01-01T00:00:00Z", "2025-12-01T00:00:00Z"} {
		storetest.Append(t, h.db, policy.System(), fmt.Sprintf(`{"end_user":"ann","tokens_used":1,"created_at":%q}`, at))
	}
	allow := storetest.Refuse(t, h.db, "INSERT", "tokens_usage", "new.period_start < '2026-01-01T00:00:00.000000Z'")
	require.ErrorContains(t, h.RunAndWait(t.Context(), "monthly"), "2025-12")
	assert.Equal(t, "failed", *h.record("monthly").LastResult)
	assert.Equal(t, []string{"2026-01-01 to 2026-02-01: 1"}, h.months("tokens_usage"))
	allow()
	assert.Equal(t, "1 month looked at, 1 row changed", h.did("monthly"))
}

func TestUnfinishedRequestsAreReported(t *testing.T) {
	t.Parallel()
	h := newBooks(t, noon)
	storetest.Append(t, h.db, policy.System(), `{"end_user":"ann","status":"initiated"}`)
	assert.Equal(t, "none", h.did("unfinished"))
	h.clock.move(time.Hour)
	assert.Equal(t, "none", h.did("unfinished"), "an hour old is not over an hour old")
	h.clock.move(time.Microsecond)
	assert.Equal(t, "1 request, the oldest of 2026-01-31 12:00 UTC", h.did("unfinished"))
}

func TestUpkeepIsReported(t *testing.T) {
	t.Parallel()
	h := newBooks(t, noon)
	assert.Regexp(t, `^(\d+) of (\d+) pages moved, the log emptied$`, h.did("checkpoint"))
	assert.Empty(t, h.did("optimize"))
}

func TestEachStandardJobSaysWhatItIsForAndHasAScheduleOfItsOwn(t *testing.T) {
	t.Parallel()
	var schedules jobs.Schedules
	fields := reflect.ValueOf(&schedules).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetString(fmt.Sprintf("@every %dh", i+1))
	}
	seen := map[string]bool{}
	for _, j := range jobs.Standard(storetest.Open(t), schedules) {
		assert.NotEmpty(t, j.Purpose, j.Name)
		assert.NotEmpty(t, j.Schedule, j.Name)
		assert.False(t, seen[j.Schedule], j.Name)
		seen[j.Schedule] = true
	}
	assert.Len(t, seen, fields.NumField(), "no schedule is for nothing")
}
