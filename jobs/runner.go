// Package jobs is what happens by the clock: the monthly aggregates, the count
// of unfinished requests, and the database's upkeep. A Runner runs each job
// alone, survives its panics, and records how it went, so that other processes
// and the API can tell.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/llmtally/llmtally/store"
)

// A Job is something to do by the clock.
type Job struct {
	Name    string
	Purpose string
	// Schedule is what ParseSchedule reads. A job that is off runs only when it
	// is asked for by name.
	Schedule string
	// AtStart makes the job run once when the runner starts, unless it is off:
	// what should have happened while the program did not run is made up for.
	AtStart bool
	// Run does the job, and returns what it did in a few words. It ends soon
	// after ctx does. Its message and error are shown to operators: they must
	// not hold secrets.
	Run func(ctx context.Context) (message string, err error)
}

// Settings are what a runner may be told. The zero value is ready for use.
type Settings struct {
	// Now is the clock of the records; nil means time.Now.
	Now func() time.Time
	// Log receives what happens; nil means slog.Default.
	Log *slog.Logger
}

// A Runner runs jobs. Its methods may be called from many goroutines.
type Runner struct {
	db       *store.DB
	settings Settings
	jobs     []*job
	clock    *cron.Cron

	ctx    context.Context // of the jobs; ends with Stop
	cancel context.CancelFunc

	mu      sync.Mutex
	stopped bool
	under   sync.WaitGroup // what is under way
}

// New returns a runner, or why a job's schedule cannot be read. Nothing runs
// before Start.
func New(db *store.DB, jobs []Job, settings Settings) (*Runner, error) {
	if settings.Now == nil {
		settings.Now = time.Now
	}
	if settings.Log == nil {
		settings.Log = slog.Default()
	}
	r := &Runner{
		db: db, settings: settings,
		clock: cron.New(cron.WithLocation(time.UTC), cron.WithLogger(cron.DiscardLogger)),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	for _, j := range jobs {
		if r.find(j.Name) != nil {
			return nil, fmt.Errorf("there are two jobs %s", j.Name)
		}
		schedule, err := ParseSchedule(j.Schedule)
		if err != nil {
			return nil, fmt.Errorf("the job %s: %w", j.Name, err)
		}
		if schedule == nil {
			j.Schedule = Off
		}
		r.jobs = append(r.jobs, &job{Job: j, schedule: schedule})
	}
	return r, nil
}

func (r *Runner) find(name string) *job {
	for _, j := range r.jobs {
		if j.Name == name {
			return j
		}
	}
	return nil
}

// Start records the jobs and begins to run them by the clock. Those that are to
// run at the start run one after the other, in the background.
func (r *Runner) Start() error {
	records := make([]store.JobRecord, len(r.jobs))
	for i, j := range r.jobs {
		records[i] = store.JobRecord{Name: j.Name, Purpose: j.Purpose, Schedule: j.Schedule, NextRunAt: r.next(j)}
	}
	if r.ctx.Err() != nil {
		return store.ErrClosed
	}
	if err := r.db.RecordJobs(context.Background(), records); err != nil {
		return err
	}
	for _, j := range r.jobs {
		if j.schedule != nil {
			r.clock.Schedule(j.schedule, cron.FuncJob(func() { r.byClock(j) }))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return store.ErrClosed
	}
	r.clock.Start()
	r.under.Go(r.atStart)
	return nil
}

func (r *Runner) atStart() {
	for _, j := range r.jobs {
		if j.AtStart && j.schedule != nil && r.ctx.Err() == nil {
			r.byClock(j)
		}
	}
}

// byClock runs a job unless it is running already, or the runner has stopped.
func (r *Runner) byClock(j *job) {
	if err := r.begin(j); err != nil {
		r.settings.Log.Info("job skipped", "job", j.Name, "why", err)
		return
	}
	defer r.end(j)
	_ = r.perform(r.ctx, j, r.recordStart(r.ctx, j)) // recorded and logged
}

// Run starts a job now, in the background. It returns store.ErrNotFound when
// there is no such job, store.ErrJobRunning while it runs, and store.ErrClosed
// after Stop. The job goes on when ctx ends.
func (r *Runner) Run(ctx context.Context, name string) error {
	j := r.find(name)
	if j == nil {
		return store.ErrNotFound
	}
	if err := r.begin(j); err != nil {
		return err
	}
	started := r.recordStart(ctx, j) // so that who asks next sees that it runs
	go func() {
		defer r.end(j)
		_ = r.perform(r.ctx, j, started) // recorded and logged
	}()
	return nil
}

// RunAndWait runs a job now, and returns its error. Beside Run's errors there
// is what the job itself says; it ends when ctx does.
func (r *Runner) RunAndWait(ctx context.Context, name string) error {
	j := r.find(name)
	if j == nil {
		return store.ErrNotFound
	}
	if err := r.begin(j); err != nil {
		return err
	}
	defer r.end(j)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	return r.perform(ctx, j, r.recordStart(ctx, j))
}

// Stop lets no job begin any more, ends the contexts of those that run, and
// waits for them until ctx ends.
func (r *Runner) Stop(ctx context.Context) error {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.cancel()
	r.clock.Stop()
	done := make(chan struct{})
	go func() { r.under.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.New("jobs are running still: " + r.running())
	}
}
