package dashboard

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/llmtally/llmtally/http/dashboard/chart"
	"github.com/llmtally/llmtally/store"
)

// Columns that many tables have.

func textColumn[T any](name, head string, get func(T) string) column[T] {
	return column[T]{Name: name, Head: head, Plain: get, Show: func(row T) cell { return cell{Text: named(get(row)), Title: get(row)} }}
}

func countColumn[T any](name, head string, get func(T) int64) column[T] {
	return column[T]{
		Name: name, Head: head, Number: true,
		Plain: func(row T) string { return strconv.FormatInt(get(row), 10) },
		Show:  func(row T) cell { return countCell(get(row)) },
	}
}

// wide is from when on a number takes more room than a table has.
const wide = 10_000_000_000

func countCell(n int64) cell {
	if n >= wide {
		return cell{Text: short(n), Title: count(n)}
	}
	return cell{Text: count(n)}
}

func optionalColumn[T any](name, head string, get func(T) *int64) column[T] {
	return column[T]{
		Name: name, Head: head, Number: true,
		Plain: func(row T) string { return plainCount(get(row)) },
		Show: func(row T) cell {
			if get(row) == nil {
				return cell{Text: none}
			}
			return countCell(*get(row))
		},
	}
}

func moneyColumn[T any](name, head string, get func(T) float64) column[T] {
	return column[T]{
		Name: name, Head: head, Number: true,
		Plain: func(row T) string { return plainNumber(get(row)) },
		Show:  func(row T) cell { return moneyCell(get(row)) },
	}
}

func costColumn[T any](name, head string, get func(T) *float64) column[T] {
	return column[T]{
		Name: name, Head: head, Number: true,
		Plain: func(row T) string { return plainOptional(get(row)) },
		Show: func(row T) cell {
			if get(row) == nil {
				return cell{Text: none, Title: "the price is unknown"}
			}
			return moneyCell(*get(row))
		},
	}
}

func secondsColumn[T any](name, head string, get func(T) *float64) column[T] {
	return column[T]{
		Name: name, Head: head, Number: true,
		Plain: func(row T) string { return plainOptional(get(row)) },
		Show:  func(row T) cell { return cell{Text: took(get(row))} },
	}
}

// percentileColumn shows a percentile of response times; CSV has it as the store
// does.
func percentileColumn[T any](name, head string, get func(T) *float64) column[T] {
	c := secondsColumn(name, head, get)
	c.Show = func(row T) cell {
		if get(row) == nil {
			return cell{Text: none}
		}
		return cell{Text: about(get(row)), Title: withinPercent}
	}
	return c
}

func timeColumn[T any](v *visit, name, head string, get func(T) *store.Timestamp) column[T] {
	return column[T]{
		Name: name, Head: head,
		Plain: func(row T) string {
			if get(row) == nil {
				return ""
			}
			return get(row).String()
		},
		Show: func(row T) cell {
			s := v.stampOf(get(row))
			return cell{Text: s.Short, Title: s.Title, Time: s.ISO}
		},
	}
}

// failureColumn shows failures with their share.
func failureColumn[T any](get func(T) (failures, requests int64)) column[T] {
	return column[T]{
		Name: "failures", Head: "Failures", Number: true,
		Plain: func(row T) string { n, _ := get(row); return strconv.FormatInt(n, 10) },
		Show: func(row T) cell {
			n, of := get(row)
			c := cell{Text: count(n)}
			if n > 0 {
				c.Sub = listedShare(float64(n), float64(of))
			}
			return c
		},
	}
}

func userColumn[T any](get func(T) (id, email, name string)) column[T] {
	return column[T]{
		Name: "user_id", Head: "User",
		Plain: func(row T) string { id, _, _ := get(row); return id },
		Show: func(row T) cell {
			id, email, name := get(row)
			return userCell(id, email, name)
		},
	}
}

func userCell(id, email, name string) cell {
	if id == "" {
		return cell{Text: "(nobody)", Title: "linked to no user"}
	}
	c := cell{Text: id, Title: id, Href: userPath(id)}
	for _, more := range []string{name, email} {
		if more != "" && more != id {
			c.Sub = more
		}
	}
	return c
}

func moneyCell(usd float64) cell {
	text := listedMoney(usd)
	return cell{Text: text, Title: exact(usd), Class: chart.DecimalClass(text)}
}

func timeCell(s stamp) cell { return cell{Text: s.Text, Title: s.Title, Time: s.ISO} }

// plainNumber writes a number for programs.
func plainNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func plainOptional(f *float64) string {
	if f == nil {
		return ""
	}
	return plainNumber(*f)
}

