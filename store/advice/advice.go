// Package advice turns usage into recommendations that save money. It is given
// sums and prices, and knows neither database nor user. Each recommendation
// says the amount that it is about and the figures that the amount comes from;
// what has no amount is not recommended.
package advice

import (
	"cmp"
	"slices"
	"time"

	"github.com/llmtally/llmtally/store/price"
)

// A Recommendation is something to do about costs.
type Recommendation struct {
	Kind     string         `json:"kind" enum:"cheaper_model,prompt_caching,failed_requests,long_output,unpriced_usage"`
	Message  string         `json:"message" doc:"For a person: what was found, and what to do."`
	Model    string         `json:"model"`
	Provider string         `json:"provider"`
	Amount   *float64       `json:"amount" doc:"USD; null where only tokens are known."`
	AmountIs string         `json:"amount_is" enum:"saving,loss,risk" doc:"saving: what would not be spent. loss: what was spent in vain. risk: what may be spent unseen."`
	Figures  map[string]any `json:"figures" doc:"What the amount comes from. Money is USD."`

	Finding string `json:"-"` // the message without what only the operator can do; empty where anybody can
}

// Usage is what one model was used for.
type Usage struct {
	Provider, Model                  string
	Requests, Failures               int64
	Counted                          int64       // requests whose tokens are known
	Tokens                           price.Usage // of all of them
	AllTokens                        int64       // those of which no more than their number is known included
	Cost, FailedCost                 float64     // USD
	UnpricedRequests, UnpricedTokens int64       // tokens known, cost not
}

// Input is what recommendations are made from.
type Input struct {
	Usage  []Usage
	Prices *price.Table
	At     time.Time // prices as of
	// Others is the model's use by everybody else, where the asker may know it.
	Others map[Name]Average
	// Repeats is input that was sent again and not read from a cache.
	Repeats []Repeat
}

// A Name names a model as the logs do.
type Name struct{ Provider, Model string }

// An Average is a mean over requests.
type Average struct {
	Requests int64
	Output   float64 // tokens a request
}

// A Repeat is repeated input of one model, in a sample of requests.
type Repeat struct {
	Name
	Sampled  int64         // requests that were looked at
	Requests int64         // that began as an earlier one had, minutes before
	Input    int64         // all input tokens of those
	Tokens   int64         // that they had in common with an earlier one
	Written  int64         // tokens that a cache would have taken in for that
	Span     time.Duration // from the first to the last of the sample
}

// Recommend returns what to do, the largest amounts first. There is nothing to
// do about no usage.
func Recommend(in Input) []Recommendation {
	all := []Recommendation{}
	add := func(r Recommendation, ok bool) {
		if ok {
			all = append(all, r)
		}
	}
	total := 0.0
	for _, u := range in.Usage {
		total += u.Cost
	}
	for _, u := range in.Usage {
		add(in.cheaperModel(u, total))
		add(failedRequests(u))
		add(in.longOutput(u))
	}
	for _, r := range in.Repeats {
		add(in.promptCaching(r))
	}
	all = append(all, in.unpricedUsage()...)
	largestFirst(all)
	return all
}

func largestFirst(all []Recommendation) {
	slices.SortStableFunc(all, func(a, b Recommendation) int { return cmp.Compare(amount(b), amount(a)) })
}

func amount(r Recommendation) float64 {
	if r.Amount == nil {
		return -1
	}
	return *r.Amount
}

// price returns what a model costs at the moment of asking.
func (in *Input) price(provider, model string) (*price.Price, bool) {
	entry, ok := in.Prices.Find(provider, model)
	if !ok {
		return nil, false
	}
	return entry.At(in.At)
}

// spent returns what the usage cost. The price list has the last word, because
// what is advised holds for tomorrow; unless less was paid for all of it, as
// for answers that came from a proxy's cache, or by contract.
func (u *Usage) spent(list float64) float64 {
	if u.UnpricedRequests == 0 {
		return min(list, u.Cost)
	}
	return list
}

// input is how many input tokens a request has on average: what tiers go by.
func (u *Usage) input() int64 { return u.Tokens.Input / u.Counted }
