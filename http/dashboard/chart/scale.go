package chart

import (
	"math"
	"strconv"
	"strings"
)

// A Unit is what a chart's values are.
type Unit int

// The units.
const (
	Count Unit = iota // whole things: requests, tokens
	USD
)

// Ticks returns the values that an axis from 0 to at least highest names: 0 and
// up to want more, in even steps of 1, 2 or 5 times a power of ten. Whole
// things have no steps below one.
func Ticks(highest float64, want int, unit Unit) []float64 {
	if !(highest > 0) || math.IsInf(highest, 0) || want < 1 {
		return []float64{0, 1}
	}
	rough := highest / float64(want)
	power := math.Floor(math.Log10(rough))
	step := math.Inf(1)
	for _, base := range []float64{1, 2, 5, 10} {
		if s := decimal(base, int(power)); s >= rough*(1-1e-9) {
			step = s
			break
		}
	}
	if unit == Count {
		step = max(step, 1)
	}
	ticks := []float64{0}
	for i := 1; ticks[len(ticks)-1] < highest*(1-1e-9); i++ {
		ticks = append(ticks, step*float64(i))
	}
	return ticks
}

// decimal returns base times ten to the power as the closest number there is.
func decimal(base float64, power int) float64 {
	f, _ := strconv.ParseFloat(strconv.FormatFloat(base, 'f', -1, 64)+"e"+strconv.Itoa(power), 64)
	return f
}

// Short writes a value as an axis does: 950, 12.5k, 3M, $0.002, $1.2k.
func Short(v float64, unit Unit) string {
	sign := ""
	if unit == USD {
		sign = "$"
	}
	for _, s := range []struct {
		at   float64
		name string
	}{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= s.at*0.9995 {
			return sign + digits(v/s.at, 3) + s.name
		}
	}
	return sign + digits(v, 3)
}

// Labels writes the values of an axis: amounts of money of less than a thousand
// with as many decimals each, and cents in full.
func Labels(ticks []float64, unit Unit) []string {
	labels, decimals := make([]string, len(ticks)), 0
	for i, v := range ticks {
		labels[i] = Short(v, unit)
		_, fraction, _ := strings.Cut(labels[i], ".")
		decimals = max(decimals, len(fraction))
	}
	if unit != USD || decimals == 0 || ticks[len(ticks)-1] >= 999.5 {
		return labels
	}
	for i, v := range ticks {
		if v != 0 {
			labels[i] = "$" + strconv.FormatFloat(v, 'f', max(decimals, 2), 64)
		}
	}
	return labels
}

// digits writes a number with so many significant digits and without an
// exponent or zeros at its end.
func digits(v float64, n int) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', n, 64), 64)
	s := strconv.FormatFloat(rounded, 'f', -1, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
