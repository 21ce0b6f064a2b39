package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// trafficOverview answers what stands in traffic_hourly.
func (db *DB) trafficOverview(ctx context.Context, caller policy.Caller, bounds []Timestamp, span hourSpan) (Overview, error) {
	var o Overview
	var parts errgroup.Group
	parts.Go(func() (err error) {
		o.Periods, o.Models, o.Range, err = db.traffic(ctx, caller, bounds, span)
		return err
	})
	parts.Go(func() (err error) {
		o.Before, err = db.trafficTotals(ctx, caller, span.before())
		return err
	})
	return o, parts.Wait()
}

// traffic adds up a span by period and model.
func (db *DB) traffic(ctx context.Context, caller policy.Caller, bounds []Timestamp, span hourSpan) ([]UsagePeriod, []ModelTraffic, OverviewTotals, error) {
	type name struct{ model, provider string }
	report := make([]UsagePeriod, len(bounds)-1)
	for i := range report {
		report[i] = newUsagePeriod(bounds[i], bounds[i+1])
	}
	sums := map[name]*trafficSum{}
	var at int // the period of the hour that was read last
	var atText string
	_, err := db.Run(ctx, caller, query.Select{
		From: "traffic_hourly",
		Columns: []query.Output{
			{Name: "hour"},
			{Name: "model"},
			{Name: "provider"},
			{Name: "requests"},
			{Name: "failures"},
			{Name: "tokens"},
			{Name: "cost_usd"},
			{Name: "cost_nano"},
			{Name: "latency"},
			{Name: "unpriced_requests"},
		},
		Where: between("hour", span.from, span.to),
	}, func(r query.Row) error {
		if hour := text(r[0]); hour != atText {
			at, atText = period(bounds, moment(hour)), hour
		}
		k := name{text(r[1]), text(r[2])}
		share := usageShare(r[3:])
		if sums[k] == nil {
			sums[k] = &trafficSum{}
		}
		sums[k].add(share, text(r[8]))
		sums[k].unpriced += integer(r[9])
		report[at].add(k.model, k.provider, share)
		return nil
	})
	if err != nil {
		return nil, nil, OverviewTotals{}, err
	}
	var all trafficSum
	models := make([]ModelTraffic, 0, len(sums))
	for k, t := range sums {
		all.join(t)
		models = append(models, t.model(k.model, k.provider))
	}
	slices.SortFunc(models, func(a, b ModelTraffic) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Provider, b.Provider))
	})
	return report, models, all.totals(span), nil
}

// trafficTotals adds up a span: in the database, since a column of a row takes
// longer to be handed over than to be added.
func (db *DB) trafficTotals(ctx context.Context, caller policy.Caller, span hourSpan) (OverviewTotals, error) {
	var all trafficSum
	_, err := db.Run(ctx, caller, query.Select{
		From: "traffic_hourly",
		Columns: []query.Output{
			{Name: "requests", Func: query.Sum},
			{Name: "failures", Func: query.Sum},
			{Name: "tokens", Func: query.Sum},
			{Name: "cost_usd", Func: query.Sum},
			{Name: "cost_nano", Func: query.Sum},
			{Name: "latency", Func: query.Concat},
		},
		Where: between("hour", span.from, span.to),
	}, func(r query.Row) error {
		all.UsageShare = all.plus(usageShare(r))
		for histogram := range strings.SplitSeq(text(r[5]), ",{") {
			all.latency.add(histogram)
		}
		return nil
	})
	return all.totals(span), err
}

// usageShare reads requests, failures, tokens, dollars and nano-dollars, which
// are to be added to something.
func usageShare(r query.Row) UsageShare {
	return UsageShare{
		Requests: integer(r[0]), Failures: integer(r[1]), Tokens: integer(r[2]), dollars: integer(r[3]), nano: integer(r[4]),
	}
}

// A trafficSum is some traffic, and how long it took.
type trafficSum struct {
	UsageShare
	unpriced int64
	latency  latencyCounts
}

func (t *trafficSum) add(s UsageShare, latency string) {
	t.UsageShare = t.plus(s)
	t.latency.add(latency)
}

func (t *trafficSum) join(o *trafficSum) {
	t.UsageShare = t.plus(o.UsageShare)
	t.latency.join(&o.latency)
}

func (t *trafficSum) totals(span hourSpan) OverviewTotals {
	return OverviewTotals{
		From: span.from, To: span.to,
		Requests: t.Requests, Failures: t.Failures, Tokens: t.Tokens, Cost: t.Cost,
		P50: t.latency.percentile(50), P95: t.latency.percentile(95),
	}
}

func (t *trafficSum) model(model, provider string) ModelTraffic {
	return ModelTraffic{
		Model: model, Provider: provider,
		Requests: t.Requests, Failures: t.Failures, Tokens: t.Tokens, Cost: t.Cost, Unpriced: t.unpriced,
		P50: t.latency.percentile(50), P95: t.latency.percentile(95),
	}
}
