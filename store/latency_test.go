package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestABucketsMiddleIsNearAnyTimeInIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Range(0, 1<<50).Draw(t, "microseconds") >> rapid.IntRange(0, 50).Draw(t, "fewer")
		from, to := latencyBounds(latencyBucket(us))
		require.LessOrEqual(t, from, us)
		require.Less(t, us, to)
		if us >= 16 {
			middle := float64(from+to-1) / 2
			require.InEpsilon(t, float64(us), middle, 0.032)
		} else {
			require.Equal(t, us, from, "short times have a bucket each")
		}
	})
}

func TestBucketsFollowEachOtherWithoutAGap(t *testing.T) {
	t.Parallel()
	for bucket := range 700 {
		from, to := latencyBounds(bucket)
		next, _ := latencyBounds(bucket + 1)
		require.Equal(t, to, next, "bucket %d", bucket)
		require.Equal(t, bucket, latencyBucket(from))
		require.Equal(t, bucket, latencyBucket(to-1))
	}
	assert.Equal(t, 0, latencyBucket(-5), "no time is shorter than none")
}

func TestAHistogramIsJSONInTheOrderOfItsBuckets(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `{}`, latencyHistogram{}.String())
	assert.Equal(t, `{}`, latencyHistogram{3: 0}.String())
	assert.Equal(t, `{"2":1,"10":3,"100":5}`, latencyHistogram{100: 5, 2: 1, 10: 3}.String())
	assert.Equal(t, latencyHistogram{2: 1, 10: 3}, parseLatency(`{"2":1,"10":3}`))
	for _, spoilt := range []string{"", "{", "null", `{"a":1}`, `{"1":x}`, `{"1"}`} {
		assert.Empty(t, parseLatency(spoilt), spoilt)
	}
}

func TestTakingAHistogramAwayUndoesAddingIt(t *testing.T) {
	t.Parallel()
	histogram := rapid.MapOf(rapid.IntRange(0, 600), rapid.Int64Range(1, 1<<40))
	rapid.Check(t, func(t *rapid.T) {
		a, b := latencyHistogram(histogram.Draw(t, "a")), latencyHistogram(histogram.Draw(t, "b"))
		negative := latencyHistogram{}
		for bucket, n := range b {
			negative[bucket] = -n
		}
		sum := addLatency(a.String(), b.String())
		require.Equal(t, sum, addLatency(b.String(), a.String()), "in either order")
		require.Equal(t, a.String(), addLatency(sum, negative.String()))
		require.Equal(t, a.String(), parseLatency(a.String()).String())
		require.Equal(t, a.String(), addLatency(a.String(), "{}"))
		require.Equal(t, a.String(), addLatency("{}", a.String()))
	})
}

func TestSecondsAreMicrosecondsAsInSQL(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]int64{
		0: 0, 0.0000004: 0, 0.0000005: 1, 0.000001: 1, 0.25: 250_000, 1.0000005: 1_000_001, 17.123457: 17_123_457,
		100_000_000: 100_000_000_000_000,
	} {
		assert.Equal(t, want, micros(seconds), "%v s", seconds)
	}
}
