package store_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// busyEnd is the moment after the last log of a busy database.
var busyEnd = time.Date(2026, 4, 2, 9, 30, 0, 0, time.UTC)

// busy fills a database with logs of twelve users and of nobody over 40 days,
// and returns them as they are listed.
func busy(t testing.TB) (*store.DB, []store.LogRow) {
	t.Helper()
	db := storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: func() time.Time { return busyEnd }})
	random := rand.New(rand.NewPCG(1, 2))
	var logs []string
	for range 900 {
		user := fmt.Sprintf(`"user_profile_id":"user %d",`, random.IntN(12))
		if random.IntN(10) == 0 {
			user = ""
		}
		logs = append(logs, fmt.Sprintf(`{%s"created_at":%q,"model":"m%d","provider":"p","status":%q,"tokens_used":%d,"total_cost":%.9f,"response_time":%.3f,"error":{"code":"e%d"}}`,
			user, busyEnd.Add(-time.Duration(random.Int64N(int64(40*24*time.Hour)))).Format(time.RFC3339Nano), random.IntN(4),
			[]string{"success", "failure", "error", "initiated"}[random.IntN(4)], random.IntN(1000), random.Float64()/100, 0.1+random.Float64(), random.IntN(3)))
	}
	storetest.Append(t, db, policy.System(), logs...)
	var rows []store.LogRow
	for f := (store.LogFilter{Limit: store.MaxLogs}); ; f.Before = rows[len(rows)-1].Cursor() {
		page, err := db.Logs(t.Context(), policy.System(), f)
		require.NoError(t, err)
		rows = append(rows, page...)
		if len(page) < store.MaxLogs {
			return db, rows
		}
	}
}

// A tallied is what some logs add up to.
type tallied struct {
	requests, failures, tokens int64
	nano                       int64
	users                      map[string]bool
}

func tally(rows []store.LogRow, from, to store.Timestamp, is func(store.LogRow) bool) tallied {
	sum := tallied{users: map[string]bool{}}
	for _, r := range rows {
		if r.CreatedAt < from || r.CreatedAt >= to || is != nil && !is(r) {
			continue
		}
		sum.requests++
		if r.Status == "failure" || r.Status == "error" {
			sum.failures++
		}
		sum.tokens += *r.TokensUsed
		sum.nano += store.NanoUSD(*r.TotalCost)
		if r.UserID != "" {
			sum.users[r.UserID] = true
		}
	}
	return sum
}

func (s tallied) list() []any { return []any{s.requests, s.failures, s.tokens, store.USD(0, s.nano)} }

func wholeHour(t store.Timestamp) store.Timestamp {
	if t.Hour() == t {
		return t
	}
	return t.Hour() + store.Timestamp(time.Hour.Microseconds())
}

