package store_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/store"
)

// A watchOp is one step of a random program about alerts. Drawn as plain data,
// as op is; times are offsets from the clock of when it runs.
type watchOp struct {
	Kind  string
	Logs  []watchedLog   // append, undone
	Where string         // update, delete: a column=JSON value
	Set   []string       // update: column=JSON value
	Moved *time.Duration // update: created_at, from now
	By    time.Duration  // clock; 0: to the next midnight in Zone
	Zone  string
	User  string // tier, erase
	Tier  string
	All   bool            // evaluate: also each user
	Rule  store.AlertRule // rule: one more, or what becomes of the one of its place
	Place int
}

type watchedLog struct {
	Object string // without created_at
	After  time.Duration
}

var watchKinds = []string{
	"nothing", "append", "append", "append", "append", "append", "append", "append", "append", "append",
	"update", "update", "update", "delete", "delete", "undone", "clock", "clock", "clock",
	"evaluate", "evaluate", "tier", "erase", "rule",
}

var (
	watchedUsers = []string{"ann", "bob", "Zoë/ü 'q\""}
	watchedTiers = []string{"free", "pro"}
	watchedZones = []string{"UTC", "Asia/Kathmandu", "America/New_York", "America/Havana", "Australia/Lord_Howe"}

	// Moments about the ends of months, weeks and days, and where clocks move.
	watchedFrom = []time.Time{
		time.Date(2026, 1, 31, 17, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 8, 3, 0, 0, 0, time.UTC),  // New York and Havana go forward, on a Sunday
		time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC), // and back: Havana's first hour comes twice
		time.Date(2026, 3, 31, 18, 0, 0, 0, time.UTC),
		time.Date(2024, 12, 29, 12, 0, 0, 0, time.UTC), // the last week of a year
		time.Date(2026, 4, 4, 12, 0, 0, 0, time.UTC),   // Lord Howe goes back half an hour
	}
	watchedOffsets = []time.Duration{
		0, 0, 0, 0, -time.Microsecond, -20 * time.Minute, -time.Hour, -7 * time.Hour, -25 * time.Hour,
		-8 * 24 * time.Hour, -29 * 24 * time.Hour, -40 * 24 * time.Hour, time.Hour, 30 * time.Hour,
	}
	watchedMoves = []time.Duration{
		0, 0, time.Microsecond, 20 * time.Second, 61 * time.Second, 15 * time.Minute, 5 * time.Hour, 24 * time.Hour, 31 * 24 * time.Hour,
	}
)

func drawWatched(t *rapid.T, column string) string {
	pick := func(from ...string) string { return rapid.SampledFrom(from).Draw(t, column) }
	switch column {
	case "user_profile_id":
		quoted, _ := json.Marshal(rapid.SampledFrom(watchedUsers).Draw(t, column))
		return string(quoted)
	case "model":
		return pick(`"m"`, `"m"`, `"n"`, `""`)
	case "provider":
		return pick(`"p"`, `"p"`, `"q"`, `""`)
	case "status":
		return pick(`"success"`, `"success"`, `"success"`, `"failure"`, `"failure"`, `"error"`, `"initiated"`, `"initiated"`)
	case "litellm_call_id":
		return pick(`""`, `"c1"`, `"c2"`, `"c3"`)
	case "total_cost":
		return pick("0", "0.05", "0.11", "0.14", "0.28", "0.385", "1", "0.000000001")
	default: // tokens_used
		return pick("0", "1", "7", "35", "50")
	}
}

func drawWatchedLog(t *rapid.T) watchedLog {
	object := []string{}
	for _, column := range []string{"user_profile_id", "model", "provider", "status", "litellm_call_id", "total_cost", "tokens_used"} {
		if rapid.IntRange(0, 7).Draw(t, column+" present") > 0 {
			object = append(object, fmt.Sprintf("%q:%s", column, drawWatched(t, column)))
		}
	}
	return watchedLog{"{" + strings.Join(object, ",") + "}", rapid.SampledFrom(watchedOffsets).Draw(t, "after")}
}

