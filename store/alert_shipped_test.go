package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// An alerting database is one with a clock that stands until it is set.
type alerting struct {
	*store.DB
	t     testing.TB
	clock *handClock
}

func openAlerting(t testing.TB, at time.Time) *alerting {
	t.Helper()
	clock := newHandClock(at)
	return &alerting{storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: clock.now}), t, clock}
}

// onlyRules replaces the shipped rules.
func (a *alerting) onlyRules(rules ...store.AlertRule) (saved []store.AlertRule) {
	a.t.Helper()
	a.withoutRules()
	for i, r := range rules {
		if r.Name == "" {
			r.Name = fmt.Sprintf("rule %d", i)
		}
		saved = append(saved, a.save(r))
	}
	return saved
}

func (a *alerting) withoutRules() {
	a.t.Helper()
	for _, r := range a.rules() {
		require.NoError(a.t, a.DeleteAlertRule(context.Background(), policy.System(), r.ID))
	}
}

func (a *alerting) rules() []store.AlertRule {
	a.t.Helper()
	rules, err := a.AlertRules(context.Background(), policy.System())
	require.NoError(a.t, err)
	return rules
}

func (a *alerting) save(r store.AlertRule) store.AlertRule {
	a.t.Helper()
	saved, err := a.SaveAlertRule(context.Background(), policy.System(), r)
	require.NoError(a.t, err)
	return saved
}

func (a *alerting) log(objects ...string) {
	a.t.Helper()
	storetest.Append(a.t, a.DB, policy.System(), objects...)
}

func (a *alerting) evaluate(everyUser bool) int {
	a.t.Helper()
	exceeded, err := a.EvaluateAlerts(context.Background(), everyUser)
	require.NoError(a.t, err)
	return exceeded
}

// alerts returns all alerts, the oldest first.
func (a *alerting) alerts() []store.Alert {
	a.t.Helper()
	alerts, err := a.Alerts(context.Background(), policy.System(), store.AlertFilter{Limit: 1_000_000})
	require.NoError(a.t, err)
	for i, j := 0, len(alerts)-1; i < j; i, j = i+1, j-1 {
		alerts[i], alerts[j] = alerts[j], alerts[i]
	}
	return alerts
}

// said returns "user threshold state" of each alert, the oldest first.
func (a *alerting) said() []string {
	a.t.Helper()
	said := []string{}
	for _, alert := range a.alerts() {
		user := "all"
		if alert.UserID != nil {
			user = *alert.UserID
		}
		said = append(said, fmt.Sprintf("%s %g %s", user, alert.Threshold, alert.State))
	}
	return said
}

// spend is a log of that cost.
func spend(user string, usd float64) string {
	return fmt.Sprintf(`{"end_user":%q,"model":"m","provider":"p","status":"success","total_cost":%v}`, user, usd)
}

// midMonth is a moment in the middle of a month, and of a week.
var midMonth = time.Date(2026, 3, 18, 12, 0, 0, 0, time.UTC)

func perUser(metric store.Metric, window store.Window, limit float64, thresholds ...float64) store.AlertRule {
	return store.AlertRule{
		Metric: metric, Scope: store.ScopeEveryone, PerUser: true, Window: window, Limit: limit, Thresholds: thresholds, Enabled: true,
	}
}

func TestTheShippedRulesAreTheSeeds(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	rules := a.rules()
	require.Len(t, rules, 3)
	for i, want := range []store.AlertRule{
		{Metric: store.MetricCost, PerUser: true, Window: store.WindowTotal, Limit: 10},
		{Metric: store.MetricTokens, PerUser: true, Window: store.WindowTotal, Limit: 100_000},
		{Metric: store.MetricErrorRate, Window: store.WindowLast, LastRequests: 100, Limit: 0.1},
	} {
		r := rules[i]
		assert.Equal(t, want.Metric, r.Metric)
		assert.Equal(t, want.PerUser, r.PerUser)
		assert.Equal(t, want.Window, r.Window)
		assert.Equal(t, want.LastRequests, r.LastRequests)
		assert.Equal(t, want.Limit, r.Limit)
		assert.Equal(t, store.ScopeEveryone, r.Scope)
		assert.Equal(t, []float64{100}, r.Thresholds)
		assert.Equal(t, int64(20), r.MinRequests)
		assert.True(t, r.Enabled)
	}
}

func TestAUserMaySpendTenDollarsAndNotANanoDollarMore(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	a.log(spend("ann", 9.5), spend("bob", 4))
	a.log(spend("ann", 0.5))
	assert.Empty(t, a.said(), "ten dollars are not more than ten dollars")
	a.log(spend("ann", 0.000000001))
	require.Equal(t, []string{"ann 100 firing"}, a.said())
	alert := a.alerts()[0]
	assert.Equal(t, "ann", *alert.UserID)
	assert.Equal(t, 10.0, alert.Limit)
	assert.Equal(t, 10.000000001, alert.Used)
	assert.Equal(t, store.At(midMonth), alert.FiredAt)
	assert.Equal(t, `User "ann": cost in total is $10.00, above 100 % of the limit of $10.00.`, alert.Message)
}

