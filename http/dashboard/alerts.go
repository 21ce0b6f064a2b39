package dashboard

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/store"
)

// alertsBody is the alerts, and what raises them.
type alertsBody struct {
	Open     table // its pages and CSV; what it shows are the lines
	Lines    []alertLine
	Past     table
	Rules    table
	Channels []channelLine
}

// An alertLine is an alert that is still open.
type alertLine struct {
	Message   string
	Rule      string
	Fired     stamp
	User      cell
	Delivered string
	State     string
}

type channelLine struct{ Name, Kind, State string }

// newestOpen are the newest of the alerts that fire, and how many more there are.
func (v *visit) newestOpen(most int64) (lines []alertLine, more int64, err error) {
	newest, err := v.DB.Alerts(v.Context(), v.caller, store.AlertFilter{State: store.AlertFiring, Limit: most})
	if err != nil || len(newest) == 0 {
		return nil, 0, err
	}
	all, err := v.DB.CountAlerts(v.Context(), v.caller, store.AlertFilter{State: store.AlertFiring})
	return v.alertLines(newest), max(0, all-int64(len(newest))), err
}

func (v *visit) alertLines(alerts []store.Alert) []alertLine {
	lines := make([]alertLine, len(alerts))
	for i, a := range alerts {
		lines[i] = alertLine{Message: a.Message, Rule: a.Rule, Fired: v.stamp(a.FiredAt), Delivered: delivered(a), State: "bad"}
		if a.UserID != nil {
			lines[i].User = userCell(*a.UserID, "", "")
		}
		if a.Threshold < 100 {
			lines[i].State = "warning"
		}
	}
	return lines
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
	if v.query("format") == "csv" {
		return v.alertsCSV(rules)
	}
	b := alertsBody{Rules: newTable(v, "rules", "Rules", ruleColumns, rules)}
	open, err := v.alertTable(&b.Open, "open", "Open alerts", store.AlertFiring, "open-after")
	if err != nil {
		return err
	}
	b.Lines = v.alertLines(open)
	if b.Open.Note == "" {
		b.Open.Empty = "All is within its limits."
	}
	if _, err := v.alertTable(&b.Past, "alerts", "Past alerts", store.AlertResolved, "after"); err != nil {
		return err
	}
	if b.Channels, err = v.channelLines(); err != nil {
		return err
	}
	return v.show("alerts", page{Title: "Alerts", Body: b})
}

// alertTable makes a page of the alerts of a state, and returns what is on it.
// The address says with the name of place where the page begins.
func (v *visit) alertTable(t *table, id, caption, state, place string) ([]store.Alert, error) {
	all, err := v.DB.CountAlerts(v.Context(), v.caller, store.AlertFilter{State: state})
	if err != nil {
		return nil, err
	}
	shown, beside, err := pageOf(v, place, func(of string, newer bool, most int64) ([]store.Alert, error) {
		f := store.AlertFilter{State: state, Limit: most}
		id, err := parsePlace(of)
		if err != nil {
			return nil, err
		}
		if newer {
			f.After = id
		} else {
			f.Before = id
		}
		return v.DB.Alerts(v.Context(), v.caller, f)
	}, func(a store.Alert) string { return strconv.FormatInt(a.ID, 10) })
	if err != nil {
		return nil, err
	}
	*t = newTable(v, id, caption, alertColumns(v), shown)
	t.Empty, t.besidePages = "None yet.", beside
	if all > 0 {
		t.Note, t.Empty = count(all)+" in all", "No more."
	}
	return shown, nil
}

// channelLines are where alerts go: without the targets, which may hold a
// secret.
func (v *visit) channelLines() (lines []channelLine, err error) {
	channels, err := v.DB.AlertChannels(v.Context(), v.caller)
	for _, c := range channels {
		line := channelLine{c.Name, c.Kind, "ok"}
		if !c.Enabled {
			line.State = "off"
		}
		lines = append(lines, line)
	}
	return lines, err
}

// alertsCSV sends one of the page's tables.
func (v *visit) alertsCSV(rules []store.AlertRule) error {
	switch v.query("table") {
	case "open":
		return sendCSV(v, "open-alerts", alertColumns(v), v.allAlerts(store.AlertFiring))
	case "alerts":
		return sendCSV(v, "past-alerts", alertColumns(v), v.allAlerts(store.AlertResolved))
	case "rules":
		return sendCSV(v, "rules", ruleColumns, each(rules))
	}
	return errNoTable
}

// allAlerts goes through all alerts of a state, newest first.
func (v *visit) allAlerts(state string) func(func(store.Alert) error) error {
	f := store.AlertFilter{State: state, Limit: 500}
	return func(yield func(store.Alert) error) error {
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
}
