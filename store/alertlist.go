package store

import (
	"context"
	"database/sql"
	"math"
	"slices"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// The states of an alert.
const (
	AlertFiring   = "firing"
	AlertResolved = "resolved"
)

// An Alert is a threshold that was exceeded.
type Alert struct {
	ID          int64           `json:"id"`
	RuleID      int64           `json:"rule_id"`
	Rule        string          `json:"rule" doc:"The rule's name when it fired."`
	Metric      Metric          `json:"metric"`
	Scope       Scope           `json:"scope"`
	ScopeValue  string          `json:"scope_value"`
	UserID      *string         `json:"user_id" doc:"Null when the rule measures its scope together."`
	Window      Window          `json:"window"`
	WindowStart *Timestamp      `json:"window_start" format:"date-time"`
	WindowEnd   *Timestamp      `json:"window_end" format:"date-time" doc:"Exclusive."`
	Threshold   float64         `json:"threshold" doc:"Percent of the limit."`
	Limit       float64         `json:"limit" doc:"USD, tokens, requests, failures, or a share from 0 to 1."`
	Used        float64         `json:"used" doc:"When it fired."`
	Message     string          `json:"message" doc:"For a person."`
	State       string          `json:"state" enum:"firing,resolved"`
	FiredAt     Timestamp       `json:"fired_at" format:"date-time"`
	ResolvedAt  *Timestamp      `json:"resolved_at" format:"date-time"`
	Deliveries  []DeliveryState `json:"deliveries"`
}

// A DeliveryState tells how far an alert has come on its way to a channel.
type DeliveryState struct {
	Channel       string     `json:"channel" doc:"The channel's name."`
	State         string     `json:"state" enum:"pending,delivered,given up"`
	Attempts      int64      `json:"attempts"`
	DeliveredAt   *Timestamp `json:"delivered_at" format:"date-time"`
	NextAttemptAt *Timestamp `json:"next_attempt_at" format:"date-time"`
	LastError     string     `json:"last_error"`
}

const alertColumns = `
	a.id, a.rule_id, a.rule_name, a.metric, a.scope, a.scope_value, a.user_profile_id, a.period,
	a.window_start, a.window_end, a.threshold, a.max_value, a.used, a.message, a.fired_at, a.resolved_at`

func scanAlert(scan func(...any) error) (Alert, error) {
	a := Alert{State: AlertFiring, Deliveries: []DeliveryState{}}
	var user, start, end, fired string
	var resolved *string
	err := scan(&a.ID, &a.RuleID, &a.Rule, &a.Metric, &a.Scope, &a.ScopeValue, &user, &a.Window,
		&start, &end, &a.Threshold, &a.Limit, &a.Used, &a.Message, &fired, &resolved)
	if user != "" {
		a.UserID = &user
	}
	a.WindowStart, a.WindowEnd, a.FiredAt = stored(&start), stored(&end), moment(fired)
	if a.ResolvedAt = stored(resolved); a.ResolvedAt != nil {
		a.State = AlertResolved
	}
	return a, err
}

// stored reads a time that may be absent.
func stored(s *string) *Timestamp {
	if s == nil || *s == "" {
		return nil
	}
	t := moment(*s)
	return &t
}

// An AlertFilter says which alerts to list; zero values ask for all.
type AlertFilter struct {
	State  string // AlertFiring or AlertResolved
	UserID string
	Before int64 // only alerts older than the one of this id, the newest of them
	After  int64 // only alerts newer than the one of this id, the oldest of them
	Limit  int64
}

// alertsWhere picks the alerts of a state ($1) and a user ($2); empty ones ask for
// all.
const alertsWhere = `
		WHERE ($1 = '' OR $1 = CASE WHEN a.resolved_at IS NULL THEN 'firing' ELSE 'resolved' END)
			AND ($2 = '' OR a.user_profile_id = $2)`

// CountAlerts counts the alerts of the filter, on all pages: Before and Limit are
// passed over.
func (db *DB) CountAlerts(ctx context.Context, caller policy.Caller, f AlertFilter) (n int64, err error) {
	if !policy.For(caller, "alerts", policy.Select).Any() {
		return 0, errPermission("alerts")
	}
	if !query.IsText(f.UserID) {
		return 0, nil // there is no such user
	}
	err = db.readers.QueryRowContext(ctx, `
		SELECT count(*)
		FROM alerts AS a`+alertsWhere, f.State, f.UserID).Scan(&n)
	return n, err
}

// Alerts lists alerts, newest first, with how they were delivered.
func (db *DB) Alerts(ctx context.Context, caller policy.Caller, f AlertFilter) ([]Alert, error) {
	if !policy.For(caller, "alerts", policy.Select).Any() {
		return nil, errPermission("alerts")
	}
	if !query.IsText(f.UserID) {
		return []Alert{}, nil // there is no such user
	}
	before := f.Before
	if before == 0 {
		before = math.MaxInt64
	}
	direction := " DESC"
	if f.After != 0 {
		direction = ""
	}
	rows, err := db.readers.QueryContext(ctx, `
		SELECT `+alertColumns+`
		FROM alerts AS a`+alertsWhere+`
			AND a.id < $3 AND a.id > $4
		ORDER BY a.id`+direction+`
		LIMIT $5`, f.State, f.UserID, before, f.After, f.Limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	alerts := []Alert{}
	for rows.Next() {
		a, err := scanAlert(rows.Scan)
		if err != nil {
			return nil, err
		}
		alerts = append(alerts, a)
	}
	if err := rows.Err(); err != nil || len(alerts) == 0 {
		return alerts, err
	}
	if f.After != 0 {
		slices.Reverse(alerts)
	}
	return alerts, db.addDeliveries(ctx, alerts)
}

// addDeliveries gives alerts, newest first, how each was delivered.
func (db *DB) addDeliveries(ctx context.Context, alerts []Alert) error {
	at := make(map[int64]int, len(alerts))
	for i, a := range alerts {
		at[a.ID] = i
	}
	rows, err := db.readers.QueryContext(ctx, `
		SELECT d.alert_id, c.name, d.attempts, d.delivered_at, d.next_attempt_at, d.last_error
		FROM alert_deliveries AS d
		JOIN alert_channels AS c ON c.id = d.channel_id
		WHERE d.alert_id >= $1 AND d.alert_id <= $2
		ORDER BY d.id`, alerts[len(alerts)-1].ID, alerts[0].ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var alert int64
		var s DeliveryState
		var delivered, next *string
		if err := rows.Scan(&alert, &s.Channel, &s.Attempts, &delivered, &next, &s.LastError); err != nil {
			return err
		}
		s.DeliveredAt, s.NextAttemptAt = stored(delivered), stored(next)
		switch {
		case s.DeliveredAt != nil:
			s.State = "delivered"
		case s.NextAttemptAt != nil:
			s.State = "pending"
		default:
			s.State = "given up"
		}
		if i, ok := at[alert]; ok {
			alerts[i].Deliveries = append(alerts[i].Deliveries, s)
		}
	}
	return rows.Err()
}

func (db *DB) alert(ctx context.Context, id int64) (Alert, error) {
	a, err := scanAlert(db.readers.QueryRowContext(ctx, `SELECT `+alertColumns+` FROM alerts AS a WHERE a.id = $1`, id).Scan)
	if err == sql.ErrNoRows {
		return a, ErrNotFound
	}
	return a, err
}