func TestAUserMayUseAHundredThousandTokensAndNotOneMore(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	a.log(`{"end_user":"ann","prompt_tokens":60000,"completion_tokens":40000}`)
	assert.Empty(t, a.said())
	a.log(`{"end_user":"ann","tokens_used":1}`)
	assert.Equal(t, []string{"ann 100 firing"}, a.said())
	assert.Equal(t, `User "ann": tokens in total is 100,001, above 100 % of the limit of 100,000.`, a.alerts()[0].Message)
}

// failing returns n logs of which so many failed, one half as failure, the
// other as error.
func failing(n, failed int) []string {
	logs := make([]string, n)
	for i := range logs {
		status := "success"
		if i < failed {
			status = []string{"failure", "error"}[i%2]
		}
		logs[i] = fmt.Sprintf(`{"end_user":"u%d","status":%q}`, i%7, status)
	}
	return logs
}

func TestAnErrorRateAboveATenthOfTheLastHundredRequestsAlerts(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	a.log(failing(100, 100)...) // long ago, as the next hundred are logged
	a.log(failing(100, 10)...)
	assert.Zero(t, a.evaluate(true))
	assert.Empty(t, a.said(), "10 of 100 are not more than a tenth")
	a.log(`{"status":"error"}`)
	assert.Zero(t, a.evaluate(true), "the oldest of the hundred, a failure, is none of them any more")
	a.log(failing(89, 0)...)
	a.log(failing(11, 11)...)
	assert.Equal(t, 1, a.evaluate(false))
	require.Equal(t, []string{"all 100 firing"}, a.said())
	alert := a.alerts()[0]
	assert.Nil(t, alert.UserID)
	assert.Equal(t, 0.11, alert.Used)
	assert.Equal(t, "All requests together: error rate over the last 100 requests is 11.0 %, above 100 % of the limit of 10.0 %.", alert.Message)
}

func TestFewerThanTwentyRequestsGiveNoVerdictOnAnErrorRate(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	a.log(failing(19, 19)...)
	assert.Zero(t, a.evaluate(true))
	assert.Empty(t, a.said())
	a.log(failing(1, 0)...)
	assert.Equal(t, 1, a.evaluate(true))
	assert.Equal(t, []string{"all 100 firing"}, a.said())
	assert.Equal(t, 0.95, a.alerts()[0].Used)
}

func TestAnEmptyDatabaseHasNothingToAlertTo(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	metrics := []store.Metric{store.MetricCost, store.MetricTokens, store.MetricRequests, store.MetricFailures, store.MetricErrorRate}
	for i, r := range everyRule() {
		r.Name, r.Metric, r.PerUser, r.Enabled = fmt.Sprint(i), metrics[i%len(metrics)], i%2 == 0, true
		a.save(r)
	}
	assert.Zero(t, a.evaluate(true))
	assert.Zero(t, a.evaluate(false))
	assert.Equal(t, []store.Alert{}, a.alerts())
	due, err := a.DueDeliveries(t.Context(), 10)
	require.NoError(t, err)
	assert.Empty(t, due)
	_, ok, err := a.NextDelivery(t.Context())
	require.NoError(t, err)
	assert.False(t, ok)
	_, err = a.Limits(t.Context(), policy.System(), "ann")
	assert.Equal(t, store.ErrNotFound, err)
}

func TestAMessageSaysWhoWhatAndHowMuch(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	hard := strings.Repeat("é\"\n😀", 50) // 200 characters
	a.onlyRules(
		store.AlertRule{Metric: store.MetricTokens, Scope: store.ScopeModel, ScopeValue: "m", Window: store.WindowMonth, Limit: 10, Enabled: true},
		store.AlertRule{Metric: store.MetricFailures, Scope: store.ScopeTier, ScopeValue: "free", Window: store.WindowDay, Limit: 1, Thresholds: []float64{50, 33.5}, Enabled: true},
		store.AlertRule{Metric: store.MetricCost, Scope: store.ScopeProvider, ScopeValue: "p", PerUser: true, Window: store.WindowWeek, Limit: 0.000004, Enabled: true},
		store.AlertRule{Name: hard, Metric: store.MetricRequests, Scope: store.ScopeUser, ScopeValue: hard, Window: store.WindowTotal, Limit: 1, Thresholds: []float64{50}, Enabled: true},
	)
	a.log(`{"end_user":"ann","model":"m","provider":"p","tokens_used":11,"status":"error","total_cost":0.0000050001}`)
	storetest.Append(t, a.DB, policy.System(), fmt.Sprintf(`{"end_user":%q}`, "bob"))
	l := storetest.Log(t, `{}`)
	require.NoError(t, l.SetText(store.ColEndUser, hard))
	_, err := a.Append(t.Context(), policy.System(), l)
	require.NoError(t, err)
	a.evaluate(false)
	messages := map[string]bool{}
	for _, alert := range a.alerts() {
		messages[alert.Message] = true
	}
	for _, want := range []string{
		`All requests together: tokens of model "m" this month is 11, above 100 % of the limit of 10.`,
		`All users of tier "free" together: failures this day is 1, above 50 % of the limit of 1.`,
		`All users of tier "free" together: failures this day is 1, above 33.5 % of the limit of 1.`,
		`User "ann": cost of provider "p" this week is $0.00000500, above 100 % of the limit of $0.00000400.`,
		fmt.Sprintf(`User %q: requests in total is 1, above 50 %% of the limit of 1.`, hard),
	} {
		assert.True(t, messages[want], "%s\nin %v", want, messages)
	}
	assert.Len(t, messages, 5)
}
