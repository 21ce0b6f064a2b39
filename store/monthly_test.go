package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// A handClock is a clock that stands until it is set.
type handClock struct{ at atomic.Pointer[time.Time] }

func newHandClock(at time.Time) *handClock {
	c := &handClock{}
	c.set(at)
	return c
}

func (c *handClock) set(at time.Time) { c.at.Store(&at) }
func (c *handClock) now() time.Time   { return *c.at.Load() }

func openAt(t testing.TB, c *handClock) *store.DB {
	t.Helper()
	return storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: c.now})
}

func monthOf(year int, month time.Month) store.Timestamp {
	return store.At(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC))
}

// A monthRow is a row of tokens_usage, or one of monthly_token_usage, whose
// columns are the same but for the first and the last.
type monthRow struct {
	User, PeriodStart    string
	PeriodEnd            any
	Requests, Tokens     int64
	Cost                 float64
	ByModel, ByProvider  string
	ID                   int64
	CreatedAt, UpdatedAt string
}

var sharedColumns = []query.Output{
	{Name: "user_profile_id"}, {Name: "period_start"}, {Name: "period_end"}, {Name: "request_count"},
	{Name: "total_tokens"}, {Name: "total_cost"}, {Name: "model_breakdown"}, {Name: "provider_breakdown"},
}

func sharedCells(r query.Row) monthRow {
	return monthRow{
		User: r[0].(string), PeriodStart: r[1].(string), PeriodEnd: r[2], Requests: r[3].(int64), Tokens: r[4].(int64),
		Cost: r[5].(float64), ByModel: r[6].(string), ByProvider: r[7].(string),
	}
}

var byUserAndMonth = []query.Order{{Column: "user_profile_id"}, {Column: "period_start"}}

// kept returns the monthly rows of tokens_usage, whole.
func kept(t require.TestingT, db *store.DB) []monthRow {
	rows := []monthRow{}
	_, err := db.Run(context.Background(), policy.System(), query.Select{
		From:    "tokens_usage",
		Columns: append(sharedColumns[:8:8], query.Output{Name: "id"}, query.Output{Name: "created_at"}, query.Output{Name: "updated_at"}),
		Where:   query.Is("period_type", "monthly"), Order: byUserAndMonth,
	}, func(r query.Row) error {
		row := sharedCells(r)
		row.ID, row.CreatedAt, row.UpdatedAt = r[8].(int64), r[9].(string), r[10].(string)
		rows = append(rows, row)
		return nil
	})
	require.NoError(t, err)
	return rows
}

// live returns the rows of monthly_token_usage.
func live(t require.TestingT, db *store.DB) []monthRow {
	rows := []monthRow{}
	_, err := db.Run(context.Background(), policy.System(), query.Select{
		From: "monthly_token_usage", Columns: sharedColumns, Order: byUserAndMonth,
	}, func(r query.Row) error { rows = append(rows, sharedCells(r)); return nil })
	require.NoError(t, err)
	return rows
}

// requireInLine requires that tokens_usage says what monthly_token_usage says.
func requireInLine(t require.TestingT, db *store.DB) {
	rows := kept(t, db)
	for i := range rows {
		rows[i].ID, rows[i].CreatedAt, rows[i].UpdatedAt = 0, "", ""
	}
	require.Equal(t, live(t, db), rows)
}

// rebuildStale rebuilds the months that are stale, and returns how many rows
// that changed.
func rebuildStale(t require.TestingT, db *store.DB) (changed int) {
	months, err := db.StaleMonths(context.Background())
	require.NoError(t, err)
	for _, month := range months {
		n, err := db.RebuildMonth(context.Background(), month)
		require.NoError(t, err)
		changed += n
	}
	left, err := db.StaleMonths(context.Background())
	require.NoError(t, err)
	require.Empty(t, left)
	return changed
}

func staleMonths(t testing.TB, db *store.DB) (months []string) {
	t.Helper()
	stale, err := db.StaleMonths(t.Context())
	require.NoError(t, err)
	for _, m := range stale {
		months = append(months, m.String())
	}
	return months
}

func at(moment, user, rest string) string {
	return fmt.Sprintf(`{"created_at":%q,"user_profile_id":%q%s}`, moment, user, rest)
}

