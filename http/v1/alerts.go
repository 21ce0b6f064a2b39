package v1

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
)

func (a *api) registerAlerts(h huma.API) {
	get(h, "/v1/users/{user_id}/limits", "get-user-limits", "How a user stands with each budget: may this user go on?", a.limits)
	get(h, "/v1/alerts", "list-alerts", "Alerts, newest first, and how they were delivered (service role)", a.alerts)
	get(h, "/v1/alert-rules", "list-alert-rules", "The rules that raise alerts (service role)", a.alertRules)
	get(h, "/v1/alert-channels", "list-alert-channels", "Where alerts are delivered (service role)", a.alertChannels)
	change(h, http.MethodPost, "/v1/alert-rules", "create-alert-rule", "Make a rule (service role)", http.StatusCreated, a.createRule)
	change(h, http.MethodPatch, "/v1/alert-rules/{id}", "change-alert-rule", "Change what the body names of a rule (service role)", http.StatusOK, a.changeRule)
	change(h, http.MethodDelete, "/v1/alert-rules/{id}", "delete-alert-rule", "Remove a rule; its alerts stay, as resolved (service role)", http.StatusNoContent, a.deleteRule)
	change(h, http.MethodPost, "/v1/alert-channels", "create-alert-channel", "Make a channel (service role)", http.StatusCreated, a.createChannel)
	change(h, http.MethodPatch, "/v1/alert-channels/{id}", "change-alert-channel", "Change what the body names of a channel (service role)", http.StatusOK, a.changeChannel)
	change(h, http.MethodDelete, "/v1/alert-channels/{id}", "delete-alert-channel", "Remove a channel, and what waits to be delivered there (service role)", http.StatusNoContent, a.deleteChannel)
}

// change declares an operation that changes something.
func change[I, O any](h huma.API, method, path, id, summary string, status int, handler func(context.Context, *I) (*O, error)) {
	huma.Register(h, huma.Operation{
		Method: method, Path: path, OperationID: id, Summary: summary, DefaultStatus: status,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity},
	}, answering(handler))
}

// limitsAnswer says in a header, too, whether any limit is exceeded: what a
// gateway wants to know.
type limitsAnswer struct {
	CacheControl string `header:"Cache-Control"`
	OverLimit    bool   `header:"Llmtally-Over-Limit" doc:"Whether any limit is exceeded."`
	Body         []store.Limit
}

func (a *api) limits(ctx context.Context, in *UserInput) (*limitsAnswer, error) {
	caller, err := mayAskAbout(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	limits, err := a.db.Limits(ctx, caller, in.UserID)
	if errors.Is(err, store.ErrNotFound) {
		err = errNoUser()
	}
	answer := &limitsAnswer{CacheControl: "no-store", Body: limits}
	for _, l := range limits {
		answer.OverLimit = answer.OverLimit || l.State == store.LimitExceeded
	}
	return answer, err
}

func (a *api) alerts(ctx context.Context, in *struct {
	State  string `query:"state" enum:"firing,resolved" doc:"Default: both."`
	UserID string `query:"user_id" doc:"Only this user's."`
	Before int64  `query:"before" minimum:"1" doc:"Only alerts older than the one of this id."`
	Limit  int64  `query:"limit" default:"100" minimum:"1" maximum:"1000"`
},
) (*fresh[[]store.Alert], error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	return freshAnswer(a.db.Alerts(ctx, caller, store.AlertFilter{
		State: in.State, UserID: in.UserID, Before: in.Before, Limit: in.Limit,
	}))
}

func (a *api) alertRules(ctx context.Context, _ *struct{}) (*fresh[[]store.AlertRule], error) {
	return freshAnswer(a.db.AlertRules(ctx, auth.From(ctx)))
}

// A RuleBody is what a client says of a rule; what it leaves out stays, or has
// its default in a new rule.
type RuleBody struct {
	Name         *string       `json:"name,omitempty"`
	Metric       *store.Metric `json:"metric,omitempty" enum:"cost,tokens,requests,failures,error_rate"`
	Scope        *store.Scope  `json:"scope,omitempty" enum:"everyone,tier,user,provider,model" doc:"Default: everyone."`
	ScopeValue   *string       `json:"scope_value,omitempty" doc:"The tier, user, provider or model."`
	PerUser      *bool         `json:"per_user,omitempty" doc:"Measure each user of the scope alone. Default: true for everyone, tier and user."`
	Window       *store.Window `json:"window,omitempty" enum:"total,month,week,day,last" doc:"Default: month."`
	LastRequests *int64        `json:"last_requests,omitempty" doc:"For the window last. Default: 100."`
	MinRequests  *int64        `json:"min_requests,omitempty" doc:"With fewer, an error rate has no verdict. Default: 20."`
	TimeZone     *string       `json:"time_zone,omitempty" doc:"IANA name. Default: UTC."`
	Limit        *float64      `json:"limit,omitempty" doc:"USD, tokens, requests, failures, or a share from 0 to 1."`
	Thresholds   *[]float64    `json:"thresholds,omitempty" doc:"Percentages of the limit. Default: [100]."`
	Enabled      *bool         `json:"enabled,omitempty" doc:"Default: true."`
}

const defaultLastRequests = 100

// over lays the body over a rule.
func (b *RuleBody) over(r store.AlertRule) store.AlertRule {
	lay(&r.Name, b.Name)
	lay(&r.Metric, b.Metric)
	lay(&r.Scope, b.Scope)
	if b.Scope != nil && *b.Scope == store.ScopeEveryone {
		r.ScopeValue = ""
	}
	lay(&r.ScopeValue, b.ScopeValue)
	lay(&r.PerUser, b.PerUser)
	if b.Window != nil && *b.Window != r.Window {
		r.Window, r.LastRequests = *b.Window, 0 // which belongs to the window
		if r.Window == store.WindowLast {
			r.LastRequests = defaultLastRequests
		}
	}
	lay(&r.LastRequests, b.LastRequests)
	lay(&r.MinRequests, b.MinRequests)
	lay(&r.TimeZone, b.TimeZone)
	lay(&r.Limit, b.Limit)
	lay(&r.Thresholds, b.Thresholds)
	lay(&r.Enabled, b.Enabled)
	return r
}

func lay[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

type ruleAnswer struct{ Body store.AlertRule }

func (a *api) createRule(ctx context.Context, in *struct{ Body RuleBody }) (*ruleAnswer, error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	fresh := store.AlertRule{Scope: store.ScopeEveryone, Window: store.WindowMonth, Enabled: true}
	lay(&fresh.Scope, in.Body.Scope)
	fresh.PerUser = fresh.Scope != store.ScopeProvider && fresh.Scope != store.ScopeModel
	rule, err := a.db.SaveAlertRule(ctx, caller, in.Body.over(fresh))
	return &ruleAnswer{rule}, err
}

// IDInput names a thing by its number in the path.
type IDInput struct {
	ID int64 `path:"id"`
}

func (a *api) changeRule(ctx context.Context, in *struct {
	IDInput
	Body RuleBody
},
) (*ruleAnswer, error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := a.db.AlertRules(ctx, caller)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if r.ID == in.ID {
			rule, err := a.db.SaveAlertRule(ctx, caller, in.Body.over(r))
			return &ruleAnswer{rule}, orNotFound(err, "rule")
		}
	}
	return nil, orNotFound(store.ErrNotFound, "rule")
}

func (a *api) deleteRule(ctx context.Context, in *IDInput) (*struct{}, error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	return nil, orNotFound(a.db.DeleteAlertRule(ctx, caller, in.ID), "rule")
}

// orNotFound says what there is none of.
func orNotFound(err error, what string) error {
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(http.StatusNotFound, "there is no "+what+" of that id")
	}
	return err
}

