package dashboard

import (
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/llmtally/llmtally/store"
)

// home is the overview for the operator, and for a user their own page.
func home(v *visit) error {
	if !v.isOperator() {
		return showUser(v, v.caller.Subject)
	}
	live, err := v.follow()
	if err != nil {
		return err
	}
	newest, err := v.DB.Activity(v.Context(), v.caller, 1)
	if err != nil {
		return err
	}
	if len(newest) == 0 && v.query("format") != "csv" {
		return firstRun(v, live)
	}
	return overview(v, live)
}

// overviewBody is what the page shows.
type overviewBody struct {
	Span       span
	Alerts     []alertLine
	MoreAlerts int64
	Figures    []figure
	Usage      usageChart
	Users      table
	Models     table
	Errors     table
	Unpriced   table
	Activity   table
}

func overview(v *visit, live string) error {
	defer v.DB.PrepareUserList() // the page that people go to next
	s, err := v.span()
	if err != nil {
		return err
	}
	var o store.Overview
	var unpriced []store.UnpricedModel
	var parts errgroup.Group
	parts.Go(func() (err error) {
		o, err = v.DB.Overview(v.Context(), v.caller, s.From, s.To, s.Granularity, v.zone)
		return err
	})
	parts.Go(func() (err error) {
		unpriced, err = v.DB.Unpriced(v.Context(), v.caller)
		return err
	})
	if err := parts.Wait(); err != nil {
		return err
	}
	if v.query("format") == "csv" {
		return v.overviewCSV(o, unpriced)
	}
	body := v.overviewTables(s, o, unpriced)
	if body.Usage, err = v.usageChart("usage", o.Periods, s); err != nil {
		return err
	}
	if body.Alerts, body.MoreAlerts, err = v.newestOpen(shownAlerts); err != nil {
		return err
	}
	if body.Activity, err = activityTable(v, live); err != nil {
		return err
	}
	return v.show("overview", page{Title: "Overview", Body: body})
}

// How many of all the overview shows.
const (
	shownAlerts = 3
	shownRows   = 10 // of a table
	TailRows    = 12 // that the tail begins with
)

func (v *visit) overviewTables(s span, o store.Overview, unpriced []store.UnpricedModel) overviewBody {
	models := narrow(modelColumns(v, o.Range.Requests), "tokens", "p50_seconds")
	b := overviewBody{
		Span: s, Figures: figures(o),
		Users:    newTable(v, "top-users", "Top users", shareColumns, o.TopUsers.Users),
		Models:   shortTable(v, "models", "Models", models, o.Models, shownRows),
		Errors:   shortTable(v, "errors", "What fails most", errorColumns(v), o.Errors, shownRows),
		Unpriced: shortTable(v, "unpriced", "Models without a price", unpricedColumns(v), unpriced, shownRows),
	}
	if from := o.TopUsers.From.Time().In(v.zone); s.From.Sub(from) > time.Hour {
		b.Users.Note = "over the whole months, from " + from.Format("2 Jan 2006")
	}
	b.Errors.Empty = "Nothing failed in this time."
	if o.ErrorsPartial {
		b.Errors.remark("counted over the newest 1,000 failures")
	}
	return b
}

// overviewCSV sends one of the page's tables.
func (v *visit) overviewCSV(o store.Overview, unpriced []store.UnpricedModel) error {
	switch v.query("table") {
	case "usage":
		return v.usageCSV(o.Periods)
	case "models":
		return sendCSV(v, "models", modelColumns(v, o.Range.Requests), each(o.Models))
	case "top-users":
		return sendCSV(v, "top-users", shareColumns, each(o.TopUsers.Users))
	case "errors":
		return sendCSV(v, "errors", errorColumns(v), each(o.Errors))
	case "unpriced":
		return sendCSV(v, "unpriced", unpricedColumns(v), each(unpriced))
	case "activity":
		return requestsCSV(v, store.LogFilter{})
	}
	return errNoTable
}

// activityTable shows the newest requests, and those that come.
func activityTable(v *visit, live string) (table, error) {
	rows, err := v.DB.Logs(v.Context(), v.caller, store.LogFilter{Limit: TailRows})
	if err != nil {
		return table{}, err
	}
	for i := range rows { // the stream does not tell them, and rows of both are to be alike
		rows[i].PromptTokens, rows[i].CompletionTokens = nil, nil
	}
	t := newTable(v, "activity", "Latest requests", tailColumns(v), rows)
	for _, r := range rows {
		t.IDs = append(t.IDs, r.ID)
	}
	t.Live = live
	return t, nil
}

// tailColumns are those that a request has as it comes.
func tailColumns(v *visit) []column[store.LogRow] {
	return narrow(logColumns(v, v.isOperator()), "prompt_tokens", "completion_tokens")
}
