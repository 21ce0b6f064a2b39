package dashboard

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/advice"
)

// costsBody is the cost analysis.
type costsBody struct {
	Total     string
	Providers table
	Advice    []adviceLine
}

type adviceLine struct{ Amount, Is, Message string }

func (v *visit) costsOf(id string) (costsBody, error) {
	costs, err := v.DB.Costs(v.Context(), v.caller, id)
	if err != nil {
		return costsBody{}, err
	}
	return costsBody{Total: money(costs.TotalCost), Providers: providerTable(v, costs), Advice: adviceLines(costs.Recommendations)}, nil
}

type providerCost struct {
	name string
	cost *float64
}

func providerTable(v *visit, c store.Costs) table {
	var rows []providerCost
	for name, cost := range c.CostByProvider {
		rows = append(rows, providerCost{name, cost})
	}
	slices.SortFunc(rows, func(a, b providerCost) int {
		return cmp.Or(cmp.Compare(orZero(b.cost), orZero(a.cost)), cmp.Compare(a.name, b.name))
	})
	t := newTable(v, "providers", "Cost by provider", []column[providerCost]{
		{Head: "Provider", Show: func(p providerCost) cell {
			shown := cell{Text: named(p.name), Title: p.name}
			if p.cost != nil && *p.cost > 0 {
				shown.Bar = fmt.Sprintf("%.1f%%", 100*min(1, *p.cost/c.TotalCost))
			}
			return shown
		}},
		costColumn("cost_usd", "Cost", func(p providerCost) *float64 { return p.cost }),
	}, rows)
	t.CSV = ""
	return t
}

func orZero(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}

func adviceLines(all []advice.Recommendation) (lines []adviceLine) {
	for _, r := range all {
		line := adviceLine{Is: r.AmountIs, Message: r.Message}
		if r.Amount != nil {
			line.Amount = money(*r.Amount)
		}
		lines = append(lines, line)
	}
	return lines
}
