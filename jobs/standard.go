package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/llmtally/llmtally/store"
)

// Schedules says when the standard jobs run: see ParseSchedule.
type Schedules struct {
	Alerts          string
	Monthly         string
	MonthlyPrevious string
	Unfinished      string
	Optimize        string
	Checkpoint      string
}

// unfinishedAfter is how old a request is that should have ended by now.
const unfinishedAfter = store.Timestamp(time.Hour / time.Microsecond)

// Standard returns the program's own jobs.
func Standard(db *store.DB, s Schedules) []Job {
	return []Job{
		Alerts(db, s.Alerts),
		{
			Name: "monthly", Schedule: s.Monthly, AtStart: true,
			Purpose: "bring tokens_usage in line for the months that changed",
			Run:     func(ctx context.Context) (string, error) { return rebuildStale(ctx, db) },
		},
		{
			Name: "monthly-previous", Schedule: s.MonthlyPrevious,
			Purpose: "compare tokens_usage with the books for this month and the one before, changed or not",
			Run:     func(ctx context.Context) (string, error) { return rebuildRecent(ctx, db) },
		},
		{
			Name: "unfinished", Schedule: s.Unfinished,
			Purpose: "count the requests that began over an hour ago and have not ended",
			Run:     func(ctx context.Context) (string, error) { return countUnfinished(ctx, db) },
		},
		{
			Name: "optimize", Schedule: s.Optimize,
			Purpose: "bring what the query planner knows up to date",
			Run:     func(ctx context.Context) (string, error) { return optimize(ctx, db) },
		},
		{
			Name: "checkpoint", Schedule: s.Checkpoint,
			Purpose: "move the write-ahead log into the database file",
			Run:     func(ctx context.Context) (string, error) { return checkpoint(ctx, db) },
		},
	}
}

func rebuildStale(ctx context.Context, db *store.DB) (string, error) {
	months, err := db.StaleMonths(ctx)
	if err != nil {
		return "", err
	}
	return rebuild(ctx, db, months)
}

func rebuildRecent(ctx context.Context, db *store.DB) (string, error) {
	month := db.Now().Month()
	return rebuild(ctx, db, []store.Timestamp{(month - 1).Month(), month})
}

// rebuild brings months in line. One that fails does not hold up the others.
func rebuild(ctx context.Context, db *store.DB, months []store.Timestamp) (string, error) {
	rows := 0
	var failed []error
	for _, month := range months {
		n, err := db.RebuildMonth(ctx, month)
		rows += n
		if ctx.Err() != nil {
			return "", err
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", month.Time().Format("2006-01"), err))
		}
	}
	return fmt.Sprintf("%s looked at, %s changed", counted(len(months), "month"), counted(rows, "row")), errors.Join(failed...)
}

func countUnfinished(ctx context.Context, db *store.DB) (string, error) {
	n, oldest, err := db.Unfinished(ctx, db.Now()-unfinishedAfter)
	if err != nil {
		return "", err
	}
	if oldest == nil {
		return "none", nil
	}
	return fmt.Sprintf("%s, the oldest of %s", counted(int(n), "request"), oldest.Time().Format("2006-01-02 15:04 UTC")), nil
}

func optimize(ctx context.Context, db *store.DB) (string, error) {
	finished, err := db.Optimize(ctx)
	if err == nil && !finished {
		return "left for the shutdown, when it holds up nobody", nil
	}
	return "", err
}

func checkpoint(ctx context.Context, db *store.DB) (string, error) {
	c, err := db.Checkpoint(ctx)
	if err != nil {
		return "", err
	}
	message := fmt.Sprintf("%d of %s moved", c.Moved, counted(int(c.Pages), "page"))
	if c.Emptied {
		message += ", the log emptied"
	}
	return message, nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
