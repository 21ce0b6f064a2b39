package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// A crossing is a threshold of a rule that a user's sum is above.
type crossing struct {
	rule      int64
	user      string
	threshold float64
}

// fired counts the alerts of each crossing.
func (a *alerting) fired() map[crossing]int {
	a.t.Helper()
	fired := map[crossing]int{}
	for _, alert := range a.alerts() {
		fired[crossing{alert.RuleID, *alert.UserID, alert.Threshold}]++
	}
	return fired
}

// crossings computes from sums by user, in nano-dollars and tokens, what must
// have fired.
func crossings(rules []store.AlertRule, nano, tokens map[string]int64) map[crossing]int {
	all := map[crossing]int{}
	for _, r := range rules {
		sums, limit := tokens, int64(r.Limit)
		if r.Metric == store.MetricCost {
			sums, limit = nano, store.NanoUSD(r.Limit)
		}
		for user, sum := range sums {
			for _, threshold := range r.Thresholds {
				if sum*100 > limit*int64(threshold) {
					all[crossing{r.ID, user, threshold}] = 1
				}
			}
		}
	}
	return all
}

func TestEachThresholdFiresOnceHoweverManyWriteAtOnce(t *testing.T) {
	t.Parallel()
	const writers, calls, users = 64, 12, 40
	a := openAlerting(t, midMonth)
	rules := a.onlyRules(
		perUser(store.MetricCost, store.WindowMonth, 1, 50, 80, 100),
		perUser(store.MetricTokens, store.WindowDay, 3000, 50, 80, 100),
		perUser(store.MetricTokens, store.WindowTotal, 2500, 50, 80, 100),
	)
	var mu sync.Mutex
	nano, tokens := map[string]int64{}, map[string]int64{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(42, uint64(w)))
			for range calls {
				logs := make([]store.Log, 1+random.IntN(4))
				mu.Lock()
				for i := range logs {
					// The higher a user's number, the fewer logs they have.
					user := fmt.Sprintf("u%d", random.IntN(1+random.IntN(users)))
					cents, used := random.Int64N(5), random.Int64N(120)
					nano[user] += cents * 10_000_000
					tokens[user] += used
					logs[i] = storetest.Log(t, fmt.Sprintf(`{"end_user":%q,"total_cost":0.0%d,"tokens_used":%d}`, user, cents, used))
				}
				mu.Unlock()
				_, err := a.Append(context.Background(), policy.System(), logs...)
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	want := crossings(rules, nano, tokens)
	require.Equal(t, want, a.fired())
	t.Logf("%d users, %d thresholds crossed of %d", len(nano), len(want), len(nano)*9)
	require.Greater(t, len(nano)*9, len(want), "some were not crossed")
	assert.Equal(t, len(want), a.evaluate(true), "and those are exceeded")
	require.Equal(t, want, a.fired(), "nor do evaluations fire again")
}

// insertLog inserts as a REST client does.
func (a *alerting) insertLog(m store.Mutation, columns ...any) error {
	a.t.Helper()
	var set []query.Assignment
	for i := 0; i < len(columns); i += 2 {
		set = append(set, query.Assignment{Column: columns[i].(string), Value: columns[i+1]})
	}
	m.Relation, m.Action, m.Rows = "request_logs", policy.Insert, [][]query.Assignment{set}
	_, err := a.Mutate(context.Background(), policy.System(), m)
	return err
}

func (a *alerting) update(where query.Expr, column string, value any) {
	a.t.Helper()
	n, err := a.Run(context.Background(), policy.System(), query.Update{
		Relation: "request_logs", Set: []query.Assignment{{Column: column, Value: value}}, Where: where,
	}, nil)
	require.NoError(a.t, err)
	require.Positive(a.t, n)
}

func (a *alerting) remove(where query.Expr) {
	a.t.Helper()
	n, err := a.Run(context.Background(), policy.System(), query.Delete{Relation: "request_logs", Where: where}, nil)
	require.NoError(a.t, err)
	require.Positive(a.t, n)
}

// Each way to change a log, one after the other in the same minute: what is
// remembered of the user must stay true.
func TestEveryWayToChangeALogFires(t *testing.T) {
	t.Parallel()
	begun := `{"end_user":"ann","litellm_call_id":"c","status":"initiated","model":"m"}`
	tests := map[string]func(*alerting){
		"a log": func(a *alerting) { a.log(spend("ann", 0.2)) },
		"an insert": func(a *alerting) {
			require.NoError(a.t, a.insertLog(store.Mutation{}, "user_profile_id", "ann", "total_cost", 0.2))
		},
		"an insert that shows its row": func(a *alerting) {
			require.NoError(a.t, a.insertLog(store.Mutation{Show: func(*store.View, []any) error { return nil }}, "end_user", "ann", "total_cost", 0.2))
		},
		"an insert of many": func(a *alerting) {
			row := []query.Assignment{{Column: "end_user", Value: "ann"}, {Column: "total_cost", Value: 0.1}}
			_, err := a.Mutate(t.Context(), policy.System(), store.Mutation{
				Relation: "request_logs", Action: policy.Insert, Rows: [][]query.Assignment{row, row},
			})
			require.NoError(a.t, err)
		},
		"an upsert": func(a *alerting) {
			a.log(`{"end_user":"ann","litellm_call_id":"c","total_cost":0.01,"status":"success"}`)
			require.NoError(a.t, a.insertLog(store.Mutation{Conflict: store.Merge, Target: []string{"litellm_call_id"}},
				"litellm_call_id", "c", "total_cost", 0.2))
		},
		"a completion": func(a *alerting) {
			a.log(begun)
			a.log(`{"litellm_call_id":"c","status":"success","total_cost":0.2}`)
		},
		"a completion by an insert": func(a *alerting) {
			a.log(begun)
			require.NoError(a.t, a.insertLog(store.Mutation{}, "litellm_call_id", "c", "status", "success", "total_cost", 0.2))
		},
		"a completion in the same batch": func(a *alerting) {
			a.log(begun, `{"litellm_call_id":"c","status":"success","total_cost":0.2}`)
		},
		"another cost": func(a *alerting) {
			a.log(`{"end_user":"ann","litellm_call_id":"c","total_cost":0.01}`)
			a.update(query.Is("litellm_call_id", "c"), "total_cost", 0.21)
		},
		"another user": func(a *alerting) {
			a.log(`{"end_user":"bob","litellm_call_id":"c","total_cost":0.2}`)
			a.update(query.Is("litellm_call_id", "c"), "user_profile_id", "ann")
		},
		"a user for a log of nobody": func(a *alerting) {
			a.log(`{"litellm_call_id":"c","total_cost":0.2}`)
			a.update(query.Is("litellm_call_id", "c"), "user_profile_id", "ann")
		},
		"another time": func(a *alerting) {
			a.log(`{"end_user":"ann","litellm_call_id":"c","total_cost":0.2,"created_at":"2026-02-01T00:00:00Z"}`)
			assert.Len(a.t, a.said(), 1, "last month's costs are last month's")
			a.update(query.Is("litellm_call_id", "c"), "created_at", store.At(midMonth))
		},
		"another model": func(a *alerting) {
			a.log(`{"end_user":"ann","litellm_call_id":"c","total_cost":0.2,"model":"other"}`)
			assert.Len(a.t, a.said(), 1)
			a.update(query.Is("litellm_call_id", "c"), "model", "m")
		},
		"a change that outweighs a loss": func(a *alerting) {
			a.log(`{"end_user":"ann","litellm_call_id":"last month's","total_cost":0.5,"created_at":"2026-02-01T00:00:00Z"}`,
				`{"end_user":"ann","litellm_call_id":"c","total_cost":0.2,"created_at":"2026-02-01T00:00:00Z"}`)
			_, err := a.Run(t.Context(), policy.System(), query.Update{
				Relation: "request_logs", Set: []query.Assignment{{Column: "created_at", Value: store.At(midMonth)}, {Column: "total_cost", Value: 0.1}, {Column: "model", Value: "m"}},
				Where: query.Compare{Column: "created_at", Op: query.Lt, Value: store.At(midMonth.AddDate(0, 0, -1))},
			}, nil)
			require.NoError(a.t, err)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := openAlerting(t, midMonth)
			r := perUser(store.MetricCost, store.WindowMonth, 1, 80, 100)
			if name == "another model" || name == "a change that outweighs a loss" {
				r.Scope, r.ScopeValue = store.ScopeModel, "m"
			}
			a.onlyRules(r)
			a.log(spend("ann", 0.85))
			require.Equal(t, []string{"ann 80 firing"}, a.said())
			change(a)
			require.Equal(t, []string{"ann 80 firing", "ann 100 firing"}, a.said())
			a.log(spend("ann", 5))
			require.Len(t, a.said(), 2)
			storetest.RequireClean(t, a.DB)
		})
	}
}

