package chart_test

import (
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/http/dashboard/chart"
)

func TestTicksAreRoundAndReachTheHighestValue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		highest float64
		unit    chart.Unit
		want    []float64
	}{
		{0, chart.Count, []float64{0, 1}},
		{math.NaN(), chart.Count, []float64{0, 1}},
		{math.Inf(1), chart.USD, []float64{0, 1}},
		{1, chart.Count, []float64{0, 1}},
		{3, chart.Count, []float64{0, 1, 2, 3}},
		{10, chart.Count, []float64{0, 5, 10}},
		{11, chart.Count, []float64{0, 5, 10, 15}},
		{400, chart.Count, []float64{0, 100, 200, 300, 400}},
		{401, chart.Count, []float64{0, 200, 400, 600}},
		{1, chart.USD, []float64{0, 0.5, 1}},
		{0.3, chart.USD, []float64{0, 0.1, 0.2, 0.3}},
		{0.0000012, chart.USD, []float64{0, 0.0000005, 0.000001, 0.0000015}},
		{12345678.9, chart.USD, []float64{0, 5e6, 1e7, 1.5e7}},
	} {
		assert.InDeltaSlice(t, tt.want, chart.Ticks(tt.highest, 4, tt.unit), 1e-12, "%v", tt.highest)
	}
}

func TestAnyHeightHasAFewEvenTicks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		highest := math.Pow(10, rapid.Float64Range(-12, 15).Draw(t, "power"))
		unit := rapid.SampledFrom([]chart.Unit{chart.Count, chart.USD}).Draw(t, "unit")
		ticks := chart.Ticks(highest, 4, unit)
		assert.Zero(t, ticks[0])
		assert.GreaterOrEqual(t, ticks[len(ticks)-1], highest*(1-1e-8))
		assert.LessOrEqual(t, len(ticks), 6)
		for i := range len(ticks) - 1 {
			assert.InEpsilon(t, ticks[1], ticks[i+1]-ticks[i], 1e-6)
		}
	})
}

func TestAnAxisNamesItsValuesShortly(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]float64{
		"0": 0, "7": 7, "950": 950, "1k": 1000, "1.5k": 1500, "12.5k": 12_500, "1M": 999_999, "3M": 3e6, "2B": 2e9, "4T": 4e12,
	} {
		assert.Equal(t, want, chart.Short(v, chart.Count))
	}
	for want, v := range map[string]float64{
		"$0": 0, "$0.0000005": 0.0000005, "$0.25": 0.25, "$10": 10, "$1.2k": 1200, "$15M": 15e6,
	} {
		assert.Equal(t, want, chart.Short(v, chart.USD))
	}
}

func TestAmountsOnAnAxisHaveAsManyDecimals(t *testing.T) {
	t.Parallel()
	for want, highest := range map[string]float64{
		"$0 $0.05 $0.10 $0.15 $0.20": 0.19, "$0 $0.50 $1.00 $1.50": 1.4, "$0 $5 $10 $15": 15, "$0 $500 $1k $1.5k": 1500,
		"$0 $0.0005 $0.0010 $0.0015": 0.0014,
	} {
		assert.Equal(t, want, strings.Join(chart.Labels(chart.Ticks(highest, 4, chart.USD), chart.USD), " "))
	}
	assert.Equal(t, []string{"0", "500", "1k", "1.5k"}, chart.Labels(chart.Ticks(1500, 4, chart.Count), chart.Count))
}

func TestTheLargestHaveASeriesAndTheOthersOneTogether(t *testing.T) {
	t.Parallel()
	series := chart.Top(map[string][]float64{"a": {1, 1}, "b": {5, 0}, "c": {0, 2}, "d": {0, 1}, "none": {0, 0}}, 2, "other")
	assert.Equal(t, []chart.Series{
		{Name: "b", Values: []float64{5, 0}},
		{Name: "a", Values: []float64{1, 1}},
		{Name: "other", Values: []float64{0, 3}, Rest: true},
	}, series)
	assert.Len(t, chart.Top(map[string][]float64{"a": {1}, "b": {0}}, 1, "other"), 1, "nothing needs no series")
	assert.Empty(t, chart.Top(nil, 8, "other"))
}

