package store_test

import (
	"context"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// Rollups by month and hour, and the logs of what is cut from them, add up to
// what the logs say one by one.
func TestWhatARuleMeasuresIsTheSumOfItsLogsInEveryWindowAndZone(t *testing.T) {
	t.Parallel()
	want, done := 40, 0
	if storetest.Required() {
		want = 400
	}
	for failed := false; done < want && !failed; {
		rapid.Check(t, func(rt *rapid.T) {
			if done >= want && !failed {
				return
			}
			failed = true
			compareMeasures(t, rt)
			failed = false
			done++
		})
	}
}

func compareMeasures(t *testing.T, rt *rapid.T) {
	path := storetest.Path(t)
	defer storetest.Remove(t, path)
	db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true})
	require.NoError(rt, err)
	defer func() { require.NoError(rt, db.Close()) }()
	raw := openRaw(t, rt, path)
	defer raw.close()
	now := rapid.SampledFrom(watchedFrom).Draw(rt, "now")
	var logs []store.Log
	for _, w := range rapid.SliceOfN(rapid.Custom(drawMeasured), 1, 60).Draw(rt, "logs") {
		l, _, _, err := store.DecodeLog([]byte(w.Object))
		require.NoError(rt, err)
		require.NoError(rt, l.Set(store.ColCreatedAt, store.At(now.Add(w.After))))
		logs = append(logs, l)
	}
	_, err = db.Append(context.Background(), policy.System(), logs...)
	require.NoError(rt, err)
	tiers := map[string]string{}
	for i, user := range watchedUsers {
		tiers[user] = watchedTiers[i%2]
		_, err = db.Run(context.Background(), policy.System(), query.Update{
			Relation: "user_profiles", Set: []query.Assignment{{Column: "subscription_tier", Value: tiers[user]}}, Where: query.Is("user_id", user),
		}, nil)
		require.NoError(rt, err)
	}
	// Also as seen from a bit later: another window, and the same logs.
	for _, later := range []time.Duration{0, 13 * time.Hour, 5 * 24 * time.Hour} {
		l := ledger{now: now.Add(later), logs: raw.logs(), tiers: tiers}
		for _, r := range everyRule() {
			for _, user := range append([]string{""}, watchedUsers...) {
				if user != "" && (r.Scope == store.ScopeTier && tiers[user] != r.ScopeValue) || user == "" && r.Scope == store.ScopeUser {
					continue
				}
				requireMeasured(rt, db, l, r, user)
			}
		}
	}
}

// drawMeasured draws a log near a border of some zone's hours, days, months.
func drawMeasured(t *rapid.T) watchedLog {
	w := drawWatchedLog(t)
	w.After += rapid.SampledFrom([]time.Duration{
		0, time.Microsecond, -time.Microsecond, 15 * time.Minute, 45 * time.Minute, 59 * time.Minute, 5 * time.Hour, 12 * time.Hour, -4 * time.Hour,
	}).Draw(t, "off")
	return w
}

// everyRule returns a rule of every scope, window and zone.
func everyRule() (rules []store.AlertRule) {
	for _, window := range []store.Window{store.WindowTotal, store.WindowMonth, store.WindowWeek, store.WindowDay, store.WindowLast} {
		for scope, value := range map[store.Scope]string{
			store.ScopeEveryone: "", store.ScopeTier: "pro", store.ScopeUser: "ann", store.ScopeProvider: "p", store.ScopeModel: "m",
		} {
			for _, in := range watchedZones {
				r := store.AlertRule{
					Name: "r", Metric: store.MetricCost, Scope: scope, ScopeValue: value, Window: window, TimeZone: in, Limit: 1,
				}
				if window == store.WindowLast {
					r.LastRequests = 4
				}
				rules = append(rules, r)
				if window == store.WindowTotal || window == store.WindowLast {
					break // which zone is all the same
				}
			}
		}
	}
	return rules
}

