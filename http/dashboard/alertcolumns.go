package dashboard

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/store"
)

func alertColumns(v *visit) []column[store.Alert] {
	return []column[store.Alert]{
		{Name: "id", Number: true, Plain: func(a store.Alert) string { return strconv.FormatInt(a.ID, 10) }},
		{
			Name: "message", Head: "Alert",
			Plain: func(a store.Alert) string { return a.Message },
			Show:  func(a store.Alert) cell { return cell{Text: a.Message, Sub: a.Rule + " · " + delivered(a)} },
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
		timeColumn(v, "fired_at", "Fired", func(a store.Alert) *store.Timestamp { return &a.FiredAt }),
		timeColumn(v, "resolved_at", "Resolved", func(a store.Alert) *store.Timestamp { return a.ResolvedAt }),
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
