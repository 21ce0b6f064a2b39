package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/llmtally/llmtally/jobs"
	"github.com/llmtally/llmtally/store"
)

// scheduleFlags are jobs.Schedules as settings. The defaults are spread over
// the hour and the night, so that jobs do not meet.
type scheduleFlags struct {
	Alerts          string `help:"When the alert rules are evaluated that measure all users together." default:"* * * * *"`
	Monthly         string `help:"When tokens_usage is brought in line for the months that changed." default:"5 * * * *"`
	MonthlyPrevious string `help:"When tokens_usage is compared with the books for this month and the one before." default:"15 2 * * *"`
	Unfinished      string `help:"When unfinished requests are counted." default:"45 * * * *"`
	Optimize        string `help:"When the query planner's statistics are brought up to date." default:"35 3 * * *"`
	Checkpoint      string `help:"When the write-ahead log goes into the database file." default:"25 * * * *"`
}

// stopJobs ends the jobs that run, for as long as requests may take to end, too.
func stopJobs(ctx context.Context, runner *jobs.Runner) error {
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := runner.Stop(deadline); err != nil {
		return fmt.Errorf("stopping the jobs: %w", err)
	}
	return nil
}

type jobsCommand struct{ databaseFlags }

func (c *jobsCommand) Run(p *process) (err error) {
	db, err := c.existing(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	list, err := db.Jobs(p.ctx)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		_, err = fmt.Fprintln(p.stdout, "no job is known yet: `llmtally serve` runs them")
		return err
	}
	return printJobs(p.stdout, list)
}

func printJobs(w io.Writer, list []store.JobRecord) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "JOB\tSCHEDULE\tLAST RUN (UTC)\tTOOK\tRESULT\tNEXT RUN (UTC)\tMESSAGE")
	for _, j := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			j.Name, j.Schedule, shownTime(j.LastStartedAt), shownDuration(j.LastDuration),
			orDash(j.LastResult), shownTime(j.NextRunAt), orDash(j.LastMessage))
	}
	return table.Flush()
}

func shownTime(t *store.Timestamp) string {
	if t == nil {
		return "-"
	}
	return t.Time().Format(time.DateTime)
}

func shownDuration(seconds *float64) string {
	if seconds == nil {
		return "-"
	}
	d := time.Duration(*seconds * float64(time.Second)).Round(time.Microsecond)
	if d > time.Second {
		d = d.Round(time.Millisecond)
	}
	return d.String()
}

// orDash shows a text on one line.
func orDash(s *string) string {
	if s == nil || *s == "" {
		return "-"
	}
	return strings.Join(strings.Fields(*s), " ")
}
