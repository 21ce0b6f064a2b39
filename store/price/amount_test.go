package price_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

// cost returns what n tokens at a rate cost.
func cost(t testing.TB, rate string, n int64) price.Amount {
	t.Helper()
	p := price.Price{Rates: rates(t, `{"input":`+rate+`}`)}
	amount, ok := p.Cost(price.Usage{Input: n})
	require.True(t, ok)
	return amount
}

// tester is a *testing.T or a *rapid.T.
type tester interface {
	require.TestingT
	Helper()
}

func rates(t tester, text string) (r price.Rates) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &r), text)
	return r
}

func TestAmountsAreExactDecimals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rate   string
		tokens int64
		want   string
	}{
		{"2.5", 0, "0"},
		{"2.5", 1, "0.0000025"},
		{"2.5", 1_000_000, "2.5"},
		{"0.1", 3, "0.0000003"},
		{"0.08333333333333334", 3, "0.00000025000000000000002"},
		{"0.000000000000000001", 1, "0.000000000000000000000001"},
		{"600", 1_000_000_000_000, "600000000"},
		{"1e3", 1_000_000, "1000"},
		{"1.5E-2", 1_000_000, "0.015"},
		{"0", 1_000_000, "0"},
		{"1000000000", 1_000_000_000_000, "340282366920938.463463374607431768211455"}, // the largest there is
	} {
		assert.Equal(t, tt.want, cost(t, tt.rate, tt.tokens).String(), "%d tokens at %s", tt.tokens, tt.rate)
	}
}

func TestUSDIsTheNearestFloat(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 0.3, cost(t, "0.1", 3_000_000).USD(), "and not 0.1 three times, 0.30000000000000004")
	assert.Equal(t, 0.0000000125, cost(t, "0.0125", 1).USD())
	assert.Equal(t, 0.07, cost(t, "0.07", 1_000_000).USD())
	assert.Equal(t, 0.0, price.Amount{}.USD())
	assert.Equal(t, 123456789.123456789, cost(t, "123456789.123456789", 1_000_000).USD())
}

func TestNanoRoundsTheExactDecimalHalfAwayFromZero(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rate   string
		tokens int64
		want   int64
	}{
		{"0.0005", 1, 1}, // half a nano-dollar
		{"0.000499999999999", 1, 0},
		{"0.0125", 1, 13}, // 12.5
		{"0.0135", 1, 14}, // 13.5
		{"2.5", 1_000_000, 2_500_000_000},
		{"0.0005000000000000001", 1, 1},
		{"1000000000", 1_000_000_000_000, math.MaxInt64}, // more than there is room for
	} {
		assert.Equal(t, tt.want, cost(t, tt.rate, tt.tokens).Nano(), "%d tokens at %s", tt.tokens, tt.rate)
	}
}

func TestAmountsAddSubtractAndCompare(t *testing.T) {
	t.Parallel()
	one, two := cost(t, "1", 1), cost(t, "1", 2)
	assert.Equal(t, two, one.Add(one))
	assert.Equal(t, one, two.Sub(one))
	assert.Equal(t, price.Amount{}, one.Sub(two), "never below nothing")
	assert.Equal(t, []int{-1, 0, 1}, []int{one.Cmp(two), one.Cmp(one), two.Cmp(one)})

	most := cost(t, "1000000000", 1_000_000_000_000)
	assert.Equal(t, most, most.Add(one), "sums stay at the largest")
	assert.Equal(t, 1, most.Cmp(two))
	assert.Equal(t, -1, two.Cmp(most))
}
