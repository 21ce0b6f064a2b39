package dashboard

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/store"
)

func TestMoneyHasAsManyDigitsAsItTakes(t *testing.T) {
	t.Parallel()
	for want, usd := range map[string]float64{
		"$0": 0, "$0.000000001": 1e-9, "$0.0000012": 0.0000012, "$0.00041": 0.000412, "$0.0099": 0.0099, "$0.01": 0.00999, "$0.0125": 0.0125,
		"$0.25": 0.25, "$0.995": 0.99499, "$1.00": 0.999, "$12.30": 12.3, "$999.99": 999.99, "$1,000.00": 1000, "$12,345,678.90": 12345678.9,
		"-$5.00": -5, "–": math.NaN(),
	} {
		assert.Equal(t, want, money(usd))
	}
	assert.Equal(t, "$12,345,678.9000012", exact(12345678.9000012))
	assert.Equal(t, "–", cost(nil))
	assert.Equal(t, "$12.3M", shortMoney(12345678.9))
}

func TestMoneyInAListHasTheDecimalsOfItsSize(t *testing.T) {
	t.Parallel()
	for want, usd := range map[string]float64{
		"$0": 0, "$0.0000000010": 1e-9, "$0.0000012": 0.0000012, "$0.000010": 0.00000999, "$0.00010": 0.0001, "$0.0040": 0.004, "$0.0100": 0.00999,
		"$0.0680": 0.068, "$0.5290": 0.529, "$0.9609": 0.9609, "$0.9950": 0.99499, "$1.00": 0.999, "$12,345,678.90": 12345678.9, "-$5.00": -5, "–": math.NaN(),
		// Half of a digit goes up, in the decimal number that people see.
		"$0.0313": 0.03125, "$1.01": 1.005, "$0.0000013": 0.00000125,
	} {
		assert.Equal(t, want, listedMoney(usd))
	}
}

func TestNothingThatCostsSomethingReadsAsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		usd := math.Pow(10, rapid.Float64Range(-12, 9).Draw(t, "power"))
		assert.Regexp(t, `^\$[0-9,]+(\.[0-9]+)?$`, money(usd))
		assert.Regexp(t, `[1-9]`, money(usd))
		assert.Regexp(t, `^\$[0-9,]+(\.[0-9]+)?$`, listedMoney(usd))
		assert.Regexp(t, `[1-9]`, listedMoney(usd))
	})
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	t.Parallel()
	for want, n := range map[string]int64{"0": 0, "999": 999, "1,000": 1000, "-1,234,567": -1234567, "9,223,372,036,854,775,807": math.MaxInt64} {
		assert.Equal(t, want, count(n))
	}
	for want, n := range map[string]int64{"99,999": 99_999, "100k": 100_000, "6.76M": 6_760_001, "1B": 1_000_000_000} {
		assert.Equal(t, want, short(n))
	}
	for want, s := range map[string]float64{
		"0 ms": 0, "0.042 ms": 0.0000423, "4.2 ms": 0.0042, "820 ms": 0.82, "1.00 s": 0.9999, "1.23 s": 1.234, "12.3 s": 12.34,
		"2 min 5 s": 125, "3h26m": 12345, "–": -1,
	} {
		assert.Equal(t, want, seconds(s))
	}
	for want, parts := range map[string][2]float64{
		"–": {1, 0}, "0%": {0, 5}, "<0.1%": {1, 10_000}, "12.3%": {123, 1000}, "50%": {1, 2}, ">99.9%": {9999, 10_000},
		"100%": {3, 3}, "150%": {3, 2}, "999%": {9.994, 1}, ">999%": {49, 2},
	} {
		assert.Equal(t, want, share(parts[0], parts[1]))
	}
	for want, parts := range map[string][2]float64{"–": {1, 0}, "0%": {0, 5}, "2.0%": {1, 50}, "12.3%": {123, 1000}, "100.0%": {3, 3}, "150%": {3, 2}} {
		assert.Equal(t, want, listedShare(parts[0], parts[1]))
	}
	for want, n := range map[string]int64{"0 B": 0, "999 B": 999, "1 kB": 1000, "1.5 MB": 1_500_000, "120 GB": 120_000_000_000, "5000 TB": 5e15} {
		assert.Equal(t, want, size(n))
	}
}

func TestAnEstimatedTimeHasTwoDigits(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]float64{
		"840 ms": 0.836, "990 ms": 0.994, "1.0 s": 0.996, "82 ms": 0.0824, "4.2 ms": 0.0042, "0.042 ms": 0.0000423, "5.6 s": 5.64, "10 s": 9.96, "12 s": 12.34,
		"1 min 40 s": 101, "2 min 10 s": 125, "20 min": 1234, "3h20m": 12345, "0 ms": 0, "–": -1,
	} {
		assert.Equal(t, want, about(&s))
	}
	assert.Equal(t, "–", about(nil))
	p := 0.836
	assert.Equal(t, cell{Text: "840 ms", Title: "from a histogram, within 3.2 %"}, percentileColumn("", "", func(*float64) *float64 { return &p }).Show(nil))
}

