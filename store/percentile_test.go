package store

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// shapes are ways in which response times, in microseconds, are spread.
var shapes = map[string]func(r *rand.Rand) int64{
	"all alike":                   func(*rand.Rand) int64 { return 1_234_567 },
	"all at a bucket's begin":     func(*rand.Rand) int64 { return 1 << 20 },
	"all at a bucket's end":       func(*rand.Rand) int64 { return 1<<20 + 1<<16 - 1 },
	"either short or long":        func(r *rand.Rand) int64 { return []int64{900, 60_000_000}[r.IntN(2)] },
	"rarely long":                 func(r *rand.Rand) int64 { return []int64{900, 60_000_000}[r.IntN(100)/99] },
	"log-normal":                  func(r *rand.Rand) int64 { return int64(1e6 * math.Exp(r.NormFloat64())) },
	"even":                        func(r *rand.Rand) int64 { return 1 + r.Int64N(10_000_000) },
	"of some microseconds":        func(r *rand.Rand) int64 { return 1 + r.Int64N(40) },
	"of a microsecond or less":    func(r *rand.Rand) int64 { return r.Int64N(2) },
	"as long as a time can be":    func(r *rand.Rand) int64 { return 1_000_000_000_000 - r.Int64N(1000) },
	"of every order of magnitude": func(r *rand.Rand) int64 { return int64(math.Pow(10, 12*r.Float64())) },
}

// nearestRank is the exact percentile of sorted times.
func nearestRank(sorted []int64, p int) int64 {
	return sorted[(len(sorted)*p+99)/100-1]
}

func TestAPercentileIsNearTheExactOneWhateverTheTimes(t *testing.T) {
	t.Parallel()
	for name, draw := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
				times := make([]int64, rapid.IntRange(1, 500).Draw(t, "requests"))
				histogram := latencyHistogram{}
				for i := range times {
					times[i] = draw(random)
					histogram[latencyBucket(times[i])]++
				}
				slices.Sort(times)
				var counts latencyCounts
				counts.add(histogram.String())
				for p := 1; p <= 100; p++ {
					exact := float64(nearestRank(times, p)) / 1e6
					require.InDelta(t, exact, *counts.percentile(int64(p)), 0.032*exact, "p%d of %d", p, len(times))
				}
			})
		})
	}
}

func TestThePercentilesOfShortTimesAreExact(t *testing.T) {
	t.Parallel()
	var counts latencyCounts
	counts.add(`{"1":1,"2":1,"3":1,"4":1}`)
	for p, microseconds := range map[int64]float64{1: 1, 25: 1, 26: 2, 50: 2, 51: 3, 75: 3, 76: 4, 95: 4, 99: 4, 100: 4} {
		assert.Equal(t, microseconds/1e6, *counts.percentile(p), "p%d", p)
	}
}

func TestNothingHasNoPercentile(t *testing.T) {
	t.Parallel()
	for _, histogram := range []string{"{}", "", "null", `{"7":0}`, `{"7":-3}`, `{"-7":3}`, `{"100000":3}`} {
		var counts latencyCounts
		counts.add(histogram)
		assert.Nil(t, counts.percentile(50), histogram)
		assert.Empty(t, counts.counts, "no memory for nothing: %s", histogram)
	}
}

func TestAPercentileOfVeryManyRequestsDoesNotOverflow(t *testing.T) {
	t.Parallel()
	var counts latencyCounts
	counts.add(latencyHistogram{1: 1 << 61, 2: 1 << 61}.String())
	assert.Equal(t, 1e-6, *counts.percentile(50))
	assert.Equal(t, 2e-6, *counts.percentile(51))
	assert.Equal(t, 2e-6, *counts.percentile(100))
}

func TestHistogramsAddUpInAnyOrderAndGrouping(t *testing.T) {
	t.Parallel()
	one := rapid.Custom(func(t *rapid.T) string {
		return latencyHistogram(rapid.MapOf(rapid.IntRange(0, 600), rapid.Int64Range(0, 9)).Draw(t, "histogram")).String()
	})
	rapid.Check(t, func(t *rapid.T) {
		histograms := rapid.SliceOf(one).Draw(t, "histograms")
		cut := rapid.IntRange(0, len(histograms)).Draw(t, "cut")
		var all, first, rest latencyCounts
		sum := "{}"
		for i, h := range histograms {
			all.add(h)
			sum = addLatency(sum, h)
			if i < cut {
				first.add(h)
			} else {
				rest.add(h)
			}
		}
		rest.join(&first)
		var summed latencyCounts
		summed.add(sum)
		for p := int64(1); p <= 100; p++ {
			require.Equal(t, summed.percentile(p), all.percentile(p))
			require.Equal(t, summed.percentile(p), rest.percentile(p))
		}
	})
}
