package store

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/llmtally/llmtally/store/query"
)

// measureAll raises what is to be raised for the users, each rule measured for
// all of them in one statement where it can be: each is a journey to the server.
//
// The logs are worth more than an alert. But here a statement that fails takes
// the transaction with it, so it begins anew, and for a while nothing is
// measured; the sweep makes up for that.
func (w *budgetWatch) measureAll(tx *Tx, rules *lookupTables, users []string, now time.Time) error {
	if len(users) == 0 || time.Now().Before(w.blind) {
		return nil
	}
	measured, err := w.measurements(tx, rules.rules, users, now)
	if err != nil && (again(err) || disconnected(err)) {
		return err
	}
	if err != nil {
		w.db.opts.Log.Error("measuring an alert rule", "error", err)
		w.blind = time.Now().Add(sharedWatchTime)
		return errMoved
	}
	for _, user := range users {
		left := unlimited(rules, now.Add(sharedWatchTime))
		for i := range rules.rules {
			m, ok := measured[i][user]
			if !ok {
				continue
			}
			if err := raise(tx, &rules.rules[i], user, &m); err != nil {
				return err
			}
			left.keep(&rules.rules[i], &m)
		}
		w.users.Add(user, left)
	}
	return nil
}

// measurements measures each rule for the users that it is for.
func (w *budgetWatch) measurements(tx *Tx, rules []AlertRule, users []string, now time.Time) ([]map[string]measurement, error) {
	tiers, err := tiersOf(tx, rules, users)
	if err != nil {
		return nil, fmt.Errorf("looking up tiers: %w", err)
	}
	v := w.db.within(context.Background(), tx)
	all := make([]map[string]measurement, len(rules))
	for i := range rules {
		r := &rules[i]
		var concerned []string
		for _, user := range users {
			if r.appliesTo(user, tiers[user]) {
				concerned = append(concerned, user)
			}
		}
		if all[i], err = v.measureUsers(r, concerned, now); err != nil {
			return nil, fmt.Errorf("rule %q: %w", r.Name, err)
		}
	}
	return all, nil
}

// tiersOf returns the users' tiers, if any rule asks for them.
func tiersOf(tx *Tx, rules []AlertRule, users []string) (map[string]string, error) {
	asked := false
	for i := range rules {
		asked = asked || rules[i].Scope == ScopeTier && rules[i].PerUser
	}
	if !asked {
		return nil, nil
	}
	rows, err := tx.Query("SELECT user_id, coalesce(subscription_tier, '') FROM user_profiles WHERE user_id = ANY($1)", users)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tiers := make(map[string]string, len(users))
	for rows.Next() {
		var user, tier string
		if err := rows.Scan(&user, &tier); err != nil {
			return nil, err
		}
		tiers[user] = tier
	}
	return tiers, rows.Err()
}

// measureUsers measures a rule for each of the users.
func (v *View) measureUsers(r *AlertRule, users []string, now time.Time) (map[string]measurement, error) {
	all := make(map[string]measurement, len(users))
	from, sums := r.userSums(now)
	if from == "" {
		for _, user := range users {
			m, err := v.measureUser(r, user, now)
			if err != nil {
				return nil, err
			}
			all[user] = m
		}
		return all, nil
	}
	start, end := r.bounds(now)
	for len(users) > 0 {
		some := users[:min(len(users), mostMeasured)]
		users = users[len(some):]
		for _, user := range some {
			all[user] = measurement{from: start, to: end}
		}
		_, err := v.Select(query.Select{
			From: from, Where: append(query.And{anyUser(some)}, sums...), Group: []string{"user_profile_id"},
			Columns: append([]query.Output{{Name: "user_profile_id"}}, measured...),
		}, func(row query.Row) error {
			all[text(row[0])] = measurementOf(row[1:], start, end)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// userSums returns the rollup that answers a rule for a user, and which of its
// rows; "" when the logs must be asked.
func (r *AlertRule) userSums(now time.Time) (rollup string, where query.And) {
	switch from, _ := r.bounds(now); {
	case r.Window == WindowTotal:
		return "usage_totals", r.narrowed()
	case r.Window == WindowMonth && r.zone == time.UTC:
		return "usage_monthly", append(r.narrowed(), query.Is("month", from))
	}
	return "", nil
}

// mostMeasured bounds the users that one statement asks for.
const mostMeasured = 1024

// anyUser selects the users. Their number is filled up to a power of two, so
// that there are few different statements.
func anyUser(users []string) query.Expr {
	values := make([]any, 1<<bits.Len(uint(len(users)-1)))
	for i := range values {
		values[i] = users[min(i, len(users)-1)]
	}
	return query.In{Place: query.Column("user_profile_id"), Values: values}
}