func TestWhatTurnsATextIsShown(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"\u202Eevil": "‹202E›evil", "a\u2066b\u2069\u200E\u200F\u061C": "a‹2066›b‹2069›‹200E›‹200F›‹061C›", "مستخدم": "مستخدم", "👩‍👩‍👧‍👦": "👩‍👩‍👧‍👦", "": "",
	} {
		assert.Equal(t, want, legible(name))
	}
}

func TestAnHourThatRepeatsSaysInWhichZone(t *testing.T) {
	t.Parallel()
	zone, err := store.ParseZone("America/New_York")
	require.NoError(t, err)
	periods := make([]store.UsagePeriod, 4)
	for i := range periods {
		periods[i].PeriodStart = store.At(time.Date(2026, 11, 1, 4+i, 0, 0, 0, time.UTC)) // the clocks go back at 6
	}
	var names []string
	for _, c := range periodColumns(periods, store.ByHour, zone) {
		names = append(names, c.Name)
	}
	assert.Equal(t, []string{"Sun 1 Nov 2026, 00:00", "Sun 1 Nov 2026, 01:00 EDT", "Sun 1 Nov 2026, 01:00 EST", "Sun 1 Nov 2026, 02:00"}, names)
}

func TestAChangeIsToldAgainstTheTimeBefore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		now, before float64
		want        string
	}{{0, 0, "±0%"}, {5, 0, "new"}, {0, 5, "−100%"}, {6, 5, "+20%"}, {5, 5, "±0%"}, {1000, 1, "×1k"}, {12, 1, "×12"}, {8_349_589, 1, "×8.35M"}, {4, 5, "−20%"}} {
		assert.Equal(t, tt.want, change(tt.now, tt.before))
	}
}

func TestAFigureTellsItsChangeOrThatThereIsNone(t *testing.T) {
	t.Parallel()
	at := func(requests, failures int64, p50 float64) store.OverviewTotals {
		o := store.OverviewTotals{Requests: requests, Failures: failures, Tokens: requests, Cost: float64(requests), ActiveUsers: requests}
		if requests > 0 {
			o.P50, o.P95 = &p50, &p50
		}
		return o
	}
	for _, tt := range []struct {
		now, before           store.OverviewTotals
		rate, rateIs, p50, is string
	}{
		{at(4, 1, 1), at(0, 0, 0), "new", "", "new", ""},
		{at(0, 0, 0), at(4, 1, 1), "", "", "", ""}, // nor is there a value
		{at(4, 1, 1), at(4, 2, 1), "−25.0 points", "good", "about the same", ""},
		{at(4, 1, 1.066), at(4, 1, 1), "±0 points", "", "about the same", ""}, // each is within 3.2 %
		{at(4, 1, 1), at(4, 1, 1.066), "±0 points", "", "about the same", ""},
		{at(4, 2, 1.07), at(4, 1, 1), "+25.0 points", "bad", "+7%", "bad"},
		{at(4, 1, 0.93), at(4, 1, 1), "±0 points", "", "−7%", "good"},
	} {
		for _, f := range figures(store.Overview{Range: tt.now, Before: tt.before}) {
			switch f.ID {
			case "error-rate":
				assert.Equal(t, [2]string{tt.rate, tt.rateIs}, [2]string{f.Change, f.State}, tt)
			case "p50", "p95":
				assert.Equal(t, [2]string{tt.p50, tt.is}, [2]string{f.Change, f.State}, tt)
			default:
				assert.NotEmpty(t, f.Change, f.ID)
			}
		}
	}
}

func TestMomentsAreToldInTheZone(t *testing.T) {
	t.Parallel()
	berlin, err := store.ParseZone("Europe/Berlin")
	require.NoError(t, err)
	v := &visit{zone: berlin, now: time.Date(2026, 3, 31, 12, 0, 0, 0, berlin)}
	s := v.stamp(store.At(time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC))) // just after the clocks went forward
	assert.Equal(t, stamp{"2026-03-29T01:30:00Z", "29 Mar 03:30:00", "29 Mar 03:30", "Sunday 29 March 2026, 03:30:00.000 UTC+02:00"}, s)
	assert.Equal(t, "Wednesday 14 October 2026, 15:20:00.000 UTC", (&visit{zone: time.UTC}).stamp(store.At(time.Date(2026, 10, 14, 15, 20, 0, 0, time.UTC))).Title)
	assert.Equal(t, "31 Dec 2025", v.stamp(store.At(time.Date(2025, 12, 31, 12, 0, 0, 0, time.UTC))).Short)
	assert.Equal(t, "–", v.stampOf(nil).Text)
}

func TestAnAxisHasLabelsWhereThereIsRoom(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 12, 13, 24, 30, 31, 73, 90, 168, 400} {
		for g, step := range map[store.Granularity]time.Duration{store.ByHour: time.Hour, store.ByDay: 24 * time.Hour} {
			periods := make([]store.UsagePeriod, n)
			for i := range periods {
				periods[i].PeriodStart = store.At(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * step))
			}
			labels := 0
			for _, c := range periodColumns(periods, g, time.UTC) {
				assert.NotEmpty(t, c.Name)
				if c.Label != "" {
					labels++
				}
			}
			assert.Positive(t, labels, "%d %s", n, g)
			assert.LessOrEqual(t, labels, max(maxLabels, n/24)+1, "%d %s", n, g)
		}
	}
}
