package price

import (
	"fmt"
	"slices"
	"strings"
)

// Rates are the prices of a model's classes. A class that is not there costs
// what the class that it is a part of costs. In JSON they are an object by the
// classes' names, in the order of the classes.
type Rates map[Class]Rate

// MarshalJSON writes the object.
func (r Rates) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for c := range Class(classes) {
		rate, ok := r[c]
		if !ok {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), classNames[c]...), `":`...)
		b = rate.appendJSON(b)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads the object. A name that is no class is an error.
func (r *Rates) UnmarshalJSON(b []byte) error {
	var read Rates
	if err := scanAll(b, read.scan); err != nil {
		return fmt.Errorf("prices: %w", err)
	}
	*r = read
	return nil
}

func (r *Rates) scan(s *scanner) error {
	*r = Rates{}
	return s.object(func(name string) error {
		c, known := classOf(name)
		if !known {
			return fmt.Errorf("there is no class %.80q; the classes are %s", name, strings.Join(classNames[:], ", "))
		}
		var rate Rate
		if err := rate.scan(s); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		(*r)[c] = rate
		return nil
	})
}

// Free says whether there are rates and all of them are zero.
func (r Rates) Free() bool {
	for _, rate := range r {
		if !rate.isZero() {
			return false
		}
	}
	return len(r) > 0
}

// Equal says whether both have the same prices.
func (r Rates) Equal(other Rates) bool {
	if len(r) != len(other) {
		return false
	}
	for c, rate := range r {
		o, ok := other[c]
		if !ok || o.base != rate.base || !slices.Equal(o.tiers, rate.tiers) {
			return false
		}
	}
	return true
}
