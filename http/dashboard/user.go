package dashboard

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
)

// userBody is what is known of one user.
type userBody struct {
	User      store.Analytics
	Name      string
	Own       bool
	Span      span
	Figures   []figure
	Budgets   []budget
	Usage     usageChart
	Models    table
	Months    table
	Providers table
	Advice    []adviceLine
	Requests  requestList
	Erase     string
	Export    string
}

// userPage shows one user: anyone to the operator, to a user themselves.
func userPage(v *visit) error {
	id := v.userID()
	if !v.isOperator() && id != v.caller.Subject {
		return problem.New(http.StatusForbidden, "You can look at your own usage only.")
	}
	return showUser(v, id)
}

func showUser(v *visit, id string) error {
	user, err := v.DB.Analytics(v.Context(), v.caller, id)
	if errors.Is(err, store.ErrNotFound) && !v.isOperator() {
		return v.show("nothing", page{Title: "My usage", Refresh: true})
	}
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(http.StatusNotFound, "There is no user of that id.")
	}
	if err != nil {
		return err
	}
	s, err := v.span()
	if err != nil {
		return err
	}
	models, err := v.DB.Breakdown(v.Context(), v.caller, id)
	if err != nil {
		return err
	}
	months, err := v.DB.UserMonths(v.Context(), v.caller, id)
	if err != nil {
		return err
	}
	slices.Reverse(months)
	filter, logs, err := v.requestFilter(id)
	if err != nil {
		return err
	}
	periods, err := v.DB.Usage(v.Context(), v.caller, id, s.Granularity, s.From, s.To, v.zone)
	if err != nil {
		return err
	}
	costs, err := v.DB.Costs(v.Context(), v.caller, id)
	if err != nil {
		return err
	}
	switch {
	case v.query("format") != "csv":
	case v.query("table") == "usage":
		return v.usageCSV(periods)
	case v.query("table") == "models":
		return sendCSV(v, "models", breakdownColumns(v, user.TotalTokensFromLogs), each(models))
	case v.query("table") == "months":
		return sendCSV(v, "months", monthColumns, each(months))
	case v.query("table") == "providers":
		return sendCSV(v, "providers", providerColumns(costs.TotalCost), each(providerCosts(costs)))
	default:
		return requestsCSV(v, logs)
	}
	b := userBody{User: user, Own: id == v.caller.Subject && !v.isOperator(), Span: s, Figures: v.userFigures(user)}
	for _, name := range []*string{user.FullName, user.Email} {
		if name != nil && b.Name == "" {
			b.Name = *name
		}
	}
	if b.Budgets, err = v.budgets(id); err != nil {
		return err
	}
	if b.Usage, err = v.usageChart("usage", periods, s); err != nil {
		return err
	}
	b.Models = newTable(v, "models", "Models", breakdownColumns(v, user.TotalTokensFromLogs), models)
	b.Months = newTable(v, "months", "Months", monthColumns, months)
	b.Months.Note = "in UTC"
	b.Providers = newTable(v, "providers", "Cost by provider", providerColumns(costs.TotalCost), providerCosts(costs))
	b.Advice = adviceLines(costs.Recommendations)
	logs.Limit = historyRows
	if b.Requests, err = requests(v, "requests", filter, logs); err != nil {
		return err
	}
	title := id
	if b.Own {
		title = "My usage"
	}
	b.Erase, b.Export = actionPath(id, "erase"), actionPath(id, "export")
	p := page{Title: title, Body: b}
	if !b.Own {
		p.Crumbs = []link{{"Users", "/users"}}
	}
	return v.show("user", p)
}

// historyRows is how many requests a user's page shows at once.
const historyRows = 20

// actionPath is where something is done to a user.
func actionPath(id, action string) string {
	path, query, _ := strings.Cut(userPath(id), "?")
	if query != "" {
		query = "?" + query
	}
	return path + "/" + action + query
}

func (v *visit) userFigures(u store.Analytics) []figure {
	all := []figure{
		{ID: "requests", Label: "Requests", Value: short(u.TotalRequests), Title: count(u.TotalRequests)},
		{ID: "tokens", Label: "Tokens", Value: short(u.TotalTokensFromLogs), Title: count(u.TotalTokensFromLogs)},
		{ID: "cost", Label: "Cost", Value: shortMoney(u.TotalCost), Title: exact(u.TotalCost)},
		{
			ID: "error-rate", Label: "Error rate", Value: share(float64(u.FailedRequests), float64(u.TotalRequests)),
			Title: count(u.FailedRequests) + " of " + count(u.TotalRequests) + " failed",
		},
		{ID: "average", Label: "Average time", Value: took(u.AvgResponseTime)},
	}
	last := v.stampOf(u.LastRequestTime)
	return append(all, figure{ID: "last-seen", Label: "Last request", Value: last.Short, Title: last.Title})
}

func breakdownColumns(v *visit, all int64) []column[store.BreakdownRow] {
	return []column[store.BreakdownRow]{
		{
			Name: "model", Head: "Model",
			Plain: func(r store.BreakdownRow) string { return r.Model },
			Show: func(r store.BreakdownRow) cell {
				return cell{Text: named(r.Model), Title: r.Model, Sub: r.Provider, Bar: barOf(r.TotalTokens, all)}
			},
		},
		{Name: "provider", Plain: func(r store.BreakdownRow) string { return r.Provider }},
		countColumn("requests", "Requests", func(r store.BreakdownRow) int64 { return r.RequestCount }),
		countColumn("tokens", "Tokens", func(r store.BreakdownRow) int64 { return r.TotalTokens }),
		moneyColumn("cost_usd", "Cost", func(r store.BreakdownRow) float64 { return r.TotalCost }),
		timeColumn(v, "last_used", "Last used", func(r store.BreakdownRow) *store.Timestamp { return r.LastUsed }),
	}
}

var monthColumns = []column[store.UserMonth]{
	{
		Name: "month", Head: "Month",
		Plain: func(m store.UserMonth) string { return m.Month.Time().Format("2006-01") },
		Show:  func(m store.UserMonth) cell { return cell{Text: m.Month.Time().Format("January 2006")} },
	},
	countColumn("requests", "Requests", func(m store.UserMonth) int64 { return m.Requests }),
	countColumn("tokens", "Tokens", func(m store.UserMonth) int64 { return m.Tokens }),
	moneyColumn("cost_usd", "Cost", func(m store.UserMonth) float64 { return m.Cost }),
}

// userID is the user that the path names.
func (v *visit) userID() string {
	if id := v.param("user"); id != "~" || v.query("id") == "" {
		return id
	}
	return v.query("id")
}
