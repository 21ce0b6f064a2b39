package store

import (
	"context"
	"fmt"
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// EvaluateAlerts evaluates the rules that measure all requests of their scope
// together, and returns how many thresholds are exceeded. With everyUser it
// also measures the rules for each user, which commits do already: that finds
// what the writing process could not see (a new rule, another tier, another
// process's logs) and resolves what is over.
func (db *DB) EvaluateAlerts(ctx context.Context, everyUser bool) (exceeded int, err error) {
	if err := db.lookups.load(ctx, db); err != nil {
		return 0, fmt.Errorf("reading the rules: %w", err)
	}
	rules, now := db.lookups.current.Load().rules, db.opts.Now()
	if err := db.endWindows(ctx, now); err != nil {
		return 0, fmt.Errorf("ending alerts whose window is over: %w", err)
	}
	if err := db.endUnruled(ctx, now); err != nil {
		return 0, fmt.Errorf("ending alerts whose rule is gone or off: %w", err)
	}
	v := db.Reader(ctx, policy.System())
	for i := range rules {
		r := &rules[i]
		if !r.Enabled || r.PerUser && !everyUser {
			continue
		}
		users := []string{""}
		if r.PerUser {
			if users, err = v.candidates(r, now); err != nil {
				return exceeded, fmt.Errorf("finding the users of %q: %w", r.Name, err)
			}
		}
		for _, user := range users {
			over, err := db.evaluate(ctx, v, r, user, now)
			if err != nil {
				return exceeded, fmt.Errorf("evaluating %q: %w", r.Name, err)
			}
			exceeded += over
		}
	}
	return exceeded, nil
}

// endWindows resolves what fired in windows that are over.
func (db *DB) endWindows(ctx context.Context, now time.Time) error {
	const over = "resolved_at IS NULL AND window_end <> '' AND window_end <= $1"
	var found bool
	err := db.readers.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM alerts WHERE "+over+")", At(now)).Scan(&found)
	if err != nil || !found {
		return err
	}
	return db.Write(ctx, func(tx *Tx) error {
		ends, err := readTexts(tx.Query("SELECT DISTINCT window_end FROM alerts WHERE "+over, At(now)))
		if err != nil {
			return err
		}
		for _, end := range ends {
			_, err := tx.Exec("UPDATE alerts SET resolved_at = $1 WHERE resolved_at IS NULL AND window_end = $2", end, end)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// endUnruled resolves what fired by rules that hold no more.
func (db *DB) endUnruled(ctx context.Context, now time.Time) error {
	const over = "resolved_at IS NULL AND NOT EXISTS (SELECT 1 FROM alert_rules AS r WHERE r.id = alerts.rule_id AND r.enabled)"
	var found bool
	err := db.readers.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM alerts WHERE "+over+")").Scan(&found)
	if err != nil || !found {
		return err
	}
	return db.Write(ctx, func(tx *Tx) error {
		_, err := tx.Exec("UPDATE alerts SET resolved_at = $1 WHERE "+over, At(now))
		return err
	})
}

// evaluate measures on a reader, and only where something is to be raised or
// resolved does the writer do it over.
func (db *DB) evaluate(ctx context.Context, v *View, r *AlertRule, user string, now time.Time) (int, error) {
	m, err := v.measureAny(r, user, now)
	if err != nil {
		return 0, err
	}
	value, verdict := m.value(r)
	over := 0
	for _, threshold := range r.Thresholds {
		if verdict && value > r.at(threshold) {
			over++
		}
	}
	open, err := db.openAlerts(ctx, r, user, m.from)
	if err != nil || open == over {
		return over, err
	}
	return over, db.Write(ctx, func(tx *Tx) error {
		db.queue.writer.budgets.forget(user) // it may fire again before it is next measured
		m, err := db.within(ctx, tx).measureAny(r, user, now)
		if err != nil {
			return err
		}
		return raise(tx, r, user, &m)
	})
}

// openAlerts counts what has fired in the window for the limit as it is now.
func (db *DB) openAlerts(ctx context.Context, r *AlertRule, user string, from Timestamp) (n int, err error) {
	err = db.readers.QueryRowContext(ctx, `
		SELECT count(*)
		FROM alerts
		WHERE rule_id = $1 AND user_profile_id = $2 AND window_start = $3 AND max_value = $4 AND resolved_at IS NULL`,
		r.ID, user, border(from), r.Limit).Scan(&n)
	return n, err
}

// candidates are the users that a rule may concern now: of its scope, with a
// request in its window.
func (v *View) candidates(r *AlertRule, now time.Time) (users []string, err error) {
	if r.Scope == ScopeUser {
		return []string{r.ScopeValue}, nil
	}
	from, _ := r.bounds(now)
	where := r.narrowed()
	if from != 0 {
		where = append(where, query.Compare{Column: "last_at", Op: query.Gte, Value: from})
	}
	if r.Scope == ScopeTier {
		where = append(where, query.Is("subscription_tier", r.ScopeValue))
	}
	_, err = v.Select(query.Select{
		From: "totals_by_tier", Columns: []query.Output{{Name: "user_profile_id"}},
		Where: where, Group: []string{"user_profile_id"},
	}, func(row query.Row) error {
		users = append(users, text(row[0]))
		return nil
	})
	return users, err
}

func (v *View) measureAny(r *AlertRule, user string, now time.Time) (measurement, error) {
	if user == "" {
		return v.measureTogether(r, now)
	}
	return v.measureUser(r, user, now)
}

// A Limit is how a user stands with one rule that measures them alone.
type Limit struct {
	RuleID      int64      `json:"rule_id"`
	Rule        string     `json:"rule" doc:"The rule's name."`
	Metric      Metric     `json:"metric" enum:"cost,tokens,requests,failures,error_rate"`
	Scope       Scope      `json:"scope" enum:"everyone,tier,user,provider,model"`
	ScopeValue  string     `json:"scope_value"`
	Window      Window     `json:"window" enum:"total,month,week,day,last"`
	WindowStart *Timestamp `json:"window_start" format:"date-time" doc:"Null when the window has no beginning."`
	WindowEnd   *Timestamp `json:"window_end" format:"date-time" doc:"Exclusive; when the user starts anew."`
	Used        float64    `json:"used" doc:"USD, tokens, requests, failures, or a share from 0 to 1."`
	Threshold   float64    `json:"threshold" doc:"The limit, in the same unit."`
	Remaining   float64    `json:"remaining" doc:"What is left of the limit; never below 0."`
	State       string     `json:"state" enum:"ok,warning,exceeded" doc:"exceeded: above the limit. warning: above a lower threshold of the rule."`
}

// The states of a Limit.
const (
	LimitOK       = "ok"
	LimitWarning  = "warning"
	LimitExceeded = "exceeded"
)

// Limits tells how a user stands with each rule that measures them. Rules that
// measure many users together are not among them.
func (db *DB) Limits(ctx context.Context, caller policy.Caller, userID string) ([]Limit, error) {
	rules, now := db.lookedUp().rules, db.opts.Now()
	v := db.Reader(ctx, caller)
	tier := ""
	n, err := v.Select(query.Select{
		From: "user_profiles", Columns: []query.Output{{Name: "subscription_tier"}}, Where: query.Is("user_id", userID),
	}, func(r query.Row) error { tier = text(r[0]); return nil })
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, ErrNotFound
	}
	limits, seen := []Limit{}, map[span]measurement{}
	for i := range rules {
		r := &rules[i]
		if !r.appliesTo(userID, tier) {
			continue
		}
		m, err := v.measureUserOnce(seen, r, userID, now)
		if err != nil {
			return nil, err
		}
		limits = append(limits, r.limit(&m))
	}
	return limits, nil
}

func (r *AlertRule) limit(m *measurement) Limit {
	value, verdict := m.value(r)
	l := Limit{
		RuleID: r.ID, Rule: r.Name, Metric: r.Metric, Scope: r.Scope, ScopeValue: r.ScopeValue, Window: r.Window,
		WindowStart: bordered(m.from), WindowEnd: bordered(m.to),
		Used: value, Threshold: r.Limit, Remaining: max(0, r.Limit-value), State: LimitOK,
	}
	if r.Metric == MetricCost && r.Limit < exactDollars && value < exactDollars {
		l.Remaining = USD(0, max(0, NanoUSD(r.Limit)-m.dollars*nanosPerUSD-m.nano))
	}
	switch {
	case !verdict:
	case value > r.Limit:
		l.State = LimitExceeded
	case value > r.at(r.Thresholds[0]):
		l.State = LimitWarning
	}
	return l
}

// exactDollars bounds amounts whose nano-dollars fit 64 bits.
const exactDollars = 1e9

func bordered(t Timestamp) *Timestamp {
	if t == 0 {
		return nil
	}
	return &t
}
