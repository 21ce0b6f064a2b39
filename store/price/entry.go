package price

import "time"

// An Entry is what is known of a model's price: who sells it, its id, and the
// prices that held and hold.
type Entry struct {
	Provider, Model string // canonical

	overrides []*Price // the one that wins first
	imported  *model
	shipped   *model
	free      bool
}

// listed is the model as a price list names it.
func (e *Entry) listed() *model {
	if e.shipped != nil {
		return e.shipped
	}
	return e.imported
}

// At returns the price that holds at a moment. It is false when the only
// prices are overrides that do not hold yet.
func (e *Entry) At(at time.Time) (*Price, bool) {
	for _, p := range e.overrides {
		if p.active(at) {
			return p, true
		}
	}
	if e.imported != nil {
		// A table that is to hold some day does not hold yet.
		if p := e.imported.at(at); e.shipped == nil || !at.Before(p.From) {
			return p, true
		}
	}
	if e.shipped != nil {
		return e.shipped.at(at), true
	}
	if e.free {
		return &Price{
			Source: SourceShipped, Provider: e.Provider, Model: e.Model, Match: Equals(e.Model),
			Rates: Rates{Input: {}, Output: {}},
		}, true
	}
	return nil, false
}

// at returns the last price whose conditions are met, or the first when none
// has its met: genai-prices' rule.
func (m *model) at(at time.Time) *Price {
	for i := len(m.prices) - 1; i > 0; i-- {
		if m.prices[i].active(at) {
			return m.prices[i]
		}
	}
	return m.prices[0]
}