func TestAMonthsRowSaysWhatTheLogsOfThatMonthAddUpTo(t *testing.T) {
	t.Parallel()
	db := openAt(t, newHandClock(time.Date(2026, 3, 1, 0, 5, 0, 0, time.UTC)))
	storetest.Append(t, db, policy.System(),
		at("2026-02-01T00:00:00Z", "ann", `,"model":"gpt-4o","provider":"openai","prompt_tokens":10,"completion_tokens":5,"total_cost":0.0000000125,"status":"success"`),
		at("2026-02-10T00:00:00Z", "ann", `,"model":"gpt-4o","provider":"azure","tokens_used":100,"total_cost":0.1,"status":"failure"`),
		at("2026-02-28T23:59:59.999999Z", "ann", `,"model":"claude","provider":"anthropic","tokens_used":7,"total_cost":0.2,"status":"initiated"`),
		at("2026-02-15T00:00:00Z", "ann", `,"model":null,"provider":null,"tokens_used":3`),
		at("2026-02-15T00:00:00Z", "ann", `,"model":"","provider":"","tokens_used":4`),
		`{"created_at":"2026-02-15T00:00:00Z","tokens_used":1000}`)
	changed, err := db.RebuildMonth(t.Context(), monthOf(2026, time.February))
	require.NoError(t, err)
	assert.Equal(t, 1, changed)
	made := "2026-03-01T00:05:00.000000Z"
	assert.Equal(t, []monthRow{{
		User: "ann", PeriodStart: "2026-02-01T00:00:00.000000Z", PeriodEnd: "2026-03-01T00:00:00.000000Z",
		Requests: 5, Tokens: 129, Cost: 0.300000013,
		ByModel: `{"":7,"claude":7,"gpt-4o":115}`, ByProvider: `{"":7,"anthropic":7,"azure":100,"openai":15}`,
		ID: 1, CreatedAt: made, UpdatedAt: made,
	}}, kept(t, db))
	requireInLine(t, db)
}

func TestMonthsBeginAndEndToTheMicrosecond(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ last, first, month, next, end string }{
		{"2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00Z", "2026-01-01", "2026-02-01", "2026-03-01"},
		{"2025-12-31T23:59:59.999999Z", "2026-01-01T00:00:00Z", "2025-12-01", "2026-01-01", "2026-02-01"},
		{"2024-02-29T23:59:59.999999Z", "2024-03-01T00:00:00Z", "2024-02-01", "2024-03-01", "2024-04-01"}, // a leap year
		{"2100-02-28T23:59:59.999999Z", "2100-03-01T00:00:00Z", "2100-02-01", "2100-03-01", "2100-04-01"}, // and none
		{"2000-02-29T23:59:59.999999Z", "2000-03-01T00:00:00Z", "2000-02-01", "2000-03-01", "2000-04-01"},
		{"2026-02-01T00:59:59.999999+01:00", "2026-01-31T23:00:00-01:00", "2026-01-01", "2026-02-01", "2026-03-01"},
	} {
		t.Run(tt.last, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t)
			storetest.Append(t, db, policy.System(), at(tt.last, "ann", `,"tokens_used":1`), at(tt.first, "ann", `,"tokens_used":2`))
			assert.Equal(t, 2, rebuildStale(t, db))
			moment := func(day string) string { return day + "T00:00:00.000000Z" }
			rows := kept(t, db)
			require.Len(t, rows, 2)
			assert.Equal(t, []any{moment(tt.month), moment(tt.next), int64(1)}, []any{rows[0].PeriodStart, rows[0].PeriodEnd, rows[0].Tokens})
			assert.Equal(t, []any{moment(tt.next), moment(tt.end), int64(2)}, []any{rows[1].PeriodStart, rows[1].PeriodEnd, rows[1].Tokens})
			requireInLine(t, db)
		})
	}
}

func TestTheLastMonthOfFourDigitYearsEndsWithThem(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), at("9999-12-31T23:59:59.999999Z", "ann", ""), at("0001-01-01T00:00:00Z", "ann", ""))
	assert.Equal(t, 2, rebuildStale(t, db))
	assert.Equal(t, "9999-12-31T23:59:59.999999Z", kept(t, db)[1].PeriodEnd)
	requireInLine(t, db)
	assert.Zero(t, rebuildStale(t, db))
}

func TestASecondRebuildChangesNothingAtAll(t *testing.T) {
	t.Parallel()
	clock := newHandClock(time.Date(2026, 2, 1, 0, 5, 0, 0, time.UTC))
	db := openAt(t, clock)
	storetest.Append(t, db, policy.System(),
		at("2026-01-31T12:00:00Z", "ann", `,"model":"m","total_cost":0.1`), at("2026-01-31T12:00:00Z", "bob", `,"model":"m"`))
	assert.Equal(t, 2, rebuildStale(t, db))
	before := kept(t, db)

	clock.set(time.Date(2026, 2, 2, 0, 5, 0, 0, time.UTC))
	changed, err := db.RebuildMonth(t.Context(), monthOf(2026, time.January))
	require.NoError(t, err)
	assert.Zero(t, changed)
	assert.Equal(t, before, kept(t, db))

	storetest.Append(t, db, policy.System(), at("2026-01-01T00:00:00Z", "bob", `,"tokens_used":5`))
	assert.Equal(t, 1, rebuildStale(t, db))
	after := kept(t, db)
	assert.Equal(t, before[0], after[0], "ann's row is as it was")
	assert.Equal(t, before[1].ID, after[1].ID, "bob's is the same row")
	assert.Equal(t, before[1].CreatedAt, after[1].CreatedAt)
	assert.Equal(t, "2026-02-02T00:05:00.000000Z", after[1].UpdatedAt)
	assert.Equal(t, int64(5), after[1].Tokens)
}

