package advice

import "fmt"

// unpricedUsage says what cannot be seen in any cost. Its amount assumes the
// average cost of the priced tokens.
func (in *Input) unpricedUsage() (found []Recommendation) {
	var cost float64
	var tokens int64
	for _, u := range in.Usage {
		cost += u.Cost
		tokens += u.AllTokens - u.UnpricedTokens
	}
	for _, u := range in.Usage {
		if u.UnpricedTokens <= 0 {
			continue
		}
		r := Recommendation{
			Kind: "unpriced_usage", Model: u.Model, Provider: u.Provider, AmountIs: "risk",
			Message: in.whyUnpriced(u),
			Figures: map[string]any{"requests": u.UnpricedRequests, "tokens": u.UnpricedTokens},
		}
		if cost > 0 && tokens > 0 {
			risk := cost / float64(tokens) * float64(u.UnpricedTokens)
			r.Amount = &risk
			r.Figures["average_cost_per_token"] = cost / float64(tokens)
			r.Message += fmt.Sprintf(" At the average of what has a cost, that is about %s.", usd(risk))
		}
		found = append(found, r)
	}
	return found
}

// whyUnpriced tells a price that is missing from tokens that are: of a request
// whose input and output were not told apart no price says the cost.
func (in *Input) whyUnpriced(u Usage) string {
	what := fmt.Sprintf("%s to %s, with %s,", counted(u.UnpricedRequests, "request"), named(u.Model),
		counted(u.UnpricedTokens, "token"))
	has := "have"
	if u.UnpricedRequests == 1 {
		has = "has"
	}
	if u.Model == "" {
		return fmt.Sprintf("%s %s no cost and no model to find a price by. Send the model, or the cost.", what, has)
	}
	if _, known := in.price(u.Provider, u.Model); known {
		return fmt.Sprintf("%s %s no cost, though the price is known. Run `llmtally reprice`; what is left then came without prompt_tokens and completion_tokens: send both.", what, has)
	}
	return fmt.Sprintf("%s %s no cost, since no price is known. Set one with `llmtally prices set`, then run `llmtally reprice`.", what, has)
}
