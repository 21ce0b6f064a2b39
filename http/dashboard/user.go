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
	LongID    bool // too long for a heading
	Span      span
	Figures   []figure
	Budgets   []budget
	Usage     usageChart
	Models    table
	Months    table
	Providers table
	Advice    adviceList
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
	live, err := v.follow()
	if err != nil {
		return err
	}
	read, err := v.readUser(id)
	switch {
	case errors.Is(err, store.ErrNotFound) && !v.isOperator() && v.query("format") == "csv":
		return v.userCSV(userReads{id: id}) // without a row
	case errors.Is(err, store.ErrNotFound) && !v.isOperator():
		return v.show("nothing", page{Title: "My usage", Refresh: true, Body: live})
	case errors.Is(err, store.ErrNotFound):
		return problem.New(http.StatusNotFound, "There is no user of that id.")
	case err != nil:
		return err
	case v.query("format") == "csv":
		return v.userCSV(read)
	}
	b := v.userTables(read)
	if b.Budgets, err = v.budgets(id); err != nil {
		return err
	}
	if b.Usage, err = v.usageChart("usage", read.periods, read.span); err != nil {
		return err
	}
	read.logs.Limit = historyRows
	if b.Requests, err = requests(v, "requests", read.filter, read.logs); err != nil {
		return err
	}
	if b.Own {
		return v.show("user", page{Title: "My usage", Body: b})
	}
	return v.show("user", page{Title: id, Crumbs: []link{{"Users", "/users"}}, Body: b})
}

// userReads is what is read about a user, for the page and for CSV.
type userReads struct {
	id      string
	user    store.Analytics
	span    span
	models  []store.BreakdownRow
	months  []store.UserMonth // the newest first
	periods []store.UsagePeriod
	costs   store.Costs
	filter  requestFilter
	logs    store.LogFilter
}

func (v *visit) readUser(id string) (read userReads, err error) {
	read.id = id
	if read.user, err = v.DB.Analytics(v.Context(), v.caller, id); err != nil {
		return read, err
	}
	if read.span, err = v.span(); err != nil {
		return read, err
	}
	if read.filter, read.logs, err = v.requestFilter(id); err != nil {
		return read, err
	}
	if read.models, err = v.DB.Breakdown(v.Context(), v.caller, id); err != nil {
		return read, err
	}
	if read.months, err = v.DB.UserMonths(v.Context(), v.caller, id); err != nil {
		return read, err
	}
	slices.Reverse(read.months)
	if read.costs, err = v.DB.Costs(v.Context(), v.caller, id); err != nil {
		return read, err
	}
	s := read.span
	read.periods, err = v.DB.Usage(v.Context(), v.caller, id, s.Granularity, s.From, s.To, v.zone)
	return read, err
}

func (v *visit) userTables(read userReads) userBody {
	b := userBody{
		User: read.user, Own: !v.isOperator(), LongID: v.isOperator() && len(read.id) > longID, Span: read.span, Figures: v.userFigures(read.user),
		Models:    shortTable(v, "models", "Models", breakdownColumns(v, read.user.TotalTokensFromLogs, read.costs), read.models, pageRows),
		Months:    newTable(v, "months", "Months", monthColumns, read.months),
		Providers: shortTable(v, "providers", "Cost by provider", providerColumns(read.costs.TotalCost), providerCosts(read.costs), pageRows),
		Advice:    v.adviceOf(read.costs.Recommendations),
		Erase:     actionPath(read.id, "erase"), Export: actionPath(read.id, "export"),
	}
	if read.user.FullName != nil {
		b.Name = *read.user.FullName
	}
	b.Models.remark("in all time")
	b.Providers.remark("in all time")
	b.Months.Note = "in UTC"
	return b
}

// userCSV sends one of the page's tables.
func (v *visit) userCSV(read userReads) error {
	switch v.query("table") {
	case "usage":
		return v.usageCSV(read.periods)
	case "models":
		return sendCSV(v, "models", breakdownColumns(v, read.user.TotalTokensFromLogs, read.costs), each(read.models))
	case "months":
		return sendCSV(v, "months", monthColumns, each(read.months))
	case "providers":
		return sendCSV(v, "providers", providerColumns(read.costs.TotalCost), each(providerCosts(read.costs)))
	case "requests":
		return requestsCSV(v, read.logs)
	}
	return errNoTable
}

// longID is from how many bytes on an id may not fit into the three lines that
// the heading has on a phone.
const longID = 60

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

// userID is the user that the path names.
func (v *visit) userID() string {
	if id := v.param("user"); id != "~" || v.query("id") == "" {
		return id
	}
	return v.query("id")
}
