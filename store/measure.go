package store

import (
	"time"

	"github.com/llmtally/llmtally/store/query"
)

// A measurement is what a rule's scope used in its window.
type measurement struct {
	from, to                   Timestamp // 0 when the window has no borders
	requests, failures, tokens int64
	dollars, nano              int64
}

// value returns the metric. Without a verdict (an error rate of too few
// requests) it exceeds nothing.
func (m *measurement) value(r *AlertRule) (value float64, verdict bool) {
	switch r.Metric {
	case MetricCost:
		return USD(m.dollars, m.nano), true
	case MetricTokens:
		return float64(m.tokens), true
	case MetricRequests:
		return float64(m.requests), true
	case MetricFailures:
		return float64(m.failures), true
	default:
		if m.requests == 0 {
			return 0, false
		}
		return float64(m.failures) / float64(m.requests), m.requests >= r.MinRequests
	}
}

var measured = []query.Output{
	{Name: "requests", Func: query.Sum},
	{Name: "failures", Func: query.Sum},
	{Name: "tokens", Func: query.Sum},
	{Name: "cost_usd", Func: query.Sum},
	{Name: "cost_nano", Func: query.Sum},
}

// A span is what a measurement of one user is about: rules that differ only in
// metric and limit share it.
type span struct {
	window    Window
	last      int64
	zone      string
	of, value string // the provider or model, if the rule is about one
}

func (r *AlertRule) span() span {
	s := span{window: r.Window, last: r.LastRequests}
	if r.Window != WindowTotal && r.Window != WindowLast {
		s.zone = r.TimeZone
	}
	if r.Scope == ScopeProvider || r.Scope == ScopeModel {
		s.of, s.value = string(r.Scope), r.ScopeValue
	}
	return s
}

// measureUserOnce measures a rule for one user, unless a rule of the same span
// was measured for them just now.
func (v *View) measureUserOnce(known map[span]measurement, r *AlertRule, user string, now time.Time) (measurement, error) {
	s := r.span()
	if m, ok := known[s]; ok {
		return m, nil
	}
	m, err := v.measureUser(r, user, now)
	if err == nil {
		known[s] = m
	}
	return m, err
}

// measureUser measures a rule for one user.
func (v *View) measureUser(r *AlertRule, user string, now time.Time) (measurement, error) {
	from, to := r.bounds(now)
	own := query.And{query.Is("user_profile_id", user)}
	if rollup, sums := r.userSums(now); rollup != "" {
		return v.measure(query.Select{From: rollup, Where: append(own, sums...)}, from, to)
	}
	where := append(own, r.narrowed()...)
	if r.Window == WindowLast {
		return v.measure(r.newest("usage_by_log", where), from, to)
	}
	return v.measure(query.Select{From: "usage_by_log", Where: append(where, between("created_at", from, to)...)}, from, to)
}

// measureTogether measures a rule for its whole scope.
func (v *View) measureTogether(r *AlertRule, now time.Time) (measurement, error) {
	from, to := r.bounds(now)
	logs, hours := "traffic_by_log", "traffic_hourly"
	where := r.narrowed()
	if r.Scope == ScopeTier {
		logs = "usage_by_tier"
		where = query.And{query.Is("subscription_tier", r.ScopeValue)}
	}
	switch {
	case r.Window == WindowLast:
		where = append(where, query.Compare{Column: "created_at", Op: query.Gte, Value: At(now.Add(-lastReach))})
		return v.measure(r.newest(logs, where), from, to)
	case r.Scope == ScopeTier && r.Window == WindowTotal:
		return v.measure(query.Select{From: "totals_by_tier", Where: where}, from, to)
	case r.Scope == ScopeTier:
		return v.measure(query.Select{From: logs, Where: append(where, between("created_at", from, to)...)}, from, to)
	case r.Window == WindowTotal:
		return v.measure(query.Select{From: hours, Where: where}, from, to)
	default:
		return v.measureHours(hours, logs, where, from, to)
	}
}

// lastReach bounds how far back the newest requests of many users are looked
// for: those of a model that is hardly used might be a whole table away.
const lastReach = 30 * 24 * time.Hour

// measureHours adds up whole hours, and the logs of what a time zone at a
// quarter or half of an hour cuts from the first and last.
func (v *View) measureHours(hours, logs string, where query.And, from, to Timestamp) (measurement, error) {
	first, last := from.Hour(), to.Hour()
	if first < from {
		first = (from + hour).Hour()
	}
	total, err := v.measure(query.Select{From: hours, Where: append(where, between("hour", first, last)...)}, from, to)
	for _, edge := range [][2]Timestamp{{from, first}, {last, to}} {
		if err != nil || edge[0] >= edge[1] {
			continue
		}
		var m measurement
		m, err = v.measure(query.Select{From: logs, Where: append(where, between("created_at", edge[0], edge[1])...)}, from, to)
		total = total.plus(m)
	}
	return total, err
}

// measure sums up what a select selects.
func (v *View) measure(q query.Select, from, to Timestamp) (measurement, error) {
	m := measurement{from: from, to: to}
	q.Columns = measured
	_, err := v.Select(q, func(r query.Row) error {
		m = measurementOf(r, from, to)
		return nil
	})
	return m, err
}

// measurementOf reads a row of the columns that are measured.
func measurementOf(r query.Row, from, to Timestamp) measurement {
	return measurement{
		from: from, to: to,
		requests: integer(r[0]), failures: integer(r[1]), tokens: integer(r[2]),
		dollars: integer(r[3]), nano: integer(r[4]),
	}
}

func (m measurement) plus(o measurement) measurement {
	m.requests += o.requests
	m.failures += o.failures
	m.tokens += o.tokens
	m.dollars += o.dollars
	m.nano += o.nano
	return m
}

// narrowed is the part of the scope that is about what was used, not by whom.
func (r *AlertRule) narrowed() query.And {
	switch r.Scope {
	case ScopeProvider, ScopeModel:
		return query.And{query.Is(string(r.Scope), r.ScopeValue)}
	}
	return nil
}

// newest selects the rule's last requests.
func (r *AlertRule) newest(logs string, where query.And) query.Select {
	return query.Select{From: logs, Within: &query.Select{
		From: logs, Where: where, Order: newestFirst("created_at", "id"), Limit: &r.LastRequests,
	}}
}

func between(column string, from, to Timestamp) query.And {
	return query.And{
		query.Compare{Column: column, Op: query.Gte, Value: from},
		query.Compare{Column: column, Op: query.Lt, Value: to},
	}
}
