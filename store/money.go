package store

import (
	"math"
	"strconv"
	"strings"
)

// maxCost bounds one request's cost, in USD, and maxResponseTime its time, in
// seconds: far beyond any real request.
const (
	maxCost         = 100_000_000
	maxResponseTime = 1_000_000
)

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

const nanosPerUSD = 1_000_000_000

// USD returns whole dollars and nano-dollars together as USD.
func USD(dollars, nano int64) float64 {
	dollars += nano / nanosPerUSD
	nano %= nanosPerUSD
	const exact = math.MaxInt64 / nanosPerUSD
	if dollars < exact {
		return float64(dollars*nanosPerUSD+nano) / nanosPerUSD // rounded once
	}
	return float64(dollars) + float64(nano)/nanosPerUSD
}
