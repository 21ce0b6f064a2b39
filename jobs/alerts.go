package jobs

import (
	"context"
	"sync"
	"time"

	"github.com/llmtally/llmtally/store"
)

// everyUserAfter is how often the alerts job measures each user, which commits
// do as they happen.
const everyUserAfter = 15 * time.Minute

// sharedUserAfter is the same where several processes write: each knows only of
// what it writes itself until it measures again.
const sharedUserAfter = 2 * time.Minute

// Alerts returns the job that evaluates the alert rules. Each run measures what
// rules measure together; when rules have changed, and every quarter of an
// hour, also each user.
func Alerts(db *store.DB, schedule string) Job {
	var (
		mu       sync.Mutex
		revision int64
		last     store.Timestamp
	)
	after := everyUserAfter
	if db.Shared() {
		after = sharedUserAfter
	}
	return Job{
		Name: "alerts", Schedule: schedule, AtStart: true,
		Purpose: "evaluate the alert rules",
		Run: func(ctx context.Context) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			now, rules := db.Now(), db.LookupRevision()
			all := revision != rules || last == 0 || now.Time().Sub(last.Time()) >= after
			over, err := db.EvaluateAlerts(ctx, all)
			if err != nil {
				return "", err
			}
			if all {
				revision, last = rules, now
			}
			return counted(over, "threshold") + " exceeded", nil
		},
	}
}
