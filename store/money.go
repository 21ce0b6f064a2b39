package store

import (
	"math"
	"strconv"
	"strings"
)

// maxCost bounds one request's cost, in USD, so that sums stay within 64 bits.
const maxCost = 100_000_000

// NanoUSD returns an amount of at least 0 USD in nano-dollars (1e-9 USD),
// rounded half away from zero. It rounds the decimal number that usd stands
// for (the shortest that reads back as usd): 0.0000000125 is 13 nano-dollars,
// though the nearest binary number may lie below the half.
func NanoUSD(usd float64) int64 {
	scaled := usd * 1e9
	whole := math.Floor(scaled)
	// Away from a half, and while floating point can tell, the product is
	// exact enough.
	if scaled < 1e14 && math.Abs(scaled-whole-0.5) > 0.1 {
		return int64(math.Floor(scaled + 0.5))
	}
	return roundDecimal(strconv.FormatFloat(usd, 'f', -1, 64))
}

// roundDecimal reads a plain decimal number and returns it times 1e9, rounded
// half up.
func roundDecimal(s string) int64 {
	whole, fraction, _ := strings.Cut(s, ".")
	kept := (fraction + "000000000")[:9]
	n, err := strconv.ParseInt(whole+kept, 10, 64)
	if err != nil {
		return math.MaxInt64
	}
	if len(fraction) > 9 && fraction[9] >= '5' {
		n++
	}
	return n
}

// USD returns nano-dollars as USD.
func USD(nano int64) float64 { return float64(nano) / 1e9 }