func TestALogThatGoesMayRaiseAnErrorRateOrBringBackAnOlderOne(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	rate := perUser(store.MetricErrorRate, store.WindowMonth, 0.5)
	rate.MinRequests = 2
	last := perUser(store.MetricCost, store.WindowLast, 1)
	last.LastRequests = 2
	a.onlyRules(rate, last)
	a.log(spend("ann", 5), `{"end_user":"ann","status":"error","total_cost":0.1}`,
		`{"end_user":"ann","status":"failure","total_cost":0.1}`, `{"end_user":"ann","status":"success","litellm_call_id":"c","total_cost":0.1}`)
	require.Empty(t, a.said())
	a.remove(query.Is("litellm_call_id", "c"))
	require.Equal(t, []string{"ann 100 firing"}, a.said(), "2 of 3 failed")
	a.remove(query.Is("status", "failure"))
	require.Equal(t, []string{"ann 100 firing", "ann 100 firing"}, a.said(), "the dear one is among the last two again")
	assert.Equal(t, store.MetricCost, a.alerts()[1].Metric)
}

func TestTheRequestThatMakesAVerdictPossibleFires(t *testing.T) {
	t.Parallel()
	a := openAlerting(t, midMonth)
	rate := perUser(store.MetricErrorRate, store.WindowTotal, 0.1)
	rate.MinRequests = 5
	a.onlyRules(rate)
	a.log(`{"end_user":"ann","status":"error"}`)
	for range 3 {
		a.log(spend("ann", 0))
		require.Empty(t, a.said())
	}
	a.log(spend("ann", 0))
	require.Equal(t, []string{"ann 100 firing"}, a.said())
}

