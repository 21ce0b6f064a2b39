package rest

import (
	"fmt"

	"github.com/llmtally/llmtally/store/query"
)

// What one request may ask for. SQLite nests expressions 1,000 deep and binds
// 32,766 values in a statement; whoever writes by hand stays far below these.
const (
	maxConditions = 500
	maxValues     = 30_000
	maxOrders     = 100
	maxEmbeds     = 50
	maxEmbedDepth = 10
)

// A budget is what is left of a statement's bounds.
type budget struct{ conditions, values int }

// within refuses a plan that is too large for the database, before it gets there.
func (p *plan) within() error {
	embeds := 0
	return p.bounded(&embeds, 1)
}

func (p *plan) bounded(embeds *int, depth int) error {
	left := budget{maxConditions, maxValues}
	*embeds += len(p.embeds)
	switch {
	case !left.pay(p.sel.Where):
		return errTooComplex("%d conditions and %d values", maxConditions, maxValues)
	case len(p.sel.Order) > maxOrders:
		return errTooComplex("%d terms of an order", maxOrders)
	case *embeds > maxEmbeds || depth > maxEmbedDepth:
		return errTooComplex("%d embeds, and %d inside each other", maxEmbeds, maxEmbedDepth-1)
	}
	for _, e := range p.embeds {
		if err := e.plan.bounded(embeds, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func errTooComplex(format string, most ...any) error {
	return refuse("54001", "the request is too complex: at most "+fmt.Sprintf(format, most...)+" are taken")
}

// pay takes a condition's size off the budget, and says whether it was enough.
func (b *budget) pay(e query.Expr) bool {
	b.conditions--
	if b.conditions < 0 || b.values < 0 {
		return false
	}
	switch e := e.(type) {
	case nil:
		b.conditions++
	case query.And:
		return b.payAll(e)
	case query.Or:
		return b.payAll(e)
	case query.Not:
		return b.pay(e.Expr)
	case query.Exists:
		return b.pay(e.Where)
	case query.In:
		b.values -= len(e.Values)
	default:
		b.values--
	}
	return b.values >= 0
}

func (b *budget) payAll(parts []query.Expr) bool {
	for _, part := range parts {
		if !b.pay(part) {
			return false
		}
	}
	return true
}