func requireMeasured(rt *rapid.T, db *store.DB, l ledger, r store.AlertRule, user string) {
	got, err := db.Measure(r, user, l.now)
	require.NoError(rt, err)
	sum := totalOf(l.behind(r, user))
	name := fmt.Sprintf("%s %s in %s of %q at %s", r.Scope, r.Window, r.TimeZone, user, l.now)
	require.Equal(rt, sum.requests, got.Requests, name)
	require.Equal(rt, sum.failures, got.Failures, name)
	require.Equal(rt, sum.tokens, got.Tokens, name)
	require.Zero(rt, sum.nano.Cmp(big.NewInt(got.Nano)), name)
}

func TestWindowsAreTheMonthsWeeksAndDaysOfTheirZone(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	tests := []struct {
		name, zone    string
		window        store.Window
		now, from, to string
		hours         float64
	}{
		{"a month", "UTC", store.WindowMonth, "2026-02-28T23:59:59.999999Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", 28 * 24},
		{"the next", "UTC", store.WindowMonth, "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", 31 * 24},
		{"a leap month", "UTC", store.WindowMonth, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z", 29 * 24},
		{"a month that loses an hour", "America/New_York", store.WindowMonth, "2026-03-20T00:00:00Z", "2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z", 31*24 - 1},
		{"a month in Nepal", "Asia/Kathmandu", store.WindowMonth, "2026-01-31T18:15:00Z", "2026-01-31T18:15:00Z", "2026-02-28T18:15:00Z", 28 * 24},
		{"a week begins on Monday", "UTC", store.WindowWeek, "2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z", 168},
		{"and ends with Sunday", "UTC", store.WindowWeek, "2026-03-01T23:59:59.999999Z", "2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z", 168},
		{"over the end of a year", "UTC", store.WindowWeek, "2027-01-01T12:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z", 168},
		{"a week that loses an hour", "America/New_York", store.WindowWeek, "2026-03-08T12:00:00Z", "2026-03-02T05:00:00Z", "2026-03-09T04:00:00Z", 167},
		{"a day of 23 hours", "America/New_York", store.WindowDay, "2026-03-08T12:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", 23},
		{"a day of 25 hours", "America/New_York", store.WindowDay, "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", 25},
		{"whose first hour comes twice", "America/Havana", store.WindowDay, "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", 25},
		{"of 24 and a half", "Australia/Lord_Howe", store.WindowDay, "2026-04-04T14:00:00Z", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z", 24.5},
		{"total has no border", "UTC", store.WindowTotal, "2026-04-04T14:00:00Z", "", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at := func(text string) time.Time {
				moment, err := time.Parse(time.RFC3339Nano, text)
				require.NoError(t, err)
				return moment
			}
			r := store.AlertRule{Name: "r", Metric: store.MetricCost, Scope: store.ScopeEveryone, Window: tt.window, TimeZone: tt.zone, Limit: 1}
			for _, user := range []string{"", "ann"} {
				m, err := db.Measure(r, user, at(tt.now))
				require.NoError(t, err)
				if tt.from == "" {
					assert.Zero(t, m.From)
					assert.Zero(t, m.To)
					continue
				}
				assert.Equal(t, store.At(at(tt.from)).String(), m.From.String())
				assert.Equal(t, store.At(at(tt.to)).String(), m.To.String())
				assert.Equal(t, tt.hours, m.To.Time().Sub(m.From.Time()).Hours())
			}
		})
	}
}

// What many users did last is looked for in the last 30 days; what one did,
// however long ago.
func TestTheLastRequestsOfManyAreAMonthOldAtMost(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	now := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	for i, at := range []time.Time{now.AddDate(0, 0, -30), now.AddDate(0, 0, -30).Add(-time.Microsecond), now.AddDate(-1, 0, 0)} {
		storetest.Append(t, db, policy.System(), fmt.Sprintf(`{"end_user":"ann","tokens_used":%d,"created_at":%q}`, 1+i*10, at.Format(time.RFC3339Nano)))
	}
	r := store.AlertRule{
		Name: "r", Metric: store.MetricTokens, Scope: store.ScopeEveryone, Window: store.WindowLast, LastRequests: 100, Limit: 1,
	}
	together, err := db.Measure(r, "", now)
	require.NoError(t, err)
	assert.Equal(t, int64(1), together.Tokens)
	own, err := db.Measure(r, "ann", now)
	require.NoError(t, err)
	assert.Equal(t, int64(1+11+21), own.Tokens)
}
