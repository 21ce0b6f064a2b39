package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
)

// spendAt is a log of that cost at a moment.
func spendAt(user string, usd float64, at time.Time) string {
	return fmt.Sprintf(`{"end_user":%q,"status":"success","total_cost":%v,"created_at":%q}`, user, usd, at.Format(time.RFC3339Nano))
}

// A budget that is used up is so until its window ends, to the microsecond;
// then it begins anew.
func TestABudgetBeginsAnewWithItsWindow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, zone string
		window     store.Window
		end        string // of the window
	}{
		{"a month", "UTC", store.WindowMonth, "2026-03-01T00:00:00Z"},
		{"a year's last month", "UTC", store.WindowMonth, "2027-01-01T00:00:00Z"},
		{"a month in Nepal", "Asia/Kathmandu", store.WindowMonth, "2026-01-31T18:15:00Z"},
		{"a week, which begins on Monday", "UTC", store.WindowWeek, "2026-03-02T00:00:00Z"},
		{"a week in New York that lost an hour", "America/New_York", store.WindowWeek, "2026-03-09T04:00:00Z"},
		{"a day of 23 hours", "America/New_York", store.WindowDay, "2026-03-09T04:00:00Z"},
		{"a day of 25 hours", "America/New_York", store.WindowDay, "2026-11-02T05:00:00Z"},
		{"a day whose first hour comes twice", "America/Havana", store.WindowDay, "2026-11-02T05:00:00Z"},
		{"a day of 24 and a half", "Australia/Lord_Howe", store.WindowDay, "2026-04-05T13:30:00Z"},
	}
	for _, tt := range tests {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, together %t", tt.name, together), func(t *testing.T) {
				t.Parallel()
				end, err := time.Parse(time.RFC3339, tt.end)
				require.NoError(t, err)
				a := openAlerting(t, end.Add(-2*time.Second))
				r := perUser(store.MetricCost, tt.window, 1)
				r.TimeZone, r.PerUser = tt.zone, !together
				a.onlyRules(r)
				who := "ann"
				if together {
					who = "all"
				}
				a.log(spend("ann", 0.7))
				a.clock.set(end.Add(-time.Microsecond))
				a.log(spend("ann", 0.7))
				a.evaluate(false)
				require.Equal(t, []string{who + " 100 firing"}, a.said())
				assert.Equal(t, store.At(end), *a.alerts()[0].WindowEnd)

				a.log(spend("ann", 0.7))
				a.evaluate(true)
				require.Len(t, a.said(), 1, "once a window")

				a.clock.set(end)
				a.log(spend("ann", 0.7))
				a.evaluate(false)
				require.Equal(t, []string{who + " 100 resolved"}, a.said(), "what was spent before does not count")
				assert.Equal(t, store.At(end), *a.alerts()[0].ResolvedAt)
				a.log(spend("ann", 0.7))
				a.evaluate(false)
				require.Equal(t, []string{who + " 100 resolved", who + " 100 firing"}, a.said())
				assert.Equal(t, store.At(end), *a.alerts()[1].WindowStart)
			})
		}
	}
}

func TestALogCountsInTheWindowOfItsTimeNotOfItsArrival(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	a.onlyRules(perUser(store.MetricCost, store.WindowMonth, 1))
	april := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	a.log(spendAt("ann", 5, midMonth.AddDate(0, -1, 0)), spendAt("bob", 5, april))
	assert.Empty(t, a.said(), "last month is over, next month has not begun")
	a.log(spendAt("ann", 5, midMonth.AddDate(0, 0, -15)))
	assert.Equal(t, []string{"ann 100 firing"}, a.said(), "late, and still this month's")
	a.clock.set(april)
	a.evaluate(true)
	assert.Equal(t, []string{"ann 100 resolved", "bob 100 firing"}, a.said(), "without any commit")
}

