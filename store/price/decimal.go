package price

import (
	"errors"
	"math/big"
	"math/bits"
	"strings"
)

// decimal is an amount of at least 0 in steps of 1e-24 USD. A step is a
// millionth of 1e-18 USD, so that a price per million tokens with 18 decimals
// is a whole number of steps a token; and a year's bill fits as well.
type decimal struct{ hi, lo uint64 }

// fraction is how many decimals of USD a decimal holds.
const fraction = 24

// most is what sums and products that would be larger are cut to: 3.4e14 USD.
var most = decimal{^uint64(0), ^uint64(0)}

func (d decimal) isZero() bool { return d == decimal{} }

func (d decimal) cmp(e decimal) int {
	switch {
	case d == e:
		return 0
	case d.hi < e.hi || d.hi == e.hi && d.lo < e.lo:
		return -1
	default:
		return 1
	}
}

func (d decimal) add(e decimal) decimal {
	lo, carry := bits.Add64(d.lo, e.lo, 0)
	hi, carry := bits.Add64(d.hi, e.hi, carry)
	if carry != 0 {
		return most
	}
	return decimal{hi, lo}
}

// sub returns d-e, or 0 when e is larger.
func (d decimal) sub(e decimal) decimal {
	lo, borrow := bits.Sub64(d.lo, e.lo, 0)
	hi, borrow := bits.Sub64(d.hi, e.hi, borrow)
	if borrow != 0 {
		return decimal{}
	}
	return decimal{hi, lo}
}

func (d decimal) mul(n uint64) decimal {
	over, hi := bits.Mul64(d.hi, n)
	carry, lo := bits.Mul64(d.lo, n)
	hi, c := bits.Add64(hi, carry, 0)
	if over != 0 || c != 0 {
		return most
	}
	return decimal{hi, lo}
}

// div returns d/n and the remainder.
func (d decimal) div(n uint64) (decimal, uint64) {
	hi, rest := d.hi/n, d.hi%n
	lo, rest := bits.Div64(rest, d.lo, n)
	return decimal{hi, lo}, rest
}

var (
	errNumber   = errors.New("not a decimal number")
	errNegative = errors.New("a price cannot be negative")
	errTooLarge = errors.New("a price cannot be above 1,000,000,000 USD")
)

// parseDecimal reads a decimal number, with an exponent or without, as steps
// of 10^-places. What is finer than a step is rounded, half away from zero.
func parseDecimal(s string, places int) (decimal, error) {
	digits, exponent, err := cutNumber(s)
	if err != nil {
		return decimal{}, err
	}
	digits = strings.TrimLeft(digits, "0")
	shift := exponent + places
	if digits == "" || len(digits)+shift < 0 {
		return decimal{}, nil
	}
	if len(digits)+shift > 38 {
		return decimal{}, errTooLarge
	}
	if len(digits) <= 19 && shift >= 0 {
		var n uint64
		for i := range len(digits) {
			n = n*10 + uint64(digits[i]-'0')
		}
		d := decimal{0, n}
		for range shift {
			d = d.mul(10)
		}
		return d, nil
	}
	return parseLong(digits, shift), nil
}

// parseLong returns digits times 10^shift; both are known to be small enough
// for the result to have 38 digits at most.
func parseLong(digits string, shift int) decimal {
	n, _ := new(big.Int).SetString(digits, 10)
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(shift, -shift))), nil)
	if shift >= 0 {
		n.Mul(n, power)
	} else {
		half := new(big.Int).Rsh(power, 1)
		n.Quo(n.Add(n, half), power)
	}
	return decimal{new(big.Int).Rsh(n, 64).Uint64(), n.Uint64()}
}

// cutNumber takes a number as JSON writes it apart: its digits, and the power
// of ten that they are to be multiplied with.
func cutNumber(s string) (digits string, exponent int, err error) {
	const longest = 64
	if s == "" || len(s) > longest {
		return "", 0, errNumber
	}
	if s[0] == '-' {
		return "", 0, errNegative
	}
	mantissa := s
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		if exponent, err = smallInt(s[i+1:]); err != nil {
			return "", 0, err
		}
	}
	whole, part, _ := strings.Cut(mantissa, ".")
	digits = whole + part
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", 0, errNumber
	}
	return digits, exponent - len(part), nil
}

func smallInt(s string) (int, error) {
	sign := 1
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, errNumber
	}
	n := 0
	for i := range len(s) {
		n = min(n*10+int(s[i]-'0'), 10_000)
	}
	return sign * n, nil
}

// appendText appends d, a number of steps of 10^-places, as a plain decimal
// number without needless zeros.
func (d decimal) appendText(b []byte, places int) []byte {
	var digits [40]byte
	i := len(digits)
	for n := 0; !d.isZero() || n <= places; n++ {
		if n == places {
			i--
			digits[i] = '.'
		}
		var digit uint64
		d, digit = d.div(10)
		i--
		digits[i] = byte('0' + digit)
	}
	text := strings.TrimRight(string(digits[i:]), "0")
	return append(b, strings.TrimSuffix(text, ".")...)
}
