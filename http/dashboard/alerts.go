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