func (a *api) alertChannels(ctx context.Context, _ *struct{}) (*fresh[[]store.AlertChannel], error) {
	return freshAnswer(a.db.AlertChannels(ctx, auth.From(ctx)))
}

// A ChannelBody is what a client says of a channel; what it leaves out stays.
type ChannelBody struct {
	Name    *string `json:"name,omitempty"`
	Kind    *string `json:"kind,omitempty" enum:"webhook,slack,discord,email"`
	Target  *string `json:"target,omitempty" doc:"A URL, or e-mail addresses separated by commas."`
	Secret  *string `json:"secret,omitempty" writeOnly:"true" doc:"Signs what a webhook gets (Standard Webhooks, HMAC-SHA256): whsec_ and base64, or any text."`
	Enabled *bool   `json:"enabled,omitempty" doc:"Default: true."`
}

type channelAnswer struct{ Body store.AlertChannel }

func (a *api) createChannel(ctx context.Context, in *struct{ Body ChannelBody }) (*channelAnswer, error) {
	if _, err := serviceOnly(ctx); err != nil {
		return nil, err
	}
	return a.saveChannel(ctx, store.AlertChannel{Enabled: true}, &in.Body)
}

func (a *api) changeChannel(ctx context.Context, in *struct {
	IDInput
	Body ChannelBody
},
) (*channelAnswer, error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	channels, err := a.db.AlertChannels(ctx, caller)
	if err != nil {
		return nil, err
	}
	for _, c := range channels {
		if c.ID == in.ID {
			return a.saveChannel(ctx, c, &in.Body)
		}
	}
	return nil, orNotFound(store.ErrNotFound, "channel")
}

func (a *api) saveChannel(ctx context.Context, c store.AlertChannel, b *ChannelBody) (*channelAnswer, error) {
	lay(&c.Name, b.Name)
	lay(&c.Kind, b.Kind)
	lay(&c.Target, b.Target)
	lay(&c.Enabled, b.Enabled)
	if a.settings.CheckChannel != nil {
		secret := ""
		lay(&secret, b.Secret)
		if err := a.settings.CheckChannel(c.Kind, c.Target, secret); err != nil {
			return nil, problem.New(http.StatusUnprocessableEntity, err.Error())
		}
	}
	saved, err := a.db.SaveAlertChannel(ctx, auth.From(ctx), c, b.Secret)
	return &channelAnswer{saved}, orNotFound(err, "channel")
}

func (a *api) deleteChannel(ctx context.Context, in *IDInput) (*struct{}, error) {
	caller, err := serviceOnly(ctx)
	if err != nil {
		return nil, err
	}
	return nil, orNotFound(a.db.DeleteAlertChannel(ctx, caller, in.ID), "channel")
}
