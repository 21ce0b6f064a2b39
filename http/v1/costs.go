package v1

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/llmtally/llmtally/store"
)

func (a *api) registerCosts(h huma.API) {
	get(h, "/v1/users/{user_id}/costs", "get-user-costs", "What a user's requests cost, and what to do about it", a.costs)
	get(h, "/v1/overview/costs", "get-costs", "The same for all requests (service role)", a.allCosts)
}

func (a *api) costs(ctx context.Context, in *UserInput) (*kept[store.Costs], error) {
	caller, err := a.mayAsk(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	costs, err := a.db.Costs(ctx, caller, in.UserID)
	return keptAnswer(a.settings.AnalyticsMaxAge, costs, err)
}

func (a *api) allCosts(ctx context.Context, _ *struct{}) (*kept[store.Costs], error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	costs, err := a.db.AllCosts(ctx, caller)
	return keptAnswer(a.settings.AnalyticsMaxAge, costs, err)
}
