package store_test

import (
	"cmp"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/llmtally/llmtally/store"
)

// A ledger is what alert rules are about, read from the tables row by row.
type ledger struct {
	now   time.Time
	logs  []rawLog
	tiers map[string]string // of each user
}

// behind returns the logs that a rule measures for the user; "" means all of
// its scope together.
func (l ledger) behind(r store.AlertRule, user string) []rawLog {
	kept := filtered(l.logs, func(log rawLog) bool {
		switch {
		case user != "" && log.user.String != user,
			r.Scope == store.ScopeProvider && log.provider.String != r.ScopeValue,
			r.Scope == store.ScopeModel && log.model.String != r.ScopeValue,
			r.Scope == store.ScopeTier && (!log.user.Valid || l.tiers[log.user.String] != r.ScopeValue):
			return false
		case r.Window == store.WindowLast:
			return user != "" || !log.at.Before(l.now.Add(-30*24*time.Hour))
		}
		return sameWindow(r, log.at, l.now)
	})
	if r.Window != store.WindowLast {
		return kept
	}
	slices.SortFunc(kept, func(a, b rawLog) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(b.id, a.id)) })
	return kept[:min(len(kept), int(r.LastRequests))]
}

// sameWindow says whether two moments are of one month, week or day of the
// rule's time zone: by what the calendar there says, not by any border.
func sameWindow(r store.AlertRule, a, b time.Time) bool {
	a, b = a.In(zone(r.TimeZone)), b.In(zone(r.TimeZone))
	switch r.Window {
	case store.WindowMonth:
		return a.Year() == b.Year() && a.Month() == b.Month()
	case store.WindowWeek:
		aYear, aWeek := a.ISOWeek()
		bYear, bWeek := b.ISOWeek()
		return aYear == bYear && aWeek == bWeek
	case store.WindowDay:
		return a.Year() == b.Year() && a.YearDay() == b.YearDay()
	}
	return true
}

// value returns the rule's metric in exact arithmetic.
func (l ledger) value(r store.AlertRule, user string) (value *big.Rat, verdict bool) {
	logs := l.behind(r, user)
	sum := totalOf(logs)
	switch r.Metric {
	case store.MetricCost:
		return new(big.Rat).SetFrac(sum.nano, big.NewInt(1_000_000_000)), true
	case store.MetricTokens:
		return new(big.Rat).SetInt64(sum.tokens), true
	case store.MetricRequests:
		return new(big.Rat).SetInt64(sum.requests), true
	case store.MetricFailures:
		return new(big.Rat).SetInt64(sum.failures), true
	}
	if sum.requests == 0 {
		return new(big.Rat), false
	}
	return big.NewRat(sum.failures, sum.requests), sum.requests >= r.MinRequests
}

// decimal returns the decimal number that v stands for.
func decimal(v float64) *big.Rat {
	exact, ok := new(big.Rat).SetString(strconv.FormatFloat(v, 'f', -1, 64))
	if !ok {
		panic("not a number")
	}
	return exact
}

// part returns that percentage of the rule's limit.
func part(r store.AlertRule, threshold float64) *big.Rat {
	product := new(big.Rat).Mul(decimal(r.Limit), decimal(threshold))
	return product.Quo(product, big.NewRat(100, 1))
}

// exceeded returns the thresholds that the value is above.
func (l ledger) exceeded(r store.AlertRule, user string) (over []float64) {
	value, verdict := l.value(r, user)
	for _, threshold := range r.Thresholds {
		if verdict && value.Cmp(part(r, threshold)) > 0 {
			over = append(over, threshold)
		}
	}
	return over
}

// calm says whether an alert at that threshold is over; unclear is set where
// floating point may see it either way.
func (l ledger) calm(r store.AlertRule, user string, threshold float64) (calm, unclear bool) {
	if !canEnd(r) {
		return false, false
	}
	value, verdict := l.value(r, user)
	edge := part(r, threshold)
	edge.Mul(edge, big.NewRat(8, 10))
	off, _ := new(big.Rat).Sub(value, edge).Float64()
	return verdict && off <= 0, off > -1e-12 && off < 1e-12
}

// canEnd says whether the rule's value can fall within its window.
func canEnd(r store.AlertRule) bool {
	return r.Metric == store.MetricErrorRate || r.Window == store.WindowLast
}

// concerns says whether the rule measures the user alone.
func (l ledger) concerns(r store.AlertRule, user string) bool {
	switch {
	case !r.Enabled || !r.PerUser:
		return false
	case r.Scope == store.ScopeUser:
		return r.ScopeValue == user
	case r.Scope == store.ScopeTier:
		return r.ScopeValue == l.tiers[user]
	}
	return true
}
