package v1

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/llmtally/llmtally/store"
)

func (a *api) registerHealth(h huma.API) {
	get(h, "/v1/health/system", "get-system-health", "How requests go: errors and response times of all users (service role)", a.systemHealth)
}

// unfinishedAfter is when a request that has not ended is taken for lost.
const unfinishedAfter = time.Hour

// A systemHealth says how the requests of a window went.
type systemHealth struct {
	Window string          `json:"window" doc:"As it was asked for."`
	From   store.Timestamp `json:"from" format:"date-time" doc:"Where the counting begins: the window's begin, rounded down to its UTC hour."`
	To     store.Timestamp `json:"to" format:"date-time" doc:"Exclusive: the end of the UTC hour under way."`
	store.Health
	Unfinished int64               `json:"unfinished" doc:"Requests, of any time, that began over an hour ago and have not ended: status initiated."`
	Models     []store.ModelHealth `json:"models,omitzero" doc:"With by=model: the same for each model and provider, most requests first, at most 1,000 of them."`
}

func (a *api) systemHealth(ctx context.Context, in *struct {
	Window string `query:"window" default:"24h" doc:"How far back to look: whole hours and days, such as 1h, 24h, 7d or 1d12h, up to 366d. Whole UTC hours are counted: the hour that the window begins in and the one under way belong to it."`
	By     string `query:"by" enum:"model" doc:"model: tell the models apart, too."`
},
) (*fresh[systemHealth], error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	window, err := store.ParseHealthWindow(in.Window)
	if err != nil {
		return nil, err
	}
	now := a.settings.Now()
	answer := systemHealth{Window: in.Window}
	answer.From, answer.To = window.UpTo(now)
	var models []store.ModelHealth
	if answer.Health, models, err = a.db.Health(ctx, caller, answer.From, answer.To); err != nil {
		return nil, err
	}
	if in.By == "model" {
		answer.Models = models
	}
	answer.Unfinished, _, err = a.db.Unfinished(ctx, store.At(now.Add(-unfinishedAfter)))
	return freshAnswer(answer, err)
}
