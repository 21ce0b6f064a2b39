package store_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// A rawAlert is a row of alerts as it stands in the database.
type rawAlert struct {
	id, rule                 int64
	user                     string
	from, to                 string
	threshold, limit, used   float64
	firedAt, resolvedAt      storetest.Stored // "" while it fires
	metric, scope, of, named string
}

func (r rawReader) alerts() map[int64]rawAlert {
	rows, err := r.db.Query(`SELECT id, rule_id, user_profile_id, window_start, window_end, threshold, max_value, used,
		fired_at, resolved_at, metric, scope, scope_value, rule_name FROM alerts`)
	require.NoError(r.t, err)
	defer rows.Close()
	all := map[int64]rawAlert{}
	for rows.Next() {
		var a rawAlert
		require.NoError(r.t, rows.Scan(&a.id, &a.rule, &a.user, &a.from, &a.to, &a.threshold, &a.limit, &a.used,
			&a.firedAt, &a.resolvedAt, &a.metric, &a.scope, &a.of, &a.named))
		all[a.id] = a
	}
	require.NoError(r.t, rows.Err())
	return all
}

// A cause is what may fire once in a window.
type cause struct {
	rule             int64
	user, from       string
	threshold, limit float64
}

func (a rawAlert) cause() cause { return cause{a.rule, a.user, a.from, a.threshold, a.limit} }

// A comparison is of a step whose alerts are compared with the logs.
type comparison struct {
	*watch
	name          string
	op            watchOp
	before, after ledger
	users         map[string]bool // that the step's commit concerned
	alerts        map[int64]rawAlert
}

func (w *watch) compareAlerts(name string, o watchOp, before ledger, rules []store.AlertRule, exceeded int) {
	c := comparison{watch: w, name: name, op: o, before: before, after: w.ledger(), alerts: w.raw.alerts()}
	c.users = concerned(before.logs, c.after.logs)
	c.kept()
	c.onceEach()
	for _, a := range c.alerts {
		switch was, isKnown := w.known[a.id]; {
		case !isKnown:
			c.rightlyFired(a)
		case a.resolvedAt != was.resolvedAt:
			c.rightlyResolved(a, rules)
		}
	}
	switch o.Kind {
	case "append", "update", "delete":
		for user := range c.users {
			for _, r := range w.rules {
				if c.after.concerns(r, user) {
					c.allFired(r, user)
				}
			}
		}
	case "evaluate":
		c.evaluated(exceeded)
	}
	w.known = c.alerts
}

// kept requires that no alert vanishes or changes, but for its end.
func (c comparison) kept() {
	for id, was := range c.known {
		is, isThere := c.alerts[id]
		require.True(c.rt, isThere, "%s: an alert vanished: %+v", c.name, was)
		if was.resolvedAt == "" {
			is.resolvedAt = was.resolvedAt
		}
		require.Equal(c.rt, was, is, "%s: what was fired stays", c.name)
	}
}

// onceEach requires that each cause has one open alert at most, and that what
// cannot end within a window fires once in it.
func (c comparison) onceEach() {
	open, ever := map[cause]int{}, map[cause]int{}
	for _, a := range c.alerts {
		if a.resolvedAt == "" {
			open[a.cause()]++
		}
		ever[a.cause()]++
	}
	for k, n := range open {
		require.Equal(c.rt, 1, n, "%s: open for %+v", c.name, k)
	}
	for _, r := range c.rules {
		for k, n := range ever {
			if k.rule == r.ID && !canEnd(r) && !c.other[r.ID] {
				require.Equal(c.rt, 1, n, "%s: fired for %+v", c.name, k)
			}
		}
	}
}

func (c comparison) rule(id int64) store.AlertRule {
	i := slices.IndexFunc(c.rules, func(r store.AlertRule) bool { return r.ID == id })
	require.GreaterOrEqual(c.rt, i, 0)
	return c.rules[i]
}