func TestAMonthIsStaleAsSoonAsALogOfItIsCommitted(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	assert.Empty(t, staleMonths(t, db))
	storetest.Append(t, db, policy.System(), at("2026-02-01T00:00:00Z", "ann", ""), at("2025-12-31T23:59:59.999999Z", "bob", ""),
		at("2026-02-28T00:00:00Z", "bob", ""), `{"created_at":"2020-01-01T00:00:00Z"}`)
	assert.Equal(t, []string{"2025-12-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"}, staleMonths(t, db),
		"oldest first; nobody's log is in no month")
	rebuildStale(t, db)

	_, err := db.Run(t.Context(), policy.System(), query.Update{
		Relation: "request_logs", Where: query.Is("id", int64(1)),
		Set: []query.Assignment{{Column: "created_at", Value: monthOf(2024, time.July)}},
	}, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"2024-07-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"}, staleMonths(t, db), "a log that moves touches both")
	rebuildStale(t, db)

	_, err = db.Run(t.Context(), policy.System(), query.Delete{Relation: "request_logs", Where: query.Is("id", int64(2))}, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"2025-12-01T00:00:00+00:00"}, staleMonths(t, db))
	assert.Equal(t, 1, rebuildStale(t, db), "a month without logs has no row")
	requireInLine(t, db)
}

func TestAMonthThatCouldNotBeRebuiltStaysStale(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), at("2026-01-05T00:00:00Z", "ann", ""))
	// What a rebuild leaves that is killed after its first transaction.
	require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE stale_months SET rebuilding = TRUE")
		return err
	}))
	assert.Equal(t, []string{"2026-01-01T00:00:00+00:00"}, staleMonths(t, db))
	storetest.Append(t, db, policy.System(), at("2026-01-06T00:00:00Z", "ann", ""))
	assert.Equal(t, []string{"2026-01-01T00:00:00+00:00"}, staleMonths(t, db), "it is one month still")

	ended, end := context.WithCancel(t.Context())
	end()
	_, err := db.RebuildMonth(ended, monthOf(2026, time.January))
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, []string{"2026-01-01T00:00:00+00:00"}, staleMonths(t, db))

	assert.Equal(t, 1, rebuildStale(t, db))
	requireInLine(t, db)
}

func TestRowsThatUsersKeepForOtherPeriodsAreLeftAlone(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), at("2026-01-05T00:00:00Z", "ann", `,"tokens_used":5`), at("2026-01-05T00:00:00Z", "bob", ""))
	own := func(period, start string) []query.Assignment {
		return []query.Assignment{
			{Column: "user_profile_id", Value: "ann"}, {Column: "period_type", Value: period}, {Column: "total_tokens", Value: int64(99)},
			{Column: "period_start", Value: start}, {Column: "period_end", Value: "2027-01-01T00:00:00.000000Z"},
		}
	}
	for _, set := range [][]query.Assignment{
		own("daily", "2026-01-01T00:00:00.000000Z"), own("yearly", "2026-01-01T00:00:00.000000Z"),
		own("Monthly", "2026-01-01T00:00:00.000000Z"), own("monthly", "2026-01-15T00:00:00.000000Z"),
	} {
		_, err := db.Run(t.Context(), storetest.User("ann"), query.Insert{Relation: "tokens_usage", Set: set}, nil)
		require.NoError(t, err)
	}
	ownRows := func() (rows [][]any) {
		_, err := db.Run(t.Context(), policy.System(), query.Select{
			From: "tokens_usage", Where: query.Compare{Column: "id", Op: query.Lt, Value: int64(5)},
			Order: []query.Order{{Column: "id"}},
		}, func(r query.Row) error { rows = append(rows, append([]any{}, r...)); return nil })
		require.NoError(t, err)
		return rows
	}
	before := ownRows()
	require.Len(t, before, 4)
	assert.Equal(t, 2, rebuildStale(t, db))
	_, err := db.Run(t.Context(), policy.System(), query.Delete{Relation: "request_logs"}, nil)
	require.NoError(t, err)
	assert.Equal(t, 2, rebuildStale(t, db))
	assert.Equal(t, before, ownRows())
}

