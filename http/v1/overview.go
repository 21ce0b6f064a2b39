package v1

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/store"
)

func (a *api) registerOverview(h huma.API) {
	get(h, "/v1/activity", "get-activity", "The newest requests of all users that the caller may see", a.activity)
	get(h, "/v1/overview", "get-overview", "All users at a glance (service role)", a.overview)
}

func (a *api) activity(ctx context.Context, in *struct {
	Limit int64 `query:"limit" default:"20" minimum:"1" maximum:"1000"`
},
) (*fresh[[]store.Activity], error) {
	return freshAnswer(a.db.Activity(ctx, auth.From(ctx), in.Limit))
}

// An overview is what an operator's page shows, as in the seed's
// get_admin_overview.
type overview struct {
	RecentActivity []store.Activity  `json:"recent_activity" doc:"The newest fifty requests."`
	UserSummaries  []store.Analytics `json:"user_summaries" doc:"By user id, a page at a time."`
	TotalUsers     int64             `json:"total_users"`
	ActiveUsers    int64             `json:"active_users" doc:"Users with at least one request."`
}

func (a *api) overview(ctx context.Context, in *struct {
	Limit  int64 `query:"limit" default:"100" minimum:"1" maximum:"10000" doc:"Of user_summaries."`
	Offset int64 `query:"offset" default:"0" minimum:"0" doc:"Into user_summaries."`
},
) (*fresh[overview], error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	var o overview
	if o.RecentActivity, err = a.db.Activity(ctx, caller, 50); err != nil {
		return nil, err
	}
	if o.UserSummaries, err = a.db.AllAnalytics(ctx, caller, in.Limit, in.Offset); err != nil {
		return nil, err
	}
	o.TotalUsers, o.ActiveUsers, err = a.db.UserCounts(ctx, caller)
	return freshAnswer(o, err)
}