func drawRule(t *rapid.T) store.AlertRule {
	r := store.AlertRule{
		Metric: rapid.SampledFrom([]store.Metric{
			store.MetricCost, store.MetricCost, store.MetricTokens, store.MetricRequests, store.MetricFailures, store.MetricErrorRate,
		}).Draw(t, "metric"),
		Scope: rapid.SampledFrom([]store.Scope{
			store.ScopeEveryone, store.ScopeEveryone, store.ScopeTier, store.ScopeUser, store.ScopeProvider, store.ScopeModel,
		}).Draw(t, "scope"),
		Window: rapid.SampledFrom([]store.Window{
			store.WindowTotal, store.WindowMonth, store.WindowWeek, store.WindowDay, store.WindowLast,
		}).Draw(t, "window"),
		PerUser:     rapid.IntRange(0, 2).Draw(t, "per user") > 0,
		TimeZone:    rapid.SampledFrom(watchedZones).Draw(t, "zone"),
		MinRequests: rapid.Int64Range(1, 4).Draw(t, "min requests"),
		Thresholds: rapid.SampledFrom([][]float64{
			{100}, {50, 80, 100}, {30, 35, 120}, {100, 50}, {33.3},
		}).Draw(t, "thresholds"),
		Enabled: rapid.IntRange(0, 9).Draw(t, "enabled") > 0,
	}
	r.ScopeValue = map[store.Scope]string{
		store.ScopeTier: "pro", store.ScopeUser: watchedUsers[2], store.ScopeProvider: "p", store.ScopeModel: "m",
	}[r.Scope]
	if r.Window == store.WindowLast {
		r.LastRequests = rapid.Int64Range(r.MinRequests, 6).Draw(t, "last requests")
	}
	limits := map[store.Metric][]float64{
		store.MetricCost:      {0.1, 0.3, 0.35, 0.7, 1.1, 2.5},
		store.MetricTokens:    {7, 70, 100.5},
		store.MetricRequests:  {1, 3, 10},
		store.MetricFailures:  {1, 2, 5},
		store.MetricErrorRate: {0.1, 0.25, 0.3, 0.5, 0.7},
	}
	r.Limit = rapid.SampledFrom(limits[r.Metric]).Draw(t, "limit")
	return r
}

var watchOpGen = rapid.Custom(func(t *rapid.T) watchOp {
	o := watchOp{Kind: rapid.SampledFrom(watchKinds).Draw(t, "kind")}
	switch o.Kind {
	case "append", "undone":
		o.Logs = rapid.SliceOfN(rapid.Custom(drawWatchedLog), 1, 5).Draw(t, "logs")
	case "update":
		o.Where = drawWatchedFilter(t)
		for _, column := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"user_profile_id", "model", "provider", "status", "total_cost", "tokens_used",
		}), 0, 2, rapid.ID[string]).Draw(t, "columns") {
			o.Set = append(o.Set, column+"="+drawWatched(t, column))
		}
		if len(o.Set) == 0 {
			moved := rapid.SampledFrom(watchedOffsets).Draw(t, "moved to")
			o.Moved = &moved
		}
	case "delete":
		o.Where = drawWatchedFilter(t)
	case "clock":
		o.By = rapid.SampledFrom(watchedMoves).Draw(t, "by")
		o.Zone = rapid.SampledFrom(watchedZones).Draw(t, "midnight in")
	case "evaluate":
		o.All = rapid.IntRange(0, 2).Draw(t, "each user") > 0
	case "tier":
		o.User = rapid.SampledFrom(watchedUsers).Draw(t, "user")
		o.Tier = rapid.SampledFrom(watchedTiers).Draw(t, "tier")
	case "erase":
		o.User = rapid.SampledFrom(watchedUsers).Draw(t, "user")
	case "rule":
		o.Place = rapid.IntRange(0, 5).Draw(t, "place")
		o.Rule = drawRule(t)
	}
	return o
})

// Most filters are about one row, some about many.
func drawWatchedFilter(t *rapid.T) string {
	switch rapid.IntRange(0, 5).Draw(t, "filter") {
	case 0:
		return "status=" + drawWatched(t, "status")
	case 1:
		return "user_profile_id=" + drawWatched(t, "user_profile_id")
	default:
		return fmt.Sprintf("id=%d", rapid.IntRange(1, 25).Draw(t, "id"))
	}
}
