package dashboard

import (
	"math/big"
	"strconv"
	"strings"
)

// fixed writes a number that is not negative with so many decimals. It rounds
// the decimal number that people see, half of a digit up, as browsers do and
// strconv does not.
func fixed(x float64, decimals int) string {
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(x, 'e', -1, 64))
	if !ok {
		return none
	}
	return r.FloatString(max(0, decimals))
}

// magnitude is the power of ten of a number above 0 that is rounded to two
// significant digits: 0 for 9.94, 1 for 9.96.
func magnitude(x float64) int {
	digits, power, _ := strings.Cut(strconv.FormatFloat(x, 'e', -1, 64), "e")
	n, _ := strconv.Atoi(power) // FormatFloat's
	if first, _ := strconv.ParseFloat(digits, 64); fixed(first, 1) == "10.0" {
		n++
	}
	return n
}

// trimmed takes the zeros away that a fraction ends with.
func trimmed(digits string) string {
	if !strings.Contains(digits, ".") {
		return digits
	}
	return strings.TrimRight(strings.TrimRight(digits, "0"), ".")
}
