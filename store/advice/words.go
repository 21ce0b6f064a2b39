package advice

import (
	"math"
	"strconv"
	"strings"
)

// named returns how a message speaks of a model: by its name, quoted when that
// cannot stand in a sentence.
func named(model string) string {
	const longest = 128
	if model == "" {
		return "an unknown model"
	}
	if runes := []rune(model); len(runes) > longest {
		model = string(runes[:longest-1]) + "…"
	}
	for _, r := range model {
		if r == ' ' || r == '"' || r == '`' || !strconv.IsPrint(r) {
			return strconv.Quote(model)
		}
	}
	return model
}

// counted returns a number of things: 1 request, 2,000 requests.
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Grouped(n) + " " + what + "s"
}

// Grouped writes a number with a comma before each three digits.
func Grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

func rounded(f float64) int64 { return int64(math.Round(f)) }

// usd writes an amount for people: cents, and of less than a dollar two digits
// that count.
func usd(v float64) string {
	const most = 12
	places := 2
	for scaled := v * 10; scaled > 0 && scaled < 1 && places < most; scaled *= 10 {
		places++
	}
	text := strconv.FormatFloat(v, 'f', places, 64)
	whole, cents, _ := strings.Cut(text, ".")
	for len(cents) > 2 && strings.HasSuffix(cents, "0") {
		cents = cents[:len(cents)-1]
	}
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil {
		whole = Grouped(n)
	}
	return "$" + whole + "." + cents
}
