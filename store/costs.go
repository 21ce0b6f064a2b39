package store

import (
	"context"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/advice"
	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/query"
)

// Costs says what usage cost, and what to do about it.
type Costs struct {
	TotalCost          float64                 `json:"total_cost" doc:"USD."`
	MostExpensiveModel *string                 `json:"most_expensive_model" doc:"Null while nothing has a cost."`
	CostByProvider     map[string]*float64     `json:"cost_by_provider" doc:"USD; null when nothing of it has a price. \"\" is an unknown provider."`
	CostByModel        map[string]*float64     `json:"cost_by_model" doc:"The same by model."`
	Recommendations    []advice.Recommendation `json:"recommendations" doc:"The largest amounts first."`

	Models map[advice.Name]ModelCost `json:"-"` // each provider's model, which a name in CostByModel may not be
}

// A ModelCost is what a model's requests cost, and how many are not in it.
type ModelCost struct {
	Cost     *float64 // USD; nil when nothing of it has a price
	Unpriced int64    // requests whose tokens are known and whose price is not
}

// Costs analyses one user's costs over all their requests. Comparisons with
// everybody else are made only for callers who may see everybody.
func (db *DB) Costs(ctx context.Context, caller policy.Caller, userID string) (Costs, error) {
	own := query.Is("user_profile_id", userID)
	return db.costs(ctx, caller, "usage_totals", own, true)
}

// AllCosts analyses the costs of all requests, of users and of nobody.
func (db *DB) AllCosts(ctx context.Context, caller policy.Caller) (Costs, error) {
	return db.costs(ctx, caller, "traffic_hourly", nil, false)
}

func (db *DB) costs(ctx context.Context, caller policy.Caller, rollup string, where query.Expr, compare bool) (Costs, error) {
	usage, err := db.modelUsage(ctx, caller, rollup, where)
	if err != nil {
		return Costs{}, err
	}
	in := advice.Input{Usage: usage.advice(), Prices: db.lookedUp().prices.Table, At: db.opts.Now()}
	if len(usage) > 0 {
		if in.Repeats, err = db.repeats(ctx, caller, where); err != nil {
			return Costs{}, err
		}
	}
	if compare && len(usage) > 0 {
		if in.Others, err = db.others(ctx, caller, usage); err != nil {
			return Costs{}, err
		}
	}
	costs := usage.costs()
	costs.Recommendations = advice.Recommend(in)
	return costs, nil
}

// modelUsage is the sums of one model. Dollars and nano-dollars stay apart, to
// be added up exactly.
type modelUsage struct {
	advice.Usage
	dollars, nano, priced int64
}

type modelUsages []modelUsage

func (db *DB) modelUsage(ctx context.Context, caller policy.Caller, rollup string, where query.Expr) (modelUsages, error) {
	return collect(ctx, db, caller, query.Select{
		From: rollup,
		Columns: []query.Output{
			{Name: "provider"},
			{Name: "model"},
			{Name: "requests", Func: query.Sum},
			{Name: "failures", Func: query.Sum},
			{Name: "token_requests", Func: query.Sum},
			{Name: "prompt_tokens", Func: query.Sum},
			{Name: "completion_tokens", Func: query.Sum},
			{Name: "cache_read_tokens", Func: query.Sum},
			{Name: "cache_write_tokens", Func: query.Sum},
			{Name: "reasoning_tokens", Func: query.Sum},
			{Name: "tokens", Func: query.Sum},
			{Name: "cost_usd", Func: query.Sum},
			{Name: "cost_nano", Func: query.Sum},
			{Name: "failed_cost_usd", Func: query.Sum},
			{Name: "failed_cost_nano", Func: query.Sum},
			{Name: "unpriced_requests", Func: query.Sum},
			{Name: "unpriced_tokens", Func: query.Sum},
			{Name: "priced_requests", Func: query.Sum},
		},
		Where: where,
		Group: []string{"provider", "model"},
		Order: []query.Order{{Column: "model"}, {Column: "provider"}},
	}, func(r query.Row) modelUsage {
		return modelUsage{
			dollars: integer(r[11]), nano: integer(r[12]), priced: integer(r[17]),
			Usage: advice.Usage{
				Provider: text(r[0]), Model: text(r[1]), Requests: integer(r[2]), Failures: integer(r[3]),
				Counted: integer(r[4]),
				Tokens: price.Usage{
					Input: integer(r[5]), Output: integer(r[6]), CacheRead: integer(r[7]), CacheWrite: integer(r[8]),
					OutputReasoning: integer(r[9]), Requests: integer(r[4]),
				},
				AllTokens: integer(r[10]),
				Cost:      USD(integer(r[11]), integer(r[12])), FailedCost: USD(integer(r[13]), integer(r[14])),
				UnpricedRequests: integer(r[15]), UnpricedTokens: integer(r[16]),
			},
		}
	})
}

