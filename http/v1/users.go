package v1

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
)

// UserInput names the user in the path. It is exported, as PageInput is, for
// huma to find it inside other inputs.
type UserInput struct {
	UserID string `path:"user_id" doc:"The user's id, percent-encoded (a slash as %2F)."`
}

// PageInput asks for a page of rows.
type PageInput struct {
	Limit  int64 `query:"limit" default:"50" minimum:"1" maximum:"1000"`
	Offset int64 `query:"offset" default:"0" minimum:"0"`
}

func (a *api) registerUsers(h huma.API) {
	get(h, "/v1/users/{user_id}/analytics", "get-user-analytics", "A user's totals", a.analytics)
	get(h, "/v1/users/{user_id}/requests", "get-user-requests", "A user's requests, newest first", a.requests)
	get(h, "/v1/users/{user_id}/breakdown", "get-user-breakdown", "A user's tokens by model and provider", a.breakdown)
	get(h, "/v1/users/{user_id}/usage", "get-user-usage", "A user's usage over time, gaps filled with zeros", a.usage)
	get(h, "/v1/users/{user_id}/dashboard", "get-user-dashboard", "What a user's page shows", a.dashboard)
	huma.Register(h, huma.Operation{
		Method: http.MethodDelete, Path: "/v1/users/{user_id}", OperationID: "erase-user",
		Summary: "Erase a user: profile, logs and aggregates (service role)", DefaultStatus: http.StatusNoContent,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}, answering(a.erase))
}

func (a *api) analytics(ctx context.Context, in *UserInput) (*kept[store.Analytics], error) {
	caller, err := a.mayAsk(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	row, err := a.db.Analytics(ctx, caller, in.UserID)
	return keptAnswer(a.settings.AnalyticsMaxAge, row, err)
}

func (a *api) requests(ctx context.Context, in *struct {
	UserInput
	PageInput
	Before int64 `query:"before" doc:"Only requests that come after the one of this id: pages that stay put while new requests arrive."`
},
) (*fresh[[]store.HistoryRow], error) {
	caller, err := a.mayAsk(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	if in.Before == 0 {
		return freshAnswer(a.db.History(ctx, caller, in.UserID, in.Limit, in.Offset))
	}
	rows, err := a.db.HistoryBefore(ctx, caller, in.UserID, in.Before, in.Limit, in.Offset)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problem.New(http.StatusNotFound, "the user has no request of the id in before")
	}
	return freshAnswer(rows, err)
}

func (a *api) breakdown(ctx context.Context, in *UserInput) (*kept[[]store.BreakdownRow], error) {
	caller, err := a.mayAsk(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	rows, err := a.db.Breakdown(ctx, caller, in.UserID)
	return keptAnswer(a.settings.BreakdownMaxAge, rows, err)
}

// defaultRange is how far back a usage report goes when nobody says.
var defaultRange = map[store.Granularity]func(time.Time) time.Time{
	store.ByHour:  func(t time.Time) time.Time { return t.Add(-23 * time.Hour) },
	store.ByDay:   func(t time.Time) time.Time { return t.AddDate(0, 0, -29) },
	store.ByMonth: func(t time.Time) time.Time { return time.Date(t.Year(), t.Month()-11, 1, 0, 0, 0, 0, t.Location()) },
}

func (a *api) usage(ctx context.Context, in *struct {
	UserInput
	Granularity string `query:"granularity" enum:"hour,day,month" default:"day"`
	From        string `query:"from" doc:"A time, or a date in the time zone. Default: 24 hours, 30 days or 12 months back."`
	To          string `query:"to" doc:"Exclusive. Default: now."`
	TZ          string `query:"tz" default:"UTC" doc:"The IANA time zone whose hours, days and months count."`
},
) (*kept[[]store.UsagePeriod], error) {
	caller, err := a.mayAsk(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	zone, err := store.ParseZone(in.TZ)
	if err != nil {
		return nil, err
	}
	now := a.settings.Now().In(zone)
	to, err := parseBorder(in.To, zone, now)
	if err != nil {
		return nil, err
	}
	from, err := parseBorder(in.From, zone, defaultRange[store.Granularity(in.Granularity)](to))
	if err != nil {
		return nil, err
	}
	periods, err := a.db.Usage(ctx, caller, in.UserID, store.Granularity(in.Granularity), from, to, zone)
	return keptAnswer(a.settings.AnalyticsMaxAge, periods, err)
}

// parseBorder reads a time, or a date as its first moment in the zone. A plus
// sign that was not percent-encoded arrives as a space.
func parseBorder(s string, zone *time.Location, absent time.Time) (time.Time, error) {
	if s == "" {
		return absent, nil
	}
	if date, err := time.ParseInLocation(time.DateOnly, s, zone); err == nil {
		return date, nil
	}
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		t, err := store.FromEpoch(seconds)
		return t.Time().In(zone), err
	}
	if i := strings.LastIndexByte(s, ' '); i > len(time.DateOnly) {
		s = s[:i] + "+" + s[i+1:]
	}
	t, err := store.ParseTimestamp(s, absent)
	return t.Time().In(zone), err
}

// A dashboard is what a user's page shows, as in the seed's
// get_user_dashboard_data.
type dashboard struct {
	Summary        store.Analytics      `json:"summary"`
	RecentActivity []store.HistoryRow   `json:"recent_activity" doc:"The last ten requests."`
	UsageBreakdown []store.BreakdownRow `json:"usage_breakdown"`
}

func (a *api) dashboard(ctx context.Context, in *UserInput) (*kept[dashboard], error) {
	caller, err := a.mayAsk(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	var d dashboard
	if d.Summary, err = a.db.Analytics(ctx, caller, in.UserID); err != nil {
		return nil, err
	}
	if d.RecentActivity, err = a.db.History(ctx, caller, in.UserID, 10, 0); err != nil {
		return nil, err
	}
	d.UsageBreakdown, err = a.db.Breakdown(ctx, caller, in.UserID)
	return keptAnswer(a.settings.AnalyticsMaxAge, d, err)
}

func (a *api) erase(ctx context.Context, in *UserInput) (*struct{}, error) {
	if _, err := serviceOnly(ctx); err != nil {
		return nil, err
	}
	err := a.db.EraseUser(ctx, auth.From(ctx), in.UserID)
	if errors.Is(err, store.ErrNotFound) {
		err = problem.New(http.StatusNotFound, "there is no user of that id")
	}
	return nil, err
}
