package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// Whatever is logged, completed, corrected, deleted, erased and undone, and
// however time goes on, the alerts are those that the logs give cause to.
//
// A commit raises what rules measure of each user that it concerns. What rules
// measure together, and what no commit can see (time that passes, another rule,
// another tier), EvaluateAlerts raises. Only EvaluateAlerts promises to resolve.
func TestTheAlertsAreThoseThatTheLogsGiveCauseToAfterAnyProgram(t *testing.T) {
	t.Parallel()
	want := 2_000 // operations
	if storetest.Required() {
		want = 6_000
	}
	fired := 0
	for done, failed := 0, false; done < want && !failed; {
		rapid.Check(t, func(rt *rapid.T) {
			if done >= want && !failed {
				return // but a failing program is run again and again, to shrink it
			}
			start := rapid.SampledFrom(watchedFrom).Draw(rt, "start")
			rules := rapid.SliceOfN(rapid.Custom(drawRule), 1, 4).Draw(rt, "rules")
			program := rapid.SliceOfN(watchOpGen, 30, 60).Draw(rt, "program")
			failed = true
			fired += runWatch(t, rt, start, rules, program)
			done += len(program)
			failed = false
		})
	}
	t.Logf("%d alerts", fired)
	require.Positive(t, fired)
}

// A watch is a database whose alerts are compared with its logs.
type watch struct {
	machine
	clock *handClock
	rules []store.AlertRule
	known map[int64]rawAlert // as of the step before
	other map[int64]bool     // the rules that were something else once
}

func runWatch(t *testing.T, rt *rapid.T, start time.Time, rules []store.AlertRule, program []watchOp) (fired int) {
	path := storetest.Path(t)
	defer storetest.Remove(t, path)
	clock := newHandClock(start)
	db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true, Now: clock.now})
	require.NoError(rt, err)
	defer func() { require.NoError(rt, db.Close()) }()
	w := &watch{machine: machine{rt: rt, db: db, raw: openRaw(t, rt, path)}, clock: clock, known: map[int64]rawAlert{}, other: map[int64]bool{}}
	defer w.raw.close()
	for i, r := range rules {
		w.saveRule(i, r)
	}
	for i, o := range program {
		w.run(fmt.Sprintf("step %d, %s", i, o.Kind), o)
	}
	return len(w.known)
}

func (w *watch) saveRule(place int, r store.AlertRule) {
	ctx := context.Background()
	r.Name = fmt.Sprintf("rule %d", len(w.rules))
	if place < len(w.rules) {
		r.ID, r.Name = w.rules[place].ID, w.rules[place].Name
		w.other[r.ID] = true
	}
	_, err := w.db.SaveAlertRule(ctx, policy.System(), r)
	require.NoError(w.rt, err)
	w.rules, err = w.db.AlertRules(ctx, policy.System())
	require.NoError(w.rt, err)
}

func (w *watch) ledger() ledger {
	l := ledger{now: w.clock.now(), logs: w.raw.logs(), tiers: map[string]string{}}
	for _, p := range w.raw.profiles() {
		l.tiers[p.id] = p.tier.String
	}
	return l
}

// run does one step, and compares what it fired and resolved.
func (w *watch) run(name string, o watchOp) {
	ctx := context.Background()
	before := w.ledger()
	rules := w.rules
	exceeded := -1
	switch o.Kind {
	case "append":
		verdicts, err := w.db.Append(ctx, policy.System(), w.logs(o)...)
		require.NoError(w.rt, err)
		for _, v := range verdicts {
			w.refusalOnly(v.Err)
		}
	case "undone":
		m := store.Mutation{Relation: "request_logs", Action: policy.Insert, Rollback: true}
		for _, l := range w.logs(o) {
			m.Rows = append(m.Rows, rowOf(l))
		}
		_, err := w.db.Mutate(ctx, policy.System(), m)
		w.refusalOnly(err)
	case "update":
		set := assignments(o.Set)
		if o.Moved != nil {
			set = append(set, query.Assignment{Column: "created_at", Value: store.At(w.clock.now().Add(*o.Moved))})
		}
		_, err := w.db.Run(ctx, policy.System(), query.Update{Relation: "request_logs", Set: set, Where: condition(o.Where)}, nil)
		w.refusalOnly(err)
	case "delete":
		_, err := w.db.Run(ctx, policy.System(), query.Delete{Relation: "request_logs", Where: condition(o.Where)}, nil)
		require.NoError(w.rt, err)
	case "erase":
		err := w.db.EraseUser(ctx, policy.System(), o.User)
		if !errors.Is(err, store.ErrNotFound) {
			require.NoError(w.rt, err)
		}
		maps.DeleteFunc(w.known, func(_ int64, a rawAlert) bool { return a.user == o.User })
	case "clock":
		w.clock.set(moved(w.clock.now(), o))
	case "tier":
		_, err := w.db.Run(ctx, policy.System(), query.Update{
			Relation: "user_profiles", Set: []query.Assignment{{Column: "subscription_tier", Value: o.Tier}}, Where: query.Is("user_id", o.User),
		}, nil)
		require.NoError(w.rt, err)
		w.clock.set(w.clock.now().Add(61 * time.Second)) // commits see another tier a minute later
	case "rule":
		w.saveRule(o.Place, o.Rule)
	case "evaluate":
		var err error
		exceeded, err = w.db.EvaluateAlerts(ctx, o.All)
		require.NoError(w.rt, err)
	}
	w.compareAlerts(name, o, before, rules, exceeded)
}

func moved(now time.Time, o watchOp) time.Time {
	if o.By > 0 {
		return now.Add(o.By)
	}
	local := now.In(zone(o.Zone))
	return time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, local.Location())
}

func (w *watch) logs(o watchOp) (logs []store.Log) {
	for _, watched := range o.Logs {
		l, _, invalid, err := store.DecodeLog([]byte(watched.Object))
		require.NoError(w.rt, err)
		require.NoError(w.rt, invalid)
		require.NoError(w.rt, l.Set(store.ColCreatedAt, store.At(w.clock.now().Add(watched.After))))
		logs = append(logs, l)
	}
	return logs
}

func rowOf(l store.Log) []query.Assignment {
	set := []query.Assignment{{Column: "created_at", Value: l.CreatedAt}, {Column: "status", Value: l.Status}}
	if l.UserProfileID != "" {
		set = append(set, query.Assignment{Column: "user_profile_id", Value: l.UserProfileID})
	}
	return append(set, query.Assignment{Column: "total_cost", Value: l.TotalCost},
		query.Assignment{Column: "tokens_used", Value: l.TokensUsed}, query.Assignment{Column: "model", Value: l.Model})
}

// concerned returns the users of whom a log came, went or changed.
func concerned(before, after []rawLog) map[string]bool {
	users := map[string]bool{}
	note := func(some, others []rawLog) {
		for _, l := range some {
			if l.user.Valid && !slices.Contains(others, l) {
				users[l.user.String] = true
			}
		}
	}
	note(before, after)
	note(after, before)
	return users
}
