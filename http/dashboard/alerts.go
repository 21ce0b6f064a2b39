package dashboard

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/store"
)

// alertsBody is the alerts, and what raises them.
type alertsBody struct {
	Open     []alertLine
	Past     table
	Rules    table
	Channels []channelLine
}

// An alertLine is an alert that is still open.
type alertLine struct {
	Message   string
	Fired     stamp
	User      cell
	Delivered string
	State     string
}

type channelLine struct{ Name, Kind, State string }

const maxOpen = 50

// openAlerts are those that fire, newest first.
func openAlerts(v *visit) ([]alertLine, error) {
	firing, err := v.DB.Alerts(v.Context(), v.caller, store.AlertFilter{State: "firing", Limit: maxOpen})
	if err != nil {
		return nil, err
	}
	lines := make([]alertLine, len(firing))
	for i, a := range firing {
		lines[i] = alertLine{Message: a.Message, Fired: v.stamp(a.FiredAt), Delivered: delivered(a), State: "bad"}
		if a.UserID != nil {
			lines[i].User = userCell(*a.UserID, "", "")
		}
		if a.Threshold < 100 {
			lines[i].State = "warning"
		}
	}
	return lines, nil
}

// delivered says how far an alert has come.
func delivered(a store.Alert) string {
	if len(a.Deliveries) == 0 {
		return "sent nowhere"
	}
	said := make([]string, len(a.Deliveries))
	for i, d := range a.Deliveries {
		said[i] = d.Channel + ": " + d.State
		if d.State != "delivered" && d.Attempts > 0 {
			said[i] += fmt.Sprintf(" after %d attempts", d.Attempts)
		}
	}
	return strings.Join(said, ", ")
}

// alertsPage shows alerts and rules.
func alertsPage(v *visit) error {
	rules, err := v.DB.AlertRules(v.Context(), v.caller)
	if err != nil {
		return err
	}
	switch {
	case v.query("format") != "csv":
	case v.query("table") == "rules":
		return sendCSV(v, "rules", ruleColumns, each(rules))
	default:
		return sendCSV(v, "alerts", alertColumns(v), v.allAlerts)
	}
	before, _ := strconv.ParseInt(v.query("after"), 10, 64)
	past, err := v.DB.Alerts(v.Context(), v.caller, store.AlertFilter{State: "resolved", Before: before, Limit: pageRows + 1})
	if err != nil {
		return err
	}
	shown := past[:min(len(past), pageRows)]
	b := alertsBody{Past: newTable(v, "alerts", "Past alerts", alertColumns(v), shown), Rules: newTable(v, "rules", "Rules", ruleColumns, rules)}
	b.Past.Empty = "None yet."
	if len(past) > pageRows {
		b.Past.Older = v.with("after", strconv.FormatInt(shown[len(shown)-1].ID, 10))
	}
	if before > 0 {
		b.Past.Newer = v.with("after", "")
	}
	if b.Open, err = openAlerts(v); err != nil {
		return err
	}
	channels, err := v.DB.AlertChannels(v.Context(), v.caller)
	if err != nil {
		return err
	}
	for _, c := range channels {
		line := channelLine{c.Name, c.Kind, "ok"}
		if !c.Enabled {
			line.State = "off"
		}
		b.Channels = append(b.Channels, line) // not its target, which may hold a secret
	}
	return v.show("alerts", page{Title: "Alerts", Body: b})
}

// allAlerts goes through all alerts, newest first.
func (v *visit) allAlerts(yield func(store.Alert) error) error {
	f := store.AlertFilter{Limit: 500}
	for {
		alerts, err := v.DB.Alerts(v.Context(), v.caller, f)
		if err != nil {
			return err
		}
		if err := each(alerts)(yield); err != nil {
			return err
		}
		if int64(len(alerts)) < f.Limit {
			return nil
		}
		f.Before = alerts[len(alerts)-1].ID
	}
}