func TestAnOverviewIsWhatTheLogsAddUpTo(t *testing.T) {
	t.Parallel()
	db, rows := busy(t)
	rapid.Check(t, func(rt *rapid.T) {
		in := zone(rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham", "Australia/Lord_Howe"}).Draw(rt, "zone"))
		g := rapid.SampledFrom([]store.Granularity{store.ByHour, store.ByDay, store.ByMonth}).Draw(rt, "granularity")
		to := busyEnd.Add(time.Duration(rapid.IntRange(-30*24*60, 24*60).Draw(rt, "to")) * time.Minute)
		from := to.Add(-time.Duration(rapid.IntRange(1, 20*24*60).Draw(rt, "minutes")) * time.Minute)
		o, err := db.Overview(t.Context(), policy.System(), from, to, g, in)
		require.NoError(rt, err)

		sum := tallied{}
		for i, p := range o.Periods {
			if i > 0 {
				require.Equal(rt, o.Periods[i-1].PeriodEnd, p.PeriodStart)
			}
			begin, end := wholeHour(p.PeriodStart), wholeHour(p.PeriodEnd)
			if now := store.At(busyEnd); i == 0 && p.PeriodStart <= now {
				begin = min(begin, now.Hour())
			}
			if g == store.ByHour {
				require.Equal(rt, []store.Timestamp{p.PeriodStart, p.PeriodEnd}, []store.Timestamp{begin, end})
			}
			want := tally(rows, begin, end, nil)
			require.Equal(rt, want.list(), []any{p.Requests, p.Failures, p.Tokens, p.Cost})
			m1 := tally(rows, begin, end, func(r store.LogRow) bool { return r.Model == "m1" })
			share := p.ByModel["m1"]
			require.Equal(rt, m1.list(), []any{share.Requests, share.Failures, share.Tokens, share.Cost})
			sum.requests += p.Requests
		}
		require.False(rt, o.Periods[0].PeriodStart.Time().After(from))
		require.False(rt, o.Periods[len(o.Periods)-1].PeriodEnd.Time().Before(to))

		require.Equal(rt, sum.requests, o.Range.Requests)
		require.Equal(rt, o.Range.From, o.Before.To)
		require.Equal(rt, o.Range.To-o.Range.From, o.Before.To-o.Before.From)
		for _, totals := range []store.OverviewTotals{o.Range, o.Before} {
			want := tally(rows, totals.From, totals.To, nil)
			require.Equal(rt, want.list(), []any{totals.Requests, totals.Failures, totals.Tokens, totals.Cost})
			require.EqualValues(rt, len(want.users), totals.ActiveUsers)
		}
		earlier, err := db.Traffic(t.Context(), policy.System(), o.Before.From.Time(), o.Before.To.Time(), store.ByHour, time.UTC)
		require.NoError(rt, err)
		require.Equal(rt, []any{earlier.Range.P50, earlier.Range.P95}, []any{o.Before.P50, o.Before.P95})
		models := int64(0)
		for i, m := range o.Models {
			want := tally(rows, o.Range.From, o.Range.To, func(r store.LogRow) bool { return r.Model == m.Model })
			require.Equal(rt, want.list(), []any{m.Requests, m.Failures, m.Tokens, m.Cost})
			require.True(rt, i == 0 || o.Models[i-1].Requests >= m.Requests)
			models += m.Requests
		}
		require.Equal(rt, o.Range.Requests, models)
		failures := int64(0)
		for _, e := range o.Errors {
			failures += e.Count
		}
		require.Equal(rt, o.Range.Failures, failures)
		require.False(rt, o.ErrorsPartial)
		requireTop(rt, rows, o.TopUsers)
	})
}

// requireTop requires that these are the users who cost most.
func requireTop(t require.TestingT, rows []store.LogRow, top store.TopUsers) {
	var want []store.UserShare
	for user := range tally(rows, top.From, top.To, nil).users {
		s := tally(rows, top.From, top.To, func(r store.LogRow) bool { return r.UserID == user })
		want = append(want, store.UserShare{UserID: user, Requests: s.requests, Failures: s.failures, Tokens: s.tokens, Cost: store.USD(0, s.nano)})
	}
	slices.SortFunc(want, func(a, b store.UserShare) int {
		return cmp.Or(cmp.Compare(b.Cost, a.Cost), cmp.Compare(b.Tokens, a.Tokens), cmp.Compare(a.UserID, b.UserID))
	})
	require.Equal(t, want[:min(10, len(want))], slices.Concat(top.Users))
}

func TestLongSpansAreCountedWithoutReadingTheirLogs(t *testing.T) {
	t.Parallel()
	db, rows := busy(t)
	for _, days := range []int{1, 9, 33} {
		from, to := store.At(busyEnd.AddDate(0, 0, -days)), store.At(busyEnd)
		logs := tally(rows, from, to, nil).requests
		for n, want := range map[int64]bool{logs - 1: true, logs: false, logs + 1: false} {
			more, err := db.MoreLogs(t.Context(), from, to, n)
			require.NoError(t, err)
			assert.Equal(t, want, more, "%d of %d logs", n, logs)
		}
		for _, many := range []bool{false, true} {
			db.ForgetRecent()
			active, err := db.ActiveUsersIn(t.Context(), from, to, many)
			require.NoError(t, err)
			assert.EqualValues(t, len(tally(rows, from, to, nil).users), active)
			top, err := db.TopUsersIn(t.Context(), from, to, many)
			require.NoError(t, err)
			requireTop(t, rows, top)
			if many {
				assert.Equal(t, from.Month(), top.From, "whole months")
				assert.Equal(t, store.At(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)), top.To)
			} else {
				assert.Equal(t, from, top.From)
			}
		}
	}
}

func TestAnOverviewIsForTheServiceRole(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for _, caller := range []policy.Caller{{}, storetest.Anon(), storetest.User("ann")} {
		_, err := db.Overview(t.Context(), caller, busyEnd.Add(-time.Hour), busyEnd, store.ByHour, time.UTC)
		var refused *store.Error
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, store.CodePrivilege, refused.Code)
	}
	_, err := db.Overview(t.Context(), policy.System(), busyEnd, busyEnd, store.ByHour, time.UTC)
	assert.Error(t, err)
	o, err := db.Overview(t.Context(), policy.System(), busyEnd.Add(-time.Hour), busyEnd, store.ByHour, time.UTC)
	require.NoError(t, err)
	assert.Len(t, o.Periods, 2)
	assert.NotNil(t, o.Models)
	assert.NotNil(t, o.TopUsers.Users)
	assert.NotNil(t, o.Errors)
	assert.Nil(t, o.Range.P50)
}

func TestWhatFailsMostIsCountedOverTheNewestFailures(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	var logs []string
	for i := range 1300 {
		logs = append(logs, logAt(busyEnd.Add(-time.Duration(1300-i)*time.Second),
			fmt.Sprintf(`,"model":"m","provider":"p","status":"failure","error":{"error":{"code":%q,"message":"no. %d"}}`,
				[]string{"rate_limit_exceeded", "server_error"}[i/1000], i)))
	}
	v := storetest.Append(t, db, policy.System(), logs...)
	o, err := db.Overview(t.Context(), policy.System(), busyEnd.Add(-24*time.Hour), busyEnd, store.ByDay, time.UTC)
	require.NoError(t, err)
	assert.True(t, o.ErrorsPartial)
	assert.Equal(t, []store.ErrorShare{
		{Kind: "rate_limit_exceeded", Model: "m", Provider: "p", Count: 700, Last: store.At(busyEnd.Add(-301 * time.Second)), LastID: v[999].ID},
		{Kind: "server_error", Model: "m", Provider: "p", Count: 300, Last: store.At(busyEnd.Add(-time.Second)), LastID: v[1299].ID},
	}, o.Errors)
}
