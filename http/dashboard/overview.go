package dashboard

import (
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// home is the overview for the operator, and for a user their own page.
func home(v *visit) error {
	if !v.isOperator() {
		return showUser(v, v.caller.Subject)
	}
	newest, err := v.DB.Activity(v.Context(), v.caller, 1)
	if err != nil {
		return err
	}
	if len(newest) == 0 {
		return firstRun(v)
	}
	return overview(v)
}

// overviewBody is what the page shows.
type overviewBody struct {
	Span       span
	Alerts     []alertLine
	MoreAlerts int
	Figures    []figure
	Usage      usageChart
	Users      table
	Models     table
	Errors     table
	Unpriced   table
	Activity   table
}

func overview(v *visit) error {
	s, err := v.span()
	if err != nil {
		return err
	}
	o, err := v.DB.Overview(v.Context(), v.caller, s.From, s.To, s.Granularity, v.zone)
	if err != nil {
		return err
	}
	unpriced, err := v.DB.Unpriced(v.Context(), v.caller)
	if err != nil {
		return err
	}
	switch {
	case v.query("format") != "csv":
	case v.wantsCSV("models"):
		return sendCSV(v, "models", modelColumns(o.Range.Requests, unpriced), each(o.Models))
	case v.query("table") == "usage":
		return v.usageCSV(o.Periods)
	case v.query("table") == "top-users":
		return sendCSV(v, "top-users", shareColumns, each(o.TopUsers.Users))
	case v.query("table") == "errors":
		return sendCSV(v, "errors", errorColumns(v), each(o.Errors))
	case v.query("table") == "unpriced":
		return sendCSV(v, "unpriced", unpricedColumns(v), each(unpriced))
	case v.query("table") == "activity":
		return requestsCSV(v, store.LogFilter{})
	}
	body := overviewBody{Span: s, Figures: figures(o)}
	if body.Usage, err = v.usageChart("usage", o.Periods, s); err != nil {
		return err
	}
	if body.Alerts, err = openAlerts(v); err != nil {
		return err
	}
	if more := len(body.Alerts) - shownAlerts; more > 0 {
		body.Alerts, body.MoreAlerts = body.Alerts[:shownAlerts], more
	}
	body.Users = newTable(v, "top-users", "Top users", shareColumns, o.TopUsers.Users)
	if from := o.TopUsers.From.Time().In(v.zone); s.From.Sub(from) > time.Hour {
		body.Users.Note = "over the whole months, from " + from.Format("2 Jan 2006")
	}
	const shownModels = 10
	body.Models = newTable(v, "models", "Models", narrow(modelColumns(o.Range.Requests, unpriced), "tokens", "p50_seconds"), o.Models[:min(len(o.Models), shownModels)])
	body.Errors = newTable(v, "errors", "What fails most", errorColumns(v), o.Errors[:min(len(o.Errors), shownModels)])
	body.Errors.Empty = "Nothing failed in this time."
	if o.ErrorsPartial {
		body.Errors.Note = "counted over the newest 1,000 failures"
	}
	body.Unpriced = newTable(v, "unpriced", "Models without a price", unpricedColumns(v), unpriced[:min(len(unpriced), shownModels)])
	if body.Activity, err = activityTable(v, v.caller); err != nil {
		return err
	}
	return v.show("overview", page{Title: "Overview", Body: body})
}

// shownAlerts is how many of the open alerts the overview shows.
const shownAlerts = 3

// tailRows is how many requests the tail begins with.
const tailRows = 12

// activityTable shows the newest requests, and those that come.
func activityTable(v *visit, caller policy.Caller) (table, error) {
	rows, err := v.DB.Logs(v.Context(), caller, store.LogFilter{Limit: tailRows})
	if err != nil {
		return table{}, err
	}
	t := newTable(v, "activity", "Latest requests", tailColumns(v), rows)
	for _, r := range rows {
		t.IDs = append(t.IDs, r.ID)
	}
	t.Live = v.Dashboard.Live != nil
	return t, nil
}

// tailColumns are those that a request has as it comes.
func tailColumns(v *visit) []column[store.LogRow] {
	return narrow(logColumns(v, v.isOperator()), "prompt_tokens", "completion_tokens")
}
