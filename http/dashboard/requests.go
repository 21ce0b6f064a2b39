package dashboard

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/llmtally/llmtally/store"
)

// A requestList is a page of requests, and the filters that it went through.
type requestList struct {
	Table  table
	Action string // where the filters' form goes
	Keep   [][2]string
	Filter requestFilter
	Users  bool // whose requests may be chosen
	Active bool // whether anything is filtered
	Reset  string
}

// requestFilter is what was typed.
type requestFilter struct{ User, Model, Provider, Status, From, To string }

// filterNames are what the address calls them.
var filterNames = []string{"user", "model", "provider", "status", "since", "until"}

var statuses = []string{store.StatusSuccess, store.StatusFailure, store.StatusError, store.StatusInitiated}

// Statuses are those to choose from: the usual ones and, since a log may have any,
// the one that is chosen.
func (f requestFilter) Statuses() []string {
	if f.Status == "" || slices.Contains(statuses, f.Status) {
		return statuses
	}
	return append(slices.Clone(statuses), f.Status)
}

// pageRows is how many rows a page of a table has.
const pageRows = 50

// requestsPage lists the requests that the person may see.
func requestsPage(v *visit) error {
	asCSV, err := v.wantsCSV("requests")
	if err != nil {
		return err
	}
	filter, logs, err := v.requestFilter("")
	if err != nil {
		return err
	}
	if asCSV {
		return requestsCSV(v, logs)
	}
	list, err := requests(v, "requests", filter, logs)
	if err != nil {
		return err
	}
	list.Users = v.isOperator()
	title := "Requests"
	if !v.isOperator() {
		title = "My requests"
	}
	return v.show("requests", page{Title: title, Body: list})
}

// requestFilter reads the filters from the address, to the letter: a name may
// begin and end with spaces, and the pages link to it so. With a user, only
// theirs.
func (v *visit) requestFilter(user string) (requestFilter, store.LogFilter, error) {
	f := requestFilter{
		User: v.query("user"), Model: v.query("model"), Provider: v.query("provider"),
		Status: v.query("status"), From: v.query("since"), To: v.query("until"),
	}
	logs := store.LogFilter{UserID: f.User, Model: f.Model, Provider: f.Provider, Status: f.Status}
	if user != "" {
		logs.UserID = user
	}
	if f.From != "" {
		t, err := parseDay(f.From, v.zone)
		if err != nil {
			return f, logs, err
		}
		logs.From = &t
	}
	if f.To != "" {
		t, err := parseDay(f.To, v.zone)
		if err != nil {
			return f, logs, err
		}
		t = t.AddDate(0, 0, 1)
		logs.To = &t
	}
	if logs.From != nil && logs.To != nil && !logs.From.Before(*logs.To) {
		return f, logs, errEndsFirst
	}
	return f, logs, nil
}

// requests reads a page of the list.
func requests(v *visit, id string, filter requestFilter, logs store.LogFilter) (requestList, error) {
	shown, beside, err := pageOf(v, "after", func(of string, newer bool, most int64) ([]store.LogRow, error) {
		page := logs
		page.Limit = most
		if newer {
			page.After = of
		} else {
			page.Before = of
		}
		return v.DB.Logs(v.Context(), v.caller, page)
	}, func(r store.LogRow) string { return r.Cursor() })
	if err != nil {
		return requestList{}, err
	}
	l := requestList{
		Filter: filter, Action: v.URL.EscapedPath(), Keep: v.kept(filterNames...), Active: filter != requestFilter{},
		Reset: v.with(gone(slices.Concat(filterNames, paging)...)...),
	}
	l.Table = newTable(v, id, "Requests", logColumns(v, logs.UserID == "" && v.isOperator()), shown)
	l.Table.Empty = "No requests yet."
	if l.Active {
		l.Table.Empty = "No request matches."
	}
	l.Table.besidePages = beside
	return l, nil
}

// Listing is the table with the form that filters it.
func (l requestList) Listing() table {
	t := l.Table
	t.Filters = &l
	return t
}

// requestsCSV sends all requests that match.
func requestsCSV(v *visit, logs store.LogFilter) error {
	logs.Limit = store.MaxLogs
	return sendCSV(v, "requests", logColumns(v, true), func(yield func(store.LogRow) error) error {
		for {
			rows, err := v.DB.Logs(v.Context(), v.caller, logs)
			if err != nil {
				return err
			}
			if err := each(rows)(yield); err != nil {
				return err
			}
			if int64(len(rows)) < logs.Limit {
				return nil
			}
			logs.Before = rows[len(rows)-1].Cursor()
		}
	})
}

// logColumns show requests; withUser tells whose they are.
func logColumns(v *visit, withUser bool) []column[store.LogRow] {
	user := userColumn(func(r store.LogRow) (string, string, string) { return r.UserID, r.Email, "" })
	if !withUser {
		user.Head = ""
	}
	return []column[store.LogRow]{
		{
			Name: "id", Number: true,
			Plain: func(r store.LogRow) string { return strconv.FormatInt(r.ID, 10) },
		},
		{
			Name: "time", Head: "Time",
			Plain: func(r store.LogRow) string { return r.CreatedAt.String() },
			Show: func(r store.LogRow) cell {
				c := timeCell(v.stamp(r.CreatedAt))
				c.Href = fmt.Sprintf("/requests/%d", r.ID)
				return c
			},
		},
		user,
		{
			Name: "model", Head: "Model",
			Plain: func(r store.LogRow) string { return r.Model },
			Show:  func(r store.LogRow) cell { return cell{Text: named(r.Model), Title: r.Model, Sub: r.Provider} },
		},
		{Name: "provider", Plain: func(r store.LogRow) string { return r.Provider }},
		{
			Name: "status", Head: "Status",
			Plain: func(r store.LogRow) string { return r.Status },
			Show: func(r store.LogRow) cell {
				return cell{Text: named(r.Status), State: stateOf(r.Status), Sub: r.ErrorKind, Title: r.Status}
			},
		},
		{Name: "error", Plain: func(r store.LogRow) string { return r.ErrorKind }},
		optionalColumn("prompt_tokens", "Input", func(r store.LogRow) *int64 { return r.PromptTokens }),
		optionalColumn("completion_tokens", "Output", func(r store.LogRow) *int64 { return r.CompletionTokens }),
		optionalColumn("tokens", "Tokens", tokensOf),
		logCostColumn(),
		secondsColumn("seconds", "Took", func(r store.LogRow) *float64 { return r.ResponseTime }),
		{Name: "litellm_call_id", Plain: func(r store.LogRow) string { return r.CallID }},
	}
}

func tokensOf(r store.LogRow) *int64 {
	return totalTokens(r.TokensUsed, r.PromptTokens, r.CompletionTokens)
}

// logCostColumn says what is missing where a cost is. app.js does so, too.
func logCostColumn() column[store.LogRow] {
	c := costColumn("cost_usd", "Cost", func(r store.LogRow) *float64 { return r.TotalCost })
	known := c.Show
	c.Show = func(r store.LogRow) cell {
		if r.TotalCost == nil && tokensOf(r) == nil {
			return cell{Text: none, Title: "the tokens are unknown"}
		}
		return known(r)
	}
	return c
}

// stateOf marks a request's status.
func stateOf(status string) string {
	switch status {
	case store.StatusSuccess:
		return "ok"
	case store.StatusFailure, store.StatusError:
		return "bad"
	case store.StatusInitiated:
		return "warning"
	default:
		return ""
	}
}

// requestsHref is where the requests are that have all of the values.
func requestsHref(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return "/requests?" + q.Encode()
}
