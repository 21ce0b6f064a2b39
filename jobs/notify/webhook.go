package notify

import (
	"encoding/json"
	"fmt"
	"time"
)

// An event is the body of a webhook: the fields of LiteLLM's budget alerts
// (https://docs.litellm.ai/docs/proxy/alerting, its API spec of a webhook
// event), so that what receives those takes ours, and ours beside them.
//
// Of LiteLLM's values these are the nearest:
//
//   - event: budget_crossed from 100 percent of the limit on, threshold_crossed
//     below. Ours fires for other limits than budgets too; metric says which.
//   - event_group: internal_user for an alert about one user, team for one about
//     a tier, proxy for everyone, a provider or a model.
//   - spend and max_budget: USD for rules on cost, null for all others.
//
// The names of users, models and rules stand here as they are, for programs to
// compare; event_message is for people.
type event struct {
	Spend        *float64 `json:"spend"`
	MaxBudget    *float64 `json:"max_budget"`
	UserID       *string  `json:"user_id"`
	Event        string   `json:"event"`
	EventGroup   string   `json:"event_group"`
	EventMessage string   `json:"event_message"`

	ID          string     `json:"id"`
	AlertID     int64      `json:"alert_id"`
	Rule        string     `json:"rule"`
	Metric      string     `json:"metric"`
	Scope       string     `json:"scope"`
	ScopeValue  *string    `json:"scope_value"`
	Period      string     `json:"period"`
	WindowStart *time.Time `json:"window_start"` // UTC
	WindowEnd   *time.Time `json:"window_end"`   // UTC
	Threshold   float64    `json:"threshold"`    // percent
	Limit       float64    `json:"limit"`        // USD, tokens, requests, or a share from 0 to 1
	Used        float64    `json:"used"`
	FiredAt     *time.Time `json:"fired_at"` // UTC
	URL         *string    `json:"url"`      // of the dashboard
}

// webhookBody returns the JSON of an alert. It is the same at each attempt.
func webhookBody(m Message) ([]byte, error) {
	e := event{
		UserID:       optional(m.user()),
		Event:        "threshold_crossed",
		EventGroup:   m.group(),
		EventMessage: oneLine(m.Text, maxText),
		ID:           m.ID,
		AlertID:      m.AlertID,
		Rule:         m.Rule,
		Metric:       m.Metric,
		Scope:        m.Scope,
		ScopeValue:   optional(m.ScopeValue),
		Period:       m.Period,
		WindowStart:  optionalTime(m.WindowStart),
		WindowEnd:    optionalTime(m.WindowEnd),
		Threshold:    m.Threshold,
		Limit:        m.Limit,
		Used:         m.Used,
		FiredAt:      optionalTime(m.FiredAt),
		URL:          optional(m.BaseURL),
	}
	if m.Threshold >= 100 {
		e.Event = "budget_crossed"
	}
	if m.Metric == "cost" {
		e.Spend, e.MaxBudget = &m.Used, &m.Limit
	}
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("writing the alert as JSON: %w", err)
	}
	return body, nil
}

// user returns whom alone the alert is about, "" if more than one.
func (m Message) user() string {
	if m.UserID == "" && m.Scope == "user" {
		return m.ScopeValue
	}
	return m.UserID
}

// group returns LiteLLM's event_group.
func (m Message) group() string {
	switch {
	case m.user() != "":
		return "internal_user"
	case m.Scope == "tier":
		return "team"
	}
	return "proxy"
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
