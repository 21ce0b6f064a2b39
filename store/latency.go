package store

import (
	"iter"
	"math/bits"
	"slices"
	"strconv"
)

// A latencyHistogram counts requests by response time. Its text form is JSON,
// {"bucket": count}, with the buckets in order.
type latencyHistogram map[int]int64

// latencyBucket returns the bucket of a response time in microseconds: sixteen
// to each doubling, so that a bucket's middle is within 3.2 % of any time in
// it.
func latencyBucket(us int64) int {
	if us < 16 {
		return int(max(us, 0))
	}
	shift := bits.Len64(uint64(us)) - 5
	return shift*16 + int(us>>shift)
}

// latencyBounds returns the bucket's first time and the next bucket's, in
// microseconds.
func latencyBounds(bucket int) (from, to int64) {
	if bucket < 32 {
		return int64(bucket), int64(bucket) + 1
	}
	shift := bucket/16 - 1
	step := int64(bucket%16 + 16)
	return step << shift, (step + 1) << shift
}

func parseLatency(s string) latencyHistogram {
	h := latencyHistogram{}
	for bucket, n := range bucketsOf(s) {
		h[bucket] += n
	}
	return h
}

// bucketsOf yields the buckets and counts of a histogram in its text form, up to
// where it is not of that form.
func bucketsOf(s string) iter.Seq2[int, int64] {
	return func(yield func(bucket int, n int64) bool) {
		var bucket, n int64
		sign, named := int64(1), false
		for i := range len(s) {
			switch c := s[i]; {
			case c >= '0' && c <= '9':
				n = n*10 + int64(c-'0')
			case c == '-':
				sign = -1
			case c == ':':
				bucket, n, named = n, 0, true
			case c == ',' || c == '}':
				if !named || !yield(int(bucket), sign*n) {
					return
				}
				n, sign, named = 0, 1, false
			case c != '{' && c != '"':
				return
			}
		}
	}
}

func (h latencyHistogram) String() string {
	buckets := make([]int, 0, len(h))
	for b, n := range h {
		if n != 0 {
			buckets = append(buckets, b)
		}
	}
	slices.Sort(buckets)
	out := append(make([]byte, 0, 12*len(buckets)+2), '{')
	for i, b := range buckets {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = strconv.AppendInt(out, int64(b), 10)
		out = append(out, `":`...)
		out = strconv.AppendInt(out, h[b], 10)
	}
	return string(append(out, '}'))
}

// addLatency returns the sum of two histograms in their text form.
func addLatency(a, b string) string {
	if b == "{}" {
		return a
	}
	h := parseLatency(a)
	for bucket, n := range parseLatency(b) {
		h[bucket] += n
	}
	return h.String()
}
