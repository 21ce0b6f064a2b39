package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// A Granularity is the length of a usage report's periods.
type Granularity string

// The granularities.
const (
	ByHour  Granularity = "hour"
	ByDay   Granularity = "day"
	ByMonth Granularity = "month"
)

// MaxPeriods bounds the periods of one usage report: a year of hours.
const MaxPeriods = 366 * 24

// UsagePeriod is what a user used in one hour, day or month of a time zone.
type UsagePeriod struct {
	PeriodStart Timestamp             `json:"period_start" format:"date-time"`
	PeriodEnd   Timestamp             `json:"period_end" format:"date-time" doc:"Exclusive."`
	Requests    int64                 `json:"requests"`
	Failures    int64                 `json:"failures"`
	Tokens      int64                 `json:"tokens"`
	Cost        float64               `json:"cost" doc:"USD."`
	ByModel     map[string]UsageShare `json:"by_model"`
	ByProvider  map[string]UsageShare `json:"by_provider"`

	dollars, nano int64
}

// UsageShare is one model's or provider's part of a period.
type UsageShare struct {
	Requests int64   `json:"requests"`
	Failures int64   `json:"failures"`
	Tokens   int64   `json:"tokens"`
	Cost     float64 `json:"cost" doc:"USD."`

	dollars, nano int64
}

func (s UsageShare) plus(o UsageShare) UsageShare {
	s.Requests += o.Requests
	s.Failures += o.Failures
	s.Tokens += o.Tokens
	s.dollars += o.dollars
	s.nano += o.nano
	s.Cost = USD(s.dollars, s.nano)
	return s
}

// Usage returns a user's usage in each period of the time zone that overlaps
// from (inclusive) to to (exclusive), also in those without any. The first and
// last period are whole ones, even where from and to cut them.
func (db *DB) Usage(ctx context.Context, caller policy.Caller, userID string, g Granularity, from, to time.Time, zone *time.Location) ([]UsagePeriod, error) {
	bounds, err := periods(g, from, to, zone)
	if err != nil {
		return nil, err
	}
	report := make([]UsagePeriod, 0, len(bounds))
	for i := range len(bounds) - 1 {
		p, err := db.usagePeriod(ctx, caller, userID, bounds[i], bounds[i+1])
		if err != nil {
			return nil, err
		}
		report = append(report, p)
	}
	return report, nil
}

func newUsagePeriod(from, to Timestamp) UsagePeriod {
	return UsagePeriod{
		PeriodStart: from, PeriodEnd: to,
		ByModel: map[string]UsageShare{}, ByProvider: map[string]UsageShare{},
	}
}

// add counts usage to a period.
func (p *UsagePeriod) add(model, provider string, share UsageShare) {
	p.ByModel[model] = p.ByModel[model].plus(share)
	p.ByProvider[provider] = p.ByProvider[provider].plus(share)
	p.Requests += share.Requests
	p.Failures += share.Failures
	p.Tokens += share.Tokens
	p.dollars += share.dollars
	p.nano += share.nano
	p.Cost = USD(p.dollars, p.nano)
}

// usagePeriod asks for one period at a time: the logs of a period are few and
// neighbours in the covering index, and grouping few rows needs no large sort.
func (db *DB) usagePeriod(ctx context.Context, caller policy.Caller, userID string, from, to Timestamp) (UsagePeriod, error) {
	p := newUsagePeriod(from, to)
	_, err := db.Run(ctx, caller, query.Select{
		From: "usage_by_log",
		Columns: []query.Output{
			{Name: "model"},
			{Name: "provider"},
			{Name: "requests", Func: query.Sum},
			{Name: "failures", Func: query.Sum},
			{Name: "tokens", Func: query.Sum},
			{Name: "cost_usd", Func: query.Sum},
			{Name: "cost_nano", Func: query.Sum},
		},
		Where: query.And{
			query.Is("user_profile_id", userID),
			query.Compare{Column: "created_at", Op: query.Gte, Value: from},
			query.Compare{Column: "created_at", Op: query.Lt, Value: to},
		},
		Group: []string{"model", "provider"},
	}, func(r query.Row) error {
		share := UsageShare{
			Requests: integer(r[2]), Failures: integer(r[3]), Tokens: integer(r[4]),
			dollars: integer(r[5]), nano: integer(r[6]),
		}
		p.add(text(r[0]), text(r[1]), share)
		return nil
	})
	return p, err
}

