package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// limit returns how the user stands with a rule of that name.
func (a *alerting) limit(user, rule string) store.Limit {
	a.t.Helper()
	limits, err := a.Limits(a.t.Context(), policy.System(), user)
	require.NoError(a.t, err)
	for _, l := range limits {
		if l.Rule == rule {
			return l
		}
	}
	a.t.Fatalf("no limit named %q in %+v", rule, limits)
	return store.Limit{}
}

func TestALimitIsOKThenAWarningThenExceeded(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	a.onlyRules(perUser(store.MetricCost, store.WindowMonth, 1, 50, 80, 100))
	from, to := store.At(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)), store.At(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	for _, step := range []struct {
		cost, used, remaining float64
		state                 string
	}{
		{0, 0, 1, store.LimitOK},
		{0.5, 0.5, 0.5, store.LimitOK},
		{0.000000001, 0.500000001, 0.499999999, store.LimitWarning},
		{0.399999999, 0.9, 0.1, store.LimitWarning},
		{0.1, 1, 0, store.LimitWarning},
		{0.2, 1.2, 0, store.LimitExceeded},
	} {
		a.log(spend("ann", step.cost))
		l := a.limit("ann", "rule 0")
		l.RuleID = 0
		assert.Equal(t, store.Limit{
			Rule: "rule 0", Metric: store.MetricCost, Scope: store.ScopeEveryone, Window: store.WindowMonth,
			WindowStart: &from, WindowEnd: &to,
			Used: step.used, Threshold: 1, Remaining: step.remaining, State: step.state,
		}, l)
	}
	a.clock.set(to.Time())
	assert.Equal(t, store.LimitOK, a.limit("ann", "rule 0").State, "a month later")
}

func TestLimitsOfEveryMetricSayWhatIsLeft(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	rate := perUser(store.MetricErrorRate, store.WindowLast, 0.4)
	rate.LastRequests, rate.MinRequests = 4, 4
	rules := map[string]store.AlertRule{
		"tokens": perUser(store.MetricTokens, store.WindowTotal, 100), "requests": perUser(store.MetricRequests, store.WindowDay, 3),
		"failures": perUser(store.MetricFailures, store.WindowWeek, 1), "rate": rate,
		"huge": perUser(store.MetricCost, store.WindowTotal, 1e15),
	}
	for name, r := range rules {
		r.Name = name
		a.save(r)
	}
	a.log(`{"end_user":"ann","status":"error","tokens_used":60,"total_cost":0.5}`, `{"end_user":"ann","status":"error"}`, `{"end_user":"ann","status":"success"}`)
	for name, want := range map[string]store.Limit{
		"tokens":   {Used: 60, Remaining: 40, State: store.LimitOK},
		"requests": {Used: 3, Remaining: 0, State: store.LimitOK},
		"failures": {Used: 2, Remaining: 0, State: store.LimitExceeded},
		"huge":     {Used: 0.5, Remaining: 1e15 - 0.5, State: store.LimitOK},
	} {
		l := a.limit("ann", name)
		assert.Equal(t, want, store.Limit{Used: l.Used, Remaining: l.Remaining, State: l.State}, name)
	}
	assert.Equal(t, store.LimitOK, a.limit("ann", "rate").State, "three requests give no verdict")
	a.log(`{"end_user":"ann","status":"success"}`)
	l := a.limit("ann", "rate")
	assert.Equal(t, 0.5, l.Used)
	assert.Equal(t, store.LimitExceeded, l.State)
	assert.Nil(t, l.WindowStart)
}

