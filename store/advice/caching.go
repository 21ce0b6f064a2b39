package advice

import (
	"fmt"

	"github.com/llmtally/llmtally/store/price"
)

// promptCaching counts what reading repeated input from the provider's cache
// saves, less what writing it there costs.
func (in *Input) promptCaching(r Repeat) (Recommendation, bool) {
	p, ok := in.price(r.Provider, r.Model)
	if !ok || r.Requests <= 0 {
		return Recommendation{}, false
	}
	context := max(r.Input, r.Tokens) / r.Requests
	plain, ok1 := p.CostAt(price.Usage{Input: r.Tokens + r.Written}, context)
	read, ok2 := p.CostAt(price.Usage{Input: r.Tokens, CacheRead: r.Tokens}, context)
	write, ok3 := p.CostAt(price.Usage{Input: r.Written, CacheWrite: r.Written}, context)
	cached := read.Add(write)
	saving := plain.Sub(cached).USD()
	if !ok1 || !ok2 || !ok3 || saving <= 0 {
		return Recommendation{}, false
	}
	return Recommendation{
		Kind: "prompt_caching", Model: r.Model, Provider: r.Provider, Amount: &saving, AmountIs: "saving",
		Message: fmt.Sprintf("%d of the last %s to %s began with what an earlier one had sent minutes before, and nothing says that it came from a cache. Prompt caching would have saved %s: put what stays the same first, and have the provider cache it.",
			r.Requests, counted(r.Sampled, "request"), named(r.Model), usd(saving)),
		Figures: map[string]any{
			"sampled_requests": r.Sampled, "sampled_seconds": r.Span.Seconds(), "repeating_requests": r.Requests,
			"repeated_tokens": r.Tokens, "cached_tokens": r.Written, "cost_now": plain.USD(), "cost_then": cached.USD(),
		},
	}, true
}