// days is a chart of two series in three columns.
func days() chart.Chart {
	return chart.Chart{
		ID: "usage", Title: "Requests", Description: "Requests a day by model.", Unit: chart.Count, Head: "Day",
		Format:  func(v float64) string { return chart.Short(v, chart.Count) },
		Columns: []chart.Column{{Name: "1 March", Label: "1"}, {Name: "2 March"}, {Name: "3 March", Label: "3", Minor: true}},
		Series:  []chart.Series{{Name: "gpt", Values: []float64{10, 0, 30}}, {Name: "other", Values: []float64{10, 0, 0}, Rest: true}},
	}
}

func drawn(t testing.TB, c chart.Chart) string {
	t.Helper()
	html, err := c.HTML()
	require.NoError(t, err)
	return string(html)
}

func TestAChartCanBeReadWithoutSeeingIt(t *testing.T) {
	t.Parallel()
	html := drawn(t, days())
	for _, want := range []string{
		`<title id="usage-title">Requests</title>`, `<desc id="usage-desc">Requests a day by model.</desc>`,
		"<title>1 March\nTotal\t20\nother\t10\ngpt\t10</title>", `<th scope="row">3 March</th><td class="number">30</td><td class="number">0</td><td class="number">30</td>`,
		`<th scope="col">Day</th>`, `class="column" role="img" tabindex="0"`,
	} {
		assert.Contains(t, html, want)
	}
	assert.Equal(t, 1, strings.Count(html, `<g class="column" role="img" tabindex="0"`), "one stop for the keyboard; arrows go on from there")
	assert.Equal(t, 3, strings.Count(html, `<g class="column"`))
}

func TestColumnsAreStackedToScale(t *testing.T) {
	t.Parallel()
	html := drawn(t, days())
	assert.Contains(t, html, `<rect class="s0" x="3.667%" width="26.000%" y="143.33" height="66.67"/><rect class="rest" x="3.667%" width="26.000%" y="76.67" height="66.67"/>`)
	assert.Equal(t, 3, strings.Count(html, `<rect class="s0"`)+strings.Count(html, `<rect class="rest"`), "nothing is drawn for nothing")
}

func TestAChartIsWellFormedAndInertWhateverItsNames(t *testing.T) {
	t.Parallel()
	c := days()
	const bad = `</title><script>alert(1)</script>" onload="x`
	c.Title, c.Description, c.Series[0].Name, c.Columns[0].Name, c.Columns[0].Label = bad, bad, bad, bad, bad
	html := drawn(t, c)
	assert.NotContains(t, html, "<script")
	assert.NotContains(t, html, "style=")
	decoder := xml.NewDecoder(strings.NewReader(html))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok {
			for _, a := range start.Attr {
				assert.NotContains(t, a.Name.Local, "on", "%s has %s", start.Name.Local, a.Name.Local)
			}
		}
	}
}

func TestAChartOfNothingSaysSo(t *testing.T) {
	t.Parallel()
	c := days()
	c.Series = nil
	assert.Contains(t, drawn(t, c), "Nothing in this time")
	c.Columns = nil
	assert.Contains(t, drawn(t, c), "Nothing in this time")
}

func TestWhatIsNoAmountCountsAsNothing(t *testing.T) {
	t.Parallel()
	c := days()
	c.Series = []chart.Series{{Name: "gpt", Values: []float64{math.NaN(), math.Inf(1), -4}}}
	html := drawn(t, c)
	assert.Contains(t, html, "Nothing in this time")
	assert.NotContains(t, html, "NaN")
	assert.NotContains(t, html, "Inf")
}