func TestAMonthsRowThatWasTamperedWithIsPutRight(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), at("2026-01-05T00:00:00Z", "ann", `,"tokens_used":5,"total_cost":0.5,"model":"m"`))
	rebuildStale(t, db)
	before := kept(t, db)
	for _, tampering := range []string{
		"total_tokens = 0", "total_cost = 0.4", "request_count = 2", "model_breakdown = '{}'", "provider_breakdown = '{}'",
		"period_end = '2026-01-31T00:00:00.000000Z'",
	} {
		require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE tokens_usage SET " + tampering)
			return err
		}))
		changed, err := db.RebuildMonth(t.Context(), monthOf(2026, time.January))
		require.NoError(t, err)
		assert.Equal(t, 1, changed, tampering)
		requireInLine(t, db)
		assert.Equal(t, before[0].ID, kept(t, db)[0].ID)
	}
}

func TestAnyIDMakesAUsersMonth(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	users := []string{"Zoë/ü", "a'b", `"quoted"`, "%", "_", " ", "tab\there", "😀", "{\"a\":1}", "null", "0", "monthly"}
	for _, user := range users {
		storetest.Append(t, db, policy.System(), at("2026-01-05T00:00:00Z", user, `,"model":"😀 \"m\"","provider":"%"`))
	}
	assert.Equal(t, len(users), rebuildStale(t, db))
	requireInLine(t, db)
	for _, user := range users {
		require.NoError(t, db.EraseUser(t.Context(), policy.System(), user))
	}
	assert.Empty(t, kept(t, db))
}

func TestAnErasedUserLeavesNothingWheneverTheRebuildComes(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	log := at("2026-01-05T00:00:00Z", "ann", `,"tokens_used":5`)
	for range 3 {
		storetest.Append(t, db, policy.System(), log, at("2026-01-05T00:00:00Z", "bob", ""))
		rebuildStale(t, db)
		require.NoError(t, db.EraseUser(t.Context(), policy.System(), "ann"))
		assert.Len(t, kept(t, db), 1, "before the next rebuild")
		rebuildStale(t, db)
		assert.Len(t, kept(t, db), 1, "and after it")
		requireInLine(t, db)
	}
}

func TestAClosedMonthOutlivesItsLogs(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), at("2026-01-05T00:00:00Z", "ann", `,"tokens_used":5`))
	rebuildStale(t, db)
	require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("DELETE FROM request_logs")
		return err
	}))
	before := kept(t, db)
	changed, err := db.RebuildMonth(t.Context(), monthOf(2026, time.January))
	require.NoError(t, err)
	assert.Zero(t, changed)
	assert.Equal(t, before, kept(t, db))
}

func TestRebuildingTheBooksMakesAllMonthsStale(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), at("2026-01-05T00:00:00Z", "ann", ""), at("2025-01-05T00:00:00Z", "bob", ""))
	rebuildStale(t, db)
	require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error { // behind the books' back
		_, err := tx.Exec("DELETE FROM request_logs WHERE id = 2")
		return err
	}))
	require.NoError(t, db.Rebuild(t.Context()))
	assert.Equal(t, []string{"2025-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"}, staleMonths(t, db),
		"also one that only tokens_usage knows still")
	assert.Equal(t, 1, rebuildStale(t, db))
	requireInLine(t, db)
}

// While logs are written by many, rebuilds run one after the other: the writer
// is not held up, and no log is lost.
func TestNoLogIsLostToARebuildThatRunsMeanwhile(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	const producers, each = 4, 150
	var wg sync.WaitGroup
	var rebuilding sync.WaitGroup
	done := make(chan struct{})
	for p := range producers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(p)))
			for range each {
				moment := borders[random.IntN(len(borders))].Add(-time.Microsecond * time.Duration(random.IntN(2)))
				user := fmt.Sprintf("user-%d", random.IntN(250))
				l := storetest.Log(t, at(moment.Format(time.RFC3339Nano), user, `,"model":"m","tokens_used":1`))
				if _, err := db.Append(context.Background(), policy.System(), l); err != nil {
					panic(err)
				}
			}
		})
	}
	rebuilds := 0
	rebuilding.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			months, err := db.StaleMonths(context.Background())
			if err != nil {
				panic(err)
			}
			for _, m := range months {
				if _, err := db.RebuildMonth(context.Background(), m); err != nil {
					panic(err)
				}
				rebuilds++
			}
		}
	})
	wg.Wait()
	close(done)
	rebuilding.Wait()
	assert.Positive(t, rebuilds)
	rebuildStale(t, db)
	requireInLine(t, db)
	total := int64(0)
	for _, row := range kept(t, db) {
		total += row.Tokens
	}
	assert.Equal(t, int64(producers*each), total)
}
