package dashboard

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"time"

	"github.com/llmtally/llmtally/http/dashboard/chart"
	"github.com/llmtally/llmtally/store"
)

// A usageChart is usage over time, and the switches beside it.
type usageChart struct {
	Chart   template.HTML
	Metrics []choice
	Bys     []choice
	CSV     string
}

// maxSeries is how many names a chart tells apart.
const maxSeries = 8

var periodHeads = map[store.Granularity]string{store.ByHour: "Hour", store.ByDay: "Day", store.ByMonth: "Month"}

var (
	metricChoices = [][2]string{{"requests", "Requests"}, {"tokens", "Tokens"}, {"cost", "Cost"}}
	byChoices     = [][2]string{{"model", "Model"}, {"provider", "Provider"}}
)

// usageChart draws what the address asks for: requests, tokens or cost, by model
// or provider.
func (v *visit) usageChart(id string, periods []store.UsagePeriod, s span) (u usageChart, err error) {
	metric, metrics, err := v.choices("metric", "metric", metricChoices...)
	if err != nil {
		return u, err
	}
	by, bys, err := v.choices("by", "way to stack", byChoices...)
	if err != nil {
		return u, err
	}
	head := periodHeads[s.Granularity]
	titles := map[string]string{"requests": "Requests", "tokens": "Tokens", "cost": "Cost in USD"}
	c := chart.Chart{
		ID: id, Title: titles[metric] + " by " + by, Unit: chart.Count, Head: head,
		Description: fmt.Sprintf("%s in each %s of %s, stacked by %s, in the time zone %s.", titles[metric], lower(head), s.Words, by, v.zone),
		Format:      func(x float64) string { return count(int64(x + 0.5)) },
		Columns:     periodColumns(periods, s.Granularity, v.zone),
		Series:      chart.Top(shares(periods, by, metric), maxSeries, "other"),
	}
	if metric == "cost" {
		c.Unit, c.Format = chart.USD, listedMoney
	}
	for i := range c.Series {
		c.Series[i].Name = legible(c.Series[i].Name)
	}
	u = usageChart{Metrics: metrics, Bys: bys, CSV: v.csvPath("usage")}
	u.Chart, err = c.HTML()
	return u, err
}

// A usagePart is what one model or provider had in a period.
type usagePart struct {
	store.UsageShare
	start store.Timestamp
	name  string
}

// usageCSV sends what the chart is drawn from.
func (v *visit) usageCSV(periods []store.UsagePeriod) error {
	by, _, err := v.choices("by", "way to stack", byChoices...)
	if err != nil {
		return err
	}
	columns := []column[usagePart]{
		timeColumn(v, "period_start", "", func(p usagePart) *store.Timestamp { return &p.start }),
		textColumn(by, "", func(p usagePart) string { return p.name }),
		countColumn("requests", "", func(p usagePart) int64 { return p.Requests }),
		countColumn("failures", "", func(p usagePart) int64 { return p.Failures }),
		countColumn("tokens", "", func(p usagePart) int64 { return p.Tokens }),
		moneyColumn("cost_usd", "", func(p usagePart) float64 { return p.Cost }),
	}
	return sendCSV(v, "usage", columns, func(yield func(usagePart) error) error {
		for _, p := range periods {
			parts := partsBy(p, by)
			for _, name := range slices.Sorted(maps.Keys(parts)) {
				if err := yield(usagePart{parts[name], p.PeriodStart, name}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func partsBy(p store.UsagePeriod, by string) map[string]store.UsageShare {
	if by == "provider" {
		return p.ByProvider
	}
	return p.ByModel
}

// shares takes each name's values of a metric out of the periods.
func shares(periods []store.UsagePeriod, by, metric string) map[string][]float64 {
	all := map[string][]float64{}
	for i, p := range periods {
		for name, s := range partsBy(p, by) {
			name = named(name)
			if all[name] == nil {
				all[name] = make([]float64, len(periods))
			}
			switch metric {
			case "tokens":
				all[name][i] = float64(s.Tokens)
			case "cost":
				all[name][i] = s.Cost
			default:
				all[name][i] = float64(s.Requests)
			}
		}
	}
	return all
}

// maxLabels is how many labels an axis has room for.
const maxLabels = 12

// periodColumns names the periods, and labels as many as there is room for.
func periodColumns(periods []store.UsagePeriod, g store.Granularity, zone *time.Location) []chart.Column {
	every := (len(periods) + maxLabels - 1) / maxLabels
	if g == store.ByHour && every > 0 {
		for 24%every != 0 && every < 24 { // labels at the same hours each day
			every++
		}
	}
	columns := make([]chart.Column, len(periods))
	for i, p := range periods {
		start := p.PeriodStart.Time().In(zone)
		name := periodName(start, g)
		again := i > 0 && periodName(periods[i-1].PeriodStart.Time().In(zone), g) == name
		first := i+1 < len(periods) && periodName(periods[i+1].PeriodStart.Time().In(zone), g) == name
		if again || first { // the clocks go back
			name += start.Format(" MST")
		}
		columns[i] = chart.Column{Name: name}
		place := len(periods) - 1 - i // the newest has a label
		if g == store.ByHour {
			place = start.Hour()
		}
		if place%every == 0 && !again {
			columns[i].Label = periodLabel(start, g)
			columns[i].Minor = place/every%2 == 1
		}
	}
	return columns
}

func periodName(start time.Time, g store.Granularity) string {
	switch g {
	case store.ByHour:
		return start.Format("Mon 2 Jan 2006, 15:04")
	case store.ByMonth:
		return start.Format("January 2006")
	default:
		return start.Format("Mon 2 Jan 2006")
	}
}

func periodLabel(start time.Time, g store.Granularity) string {
	switch {
	case g == store.ByHour && start.Hour() == 0:
		return start.Format("2 Jan")
	case g == store.ByHour:
		return start.Format("15:04")
	case g == store.ByMonth:
		return start.Format("Jan 06")
	default:
		return start.Format("2 Jan")
	}
}

func lower(s string) string { return string(s[0]|0x20) + s[1:] }
