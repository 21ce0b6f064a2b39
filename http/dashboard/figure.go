package dashboard

import (
	"math"
	"strconv"

	"github.com/llmtally/llmtally/http/dashboard/chart"
	"github.com/llmtally/llmtally/store"
)

// A figure is one number of a page, large.
type figure struct {
	ID     string
	Label  string
	Value  string
	Title  string // in full
	Change string // against the time before: +12%
	State  string // good or bad, when the change is either
}

// figures are the numbers of the overview.
func figures(o store.Overview) []figure {
	now, before := o.Range, o.Before
	return []figure{
		{"requests", "Requests", short(now.Requests), count(now.Requests), change(float64(now.Requests), float64(before.Requests)), ""},
		{"tokens", "Tokens", short(now.Tokens), count(now.Tokens), change(float64(now.Tokens), float64(before.Tokens)), ""},
		costFigure(o),
		errorRate(now, before),
		latency("p50", "Median time", now.P50, before.P50),
		latency("p95", "95th percentile", now.P95, before.P95),
		{"active-users", "Active users", short(now.ActiveUsers), count(now.ActiveUsers), change(float64(now.ActiveUsers), float64(before.ActiveUsers)), ""},
	}
}

// costFigure shows no cost where nothing has a price: it is unknown, not nothing.
func costFigure(o store.Overview) figure {
	f := figure{ID: "cost", Label: "Cost", Value: shortMoney(o.Range.Cost), Title: exact(o.Range.Cost), Change: change(o.Range.Cost, o.Before.Cost)}
	var unpriced int64
	for _, m := range o.Models {
		unpriced += m.Unpriced
	}
	if o.Range.Cost == 0 && unpriced > 0 {
		f.Value, f.Title, f.Change = none, "no price is known for any request that has tokens: "+count(unpriced), ""
	}
	return f
}

func errorRate(now, before store.OverviewTotals) figure {
	f := figure{ID: "error-rate", Label: "Error rate", Value: share(float64(now.Failures), float64(now.Requests))}
	f.Title = count(now.Failures) + " of " + count(now.Requests) + " failed"
	switch {
	case now.Requests == 0:
		return f
	case before.Requests == 0:
		f.Change = incomparable
		return f
	}
	points := 100 * (float64(now.Failures)/float64(now.Requests) - float64(before.Failures)/float64(before.Requests))
	f.State = verdict(points)
	switch {
	case math.Abs(points) < 0.05:
		f.Change, f.State = "±0 points", ""
	default:
		f.Change = signed(points, 1) + " points"
	}
	return f
}

// latency tells no change where the two may be the same, as exact as they are.
func latency(id, label string, now, before *float64) figure {
	f := figure{ID: id, Label: label, Value: about(now)}
	if now == nil {
		return f
	}
	f.Title = withinPercent
	switch {
	case before == nil || !(*before > 0):
		f.Change = incomparable
	case math.Abs(*now-*before) <= percentileError*(*now+*before):
		f.Change = "about the same"
	default:
		f.Change, f.State = change(*now, *before), verdict(*now-*before)
	}
	return f
}

// verdict is on numbers of which less is better.
func verdict(difference float64) string {
	if difference > 0 {
		return "bad"
	}
	return "good"
}

// incomparable is what has nothing before it to compare with.
const incomparable = "new"

// change says by how much a number grew.
func change(now, before float64) string {
	switch {
	case before == 0 && now == 0:
		return "±0%"
	case !(before > 0):
		return incomparable
	}
	p := 100 * (now/before - 1)
	switch {
	case math.Abs(p) < 0.5:
		return "±0%"
	case p >= 899.5: // ten times
		return "×" + chart.Short(now/before, chart.Count)
	default:
		return signed(p, 0) + "%"
	}
}

func signed(v float64, decimals int) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	if v < 0 {
		return "−" + s
	}
	return "+" + s
}