func (all modelUsages) advice() []advice.Usage {
	usage := make([]advice.Usage, len(all))
	for i, u := range all {
		usage[i] = u.Usage
	}
	return usage
}

// A costSum is what some usage cost: nothing known unless some of it is priced.
type costSum struct{ dollars, nano, priced int64 }

func (s costSum) plus(u modelUsage) costSum {
	return costSum{s.dollars + u.dollars, s.nano + u.nano, s.priced + u.priced}
}

func (s costSum) usd() *float64 {
	if s.priced == 0 {
		return nil
	}
	usd := USD(s.dollars, s.nano)
	return &usd
}

// costs adds up by model and by provider.
func (all modelUsages) costs() Costs {
	var total costSum
	models, providers := map[string]costSum{}, map[string]costSum{}
	for _, u := range all {
		total = total.plus(u)
		models[u.Model] = models[u.Model].plus(u)
		providers[u.Provider] = providers[u.Provider].plus(u)
	}
	c := Costs{
		TotalCost: USD(total.dollars, total.nano), CostByModel: map[string]*float64{}, CostByProvider: map[string]*float64{},
		Models: make(map[advice.Name]ModelCost, len(all)),
	}
	for name, sum := range providers {
		c.CostByProvider[name] = sum.usd()
	}
	most := 0.0
	for _, u := range all { // in order, so that ties go by name
		c.Models[advice.Name{Provider: u.Provider, Model: u.Model}] = ModelCost{costSum{}.plus(u).usd(), u.UnpricedRequests}
		cost := models[u.Model].usd()
		c.CostByModel[u.Model] = cost
		if cost != nil && *cost > most {
			most, c.MostExpensiveModel = *cost, &u.Model
		}
	}
	return c
}

// others averages what everybody else got from the models of a usage. A caller
// who may not see that gets nothing.
func (db *DB) others(ctx context.Context, caller policy.Caller, own modelUsages) (map[advice.Name]advice.Average, error) {
	var names []any
	mine := map[advice.Name]modelUsage{}
	for _, u := range own {
		names = append(names, u.Model)
		mine[advice.Name{Provider: u.Provider, Model: u.Model}] = u
	}
	averages := map[advice.Name]advice.Average{}
	_, err := db.Run(ctx, caller, query.Select{
		From: "traffic_hourly",
		Columns: []query.Output{
			{Name: "provider"},
			{Name: "model"},
			{Name: "token_requests", Func: query.Sum},
			{Name: "completion_tokens", Func: query.Sum},
		},
		Where: query.In{Place: query.Column("model"), Values: names},
		Group: []string{"provider", "model"},
	}, func(r query.Row) error {
		name := advice.Name{Provider: text(r[0]), Model: text(r[1])}
		u, used := mine[name]
		if rest := integer(r[2]) - u.Counted; used && rest > 0 {
			averages[name] = advice.Average{Requests: rest, Output: float64(integer(r[3])-u.Tokens.Output) / float64(rest)}
		}
		return nil
	})
	return averages, err
}
