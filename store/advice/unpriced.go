package advice

import (
	"fmt"
	"strings"
)

const kindUnpriced = "unpriced_usage"

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
		why, do := in.whyUnpriced(u)
		r := Recommendation{
			Kind: kindUnpriced, Model: u.Model, Provider: u.Provider, AmountIs: "risk", Finding: why, Message: why + " " + do,
			Figures: map[string]any{"requests": u.UnpricedRequests, "tokens": u.UnpricedTokens},
		}
		if cost > 0 && tokens > 0 {
			risk := cost / float64(tokens) * float64(u.UnpricedTokens)
			r.Amount = &risk
			r.Figures["average_cost_per_token"] = cost / float64(tokens)
			r.say(atTheAverage(risk))
		}
		found = append(found, r)
	}
	return found
}

// say adds a sentence.
func (r *Recommendation) say(sentence string) {
	r.Finding += " " + sentence
	r.Message += " " + sentence
}

func atTheAverage(risk float64) string {
	return fmt.Sprintf("At the average of what has a cost, that is about %s.", usd(risk))
}

// whyUnpriced tells a price that is missing from tokens that are: of a request
// whose input and output were not told apart no price says the cost.
func (in *Input) whyUnpriced(u Usage) (why, do string) {
	what := fmt.Sprintf("%s to %s, with %s,", counted(u.UnpricedRequests, "request"), named(u.Model),
		counted(u.UnpricedTokens, "token"))
	has := "have"
	if u.UnpricedRequests == 1 {
		has = "has"
	}
	if u.Model == "" {
		return fmt.Sprintf("%s %s no cost and no model to find a price by.", what, has), "Send the model, or the cost."
	}
	if _, known := in.price(u.Provider, u.Model); known {
		return fmt.Sprintf("%s %s no cost, though the price is known.", what, has),
			"Run `llmtally reprice`; what is left then came without prompt_tokens and completion_tokens: send both."
	}
	return fmt.Sprintf("%s %s no cost, since no price is known.", what, has), "Set one with `llmtally prices set`, then run `llmtally reprice`."
}

// fewUnpriced is how many models without a price are each told alone, and how
// many are named of more.
const fewUnpriced = 3

// Gathered puts one recommendation in the place of those about models without a
// price, where these are more than a few: for a page, which has no room for one
// wording hundreds of times.
func Gathered(all []Recommendation) []Recommendation {
	var names []string
	var requests, tokens int64
	var risk float64
	one := Recommendation{Kind: kindUnpriced, AmountIs: "risk"}
	var rest []Recommendation
	for _, r := range all {
		if r.Kind != kindUnpriced {
			rest = append(rest, r)
			continue
		}
		names = append(names, named(r.Model))
		requests += r.Figures["requests"].(int64)
		tokens += r.Figures["tokens"].(int64)
		if r.Amount != nil {
			risk += *r.Amount
			one.Amount = &risk
		}
	}
	if len(names) <= fewUnpriced {
		return all
	}
	one.Figures = map[string]any{"requests": requests, "tokens": tokens}
	one.Finding = fmt.Sprintf("%s to %s, with %s, have no cost: %s and %s more.", counted(requests, "request"), counted(int64(len(names)), "model"),
		counted(tokens, "token"), strings.Join(names[:fewUnpriced], ", "), Grouped(int64(len(names)-fewUnpriced)))
	one.Message = one.Finding + " Set their prices with `llmtally prices set`, then run `llmtally reprice`."
	if one.Amount != nil {
		one.say(atTheAverage(risk))
	}
	rest = append(rest, one)
	largestFirst(rest)
	return rest
}