func TestALimitIsOfTheScopeItsRuleNames(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	for name, r := range map[string]store.AlertRule{
		"model":    {Scope: store.ScopeModel, ScopeValue: "m", PerUser: true},
		"provider": {Scope: store.ScopeProvider, ScopeValue: "q", PerUser: true},
		"pro":      {Scope: store.ScopeTier, ScopeValue: "pro", PerUser: true},
		"ann's":    {Scope: store.ScopeUser, ScopeValue: "ann"},
		"bob's":    {Scope: store.ScopeUser, ScopeValue: "bob"},
		"together": {Scope: store.ScopeEveryone},
		"all pro":  {Scope: store.ScopeTier, ScopeValue: "pro"},
	} {
		r.Name, r.Metric, r.Window, r.Limit, r.Enabled = name, store.MetricTokens, store.WindowTotal, 1000, true
		a.save(r)
	}
	a.log(`{"end_user":"ann","model":"m","provider":"p","tokens_used":1}`, `{"end_user":"ann","model":"n","provider":"q","tokens_used":10}`,
		`{"end_user":"bob","model":"m","provider":"q","tokens_used":100}`)
	used := func(user string) map[string]float64 {
		limits, err := a.Limits(t.Context(), storetest.User(user), user)
		require.NoError(t, err)
		used := map[string]float64{}
		for _, l := range limits {
			used[l.Rule] = l.Used
		}
		delete(used, "A user's cost in total")
		delete(used, "A user's tokens in total")
		return used
	}
	assert.Equal(t, map[string]float64{"model": 1, "provider": 10, "ann's": 11}, used("ann"))
	assert.Equal(t, map[string]float64{"model": 100, "provider": 100, "bob's": 100}, used("bob"))
	_, err := a.Run(t.Context(), policy.System(), query.Update{
		Relation: "user_profiles", Set: []query.Assignment{{Column: "subscription_tier", Value: "pro"}}, Where: query.Is("user_id", "ann"),
	}, nil)
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{"model": 1, "provider": 10, "pro": 11, "ann's": 11}, used("ann"))
}

func TestAnothersLimitsAreLikeThoseOfNobody(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	a.log(spend("ann", 5), spend("bob", 5))
	for _, caller := range []policy.Caller{storetest.User("bob"), storetest.User("nobody"), storetest.Anon(), {}} {
		_, err := a.Limits(t.Context(), caller, "ann")
		assert.Equal(t, store.ErrNotFound, err)
	}
}

// BenchmarkLimits asks for the limits of one user of a generated database: with
// the shipped rules, and with a month and a week more.
func BenchmarkLimits(b *testing.B) {
	db := storetest.Generated(b, *benchRows, *benchUsers, *benchKeep)
	inJune := newHandClock(storetest.GeneratedEnd.Add(-time.Hour))
	require.NoError(b, db.Close())
	db, err := store.Open(b.Context(), db.Path(), store.Options{AutoCreateUsers: true, Now: inJune.now})
	require.NoError(b, err)
	defer db.Close()
	a := &alerting{db, b, inJune}
	ask := func(name string, user func(i int) string) {
		b.Run(name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				i++
				if _, err := db.Limits(b.Context(), policy.System(), user(i)); err != nil && err != store.ErrNotFound {
					b.Fatal(err)
				}
			}
		})
	}
	heaviest := func(int) string { return storetest.GeneratedUser(0) }
	anyone := func(i int) string { return storetest.GeneratedUser(i * 7919 % *benchUsers) }
	ask("shipped/heaviest", heaviest)
	ask("shipped/any", anyone)
	add := func(r store.AlertRule, name, zone string) {
		r.Name, r.TimeZone = name, zone
		saved := a.save(r)
		ask(fmt.Sprintf("%s/heaviest", name), heaviest)
		ask(fmt.Sprintf("%s/any", name), anyone)
		require.NoError(b, db.DeleteAlertRule(b.Context(), policy.System(), saved.ID))
	}
	add(perUser(store.MetricCost, store.WindowMonth, 1000, 50, 80, 100), "and a month", "UTC")
	add(perUser(store.MetricCost, store.WindowMonth, 1000, 50, 80, 100), "and a month in New York", "America/New_York")
	add(perUser(store.MetricCost, store.WindowWeek, 1000, 50, 80, 100), "and a week", "UTC")
	add(perUser(store.MetricCost, store.WindowDay, 1000, 50, 80, 100), "and a day", "UTC")
	last := perUser(store.MetricErrorRate, store.WindowLast, 0.5)
	last.LastRequests = 100
	add(last, "and the last 100", "UTC")
}
