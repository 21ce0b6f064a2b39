package store

import (
	"fmt"

	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/usage"
)

// A CostOrigin says where a log's cost comes from.
type CostOrigin string

// The origins.
const (
	CostBySender   CostOrigin = "sender"
	CostByLLMTally CostOrigin = "llmtally"
	CostUnknown    CostOrigin = "unknown"
)

// A BillPrice is the entry of the price list that a cost was computed with.
type BillPrice struct {
	ID       int64      `json:"id" doc:"0 for a variant that costs nothing and is in no list."`
	Source   string     `json:"source" enum:"shipped,import,override"`
	Provider string     `json:"provider" doc:"Empty in an override for any provider."`
	Model    string     `json:"model"`
	From     *Timestamp `json:"from" format:"date-time" doc:"When it began to hold; null for always."`
	Hours    string     `json:"hours" doc:"The hours of the day (UTC) that it is for; empty for all."`
}

// A BillLine is what one class of tokens cost.
type BillLine struct {
	Class           string  `json:"class" doc:"input, output, cache_read, cache_write and so on: each token in the most specific class that has a price."`
	Unit            string  `json:"unit" enum:"tokens,searches,requests"`
	Tokens          int64   `json:"tokens" doc:"So many units."`
	PricePerMillion float64 `json:"price_per_million" doc:"USD per million units."`
	Cost            float64 `json:"cost" doc:"USD."`
}

// explainCost says of a log how its cost came about.
func (v *View) explainCost(l *RequestLog) error {
	if l.TotalCost == nil {
		l.CostBy = CostUnknown
		return nil
	}
	id, p, err := v.priceOf(l)
	if err != nil {
		return fmt.Errorf("reading a log's price: %w", translate(err))
	}
	l.CostBy = CostBySender
	if id == 0 {
		return nil
	}
	l.CostBy = CostByLLMTally
	if p == nil {
		return nil
	}
	l.Price = &BillPrice{ID: p.ID, Source: p.Source, Provider: p.Provider, Model: p.Model}
	if !p.From.IsZero() {
		from := At(p.From)
		l.Price.From = &from
	}
	if p.Hours != nil {
		l.Price.Hours = p.Hours.String()
	}
	l.Bill = l.bill(p)
	return nil
}

// priceOf returns the id that a log's cost was computed with (0: it was not),
// and the price, if it is there still.
func (v *View) priceOf(l *RequestLog) (id int64, p *price.Price, err error) {
	var row price.Price
	var from, hours, match, rates *string
	err = v.tx.QueryRowContext(v.ctx, `
		SELECT coalesce(l.price_id, 0), coalesce(p.id, 0), coalesce(p.source, ''), coalesce(p.provider, ''),
			coalesce(p.model, ''), p.effective_from, p.hours, p.match, p.rates
		FROM request_logs AS l
		LEFT JOIN model_prices AS p ON p.id = l.price_id
		WHERE l.id = $1`, l.ID).Scan(&id, &row.ID, &row.Source, &row.Provider, &row.Model, &from, &hours, &match, &rates)
	switch {
	case err != nil:
		return 0, nil, err
	case id == withoutRow:
		p, _ = v.db.lookedUp().prices.priceOf(l.Provider, l.Model, l.CreatedAt.Time())
		if p == nil || p.ID != 0 {
			p = nil // the name means another price by now
		}
		return id, p, nil
	case row.ID == 0:
		return id, nil, nil
	}
	return id, &row, fillPrice(&row, *from, *hours, *match, *rates)
}

// bill is what the price makes of the log's tokens, or nothing where that is
// not the log's cost: then the price was changed since.
func (l *RequestLog) bill(p *price.Price) []BillLine {
	counted := Log{
		PromptTokens: known(l.PromptTokens), CompletionTokens: known(l.CompletionTokens),
		CacheReadTokens: known(l.CacheReadTokens), CacheWriteTokens: known(l.CacheWriteTokens),
		ReasoningTokens: known(l.ReasoningTokens),
	}
	lines := []BillLine{}
	var total price.Amount
	for _, part := range p.Parts(counted.priced(usage.FromResponse(l.Response))) {
		line := BillLine{
			Class: part.Class.String(), Unit: "tokens", Tokens: part.Units, PricePerMillion: part.Rate, Cost: part.Amount.USD(),
		}
		if part.Class.PerThousand() {
			line.PricePerMillion *= 1000
			line.Unit = map[price.Class]string{price.WebSearches: "searches", price.Requests: "requests"}[part.Class]
		}
		total = total.Add(part.Amount)
		lines = append(lines, line)
	}
	if total.USD() != *l.TotalCost {
		return []BillLine{}
	}
	return lines
}
