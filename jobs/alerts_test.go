package jobs_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// A guard is the alerts job with its database and clock.
type guard struct {
	t     testing.TB
	db    *store.DB
	clock *handClock
	job   jobs.Job
}

func newGuard(t testing.TB) *guard {
	t.Helper()
	clock := newHandClock(noon)
	db := storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: clock.now})
	return &guard{t, db, clock, jobs.Alerts(db, "@every 1m")}
}

func (g *guard) run() string {
	g.t.Helper()
	message, err := g.job.Run(context.Background())
	require.NoError(g.t, err)
	return message
}

func (g *guard) log(objects ...string) {
	g.t.Helper()
	storetest.Append(g.t, g.db, policy.System(), objects...)
}

// rule saves a rule of a tier, each user alone or all together.
func (g *guard) rule(name, tier string, perUser bool, tokens float64) {
	g.t.Helper()
	_, err := g.db.SaveAlertRule(context.Background(), policy.System(), store.AlertRule{
		Name: name, Metric: store.MetricTokens, Scope: store.ScopeTier, ScopeValue: tier, PerUser: perUser,
		Window: store.WindowTotal, Limit: tokens, Enabled: true,
	})
	require.NoError(g.t, err)
}

// moveTo puts users into a tier, of which no commit takes notice.
func (g *guard) moveTo(tier string, users ...string) {
	g.t.Helper()
	for _, user := range users {
		require.NoError(g.t, g.db.Write(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE user_profiles SET subscription_tier = $1 WHERE user_id = $2", tier, user)
			return err
		}))
	}
}

func (g *guard) fired() (rules []string) {
	g.t.Helper()
	alerts, err := g.db.Alerts(context.Background(), policy.System(), store.AlertFilter{Limit: 100})
	require.NoError(g.t, err)
	for _, a := range alerts {
		user := "all"
		if a.UserID != nil {
			user = *a.UserID
		}
		rules = append(rules, a.Rule+" of "+user)
	}
	return rules
}

func TestTheAlertsJobMeasuresTogetherEachTimeAndEachUserNowAndThen(t *testing.T) {
	t.Parallel()
	g := newGuard(t)
	assert.Equal(t, "alerts", g.job.Name)
	assert.True(t, g.job.AtStart)
	g.rule("own", "trial", true, 10)
	g.rule("together", "trial", false, 10)
	g.log(`{"end_user":"ann","tokens_used":20}`, `{"end_user":"bob","tokens_used":20}`)
	require.Empty(t, g.fired())
	g.moveTo("trial", "ann")
	assert.Equal(t, "2 thresholds exceeded", g.run(), "the first time, each user")
	require.ElementsMatch(t, []string{"own of ann", "together of all"}, g.fired())

	g.moveTo("trial", "bob")
	after := 15 * time.Minute
	if g.db.Shared() {
		after = 2 * time.Minute
	}
	g.clock.move(after - time.Second)
	assert.Equal(t, "1 threshold exceeded", g.run())
	require.Len(t, g.fired(), 2)
	g.clock.move(time.Second)
	assert.Equal(t, "3 thresholds exceeded", g.run(), "after a while, each user again")
	require.ElementsMatch(t, []string{"own of ann", "together of all", "own of bob"}, g.fired())

	g.log(`{"end_user":"cid","tokens_used":20}`)
	g.moveTo("trial", "cid")
	g.run()
	require.Len(t, g.fired(), 3)
	g.rule("fresh", "none", true, 10)
	g.run()
	require.Contains(t, g.fired(), "own of cid", "when rules have changed, each user at once")
}

func TestTheAlertsJobSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	g := newGuard(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := g.job.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	g.rule("own", "free", true, 10)
	g.log(`{"end_user":"ann","tokens_used":20}`)
	assert.Equal(t, "1 threshold exceeded", g.run(), "and the next run does it all")
}

func TestEvaluationsAndCommitsAtOnceFireEachThresholdOnce(t *testing.T) {
	t.Parallel()
	g := newGuard(t)
	g.rule("own", "free", true, 100)
	g.rule("together", "free", false, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 60 {
			g.log(fmt.Sprintf(`{"end_user":"u%d","tokens_used":30}`, i%6))
		}
	}()
	for range 20 {
		_, err := g.db.EvaluateAlerts(context.Background(), true)
		require.NoError(t, err)
	}
	<-done
	g.run()
	want := []string{"together of all"}
	for i := range 6 {
		want = append(want, fmt.Sprintf("own of u%d", i))
	}
	require.ElementsMatch(t, want, g.fired())
}
