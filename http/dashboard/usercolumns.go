package dashboard

import (
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/advice"
)

// breakdownColumns show a user's models, and their part of all tokens. What has
// no price costs an unknown amount, not nothing.
func breakdownColumns(v *visit, all int64, costs store.Costs) []column[store.BreakdownRow] {
	costOf := func(r store.BreakdownRow) store.ModelCost {
		return costs.Models[advice.Name{Provider: r.Provider, Model: r.Model}]
	}
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
		partlyPriced(v, costColumn("cost_usd", "Cost", func(r store.BreakdownRow) *float64 { return costOf(r).Cost }),
			func(r store.BreakdownRow) (int64, string, string) { return costOf(r).Unpriced, r.Provider, r.Model }),
		countColumn("unpriced_requests", "", func(r store.BreakdownRow) int64 { return costOf(r).Unpriced }),
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
