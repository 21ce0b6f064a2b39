package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrJobRunning says that a job was asked for that is running already.
var ErrJobRunning = errors.New("the job is running already")

// A JobRecord is what is known of a job that runs by the clock: when it comes
// next, and how it went last. Times are UTC.
type JobRecord struct {
	Name          string     `json:"name"`
	Purpose       string     `json:"purpose"`
	Schedule      string     `json:"schedule" doc:"A cron expression in UTC, or off."`
	NextRunAt     *Timestamp `json:"next_run_at" format:"date-time" nullable:"true" doc:"Null when it is off."`
	LastStartedAt *Timestamp `json:"last_started_at" format:"date-time" nullable:"true" doc:"Null when it never ran."`
	LastDuration  *float64   `json:"last_duration" doc:"Seconds; null while it runs."`
	LastResult    *string    `json:"last_result" doc:"running, ok, failed, panicked, or interrupted by the end of the process; null when it never ran."`
	LastMessage   *string    `json:"last_message" doc:"What it did, or why it failed."`
}

// The results of a job. Interrupted is one that the end of the process stopped.
const (
	JobRunning     = "running"
	JobOK          = "ok"
	JobFailed      = "failed"
	JobPanicked    = "panicked"
	JobInterrupted = "interrupted"
)

// selectJobSQL selects what scanJob reads.
const selectJobSQL = `
	SELECT name, purpose, schedule, next_run_at, last_started_at, last_duration_us, last_result, last_message
	FROM jobs`

// Jobs returns all jobs by name, as the process that runs them recorded them.
// There are none before a server was started.
func (db *DB) Jobs(ctx context.Context) ([]JobRecord, error) {
	rows, err := db.readers.QueryContext(ctx, selectJobSQL+" ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("listing the jobs: %w", err)
	}
	defer rows.Close()
	jobs := []JobRecord{}
	for rows.Next() {
		j, err := scanJob(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("reading a job: %w", err)
		}
		jobs = append(jobs, j)
	}
	return jobs, rows.Err()
}

// Job returns one job, or ErrNotFound.
func (db *DB) Job(ctx context.Context, name string) (JobRecord, error) {
	j, err := scanJob(db.readers.QueryRowContext(ctx, selectJobSQL+" WHERE name = $1", name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return j, ErrNotFound
	}
	return j, err
}

func scanJob(scan func(...any) error) (j JobRecord, err error) {
	var next, started sql.NullString
	var took *int64
	if err := scan(&j.Name, &j.Purpose, &j.Schedule, &next, &started, &took, &j.LastResult, &j.LastMessage); err != nil {
		return j, err
	}
	if took != nil {
		seconds := float64(*took) / 1e6
		j.LastDuration = &seconds
	}
	var errNext, errStarted error
	j.NextRunAt, errNext = parseNullable(next)
	j.LastStartedAt, errStarted = parseNullable(started)
	return j, errors.Join(errNext, errStarted)
}

func parseNullable(s sql.NullString) (*Timestamp, error) {
	if !s.Valid {
		return nil, nil
	}
	t, err := parseStored(s.String)
	return &t, err
}

// RecordJobs makes the jobs given the ones that there are: how they went last
// stays, others are forgotten, and what a process that was killed left running
// is interrupted. Only Name, Purpose, Schedule and NextRunAt are looked at.
func (db *DB) RecordJobs(ctx context.Context, jobs []JobRecord) error {
	err := db.Write(ctx, func(tx *Tx) error {
		known := map[string]bool{}
		for _, j := range jobs {
			known[j.Name] = true
			if _, err := tx.Exec(`
				INSERT INTO jobs (name, purpose, schedule, next_run_at)
				VALUES ($1, $2, $3, $4)
				ON CONFLICT (name) DO UPDATE
				SET purpose = excluded.purpose, schedule = excluded.schedule, next_run_at = excluded.next_run_at`,
				j.Name, j.Purpose, j.Schedule, j.NextRunAt); err != nil {
				return err
			}
		}
		if err := forgetJobs(tx, known); err != nil {
			return err
		}
		return interruptJobs(tx)
	})
	if err != nil {
		return fmt.Errorf("recording the jobs: %w", err)
	}
	return nil
}

// JobTurn names the turn that a job has while it runs: see TryTurn.
func JobTurn(job string) string { return "job " + job }

// interruptJobs notes that jobs do not run any more whose process has ended.
func interruptJobs(tx *Tx) error {
	ended := "last_result = 'running'"
	if tx.engine.shared {
		// Those that run in another process have their turn.
		ended = "CASE WHEN " + ended + " THEN pg_try_advisory_xact_lock(hashtext('llmtally'), hashtext($1 || name)) END"
		_, err := tx.Exec(interruptSQL+ended, JobTurn(""))
		return err
	}
	_, err := tx.Exec(interruptSQL + ended)
	return err
}

const interruptSQL = `
	UPDATE jobs
	SET last_result = 'interrupted', last_message = 'the process ended while it ran'
	WHERE `

// forgetJobs removes the jobs that are not known any more.
func forgetJobs(tx *Tx, known map[string]bool) error {
	names, err := readTexts(tx.Query("SELECT name FROM jobs"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if known[name] {
			continue
		}
		if _, err := tx.Exec("DELETE FROM jobs WHERE name = $1", name); err != nil {
			return err
		}
	}
	return nil
}

// readTexts reads rows of one text.
func readTexts(rows *sql.Rows, err error) (all []string, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// RecordJobStart notes that a job began, and when it comes again.
func (db *DB) RecordJobStart(ctx context.Context, name string, at Timestamp, next *Timestamp) error {
	return db.recordJob(ctx, `
		UPDATE jobs
		SET last_started_at = $2, next_run_at = $3, last_result = 'running',
			last_duration_us = NULL, last_message = NULL
		WHERE name = $1`, name, at, next)
}

// RecordJobEnd notes how a job went, and when it comes again.
func (db *DB) RecordJobEnd(ctx context.Context, name, result, message string, took time.Duration, next *Timestamp) error {
	return db.recordJob(ctx, `
		UPDATE jobs
		SET last_result = $2, last_message = $3, last_duration_us = $4, next_run_at = $5
		WHERE name = $1`, name, result, message, took.Microseconds(), next)
}

func (db *DB) recordJob(ctx context.Context, query string, args ...any) error {
	err := db.Write(ctx, func(tx *Tx) error { _, err := tx.Exec(query, args...); return err })
	if err != nil {
		return fmt.Errorf("recording a job: %w", err)
	}
	return nil
}
