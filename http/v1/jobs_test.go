package v1_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	v1 "github.com/llmtally/llmtally/http/v1"
	"github.com/llmtally/llmtally/jobs"
	"github.com/llmtally/llmtally/store"
)

// newServerOf returns a server whose jobs these are.
func newServerOf(t testing.TB, all ...jobs.Job) *server {
	t.Helper()
	var runner *jobs.Runner
	s := newServerWith(t, v1.Settings{Now: clock, RunJob: func(ctx context.Context, name string) error { return runner.Run(ctx, name) }})
	runner, err := jobs.New(s.db, all, jobs.Settings{Now: clock})
	require.NoError(t, err)
	require.NoError(t, runner.Start())
	t.Cleanup(func() { require.NoError(t, runner.Stop(context.Background())) })
	return s
}

func TestTheServiceRoleSeesHowTheJobsGo(t *testing.T) {
	t.Parallel()
	never := func(context.Context) (string, error) { panic("it does not run here") }
	s := newServerOf(t,
		jobs.Job{Name: "monthly", Purpose: "months", Schedule: "5 * * * *", Run: never},
		jobs.Job{Name: "asleep", Purpose: "nothing", Schedule: "off", Run: never})
	assert.JSONEq(t, `[
		{"name":"asleep","purpose":"nothing","schedule":"off","next_run_at":null,"last_started_at":null,
		 "last_duration":null,"last_result":null,"last_message":null},
		{"name":"monthly","purpose":"months","schedule":"5 * * * *","next_run_at":"2026-03-31T13:05:00+00:00","last_started_at":null,
		 "last_duration":null,"last_result":null,"last_message":null}]`, s.ok(service, "/v1/jobs"))

	require.NoError(t, s.db.RecordJobStart(t.Context(), "monthly", store.At(moment), nil))
	require.NoError(t, s.db.RecordJobEnd(t.Context(), "monthly", store.JobOK, "3 rows changed", 1500*time.Microsecond, nil))
	assert.Contains(t, s.ok(service, "/v1/jobs"), `{"name":"monthly","purpose":"months","schedule":"5 * * * *","next_run_at":null,`+
		`"last_started_at":"2026-03-31T12:10:00+00:00","last_duration":0.0015,"last_result":"ok","last_message":"3 rows changed"}`)
	assert.Equal(t, "no-store", s.get(service, "/v1/jobs").header.Get("Cache-Control"))
}

func TestWithoutJobsTheListIsEmpty(t *testing.T) {
	t.Parallel()
	assert.JSONEq(t, `[]`, newServer(t).ok(service, "/v1/jobs"))
}

func TestTheServiceRoleStartsAJob(t *testing.T) {
	t.Parallel()
	leave, left := make(chan struct{}), make(chan struct{})
	s := newServerOf(t, jobs.Job{Name: "slow", Purpose: "p", Schedule: "off", Run: func(context.Context) (string, error) {
		<-leave
		close(left)
		return "", nil
	}})
	requireProblem(t, s.do(http.MethodPost, ann, "/v1/jobs/slow/run"), http.StatusForbidden)
	a := s.do(http.MethodPost, service, "/v1/jobs/slow/run")
	require.Equal(t, http.StatusAccepted, a.status, a.body)
	assert.JSONEq(t, `{"name":"slow","purpose":"p","schedule":"off","next_run_at":null,"last_started_at":"2026-03-31T12:10:00+00:00",
		"last_duration":null,"last_result":"running","last_message":null}`, a.body)
	again := s.do(http.MethodPost, service, "/v1/jobs/slow/run")
	requireProblem(t, again, http.StatusConflict)
	assert.Contains(t, again.body, "running already")
	close(leave)
	<-left
	requireProblem(t, s.do(http.MethodPost, service, "/v1/jobs/fast/run"), http.StatusNotFound)
	wrong := s.get(service, "/v1/jobs/slow/run")
	requireProblem(t, wrong, http.StatusMethodNotAllowed)
	assert.Equal(t, "POST", wrong.header.Get("Allow"))
}

func TestAServerThatShutsDownStartsNoJob(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, v1.Settings{Now: clock, RunJob: func(context.Context, string) error { return store.ErrClosed }})
	requireProblem(t, s.do(http.MethodPost, service, "/v1/jobs/monthly/run"), http.StatusServiceUnavailable)
}
