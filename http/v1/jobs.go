package v1

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
)

func (a *api) registerJobs(h huma.API) {
	get(h, "/v1/jobs", "list-jobs", "What happens by the clock, and how it went last (service role)", a.jobs)
	change(h, http.MethodPost, "/v1/jobs/{name}/run", "run-job", "Start a job now (service role)", http.StatusAccepted, a.runJob)
}

func (a *api) jobs(ctx context.Context, _ *struct{}) (*fresh[[]store.JobRecord], error) {
	if _, err := serviceOnly(ctx); err != nil {
		return nil, err
	}
	return freshAnswer(a.db.Jobs(ctx))
}

func (a *api) runJob(ctx context.Context, in *struct {
	Name string `path:"name" doc:"As GET /v1/jobs lists it."`
},
) (*fresh[store.JobRecord], error) {
	if _, err := serviceOnly(ctx); err != nil {
		return nil, err
	}
	err := a.settings.RunJob(ctx, in.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, problem.New(http.StatusNotFound, "there is no job of that name").WithHint("GET /v1/jobs lists them")
	case errors.Is(err, store.ErrJobRunning):
		return nil, problem.New(http.StatusConflict, err.Error())
	case err != nil:
		return nil, err
	}
	return freshAnswer(a.db.Job(ctx, in.Name))
}