// periods returns the borders of the periods that overlap the range: one more
// than there are periods.
func periods(g Granularity, from, to time.Time, zone *time.Location) ([]Timestamp, error) {
	step, ok := steps[g]
	if !ok {
		known := slices.Sorted(maps.Keys(steps))
		return nil, errorf(CodeInvalidText, "unknown granularity %q: one of %v", string(g), known)
	}
	if !from.Before(to) {
		return nil, errorf(CodeInvalidText, "from must be before to")
	}
	bounds := []Timestamp{}
	for start := step.floor(from.In(zone)); start.Before(to); {
		bounds = append(bounds, At(start))
		if len(bounds) > MaxPeriods {
			return nil, errorf(CodeInvalidText, "more than %d periods: ask for a shorter range or a coarser granularity", MaxPeriods)
		}
		start = step.next(start)
		if !start.Before(to) {
			bounds = append(bounds, At(start))
		}
	}
	return bounds, nil
}

// A step finds the borders of periods in a moment's own time zone. Days may
// have 23 or 25 hours, and zones may be half an hour off.
type step struct{ floor, next func(time.Time) time.Time }

var steps = map[Granularity]step{
	ByHour: {
		floor: func(t time.Time) time.Time {
			changed, _ := t.ZoneBounds()
			if hour := clockHour(t); !hour.Before(changed) {
				return hour
			}
			return changed
		},
		next: func(t time.Time) time.Time {
			_, changes := t.ZoneBounds()
			if hour := clockHour(t).Add(time.Hour); changes.IsZero() || hour.Before(changes) {
				return hour
			}
			return changes
		},
	},
	ByDay: {
		floor: func(t time.Time) time.Time { return midnight(t.Year(), t.Month(), t.Day(), t.Location()) },
		next:  func(t time.Time) time.Time { return midnight(t.Year(), t.Month(), t.Day()+1, t.Location()) },
	},
	ByMonth: {
		floor: func(t time.Time) time.Time { return midnight(t.Year(), t.Month(), 1, t.Location()) },
		next:  func(t time.Time) time.Time { return midnight(t.Year(), t.Month()+1, 1, t.Location()) },
	},
}

// clockHour returns when the clock last showed a full hour, had it always gone
// as it does at t. Where clocks are moved by half an hour (Lord Howe Island), an
// hour is cut short at the change.
func clockHour(t time.Time) time.Time {
	return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
}

// midnight returns the first moment of a day. Where clocks go forward at
// midnight that is 01:00, and time.Date may give a moment of the day before;
// where they go back to midnight, it may give the second one.
func midnight(year int, month time.Month, day int, zone *time.Location) time.Time {
	want := time.Date(year, month, day, 12, 0, 0, 0, zone)
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	const step = 30 * time.Minute
	for t.YearDay() != want.YearDay() {
		t = t.Add(step)
	}
	for t.Add(-step).YearDay() == want.YearDay() {
		t = t.Add(-step)
	}
	return t
}

// ParseZone returns the time zone of that IANA name.
func ParseZone(name string) (*time.Location, error) {
	if name == "Local" { // the server's zone is nobody's business
		return nil, errUnknownZone(name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errUnknownZone(name)
	}
	return zone, nil
}

func errUnknownZone(name string) error {
	e := errorf(CodeInvalidText, "unknown time zone %q", clip(name))
	e.Hint = fmt.Sprintf("send an IANA name such as %q", "Europe/Berlin")
	return e
}
