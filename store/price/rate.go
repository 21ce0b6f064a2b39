package price

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// A Rate is one class's price: a base, and tiers that replace it for long
// requests. It is held exactly, to 18 decimals of the USD per million tokens
// (or per thousand searches or requests) in which it is written. In JSON it is
// a number, or {"base":1.25,"tiers":[{"above":200000,"price":2.5}]}.
type Rate struct {
	base  decimal // USD per million (or thousand) in steps of 1e-18
	tiers []tier  // ascending
}

// A tier's price holds for all tokens of a request whose input, all of it, has
// more tokens than above.
type tier struct {
	above int64
	price decimal
}

// decimals of a rate; with them a millionth is a whole number of an Amount's
// steps.
const decimals = fraction - 6

// dearest bounds a rate: 1e9 USD, far beyond any real one.
var dearest = func() decimal { d, _ := parseDecimal("1e9", decimals); return d }()

// ParseRate reads a rate without tiers from a decimal number: USD per million
// tokens, or per thousand searches or requests.
func ParseRate(usd string) (Rate, error) {
	base, err := parsePrice(usd)
	return Rate{base: base}, err
}

func parsePrice(s string) (decimal, error) {
	d, err := parseDecimal(s, decimals)
	if err == nil && d.cmp(dearest) > 0 {
		err = errTooLarge
	}
	if err != nil {
		return decimal{}, fmt.Errorf("the price %.80q: %w", s, err)
	}
	return d, nil
}

// withTier returns the rate with another tier.
func (r Rate) withTier(above int64, price decimal) Rate {
	tiers := append(slices.Clone(r.tiers), tier{above, price})
	slices.SortStableFunc(tiers, func(a, b tier) int { return cmp.Compare(a.above, b.above) })
	return Rate{r.base, tiers}
}

// at returns the price for a request with so many input tokens in all: that of
// the highest tier whose border they exceed (genai-prices' rule; exactly the
// border is below it).
func (r Rate) at(input int64) decimal {
	for _, t := range slices.Backward(r.tiers) {
		if input > t.above {
			return t.price
		}
	}
	return r.base
}

// USD returns the price for a request with so many input tokens in all, as
// USD per million tokens (or per thousand searches or requests).
func (r Rate) USD(input int64) float64 { return usdOf(r.at(input)) }

// Tiered says whether the price depends on how long a request's input is.
func (r Rate) Tiered() bool { return len(r.tiers) > 0 }

func usdOf(price decimal) float64 {
	f, _ := strconv.ParseFloat(string(price.appendText(nil, decimals)), 64)
	return f
}

// isZero says whether nothing is ever charged.
func (r Rate) isZero() bool {
	return r.base.isZero() && !slices.ContainsFunc(r.tiers, func(t tier) bool { return !t.price.isZero() })
}

// MarshalJSON writes the number or the object with tiers.
func (r Rate) MarshalJSON() ([]byte, error) { return r.appendJSON(nil), nil }

func (r Rate) appendJSON(b []byte) []byte {
	if len(r.tiers) == 0 {
		return r.base.appendText(b, decimals)
	}
	b = append(b, `{"base":`...)
	b = append(r.base.appendText(b, decimals), `,"tiers":[`...)
	for i, t := range r.tiers {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"above":`...), t.above, 10)
		b = append(t.price.appendText(append(b, `,"price":`...), decimals), '}')
	}
	return append(b, "]}"...)
}

// UnmarshalJSON reads either form. A price must be a number from 0 to 1e9.
func (r *Rate) UnmarshalJSON(b []byte) error {
	var read Rate
	if err := scanAll(b, read.scan); err != nil {
		return err
	}
	*r = read
	return nil
}

func (r *Rate) scan(s *scanner) (err error) {
	if s.peek() != '{' {
		r.base, err = parsePrice(s.word())
		return err
	}
	based := false
	err = s.object(func(name string) (err error) {
		switch name {
		case "base":
			based = true
			r.base, err = parsePrice(s.word())
			return err
		case "tiers":
			return s.array(func() error { return r.scanTier(s) })
		default:
			return fmt.Errorf("a price with tiers has base and tiers, not %.80q", name)
		}
	})
	if err == nil && !based {
		err = errors.New("a price with tiers needs its base")
	}
	return err
}

func (r *Rate) scanTier(s *scanner) error {
	above, price, priced := int64(-1), decimal{}, false
	err := s.object(func(name string) (err error) {
		switch name {
		case "above":
			if above, err = strconv.ParseInt(s.word(), 10, 64); err != nil || above < 0 {
				err = errors.New("a tier begins above a number of tokens")
			}
			return err
		case "price":
			priced = true
			price, err = parsePrice(s.word())
			return err
		default:
			return fmt.Errorf("a tier has above and price, not %.80q", name)
		}
	})
	if err == nil && (above < 0 || !priced) {
		err = errors.New("a tier needs above and price")
	}
	if err == nil {
		*r = r.withTier(above, price)
	}
	return err
}
