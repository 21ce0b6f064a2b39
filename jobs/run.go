package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/llmtally/llmtally/store"
)

// A job is a Job and whether it runs.
type job struct {
	Job
	schedule cron.Schedule // nil: off
	running  bool          // guarded by the runner's mu
	release  func()        // gives the turn back that the job has while it runs
}

// begin lets a job run that does not run yet, here or in another process that
// shares the database; end must follow.
func (r *Runner) begin(j *job) error {
	if err := r.claim(j); err != nil {
		return err
	}
	release, mine, err := r.db.TryTurn(r.ctx, store.JobTurn(j.Name))
	if err == nil && !mine {
		err = store.ErrJobRunning
	}
	if err != nil {
		j.release = func() {}
		r.end(j)
		return err
	}
	j.release = release
	return nil
}

func (r *Runner) claim(j *job) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopped:
		return store.ErrClosed
	case j.running:
		return store.ErrJobRunning
	}
	j.running = true
	r.under.Add(1)
	return nil
}

func (r *Runner) end(j *job) {
	j.release()
	r.mu.Lock()
	j.running = false
	r.mu.Unlock()
	r.under.Done()
}

// running names the jobs that run.
func (r *Runner) running() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, j := range r.jobs {
		if j.running {
			names = append(names, j.Name)
		}
	}
	return strings.Join(names, ", ")
}

// next returns when a job comes next by the clock, or nil.
func (r *Runner) next(j *job) *store.Timestamp {
	if j.schedule == nil {
		return nil
	}
	at := j.schedule.Next(r.settings.Now().UTC())
	if at.IsZero() {
		return nil
	}
	next := store.At(at)
	return &next
}

// recordStart returns when the job began. A record that cannot be written (the
// disk is full, say) keeps no job from its work.
func (r *Runner) recordStart(ctx context.Context, j *job) time.Time {
	now := r.settings.Now()
	if err := r.db.RecordJobStart(context.WithoutCancel(ctx), j.Name, store.At(now), r.next(j)); err != nil {
		r.settings.Log.Error("a job's start was not recorded", "job", j.Name, "error", err)
	}
	return now
}

// perform does the job, and records and logs how it went.
func (r *Runner) perform(ctx context.Context, j *job, started time.Time) error {
	message, err := call(ctx, j)
	took := r.settings.Now().Sub(started)
	result, log := store.JobOK, r.settings.Log.With("job", j.Name, "took", took)
	var panicked *panicError
	switch {
	case err == nil:
		log.Debug("job done", "message", message)
	case errors.As(err, &panicked):
		result, message = store.JobPanicked, "it panicked; the server's log says where"
		log.Error("job panicked", "panic", panicked.value, "stack", string(panicked.stack))
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		result, message = store.JobInterrupted, "it was stopped before its end"
		log.Info("job stopped before its end")
	default:
		result, message = store.JobFailed, err.Error()
		log.Error("job failed", "error", err)
	}
	// Also after Stop: the database closes only later.
	if err := r.db.RecordJobEnd(context.WithoutCancel(ctx), j.Name, result, clip(message), took, r.next(j)); err != nil {
		log.Error("a job's end was not recorded", "error", err)
	}
	return err
}

// call runs the job, and turns its panic into an error.
func call(ctx context.Context, j *job) (message string, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value, debug.Stack()}
		}
	}()
	return j.Run(ctx)
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panicked: %v", e.value) }

// clip bounds what is kept of a message.
func clip(message string) string {
	const most = 1000
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most], "") + "…"
}