func TestABudgetFiresOnceAWindowAlsoWhenLogsGoAndComeAgain(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	a.onlyRules(perUser(store.MetricCost, store.WindowMonth, 1, 50, 100), perUser(store.MetricRequests, store.WindowTotal, 1))
	for range 3 {
		a.log(spend("ann", 0.6), spend("ann", 0.6))
		a.evaluate(true)
		require.Equal(t, []string{"ann 50 firing", "ann 100 firing", "ann 100 firing"}, a.said())
		a.remove(query.Is("user_profile_id", "ann"))
		a.evaluate(true)
		a.clock.set(a.clock.now().Add(2 * time.Minute))
	}
}

func TestAnErrorRateThatFallsToFourFifthsIsOverAndMayFireAgain(t *testing.T) {
	t.Parallel()
	for _, perUser := range []bool{true, false} {
		t.Run(fmt.Sprintf("of each user %t", perUser), func(t *testing.T) {
			t.Parallel()
			a := openAlerting(t, midMonth)
			a.onlyRules(store.AlertRule{
				Metric: store.MetricErrorRate, Scope: store.ScopeEveryone, PerUser: perUser, Window: store.WindowLast,
				LastRequests: 100, Limit: 0.5, Enabled: true,
			})
			logs := func(n int, status string) {
				for range n {
					a.log(fmt.Sprintf(`{"end_user":"ann","status":%q}`, status))
				}
			}
			said := func() (states []string) {
				for _, alert := range a.alerts() {
					states = append(states, alert.State)
				}
				return states
			}
			logs(49, "success")
			logs(51, "error")
			a.evaluate(true)
			require.Equal(t, []string{"firing"}, said())
			logs(59, "success") // 49 successes and 10 errors go
			a.evaluate(true)
			require.Equal(t, []string{"firing"}, said(), "41 of 100 are not calm")
			logs(1, "success")
			a.evaluate(true)
			require.Equal(t, []string{"resolved"}, said(), "40 of 100 are")
			assert.Equal(t, store.At(midMonth), *a.alerts()[0].ResolvedAt)
			logs(40, "success") // the errors go
			logs(50, "error")
			a.evaluate(true)
			require.Equal(t, []string{"resolved"}, said(), "half is not more than half")
			logs(1, "error")
			a.evaluate(false)
			require.Equal(t, []string{"resolved", "firing"}, said(), "users' own fire with the commit, others with the evaluation")
		})
	}
}

// A user's last requests may fall below a limit again, and what is remembered
// of the user must know.
func TestWhatAnEvaluationResolvesMayFireWithTheNextLog(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	r := perUser(store.MetricCost, store.WindowLast, 1)
	r.LastRequests = 2
	a.onlyRules(r)
	a.log(spend("ann", 2))
	a.log(spend("ann", 0.1), spend("ann", 0.1))
	a.evaluate(true)
	require.Equal(t, []string{"ann 100 resolved"}, a.said())
	a.log(spend("ann", 2))
	require.Equal(t, []string{"ann 100 resolved", "ann 100 firing"}, a.said())
}

// Values and thresholds are decimal numbers: 90 % of 0.7 is 0.63, whatever
// floating point makes of it.
func TestAThresholdIsNotExceededByItsOwnValue(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	thresholds := []float64{30, 33.3, 35, 60, 70, 80, 90, 100}
	var rules []store.AlertRule
	limits := []float64{0.7, 1.4, 2.8, 4.1, 8.2, 0.03, 0.29}
	for i, limit := range limits {
		r := perUser(store.MetricCost, store.WindowTotal, limit, thresholds...)
		r.Scope, r.ScopeValue = store.ScopeModel, fmt.Sprint("m", i)
		rules = append(rules, r)
	}
	a.onlyRules(rules...)
	want := 0
	for _, threshold := range thresholds {
		for i, limit := range limits {
			usd, _ := part(store.AlertRule{Limit: limit}, threshold).Float64()
			user := fmt.Sprintf("u%v-%d", threshold, i)
			a.log(fmt.Sprintf(`{"end_user":%q,"model":"m%d","total_cost":%v}`, user, i, usd))
		}
	}
	for _, alert := range a.alerts() {
		require.Less(t, alert.Threshold*alert.Limit, alert.Used*100-1e-9, alert.Message)
	}
	for i := range thresholds {
		want += i * len(limits) // each is above the thresholds below its own
	}
	require.Len(t, a.alerts(), want)
}
