// Package price says what a request to an LLM costs: which price holds for a
// model and provider as clients spell them at a moment, and what that price
// makes of the tokens. Amounts are exact decimals. What the tables do not know
// is unpriced, never free and never guessed: a wrong cost is worse than none.
//
// The shipped table comes from genai-prices (github.com/pydantic/genai-prices,
// MIT), whose rules for names, dates, tiers and parts of parts hold here too.
package price

import "time"

// The sources of a price; an override beats an import, which beats the shipped
// table.
const (
	SourceShipped  = "shipped"
	SourceImport   = "import"
	SourceOverride = "override"
)

// A Price is what a model costs under one condition. A model whose price
// changed, or that is cheaper at night, has several, the most general first.
type Price struct {
	ID            int64     `json:"id,omitempty"`             // of its row in the database; 0 when it has none
	Source        string    `json:"source"`                   // SourceShipped, SourceImport or SourceOverride
	Provider      string    `json:"provider"`                 // the provider's canonical id; "" in an override: any
	Model         string    `json:"model"`                    // the model's id
	Match         Match     `json:"match"`                    // the names that mean the model
	From          time.Time `json:"from,omitzero"`            // holds from this moment on, UTC; zero is always
	Hours         *Hours    `json:"hours,omitempty"`          // holds at these hours of each day only; nil is all day
	Rates         Rates     `json:"rates"`                    // what the model's classes cost
	ContextWindow int64     `json:"context_window,omitempty"` // tokens; 0 is unknown
	Deprecated    bool      `json:"deprecated,omitempty"`     // the provider advises against it
}

// active says whether the price's conditions are met.
func (p *Price) active(at time.Time) bool {
	return !at.Before(p.From) && (p.Hours == nil || p.Hours.contain(at))
}
