package advice

import (
	"fmt"

	"github.com/llmtally/llmtally/store/price"
)

// worthwhile is the part of all costs that a saving must be to be worth a
// change of model.
const worthwhile = 0.05

// leastCheaper is how much cheaper another model must be.
const leastCheaper = 0.2

// cheaperModel finds the model that is nearest in price and yet saves enough
// to be worth the change.
func (in *Input) cheaperModel(u Usage, total float64) (Recommendation, bool) {
	now, ok := in.price(u.Provider, u.Model)
	if !ok || u.Cost <= 0 || u.Counted <= 0 {
		return Recommendation{}, false
	}
	list, ok := now.CostAt(u.Tokens, u.input())
	if !ok {
		return Recommendation{}, false
	}
	cost := u.spent(list.USD())
	for _, other := range in.Prices.Similar(now, in.At) {
		otherCost, ok := other.CostAt(u.Tokens, u.input())
		saving := list.Sub(otherCost).USD()
		if cost < list.USD() {
			saving = cost - otherCost.USD()
		}
		if !ok || saving <= 0 || saving < leastCheaper*cost || saving < worthwhile*total {
			continue
		}
		return Recommendation{
			Kind: "cheaper_model", Model: u.Model, Provider: u.Provider, Amount: &saving, AmountIs: "saving",
			Message: fmt.Sprintf("%s would have cost %s instead of %s for the same tokens as %s. Try it where its answers are good enough.",
				named(other.Model), usd(otherCost.USD()), usd(cost), named(u.Model)),
			Figures: map[string]any{
				"cheaper_model": other.Model, "cost_now": cost, "cost_then": otherCost.USD(),
				"requests": u.Counted, "input_tokens": u.Tokens.Input, "output_tokens": u.Tokens.Output,
				"cache_read_tokens": u.Tokens.CacheRead, "cache_write_tokens": u.Tokens.CacheWrite,
			},
		}, true
	}
	return Recommendation{}, false
}

func failedRequests(u Usage) (Recommendation, bool) {
	if u.FailedCost <= 0 {
		return Recommendation{}, false
	}
	return Recommendation{
		Kind: "failed_requests", Model: u.Model, Provider: u.Provider, Amount: &u.FailedCost, AmountIs: "loss",
		Message: fmt.Sprintf("%d of %s to %s failed, at a cost of %s. Look at the errors, and at what is retried.",
			u.Failures, counted(u.Requests, "request"), named(u.Model), usd(u.FailedCost)),
		Figures: map[string]any{
			"failures": u.Failures, "requests": u.Requests, "failed_cost": u.FailedCost, "total_cost": u.Cost,
		},
	}, true
}

// What an average must come from, and how far beyond it an output is long.
const (
	enoughOwn    = 10
	enoughOthers = 20
	farLonger    = 2
)

// longOutput compares with what everybody else gets from the same model.
func (in *Input) longOutput(u Usage) (Recommendation, bool) {
	others := in.Others[Name{u.Provider, u.Model}]
	p, ok := in.price(u.Provider, u.Model)
	if !ok || u.Counted < enoughOwn || others.Requests < enoughOthers || others.Output <= 0 {
		return Recommendation{}, false
	}
	own := float64(u.Tokens.Output) / float64(u.Counted)
	if own < farLonger*others.Output {
		return Recommendation{}, false
	}
	excess := u.Tokens.Output - int64(others.Output*float64(u.Counted))
	cost, ok1 := p.CostAt(price.Usage{Output: excess}, u.input())
	list, ok2 := p.CostAt(u.Tokens, u.input())
	if !ok1 || !ok2 || list.USD() <= 0 {
		return Recommendation{}, false
	}
	saving := cost.USD()
	if spent := u.spent(list.USD()); spent < list.USD() {
		saving *= spent / list.USD()
	}
	if saving <= 0 {
		return Recommendation{}, false
	}
	return Recommendation{
		Kind: "long_output", Model: u.Model, Provider: u.Provider, Amount: &saving, AmountIs: "saving",
		Message: fmt.Sprintf("Answers of %s have %s on average, %.1f times as many as everybody else's %s; what is beyond that cost %s. Ask for shorter answers, or set a limit (max_tokens).",
			named(u.Model), counted(rounded(own), "token"), own/others.Output, Grouped(rounded(others.Output)), usd(saving)),
		Figures: map[string]any{
			"requests": u.Counted, "average_output_tokens": own, "others_average_output_tokens": others.Output,
			"others_requests": others.Requests, "excess_output_tokens": excess,
		},
	}, true
}
