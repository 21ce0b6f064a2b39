package dashboard

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/advice"
)

// An adviceList is the recommendations that a page has room for.
type adviceList struct {
	Lines []adviceLine
	More  int64 // how many there are besides
}

type adviceLine struct{ Amount, Is, Message string }

// shownAdvice is how many recommendations a page shows.
const shownAdvice = 20

func (v *visit) adviceOf(all []advice.Recommendation) (list adviceList) {
	all = advice.Gathered(all)
	shown := all[:min(len(all), shownAdvice)]
	list.More = int64(len(all) - len(shown))
	for _, r := range shown {
		line := adviceLine{Is: r.AmountIs, Message: r.Message}
		if r.Amount != nil {
			line.Amount = money(*r.Amount)
		}
		if r.Finding != "" && !v.isOperator() {
			line.Message = r.Finding
		}
		list.Lines = append(list.Lines, line)
	}
	return list
}

// A providerCost is what one provider's requests cost; nil when nothing of it
// has a price.
type providerCost struct {
	name string
	cost *float64
}

// providerCosts lists the dearest first.
func providerCosts(c store.Costs) (rows []providerCost) {
	for name, cost := range c.CostByProvider {
		rows = append(rows, providerCost{name, cost})
	}
	slices.SortFunc(rows, func(a, b providerCost) int {
		return cmp.Or(cmp.Compare(orZero(b.cost), orZero(a.cost)), cmp.Compare(a.name, b.name))
	})
	return rows
}

func providerColumns(total float64) []column[providerCost] {
	return []column[providerCost]{
		{
			Name: "provider", Head: "Provider",
			Plain: func(p providerCost) string { return p.name },
			Show: func(p providerCost) cell {
				c := cell{Text: named(p.name), Title: p.name}
				if cost := orZero(p.cost); cost > 0 && total > 0 {
					c.Bar = fmt.Sprintf("%.1f%%", 100*min(1, cost/total))
				}
				return c
			},
		},
		costColumn("cost_usd", "Cost", func(p providerCost) *float64 { return p.cost }),
	}
}

func orZero(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}
