package store

import (
	"context"
	"math"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// A budgetWatch raises alerts in the very transaction that moves a user past a
// threshold. To measure every rule for every user of every batch would cost
// more than the logs, so it remembers how far each user is from the next
// threshold, and measures when that is used up. Only the writer's goroutine
// uses it.
type budgetWatch struct {
	db    *DB
	users *simplelru.LRU[string, headroom]
	noted []string  // users of whom something was remembered in the transaction under way
	blind time.Time // until when nothing is measured: see measureAll
}

// A headroom is what a user may add before a rule must be measured again.
type headroom struct {
	revision                   int64     // of the rules
	until                      Timestamp // when windows may have moved on, or others have written
	nano                       float64   // of cost
	tokens, requests, failures float64
}

const (
	watchedUsers = 20_000
	watchTime    = time.Minute
	// sharedWatchTime is the same where other processes write, too.
	sharedWatchTime = 5 * time.Second
)

func newBudgetWatch(db *DB) *budgetWatch {
	users, _ := simplelru.NewLRU[string, headroom](watchedUsers, nil) // only a size below 1 is refused
	return &budgetWatch{db: db, users: users}
}

// ended is told of each transaction's end: what was remembered in one that
// failed never was.
func (w *budgetWatch) ended(committed bool) {
	if !committed {
		for _, user := range w.noted {
			w.forget(user)
		}
	}
	w.noted = w.noted[:0]
}

// forget makes the user's next logs be measured.
func (w *budgetWatch) forget(user string) { w.users.Remove(user) }

// check looks at what a transaction changes for its users, once it is written.
func (w *budgetWatch) check(tx *Tx, rules *lookupTables, users []string, changes map[string]*userChange) error {
	now := w.db.opts.Now()
	var due []string
	for _, user := range users {
		w.noted = append(w.noted, user)
		left, known := w.users.Get(user)
		change := changes[user]
		// Without a log that went, others move up among the last requests, and a
		// rate of failures may rise.
		if known && left.revision == rules.revision && At(now) < left.until && !change.lost {
			left.take(&change.gained)
			if !left.usedUp() {
				w.users.Add(user, left)
				continue
			}
		}
		due = append(due, user)
	}
	if w.db.engine.shared {
		return w.measureAll(tx, rules, due, now)
	}
	for _, user := range due {
		left, err := w.measure(tx, rules, user, now)
		if err != nil {
			return err
		}
		w.users.Add(user, left)
	}
	return nil
}

func (h *headroom) take(gained *sums) {
	h.nano -= float64(gained.costUSD)*nanosPerUSD + float64(gained.costNano)
	h.tokens -= float64(gained.tokens)
	h.requests -= float64(gained.requests)
	h.failures -= float64(gained.failures)
}

// usedUp leaves a nano-dollar's room for rounding.
func (h *headroom) usedUp() bool {
	return h.nano < 2 || h.tokens < 0 || h.requests < 0 || h.failures < 0
}

// unlimited is the headroom of a user for whom no rule is.
func unlimited(rules *lookupTables, until time.Time) headroom {
	none := math.Inf(1)
	return headroom{rules.revision, At(until), none, none, none, none}
}

// measure raises what is to be raised for the user.
func (w *budgetWatch) measure(tx *Tx, rules *lookupTables, user string, now time.Time) (headroom, error) {
	left := unlimited(rules, now.Add(watchTime))
	tier, err := tierOf(tx, rules.rules, user)
	if err != nil {
		return left, err
	}
	v, seen := w.db.within(context.Background(), tx), map[span]measurement{}
	for i := range rules.rules {
		r := &rules.rules[i]
		if !r.appliesTo(user, tier) {
			continue
		}
		m, err := v.measureUserOnce(seen, r, user, now)
		if err != nil {
			// The logs are worth more than an alert, which the next
			// measurement makes up for.
			w.db.opts.Log.Error("measuring an alert rule", "rule", r.Name, "error", err)
			continue
		}
		if err := raise(tx, r, user, &m); err != nil {
			return left, err
		}
		left.keep(r, &m)
	}
	return left, nil
}

// keep narrows the headroom to what one rule leaves.
func (h *headroom) keep(r *AlertRule, m *measurement) {
	if m.to != 0 {
		h.until = min(h.until, m.to)
	}
	value, _ := m.value(r)
	room := math.Inf(1)
	for _, threshold := range r.Thresholds {
		if at := r.at(threshold); at >= value {
			room = math.Min(room, at-value)
		}
	}
	switch r.Metric {
	case MetricCost:
		h.nano = math.Min(h.nano, room*nanosPerUSD)
	case MetricTokens:
		h.tokens = math.Min(h.tokens, room)
	case MetricRequests:
		h.requests = math.Min(h.requests, room)
	case MetricFailures:
		h.failures = math.Min(h.failures, room)
	case MetricErrorRate:
		h.failures = 0 // any failure may be the one
		if m.requests < r.MinRequests {
			h.requests = math.Min(h.requests, float64(r.MinRequests-m.requests-1))
		}
	}
}

// appliesTo says whether the rule measures the user alone.
func (r *AlertRule) appliesTo(user, tier string) bool {
	if !r.Enabled || !r.PerUser {
		return false
	}
	switch r.Scope {
	case ScopeUser:
		return r.ScopeValue == user
	case ScopeTier:
		return r.ScopeValue == tier
	default:
		return true
	}
}

// tierOf returns the user's tier, if any rule asks for it.
func tierOf(tx *Tx, rules []AlertRule, user string) (tier string, err error) {
	for i := range rules {
		if rules[i].Scope == ScopeTier && rules[i].PerUser {
			err = tx.QueryRow(`
				SELECT coalesce((SELECT subscription_tier FROM user_profiles WHERE user_id = $1), '')`, user).Scan(&tier)
			return tier, err
		}
	}
	return "", nil
}