func plainCount(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// shareColumns show the users who cost most.
var shareColumns = []column[store.UserShare]{
	userColumn(func(u store.UserShare) (string, string, string) { return u.UserID, u.Email, u.FullName }),
	countColumn("requests", "Requests", func(u store.UserShare) int64 { return u.Requests }),
	failureColumn(func(u store.UserShare) (int64, int64) { return u.Failures, u.Requests }),
	countColumn("tokens", "Tokens", func(u store.UserShare) int64 { return u.Tokens }),
	moneyColumn("cost_usd", "Cost", func(u store.UserShare) float64 { return u.Cost }),
}

// modelColumns show models and their part of all requests.
func modelColumns(v *visit, all int64) []column[store.ModelTraffic] {
	return []column[store.ModelTraffic]{
		{
			Name: "model", Head: "Model",
			Plain: func(m store.ModelTraffic) string { return m.Model },
			Show: func(m store.ModelTraffic) cell {
				return cell{Text: named(m.Model), Title: m.Model, Sub: m.Provider, Bar: barOf(m.Requests, all), Href: requestsHref("model", m.Model, "provider", m.Provider)}
			},
		},
		{Name: "provider", Plain: func(m store.ModelTraffic) string { return m.Provider }},
		countColumn("requests", "Requests", func(m store.ModelTraffic) int64 { return m.Requests }),
		failureColumn(func(m store.ModelTraffic) (int64, int64) { return m.Failures, m.Requests }),
		countColumn("tokens", "Tokens", func(m store.ModelTraffic) int64 { return m.Tokens }),
		partlyPriced(v, costColumn("cost_usd", "Cost", func(m store.ModelTraffic) *float64 {
			if m.Cost == 0 && m.Unpriced > 0 { // unknown, not nothing
				return nil
			}
			return &m.Cost
		}), func(m store.ModelTraffic) (int64, string, string) { return m.Unpriced, m.Provider, m.Model }),
		countColumn("unpriced_requests", "", func(m store.ModelTraffic) int64 { return m.Unpriced }),
		percentileColumn("p50_seconds", "Median time", func(m store.ModelTraffic) *float64 { return m.P50 }),
		percentileColumn("p95_seconds", "95th percentile", func(m store.ModelTraffic) *float64 { return m.P95 }),
	}
}

// partlyPriced says beside a model's cost how many requests are not in it. The
// operator is led to where they get a price.
func partlyPriced[T any](v *visit, cost column[T], of func(T) (unpriced int64, provider, model string)) column[T] {
	known := cost.Show
	cost.Show = func(row T) cell {
		c := known(row)
		unpriced, provider, model := of(row)
		if unpriced == 0 {
			return c
		}
		c.Sub = count(unpriced) + " unpriced"
		if c.Text != none {
			c.Sub = "+ " + c.Sub
		}
		if v.isOperator() {
			c.SubHref = priceHref(provider, model)
		}
		return c
	}
	return cost
}

// narrow leaves columns to CSV where the page has no room.
func narrow[T any](columns []column[T], names ...string) []column[T] {
	for i := range columns {
		if slices.Contains(names, columns[i].Name) {
			columns[i].Head = ""
		}
	}
	return columns
}

// barOf is a part of a whole as the width of a bar.
func barOf(part, whole int64) string {
	if whole <= 0 {
		return "0%"
	}
	return fmt.Sprintf("%.1f%%", min(100, 100*float64(part)/float64(whole)))
}

func errorColumns(v *visit) []column[store.ErrorShare] {
	return []column[store.ErrorShare]{
		{
			Name: "kind", Head: "Error",
			Plain: func(e store.ErrorShare) string { return e.Kind },
			Show: func(e store.ErrorShare) cell {
				return cell{Text: named(e.Kind), Title: e.Kind, Href: fmt.Sprintf("/requests/%d", e.LastID)}
			},
		},
		{
			Name: "model", Head: "Model",
			Plain: func(e store.ErrorShare) string { return e.Model },
			Show:  func(e store.ErrorShare) cell { return cell{Text: named(e.Model), Title: e.Model, Sub: e.Provider} },
		},
		{Name: "provider", Plain: func(e store.ErrorShare) string { return e.Provider }},
		countColumn("count", "Times", func(e store.ErrorShare) int64 { return e.Count }),
		timeColumn(v, "last", "Last", func(e store.ErrorShare) *store.Timestamp { return &e.Last }),
	}
}

func unpricedColumns(v *visit) []column[store.UnpricedModel] {
	return []column[store.UnpricedModel]{
		{
			Name: "model", Head: "Model",
			Plain: func(m store.UnpricedModel) string { return m.Model },
			Show: func(m store.UnpricedModel) cell {
				return cell{Text: named(m.Model), Title: m.Model, Sub: m.Provider, Href: priceHref(m.Provider, m.Model)}
			},
		},
		{Name: "provider", Plain: func(m store.UnpricedModel) string { return m.Provider }},
		countColumn("requests", "Requests", func(m store.UnpricedModel) int64 { return m.Requests }),
		countColumn("tokens", "Tokens", func(m store.UnpricedModel) int64 { return m.Tokens }),
		timeColumn(v, "last_seen", "Last seen", func(m store.UnpricedModel) *store.Timestamp { return &m.LastSeen }),
	}
}