func (c comparison) rightlyFired(a rawAlert) {
	r := c.rule(a.rule)
	require.True(c.rt, r.Enabled, "%s: %+v by a rule that is off", c.name, a)
	require.Contains(c.rt, c.after.exceeded(r, a.user), a.threshold, "%s: %+v by %+v", c.name, a, r)
	value, _ := c.after.value(r, a.user)
	used, _ := value.Float64()
	require.InDelta(c.rt, used, a.used, 1e-9, "%s: %+v", c.name, a)
	require.Equal(c.rt, r.Limit, a.limit)
	require.Equal(c.rt, c.after.now.UTC().Format("2006-01-02T15:04:05.000000Z"), string(a.firedAt))
	c.requireWindow(r, a)
	if c.op.Kind == "evaluate" {
		require.True(c.rt, c.op.All || !r.PerUser, "%s: %+v: users are left to commits", c.name, a)
		require.True(c.rt, !r.PerUser || c.after.concerns(r, a.user), "%s: %+v", c.name, a)
		return
	}
	require.Contains(c.rt, []string{"append", "update", "delete"}, c.op.Kind, "%s: %+v", c.name, a)
	require.True(c.rt, c.after.concerns(r, a.user), "%s: %+v", c.name, a)
}

// requireWindow requires that the alert names the window that holds now, to the
// microsecond.
func (c comparison) requireWindow(r store.AlertRule, a rawAlert) {
	if r.Window == store.WindowTotal || r.Window == store.WindowLast {
		require.Empty(c.rt, a.from+a.to)
		return
	}
	moment := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(c.rt, err)
		return at
	}
	from, to := moment(a.from), moment(a.to)
	require.False(c.rt, c.after.now.Before(from))
	require.True(c.rt, c.after.now.Before(to))
	for at, isInside := range map[time.Time]bool{
		from: true, to.Add(-time.Microsecond): true, from.Add(-time.Microsecond): false, to: false,
	} {
		require.Equal(c.rt, isInside, sameWindow(r, at, c.after.now), "%s: %s in the window of %+v", c.name, at, a)
	}
}

func (c comparison) rightlyResolved(a rawAlert, rulesBefore []store.AlertRule) {
	now := c.after.now.UTC().Format("2006-01-02T15:04:05.000000Z")
	r := c.rule(a.rule)
	switch c.op.Kind {
	case "rule":
		require.NotEqual(c.rt, rulesBefore, c.rules, "%s: %+v", c.name, a)
		return
	case "evaluate":
		if a.to != "" && strings.Compare(a.to, now) <= 0 {
			require.Equal(c.rt, a.to, string(a.resolvedAt), "%s: it ended with its window", c.name)
			return
		}
	}
	calm, unclear := c.after.calm(r, a.user, a.threshold)
	require.True(c.rt, calm || unclear, "%s: %+v of %+v was resolved", c.name, a, r)
	require.Equal(c.rt, now, string(a.resolvedAt))
}

// allFired requires an open alert for each threshold that is exceeded.
func (c comparison) allFired(r store.AlertRule, user string) {
	for _, threshold := range c.after.exceeded(r, user) {
		found := slices.ContainsFunc(slices.Collect(maps.Values(c.alerts)), func(a rawAlert) bool {
			return a.rule == r.ID && a.user == user && a.threshold == threshold && a.limit == r.Limit && a.resolvedAt == "" &&
				c.isCurrent(r, a)
		})
		value, _ := c.after.value(r, user)
		require.True(c.rt, found, "%s: %q is at %s, above %v %% of %+v", c.name, user, value.FloatString(10), threshold, r)
	}
}

func (c comparison) isCurrent(r store.AlertRule, a rawAlert) bool {
	at, err := time.Parse(time.RFC3339Nano, a.from)
	return a.from == "" || err == nil && sameWindow(r, at, c.after.now)
}

// evaluated requires all that EvaluateAlerts promises.
func (c comparison) evaluated(exceeded int) {
	now := c.after.now.UTC().Format("2006-01-02T15:04:05.000000Z")
	over := 0
	for _, r := range c.rules {
		users := []string{""}
		if r.PerUser {
			users = nil
			for user := range c.after.tiers {
				if c.op.All && c.after.concerns(r, user) {
					users = append(users, user)
				}
			}
		}
		for _, user := range users {
			if !r.Enabled {
				continue
			}
			over += len(c.after.exceeded(r, user))
			c.allFired(r, user)
			for _, a := range c.alerts {
				calm, unclear := c.after.calm(r, user, a.threshold)
				if a.rule == r.ID && a.user == user && calm && !unclear {
					require.NotEmpty(c.rt, a.resolvedAt, "%s: %+v of %+v is over", c.name, a, r)
				}
			}
		}
	}
	for _, a := range c.alerts {
		require.False(c.rt, a.resolvedAt == "" && a.to != "" && a.to <= now, "%s: %+v of a past window", c.name, a)
	}
	require.Equal(c.rt, over, exceeded, "%s: thresholds exceeded", c.name)
}
