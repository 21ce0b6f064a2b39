package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// trafficOverview answers what stands in traffic_hourly: one read over the range
// and the time before it.
func (db *DB) trafficOverview(ctx context.Context, caller policy.Caller, bounds []Timestamp, span hourSpan) (Overview, error) {
	type name struct{ model, provider string }
	report := make([]UsagePeriod, len(bounds)-1)
	for i := range report {
		report[i] = newUsagePeriod(bounds[i], bounds[i+1])
	}
	models := map[name]*trafficSum{}
	var all, earlier trafficSum
	var at Timestamp // of the hour that was read last
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
		Where: between("hour", span.before().from, span.to),
	}, func(r query.Row) error {
		if hour := text(r[0]); hour != atText {
			at, atText = moment(hour), hour
		}
		share := UsageShare{
			Requests: integer(r[3]), Failures: integer(r[4]), Tokens: integer(r[5]),
			dollars: integer(r[6]), nano: integer(r[7]),
		}
		if at < span.from {
			earlier.add(share, text(r[8]))
			return nil
		}
		k := name{text(r[1]), text(r[2])}
		if models[k] == nil {
			models[k] = &trafficSum{}
		}
		models[k].add(share, text(r[8]))
		models[k].unpriced += integer(r[9])
		report[period(bounds, at)].add(k.model, k.provider, share)
		return nil
	})
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Periods: report, Models: make([]ModelTraffic, 0, len(models))}
	for k, t := range models {
		all.join(t)
		o.Models = append(o.Models, t.model(k.model, k.provider))
	}
	slices.SortFunc(o.Models, func(a, b ModelTraffic) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Provider, b.Provider))
	})
	o.Range, o.Before = all.totals(span), earlier.totals(span.before())
	return o, nil
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
