package store_test

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/store"
)

func TestACostIsRoundedAsTheDecimalNumberThatItStandsFor(t *testing.T) {
	t.Parallel()
	for usd, nano := range map[float64]int64{
		0:                      0,
		0.0000000004999999:     0,
		0.0000000005:           1,
		0.0000000015:           2,
		0.0000000025:           3,
		0.0000000125:           13,
		0.00000000449999999999: 4,
		1e-300:                 0,
		5e-324:                 0,
		0.1:                    100_000_000,
		0.30000000000000004:    300_000_000,
		1.0000000005:           1_000_000_001,
		12.345678901:           12_345_678_901,
		1234567.8901234565:     1_234_567_890_123_457,
		99_999_999.99999999:    99_999_999_999_999_990,
		100_000_000:            100_000_000_000_000_000,
	} {
		assert.Equal(t, nano, store.NanoUSD(usd), "%v USD", usd)
	}
}

// sameNano compares with exact arithmetic over the decimal digits.
func sameNano(t *rapid.T, usd float64) {
	require.Equal(t, exactNano(usd).String(), strconv.FormatInt(store.NanoUSD(usd), 10), "%v USD", usd)
}

func TestNanoDollarsEqualExactArithmetic(t *testing.T) {
	t.Parallel()
	t.Run("of any amount", rapid.MakeCheck(func(t *rapid.T) {
		sameNano(t, rapid.Float64Range(0, 100_000_000).Draw(t, "usd"))
	}))
	t.Run("of any size", rapid.MakeCheck(func(t *rapid.T) {
		sameNano(t, math.Ldexp(rapid.Float64Range(0.5, 1).Draw(t, "mantissa"), rapid.IntRange(-60, 26).Draw(t, "exponent")))
	}))
	t.Run("of tenths of a nano-dollar, halves among them", rapid.MakeCheck(func(t *rapid.T) {
		whole := rapid.Int64Range(0, 99_999_999).Draw(t, "dollars") >> rapid.IntRange(0, 27).Draw(t, "fewer")
		text := fmt.Sprintf("%d.%09d%s", whole, rapid.Int64Range(0, 999_999_999).Draw(t, "nano-dollars"),
			rapid.SampledFrom([]string{"5", "4", "49", "499999", "50000001", "6", ""}).Draw(t, "rest"))
		usd, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		sameNano(t, usd)
	}))
	t.Run("of numbers beside a half", rapid.MakeCheck(func(t *rapid.T) {
		half := (float64(rapid.Int64Range(0, 1<<40).Draw(t, "nano-dollars")) + 0.5) / 1e9
		for _, usd := range []float64{half, math.Nextafter(half, 0), math.Nextafter(half, 1)} {
			sameNano(t, usd)
		}
	}))
}

func TestNanoDollarsComeBackFromUSD(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nano := rapid.Int64Range(0, 1<<50).Draw(t, "nano-dollars")
		require.Equal(t, nano, store.NanoUSD(store.USD(0, nano)))
	})
}
