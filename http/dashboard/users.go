package dashboard

import (
	"strings"

	"github.com/llmtally/llmtally/store"
)

// usersBody is a page of all users.
type usersBody struct {
	Table  table
	Search string
	Keep   [][2]string
	Total  int64
}

// usersPage lists the users.
func usersPage(v *visit) error {
	asCSV, err := v.wantsCSV("users")
	if err != nil {
		return err
	}
	order, err := v.oneOf("order", "order", "ascending", "descending")
	if err != nil {
		return err
	}
	q := store.UserListQuery{
		Search: strings.TrimSpace(v.query("q")), Sort: store.UserSort(v.query("sort")), Ascending: order == "ascending",
		After: v.query("after"), Limit: pageRows,
	}
	if q.Sort == "" {
		q.Sort = store.ByTokens
	}
	if asCSV {
		return sendCSV(v, "users", userColumns(v, nil), func(yield func(userLine) error) error {
			return v.DB.AllUsers(v.Context(), v.caller, q, func(u store.UserRow) error { return yield(userLine{UserRow: u}) })
		})
	}
	found, err := v.DB.UserList(v.Context(), v.caller, q)
	if err != nil {
		return err
	}
	lines := make([]userLine, len(found.Users))
	for i, u := range found.Users {
		lines[i].UserRow = u
		if lines[i].budget, err = v.tightest(u.UserID); err != nil {
			return err
		}
	}
	b := usersBody{Search: q.Search, Total: found.Total, Keep: v.kept("q")}
	b.Table = newTable(v, "users", "Users", userColumns(v, &q), lines)
	v.sortable(&b.Table, userColumns(v, &q), q)
	b.Table.Empty = "No users yet. They come with their first request."
	if q.Search != "" {
		b.Table.Empty = "No user matches."
	}
	if found.Next != "" {
		b.Table.Older = v.with("after", found.Next)
	}
	if found.Previous != "" {
		b.Table.Newer = v.with("after", found.Previous)
	}
	return v.show("users", page{Title: "Users", Body: b})
}

// A userLine is a user and the budget that they are nearest to the end of.
type userLine struct {
	store.UserRow
	budget *budget
}

func userColumns(v *visit, q *store.UserListQuery) []column[userLine] {
	user := userColumn(func(u userLine) (string, string, string) { return u.UserID, u.Email, u.FullName })
	user.Sort = string(store.ByUserID)
	sorted := func(c column[userLine], by store.UserSort) column[userLine] { c.Sort = string(by); return c }
	columns := []column[userLine]{
		user,
		{Name: "email", Plain: func(u userLine) string { return u.Email }},
		{Name: "full_name", Plain: func(u userLine) string { return u.FullName }},
		textColumn("tier", "Tier", func(u userLine) string { return u.Tier }),
		sorted(countColumn("requests", "Requests", func(u userLine) int64 { return u.Requests }), store.ByRequests),
		sorted(failureColumn(func(u userLine) (int64, int64) { return u.Failures, u.Requests }), store.ByFailures),
		sorted(countColumn("tokens", "Tokens", func(u userLine) int64 { return u.Tokens }), store.ByTokens),
		sorted(moneyColumn("cost_usd", "Cost", func(u userLine) float64 { return u.Cost }), store.ByCost),
		sorted(timeColumn(v, "last_seen", "Last seen", func(u userLine) *store.Timestamp { return u.LastSeen }), store.ByLastSeen),
	}
	if q != nil { // the page's, not CSV's, which would ask once for each of all users
		columns = append(columns, column[userLine]{Head: "Budget", Show: func(u userLine) cell {
			if u.budget == nil {
				return cell{Text: none}
			}
			return cell{Text: u.budget.Share, Title: u.budget.Rule + ": " + u.budget.Words, Bar: u.budget.Bar, State: u.budget.State}
		}})
	}
	return columns
}

// sortable makes heads into links that sort.
func (v *visit) sortable(t *table, columns []column[userLine], q store.UserListQuery) {
	i := 0
	for _, c := range columns {
		if c.Head == "" {
			continue
		}
		h := &t.Heads[i]
		i++
		if c.Sort == "" {
			continue
		}
		order := "descending"
		if c.Sort == string(store.ByUserID) {
			order = "ascending"
		}
		if c.Sort == string(q.Sort) {
			h.Order, order = "descending", "ascending"
			if q.Ascending {
				h.Order, order = "ascending", "descending"
			}
		}
		h.Href = v.with("sort", c.Sort, "order", order, "after", "")
	}
}
