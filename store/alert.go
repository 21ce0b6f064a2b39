package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/store/advice"
)

// raise acts on what was measured for the user, or for the rule's whole scope
// when user is "". Each threshold that is exceeded fires unless it has fired in
// this window; an alert that can end and whose cause is gone is resolved.
func raise(tx *Tx, r *AlertRule, user string, m *measurement) (err error) {
	value, verdict := m.value(r)
	for _, threshold := range r.Thresholds {
		switch {
		case verdict && value > r.at(threshold):
			err = fire(tx, r, user, m, threshold, value)
		case r.resolves() && verdict && value <= calm*r.at(threshold):
			err = resolve(tx, r, user, threshold)
		}
		if err != nil {
			return fmt.Errorf("raising an alert of %q: %w", r.Name, err)
		}
	}
	return nil
}

// calm is the part of a threshold that a value must fall to before its alert
// is over, so that one that hovers about the threshold is told of once.
const calm = 0.8

// fire writes an alert and puts it into the outbox of every channel, unless it
// is there.
func fire(tx *Tx, r *AlertRule, user string, m *measurement, threshold, value float64) error {
	var id int64
	now := tx.now().Stored()
	err := tx.QueryRow(`
		INSERT INTO alerts (rule_id, rule_name, metric, scope, scope_value, period, user_profile_id,
			window_start, window_end, threshold, max_value, used, message, fired_at)
		SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
		FROM alert_rules
		WHERE id = $1 AND updated_at = $15
		ON CONFLICT DO NOTHING
		RETURNING id`,
		r.ID, r.Name, r.Metric, r.Scope, r.ScopeValue, r.Window, user,
		border(m.from), border(m.to), threshold, r.Limit, value, r.message(user, threshold, value), now,
		r.UpdatedAt).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // it has fired, or the rule is another by now
	}
	if err != nil {
		return err
	}
	result, err := tx.Exec(`
		INSERT INTO alert_deliveries (alert_id, channel_id, next_attempt_at)
		SELECT $1, id, $2
		FROM alert_channels
		WHERE enabled`, id, now)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		tx.alerted = true
		return err
	}
	return nil
}

func resolve(tx *Tx, r *AlertRule, user string, threshold float64) error {
	_, err := tx.Exec(`
		UPDATE alerts
		SET resolved_at = $1
		WHERE rule_id = $2 AND user_profile_id = $3 AND threshold = $4 AND resolved_at IS NULL`,
		tx.now().Stored(), r.ID, user, threshold)
	return err
}

// border is a window's border as it is stored.
func border(t Timestamp) string {
	if t == 0 {
		return ""
	}
	return t.Stored()
}

// message says in a sentence what happened.
func (r *AlertRule) message(user string, threshold, value float64) string {
	who := "All requests together"
	switch {
	case user != "":
		who = fmt.Sprintf("User %q", user)
	case r.Scope == ScopeTier:
		who = fmt.Sprintf("All users of tier %q together", r.ScopeValue)
	}
	what := ""
	if r.Scope == ScopeProvider || r.Scope == ScopeModel {
		what = fmt.Sprintf(" of %s %q", r.Scope, r.ScopeValue)
	}
	return fmt.Sprintf("%s: %s%s %s is %s, above %s %% of the limit of %s.",
		who, r.Metric.words(), what, r.spanWords(), r.Metric.shown(value),
		strconv.FormatFloat(threshold, 'f', -1, 64), r.Metric.shown(r.Limit))
}

func (m Metric) words() string {
	if m == MetricErrorRate {
		return "error rate"
	}
	return string(m)
}

func (r *AlertRule) spanWords() string {
	switch r.Window {
	case WindowTotal:
		return "in total"
	case WindowLast:
		return fmt.Sprintf("over the last %d requests", r.LastRequests)
	default:
		return fmt.Sprintf("this %s", r.Window)
	}
}

// shown writes a value of the metric for people.
func (m Metric) shown(value float64) string {
	switch m {
	case MetricCost:
		return "$" + inThousands(dollars(value))
	case MetricErrorRate:
		return strconv.FormatFloat(value*100, 'f', 1, 64) + " %"
	default:
		return inThousands(strconv.FormatFloat(value, 'f', -1, 64))
	}
}

// inThousands writes a decimal with a comma before each three digits of its whole
// part.
func inThousands(decimal string) string {
	whole, _, _ := strings.Cut(decimal, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return decimal
	}
	return advice.Grouped(n) + decimal[len(whole):]
}

// dollars writes at least cents, and as many places as a small amount needs.
func dollars(usd float64) string {
	places := 2
	for scaled := usd; scaled > 0 && scaled < 1 && places < 9; scaled *= 10 {
		places++
	}
	return strconv.FormatFloat(usd, 'f', places, 64)
}