func alertColumns(v *visit) []column[store.Alert] {
	return []column[store.Alert]{
		{Name: "id", Number: true, Plain: func(a store.Alert) string { return strconv.FormatInt(a.ID, 10) }},
		timeColumn(v, "fired_at", "Fired", func(a store.Alert) *store.Timestamp { return &a.FiredAt }),
		timeColumn(v, "resolved_at", "Resolved", func(a store.Alert) *store.Timestamp { return a.ResolvedAt }),
		{
			Name: "message", Head: "Alert",
			Plain: func(a store.Alert) string { return a.Message },
			Show:  func(a store.Alert) cell { return cell{Text: a.Message, Sub: delivered(a)} },
		},
		textColumn("rule", "", func(a store.Alert) string { return a.Rule }),
		{
			Name: "user_id", Head: "User",
			Plain: func(a store.Alert) string { return orEmpty(a.UserID) },
			Show: func(a store.Alert) cell {
				if a.UserID == nil {
					return cell{Text: "everybody"}
				}
				return userCell(*a.UserID, "", "")
			},
		},
		{Name: "used", Number: true, Plain: func(a store.Alert) string { return plainNumber(a.Used) }},
		{Name: "limit", Number: true, Plain: func(a store.Alert) string { return plainNumber(a.Limit) }},
		{Name: "threshold_percent", Number: true, Plain: func(a store.Alert) string { return plainNumber(a.Threshold) }},
	}
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

var ruleColumns = []column[store.AlertRule]{
	{
		Name: "name", Head: "Rule",
		Plain: func(r store.AlertRule) string { return r.Name },
		Show: func(r store.AlertRule) cell {
			return cell{Text: r.Name, Title: r.Name, Href: fmt.Sprintf("/alerts/rules/%d", r.ID), Sub: ruleWords(r)}
		},
	},
	{
		Name: "limit", Head: "Limit", Number: true,
		Plain: func(r store.AlertRule) string { return plainNumber(r.Limit) },
		Show:  func(r store.AlertRule) cell { return cell{Text: amount(r.Metric, r.Limit)} },
	},
	textColumn("metric", "", func(r store.AlertRule) string { return string(r.Metric) }),
	textColumn("scope", "", func(r store.AlertRule) string { return string(r.Scope) }),
	textColumn("scope_value", "", func(r store.AlertRule) string { return r.ScopeValue }),
	textColumn("window", "", func(r store.AlertRule) string { return string(r.Window) }),
	{
		Name: "thresholds", Head: "Fires at",
		Plain: func(r store.AlertRule) string { return percentages(r.Thresholds) },
		Show:  func(r store.AlertRule) cell { return cell{Text: percentages(r.Thresholds)} },
	},
	{
		Name: "enabled", Head: "State",
		Plain: func(r store.AlertRule) string { return strconv.FormatBool(r.Enabled) },
		Show: func(r store.AlertRule) cell {
			if r.Enabled {
				return cell{Text: "on", State: "ok"}
			}
			return cell{Text: "off", State: "off"}
		},
	},
}

// ruleWords says in words what a rule measures.
func ruleWords(r store.AlertRule) string {
	whose := "all requests together"
	switch {
	case r.Scope == store.ScopeUser:
		whose = "the user " + r.ScopeValue
	case r.Scope != store.ScopeEveryone && r.PerUser:
		whose = "each user of the " + string(r.Scope) + " " + r.ScopeValue
	case r.Scope != store.ScopeEveryone:
		whose = "the " + string(r.Scope) + " " + r.ScopeValue
	case r.PerUser:
		whose = "each user"
	}
	when := map[store.Window]string{
		store.WindowTotal: "in total", store.WindowMonth: "a month", store.WindowWeek: "a week", store.WindowDay: "a day",
		store.WindowLast: fmt.Sprintf("over the last %d requests", r.LastRequests),
	}[r.Window]
	return strings.ReplaceAll(string(r.Metric), "_", " ") + " of " + whose + ", " + when
}

func percentages(all []float64) string {
	said := make([]string, len(all))
	for i, p := range all {
		said[i] = plainNumber(p) + "%"
	}
	return strings.Join(said, ", ")
}
