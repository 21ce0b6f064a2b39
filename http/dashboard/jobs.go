package dashboard

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
)

// jobsBody is what happens by the clock.
type jobsBody struct {
	Table table
	Jobs  []jobLine
}

type jobLine struct {
	store.JobRecord
	Next, Last    stamp
	Took          string
	Result, State string
	Message       string
	Run           string // where it is started; empty when that cannot be done
}

// jobsPage lists the jobs.
func jobsPage(v *visit) error {
	asCSV, err := v.wantsCSV("jobs")
	if err != nil {
		return err
	}
	records, err := v.DB.Jobs(v.Context())
	if err != nil {
		return err
	}
	if asCSV {
		return sendCSV(v, "jobs", jobColumns(v), each(records))
	}
	b := jobsBody{Table: newTable(v, "jobs", "Jobs", jobColumns(v), records)}
	for _, j := range records {
		line := jobLine{JobRecord: j, Next: v.stampOf(j.NextRunAt), Last: v.stampOf(j.LastStartedAt), Took: took(j.LastDuration), Result: "never ran"}
		if j.NextRunAt == nil {
			line.Next.Text = "off"
		}
		if j.LastResult != nil {
			line.Result, line.State = *j.LastResult, jobStates[*j.LastResult]
		}
		if j.LastMessage != nil {
			line.Message = *j.LastMessage
		}
		if v.Dashboard.RunJob != nil {
			line.Run = "/jobs/" + url.PathEscape(j.Name) + "/run"
		}
		b.Jobs = append(b.Jobs, line)
	}
	return v.show("jobs", page{Title: "Jobs", Body: b})
}

var jobStates = map[string]string{
	store.JobOK: "ok", store.JobRunning: "warning", store.JobFailed: "bad", store.JobPanicked: "bad", store.JobInterrupted: "warning",
}

func jobColumns(v *visit) []column[store.JobRecord] {
	text := func(get func(store.JobRecord) *string) func(store.JobRecord) string {
		return func(j store.JobRecord) string {
			if s := get(j); s != nil {
				return *s
			}
			return ""
		}
	}
	return []column[store.JobRecord]{
		textColumn("name", "", func(j store.JobRecord) string { return j.Name }),
		textColumn("purpose", "", func(j store.JobRecord) string { return j.Purpose }),
		textColumn("schedule", "", func(j store.JobRecord) string { return j.Schedule }),
		timeColumn(v, "next_run_at", "", func(j store.JobRecord) *store.Timestamp { return j.NextRunAt }),
		timeColumn(v, "last_started_at", "", func(j store.JobRecord) *store.Timestamp { return j.LastStartedAt }),
		secondsColumn("last_seconds", "", func(j store.JobRecord) *float64 { return j.LastDuration }),
		textColumn("last_result", "", text(func(j store.JobRecord) *string { return j.LastResult })),
		textColumn("last_message", "", text(func(j store.JobRecord) *string { return j.LastMessage })),
	}
}

// runJob starts a job now.
func runJob(v *visit) error {
	if v.Dashboard.RunJob == nil {
		return problem.New(http.StatusNotFound, "No jobs run here.")
	}
	err := v.Dashboard.RunJob(v.Context(), v.param("name"))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return problem.New(http.StatusNotFound, "There is no job of that name.")
	case errors.Is(err, store.ErrJobRunning):
		return problem.New(http.StatusConflict, "The job is running already.")
	case err != nil:
		return err
	}
	return v.redirect("/jobs")
}
