package v1

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/price"
)

func (a *api) registerPrices(h huma.API) {
	get(h, "/v1/prices", "list-prices", "The price table (service role)", a.prices)
	get(h, "/v1/prices/match", "match-price", "The price that a provider and model have, as clients name them (service role)", a.matchPrice)
	get(h, "/v1/prices/unpriced", "list-unpriced", "Models whose tokens are known and whose price is not (service role)", a.unpriced)
	change(h, http.MethodPost, "/v1/prices", "set-price", "Override a price (service role)", http.StatusCreated, a.setPrice)
	change(h, http.MethodDelete, "/v1/prices/{id}", "delete-price", "Remove an override or an imported price (service role)", http.StatusNoContent, a.deletePrice)
}

func (a *api) prices(ctx context.Context, in *struct {
	Source   string `query:"source" enum:"shipped,import,override"`
	Provider string `query:"provider" doc:"Its canonical id, as in the list."`
	Model    string `query:"model" doc:"A part of the model's name."`
	Limit    int64  `query:"limit" default:"100" minimum:"1" maximum:"10000"`
	Offset   int64  `query:"offset" default:"0" minimum:"0"`
},
) (*fresh[[]store.ModelPrice], error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	return freshAnswer(a.db.Prices(ctx, caller, store.PriceFilter{
		Source: in.Source, Provider: in.Provider, Contains: in.Model, Limit: in.Limit, Offset: in.Offset,
	}))
}

func (a *api) matchPrice(ctx context.Context, in *struct {
	Provider string `query:"provider" doc:"As in the logs; may be empty."`
	Model    string `query:"model" required:"true" doc:"As in the logs: gpt-4o-2024-08-06, bedrock/anthropic.claude-…"`
	At       string `query:"at" doc:"When the request is made. Default: now."`
},
) (*fresh[store.ModelPrice], error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	at, err := parseBorder(in.At, time.UTC, a.settings.Now().UTC())
	if err != nil {
		return nil, err
	}
	row, err := a.db.PriceAt(ctx, caller, in.Provider, in.Model, at)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problem.New(http.StatusNotFound, "no price is known for this model").
			WithHint("set one with POST /v1/prices, or `llmtally prices set`")
	}
	return freshAnswer(row, err)
}

func (a *api) unpriced(ctx context.Context, _ *struct{}) (*fresh[[]store.UnpricedModel], error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	return freshAnswer(a.db.Unpriced(ctx, caller))
}

// A PriceBody is an override.
type PriceBody struct {
	Provider      string          `json:"provider,omitempty" doc:"As clients name it; empty for any."`
	Model         string          `json:"model" doc:"As clients name it; may end in * for all names that begin so."`
	EffectiveFrom *string         `json:"effective_from,omitempty" doc:"From when on the price holds: a time, or a date in UTC. Default: it has always held."`
	Rates         json.RawMessage `json:"rates" doc:"USD per million tokens by class: {\"input\": 2.5, \"output\": 10, \"cache_read\": 1.25}. See the list."`
}

func (a *api) setPrice(ctx context.Context, in *struct{ Body PriceBody }) (*struct{ Body store.ModelPrice }, error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	p, err := a.override(&in.Body)
	if err != nil {
		return nil, err
	}
	saved := []price.Price{p}
	if err := a.db.SavePrices(ctx, caller, saved); err != nil {
		return nil, err
	}
	rows, err := a.db.Prices(ctx, caller, store.PriceFilter{ID: saved[0].ID, Limit: 1})
	if err != nil || len(rows) == 0 {
		return nil, errors.Join(err, orNotFound(store.ErrNotFound, "price"))
	}
	return &struct{ Body store.ModelPrice }{rows[0]}, nil
}

func (a *api) override(b *PriceBody) (p price.Price, err error) {
	var rates price.Rates
	if err := json.Unmarshal(b.Rates, &rates); err != nil {
		return p, problem.New(http.StatusUnprocessableEntity, "rates: "+err.Error())
	}
	var from time.Time
	if b.EffectiveFrom != nil {
		if from, err = parseBorder(*b.EffectiveFrom, time.UTC, time.Time{}); err != nil {
			return p, err
		}
	}
	if p, err = price.NewOverride(b.Provider, b.Model, from, rates); err != nil {
		return p, problem.New(http.StatusUnprocessableEntity, err.Error())
	}
	return p, nil
}

func (a *api) deletePrice(ctx context.Context, in *IDInput) (*struct{}, error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	return nil, orNotFound(a.db.DeletePrice(ctx, caller, in.ID), "price")
}
