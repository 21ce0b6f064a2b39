// Package v1 is llmtally's own typed API. Every operation is declared to huma,
// which checks parameters and keeps /openapi.json true; errors are problem
// documents (RFC 9457).
package v1

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/http/record"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// Settings are what an operator may choose. Zero values mean the defaults.
type Settings struct {
	Version string
	// How long clients may keep an answer.
	AnalyticsMaxAge time.Duration // 5 minutes
	BreakdownMaxAge time.Duration // 1 hour
	Now             func() time.Time
	// CheckChannel says whether alerts can be delivered to such a channel; nil
	// takes any.
	CheckChannel func(kind, target, secret string) error
	// RunJob starts a job in the background: store.ErrNotFound when there is
	// none of that name, store.ErrJobRunning while it runs. Nil: there are no
	// jobs here.
	RunJob  func(ctx context.Context, name string) error
	Streams StreamSettings
}

// An api is the handlers and what they need.
type api struct {
	db       *store.DB
	settings Settings
}

func init() {
	// huma's own refusals (a bad parameter, an unknown path) look like ours.
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		p := problem.New(status, message)
		var details []string
		for _, err := range errs {
			if err != nil {
				details = append(details, err.Error())
			}
		}
		if len(details) > 0 {
			p.Errors = details
		}
		return p
	}
}

// Register adds the operations to the router, behind whatever it puts before
// them, and returns their description.
func Register(r chi.Router, db *store.DB, settings Settings) *huma.OpenAPI {
	if settings.AnalyticsMaxAge == 0 {
		settings.AnalyticsMaxAge = 5 * time.Minute
	}
	if settings.BreakdownMaxAge == 0 {
		settings.BreakdownMaxAge = time.Hour
	}
	if settings.RunJob == nil {
		settings.RunJob = func(context.Context, string) error { return store.ErrNotFound }
	}
	if settings.Now == nil {
		settings.Now = time.Now
	}
	config := huma.DefaultConfig("llmtally", settings.Version)
	config.Info.Description = "Keeps the books on LLM usage: takes in a log of every request, and answers who used what, and what it cost."
	config.CreateHooks = nil // no $schema member in answers
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.Security = []map[string][]string{{"bearer": {}}, {"apikey": {}}}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A key or a user's token."},
		"apikey": {Type: "apiKey", In: "header", Name: "apikey", Description: "The same, as Supabase clients send it."},
	}
	h := humachi.New(r, config)
	a := &api{db: db, settings: settings}
	a.registerUsers(h)
	a.registerOverview(h)
	a.registerHealth(h)
	a.registerCosts(h)
	a.registerPrices(h)
	a.registerAlerts(h)
	a.registerJobs(h)
	describeStream(h.OpenAPI())
	return h.OpenAPI()
}

// get declares a GET operation whose failures are answered as problems.
func get[I, O any](h huma.API, path, id, summary string, handler func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		Method: http.MethodGet, Path: path, OperationID: id, Summary: summary,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	huma.Register(h, op, answering(handler))
}

// answering turns a handler's error into a problem, and notes for the log what
// is behind one that is ours.
func answering[I, O any](handler func(context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err == nil {
			return out, nil
		}
		p := problem.From(err, auth.From(ctx).Role)
		if p.Status >= http.StatusInternalServerError {
			record.Fail(ctx, err)
		}
		return nil, p
	}
}

// A fresh answer must be asked for each time; a kept one may be kept by the
// client alone for a while.
type (
	fresh[T any] struct {
		CacheControl string `header:"Cache-Control"`
		Body         T
	}
	kept[T any] struct {
		CacheControl string `header:"Cache-Control"`
		ETag         string `header:"ETag" doc:"Of the answer; send it in If-None-Match to get 304 while it stays the same."`
		Body         T
	}
)

func freshAnswer[T any](body T, err error) (*fresh[T], error) {
	return &fresh[T]{CacheControl: "no-store", Body: body}, err
}

// keptAnswer leaves the ETag to Conditional, which sees the bytes.
func keptAnswer[T any](age time.Duration, body T, err error) (*kept[T], error) {
	return &kept[T]{CacheControl: cacheControl(age), Body: body}, err
}

// mayAsk says whether the caller may ask about the user at all, and whether the
// user exists. To other users it does not tell.
func (a *api) mayAsk(ctx context.Context, userID string) (policy.Caller, error) {
	caller, err := mayAskAbout(ctx, userID)
	if err != nil {
		return caller, err
	}
	exists, err := a.db.UserExists(ctx, caller, userID)
	if err == nil && !exists {
		err = errNoUser()
	}
	return caller, err
}

// mayAskAbout leaves open whether the user exists.
func mayAskAbout(ctx context.Context, userID string) (policy.Caller, error) {
	caller := auth.From(ctx)
	if caller.Role != policy.Service && (caller.Role != policy.Authenticated || caller.Subject != userID) {
		return caller, &store.Error{Code: store.CodePrivilege, Message: "you may ask about yourself only"}
	}
	return caller, nil
}

func errNoUser() error { return problem.New(http.StatusNotFound, "there is no user of that id") }

// serviceOnly refuses everyone but the service role.
func serviceOnly(ctx context.Context) (policy.Caller, error) {
	caller := auth.From(ctx)
	if caller.Role != policy.Service {
		return caller, &store.Error{Code: store.CodePrivilege, Message: "this is for the service role only"}
	}
	return caller, nil
}
