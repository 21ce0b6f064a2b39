package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestAChangedLimitFiresAnew(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	r := a.onlyRules(perUser(store.MetricCost, store.WindowMonth, 1))[0]
	a.log(spend("ann", 3), spend("bob", 1.5))
	require.ElementsMatch(t, []string{"ann 100 firing", "bob 100 firing"}, a.said())
	r.Limit = 2
	a.save(r)
	require.ElementsMatch(t, []string{"ann 100 resolved", "bob 100 resolved"}, a.said(), "what fired for another limit is over")
	a.log(spend("ann", 0), spend("bob", 0))
	require.Equal(t, []string{"ann 100 resolved", "bob 100 resolved", "ann 100 firing"}, a.said())
	a.log(spend("bob", 0.51))
	a.evaluate(true)
	require.Equal(t, []string{"ann 100 resolved", "bob 100 resolved", "ann 100 firing", "bob 100 firing"}, a.said())
}

func TestWhatARuleNoLongerSaysIsOver(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*store.AlertRule)
		stays  bool
	}{
		"another name":                     {func(r *store.AlertRule) { r.Name = "other" }, true},
		"more thresholds":                  {func(r *store.AlertRule) { r.Thresholds = []float64{50, 100, 500} }, true},
		"another limit":                    {func(r *store.AlertRule) { r.Limit = 100 }, false},
		"another metric":                   {func(r *store.AlertRule) { r.Metric = store.MetricTokens }, false},
		"another window":                   {func(r *store.AlertRule) { r.Window = store.WindowDay }, false},
		"another scope":                    {func(r *store.AlertRule) { r.Scope, r.ScopeValue = store.ScopeTier, "pro" }, false},
		"all of them together":             {func(r *store.AlertRule) { r.PerUser = false }, false},
		"without the threshold that fired": {func(r *store.AlertRule) { r.Thresholds = []float64{500} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := openAlerting(t, midMonth)
			r := a.onlyRules(perUser(store.MetricCost, store.WindowTotal, 1))[0]
			a.log(spend("ann", 3))
			tt.change(&r)
			a.save(r)
			want := "ann 100 resolved"
			if tt.stays {
				want = "ann 100 firing"
			}
			require.Equal(t, want, a.said()[0])
		})
	}
}

// An evaluation counts open alerts: one of a threshold that is gone must not
// stand for another.
func TestAnotherThresholdFires(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	r := perUser(store.MetricCost, store.WindowTotal, 1, 80)
	r.PerUser = false
	r = a.onlyRules(r)[0]
	a.log(spend("ann", 3))
	a.evaluate(false)
	r.Thresholds = []float64{100}
	a.save(r)
	a.evaluate(false)
	require.Equal(t, []string{"all 80 resolved", "all 100 firing"}, a.said())
}

func TestARuleThatIsOffIsQuiet(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	together := perUser(store.MetricCost, store.WindowMonth, 1)
	together.PerUser, together.Enabled = false, false
	own := perUser(store.MetricCost, store.WindowMonth, 1)
	own.Enabled = false
	rules := a.onlyRules(own, together)
	a.log(spend("ann", 3))
	assert.Zero(t, a.evaluate(true))
	require.Empty(t, a.said())
	limits, err := a.Limits(t.Context(), policy.System(), "ann")
	require.NoError(t, err)
	assert.Empty(t, limits)
	for _, r := range rules {
		r.Enabled = true
		a.save(r)
	}
	a.log(spend("ann", 0))
	require.Equal(t, []string{"ann 100 firing"}, a.said(), "on, it fires with the next log")
	assert.Equal(t, 1, a.evaluate(false))
	require.Equal(t, []string{"ann 100 firing", "all 100 firing"}, a.said())
}

func TestADeletedRulesAlertsStayAsResolved(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	r := a.onlyRules(perUser(store.MetricCost, store.WindowTotal, 1))[0]
	a.log(spend("ann", 3))
	require.NoError(t, a.DeleteAlertRule(t.Context(), policy.System(), r.ID))
	require.Equal(t, []string{"ann 100 resolved"}, a.said())
	a.log(spend("ann", 3))
	a.evaluate(true)
	require.Equal(t, []string{"ann 100 resolved"}, a.said())
	assert.Equal(t, store.ErrNotFound, a.DeleteAlertRule(t.Context(), policy.System(), r.ID))
	assert.NotEqual(t, r.ID, a.save(namedRule("again")).ID, "an id is never used twice")
}

func namedRule(name string) store.AlertRule {
	r := perUser(store.MetricCost, store.WindowTotal, 1)
	r.Name = name
	return r
}

func TestAnotherTierCountsAtTheLatestWithTheNextEvaluation(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	r := perUser(store.MetricCost, store.WindowTotal, 1)
	r.Scope, r.ScopeValue = store.ScopeTier, "trial"
	a.onlyRules(r)
	a.log(spend("ann", 3), spend("bob", 3))
	_, err := a.Run(t.Context(), policy.System(), query.Update{
		Relation: "user_profiles", Set: []query.Assignment{{Column: "subscription_tier", Value: "trial"}}, Where: query.Is("user_id", "ann"),
	}, nil)
	require.NoError(t, err)
	require.Equal(t, 1, a.evaluate(true))
	require.Equal(t, []string{"ann 100 firing"}, a.said())
}

func TestAnErasedUsersAlertsAreErasedToo(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	rate := perUser(store.MetricErrorRate, store.WindowTotal, 0.5)
	rate.MinRequests = 1
	a.onlyRules(perUser(store.MetricCost, store.WindowTotal, 1), rate,
		store.AlertRule{Metric: store.MetricCost, Scope: store.ScopeUser, ScopeValue: "ann", Window: store.WindowTotal, Limit: 2, Enabled: true})
	channel, err := a.SaveAlertChannel(t.Context(), policy.System(),
		store.AlertChannel{Name: "hook", Kind: "webhook", Target: "https://example.com", Enabled: true}, nil)
	require.NoError(t, err)
	// More than one transaction of an erasure takes; the failures come last, so
	// that their rate rises on the way.
	logs := make([]string, 2500)
	for i := range logs {
		logs[i] = spend("ann", 0.01)
		if i > 1500 {
			logs[i] = `{"end_user":"ann","status":"error"}`
		}
	}
	a.log(append(logs, spend("bob", 1.5))...)
	require.ElementsMatch(t, []string{"ann 100 firing", "ann 100 firing", "bob 100 firing"}, a.said())
	require.NoError(t, a.EraseUser(t.Context(), policy.System(), "ann"))
	require.Equal(t, []string{"bob 100 firing"}, a.said())
	due, err := a.DueDeliveries(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, due, 1, "and what was to be delivered of them")
	assert.Equal(t, "bob", *due[0].Alert.UserID)
	assert.Equal(t, channel.ID, due[0].Channel.ID)

	a.log(spend("ann", 1.5))
	require.Equal(t, []string{"bob 100 firing", "ann 100 firing"}, a.said(), "who comes back begins anew")
}

// A process that has not heard of a rule's change yet must not raise what the
// rule no longer says.
func TestAnAlertOfARuleThatIsGoneMeanwhileIsNotRaised(t *testing.T) {
	t.Parallel()
	path, clock := storetest.Path(t), newHandClock(midMonth)
	open := func() *alerting {
		db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true, Now: clock.now})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return &alerting{db, t, clock}
	}
	a, other := open(), open()
	a.withoutRules()
	other.evaluate(true) // it has read the rules anew
	other.log(spend("ann", 1000))
	require.Empty(t, a.said())
	require.Empty(t, other.said())
}
