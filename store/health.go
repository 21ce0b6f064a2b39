package store

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// A HealthStatus is the verdict on some requests.
type HealthStatus string

// The verdicts.
const (
	HealthOK       HealthStatus = "ok"
	HealthDegraded HealthStatus = "degraded" // more than a tenth of the requests failed
	HealthUnknown  HealthStatus = "unknown"  // too few requests to say
)

// minVerdict is how many requests a verdict needs.
const minVerdict = 20

// MaxHealthModels bounds the models that Health tells apart.
const MaxHealthModels = 1000

// Health says how some requests went.
type Health struct {
	Requests  int64        `json:"requests" doc:"All requests, those that have not ended included."`
	Errors    int64        `json:"errors" doc:"Requests of status failure or error."`
	ErrorRate *float64     `json:"error_rate" doc:"errors / requests, from 0 to 1; null without requests. A request that has not ended counts as one that did not fail."`
	P50       *float64     `json:"p50" doc:"The median response time in seconds, over finished requests whose time is known; null when there are none. Within 3.2 % of the exact one, as p95 and p99 are."`
	P95       *float64     `json:"p95" doc:"The response time in seconds that 95 of 100 requests did not exceed."`
	P99       *float64     `json:"p99" doc:"The response time in seconds that 99 of 100 requests did not exceed."`
	Status    HealthStatus `json:"status" enum:"ok,degraded,unknown" doc:"degraded when the error rate is above 0.1; unknown for fewer than 20 requests."`
}

// ModelHealth is how the requests to one model of one provider went.
type ModelHealth struct {
	Model    string `json:"model" doc:"Empty when unknown."`
	Provider string `json:"provider" doc:"Empty when unknown."`
	Health
}

// Health returns how the requests of the hours from from (inclusive) to to
// (exclusive) went, and the same for each model, most requests first, of at
// most MaxHealthModels. Both borders are first moments of UTC hours.
func (db *DB) Health(ctx context.Context, caller policy.Caller, from, to Timestamp) (Health, []ModelHealth, error) {
	type key struct{ model, provider string }
	var all traffic
	models := map[key]*traffic{}
	_, err := db.Run(ctx, caller, query.Select{
		From: "traffic_hourly",
		Columns: []query.Output{
			{Name: "model"},
			{Name: "provider"},
			{Name: "requests"},
			{Name: "failures"},
			{Name: "latency"},
		},
		Where: query.And{
			query.Compare{Column: "hour", Op: query.Gte, Value: from},
			query.Compare{Column: "hour", Op: query.Lt, Value: to},
		},
	}, func(r query.Row) error {
		k := key{text(r[0]), text(r[1])}
		t := models[k]
		if t == nil {
			t = &traffic{}
			models[k] = t
		}
		t.requests += integer(r[2])
		t.errors += integer(r[3])
		t.latency.add(text(r[4]))
		return nil
	})
	if err != nil {
		return Health{}, nil, err
	}
	byModel := make([]ModelHealth, 0, len(models))
	for k, t := range models {
		all.join(t)
		byModel = append(byModel, ModelHealth{k.model, k.provider, t.health()})
	}
	slices.SortFunc(byModel, func(a, b ModelHealth) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Provider, b.Provider))
	})
	return all.health(), byModel[:min(len(byModel), MaxHealthModels)], nil
}

// traffic is what a health is made from.
type traffic struct {
	requests, errors int64
	latency          latencyCounts
}

func (t *traffic) join(o *traffic) {
	t.requests += o.requests
	t.errors += o.errors
	t.latency.join(&o.latency)
}

func (t *traffic) health() Health {
	h := Health{
		Requests: t.requests, Errors: t.errors, Status: HealthOK,
		P50: t.latency.percentile(50), P95: t.latency.percentile(95), P99: t.latency.percentile(99),
	}
	if t.requests > 0 {
		rate := float64(t.errors) / float64(t.requests)
		h.ErrorRate = &rate
	}
	switch {
	case t.requests < minVerdict:
		h.Status = HealthUnknown
	case t.errors > t.requests/10: // so also before the division is rounded down
		h.Status = HealthDegraded
	}
	return h
}

// MaxHealthWindow is the longest window: a leap year.
const MaxHealthWindow = 366 * 24 * time.Hour

// A HealthWindow is a length of time up to now, in whole hours.
type HealthWindow time.Duration

// ParseHealthWindow reads a window such as 24h, 7d or 1d12h, of an hour at
// least and MaxHealthWindow at most.
func ParseHealthWindow(s string) (HealthWindow, error) {
	days, hours, hasDays := strings.Cut(s, "d")
	if !hasDays {
		days, hours = "0", s
	}
	if hasDays && hours == "" {
		hours = "0h"
	}
	hours, ok := strings.CutSuffix(hours, "h")
	d, ok1 := digits(days, 3)
	h, ok2 := digits(hours, 4)
	w := time.Duration(d)*24*time.Hour + time.Duration(h)*time.Hour
	if !ok || !ok1 || !ok2 || w <= 0 || w > MaxHealthWindow {
		e := errorf(CodeInvalidText, "invalid window: %s", strconv.Quote(clip(s)))
		e.Hint = "send whole hours and days, such as 1h, 24h, 7d or 1d12h, up to 366d"
		return 0, e
	}
	return HealthWindow(w), nil
}

// UpTo returns the borders of the UTC hours that the window touches at a
// moment, that of the hour under way included.
func (w HealthWindow) UpTo(now time.Time) (from, to Timestamp) {
	return At(now.Add(-time.Duration(w))).Hour(), At(now.Add(time.Hour)).Hour()
}