func TestAnAlertThatWasUndoneFiresWithTheNextLog(t *testing.T) {
	t.Parallel()
	mistake := errors.New("a mistake")
	for name, fail := range map[string]func(*alerting){
		"a rollback that was asked for": func(a *alerting) {
			require.NoError(a.t, a.insertLog(store.Mutation{Rollback: true}, "end_user", "ann", "total_cost", 5.0))
		},
		"a client that hangs up as it is shown the row": func(a *alerting) {
			err := a.insertLog(store.Mutation{Show: func(*store.View, []any) error { return mistake }}, "end_user", "ann", "total_cost", 5.0)
			require.ErrorIs(a.t, err, mistake)
		},
		"rows that are not accepted": func(a *alerting) {
			require.ErrorIs(a.t, a.insertLog(store.Mutation{Accept: func(int64) error { return mistake }}, "end_user", "ann", "total_cost", 5.0), mistake)
		},
		"a panic": func(a *alerting) {
			err := a.insertLog(store.Mutation{Show: func(*store.View, []any) error { panic("a slip") }}, "end_user", "ann", "total_cost", 5.0)
			require.ErrorContains(a.t, err, "a slip")
		},
		"a batch that cannot be stored": func(a *alerting) {
			// The alert is refused, and so the whole batch.
			allow := storetest.Refuse(a.t, a.DB, "INSERT", "alerts", "")
			_, err := a.Append(context.Background(), policy.System(), storetest.Log(a.t, spend("ann", 5)))
			require.Error(a.t, err)
			allow()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := openAlerting(t, midMonth)
			a.onlyRules(perUser(store.MetricCost, store.WindowMonth, 1))
			a.log(spend("ann", 0.5)) // what is left is remembered
			fail(a)
			assert.Empty(t, a.said())
			a.log(spend("ann", 0.6))
			assert.Equal(t, []string{"ann 100 firing"}, a.said())
			storetest.RequireClean(t, a.DB)
		})
	}
}

func TestBudgetsGoOnAfterARestart(t *testing.T) {
	t.Parallel()
	path, clock := storetest.Path(t), newHandClock(midMonth)
	var said [][]string
	for i, cost := range []float64{0.6, 0.3, 0.3, 5} {
		db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true, Now: clock.now})
		require.NoError(t, err)
		a := &alerting{db, t, clock}
		if i == 0 {
			a.onlyRules(perUser(store.MetricCost, store.WindowMonth, 1, 80, 100))
		}
		a.log(spend("ann", cost))
		said = append(said, a.said())
		require.NoError(t, db.Close())
	}
	assert.Equal(t, [][]string{
		{}, {"ann 80 firing"}, {"ann 80 firing", "ann 100 firing"}, {"ann 80 firing", "ann 100 firing"},
	}, said)
}

// More users than are remembered, each half of a budget at a time.
func TestMoreUsersThanAreRememberedAreWatchedAllTheSame(t *testing.T) {
	t.Parallel()
	const remembered, users = 400, 500
	a := openAlerting(t, midMonth)
	require.NoError(t, a.WatchUsers(remembered))
	rules := a.onlyRules(perUser(store.MetricTokens, store.WindowTotal, 54))
	tokens := map[string]int64{}
	for round := range 2 {
		for first := 0; first < users; first += 50 {
			logs := make([]store.Log, 0, 50)
			for i := first; i < first+50; i++ {
				user := fmt.Sprintf("user-%d", i)
				var l store.Log
				require.NoError(t, errors.Join(l.SetText(store.ColEndUser, user), l.SetText(store.ColTokensUsed, fmt.Sprint(20+i%15))))
				tokens[user] += int64(20 + i%15)
				logs = append(logs, l)
			}
			_, err := a.Append(t.Context(), policy.System(), logs...)
			require.NoError(t, err)
		}
		if round == 0 {
			require.Empty(t, a.said())
		}
	}
	want := crossings(rules, nil, tokens)
	fired := a.fired()
	require.Len(t, fired, len(want))
	require.Equal(t, want, fired)
	assert.Less(t, len(want), users)
}
