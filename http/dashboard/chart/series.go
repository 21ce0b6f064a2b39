package chart

import (
	"cmp"
	"slices"
)

// A Series is what one name has in each column.
type Series struct {
	Name   string
	Values []float64
	Rest   bool // what all names have together that got no series of their own
}

// Top returns the series of the largest sums, at most n of them, and the others
// together as a last one that is called rest. Ties go by name.
func Top(all map[string][]float64, n int, rest string) []Series {
	type summed struct {
		Series
		sum float64
	}
	ranked := make([]summed, 0, len(all))
	for name, values := range all {
		s := summed{Series: Series{Name: name, Values: values}}
		for _, v := range values {
			s.sum += v
		}
		ranked = append(ranked, s)
	}
	slices.SortFunc(ranked, func(a, b summed) int {
		return cmp.Or(cmp.Compare(b.sum, a.sum), cmp.Compare(a.Name, b.Name))
	})
	var series []Series
	var others Series
	for i, s := range ranked {
		switch {
		case i < n:
			series = append(series, s.Series)
		case s.sum == 0:
		default:
			others = others.plus(s.Values)
		}
	}
	if len(others.Values) > 0 {
		others.Name, others.Rest = rest, true
		series = append(series, others)
	}
	return series
}

func (s Series) plus(values []float64) Series {
	if s.Values == nil {
		s.Values = make([]float64, len(values))
	}
	for i, v := range values {
		s.Values[i] += v
	}
	return s
}
