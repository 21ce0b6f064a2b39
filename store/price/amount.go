package price

import "strconv"

// An Amount is a cost of at least 0 USD, held exactly: in steps of 1e-24 USD,
// up to 3.4e14 USD, where it stays. The zero Amount is nothing.
type Amount struct{ steps decimal }

// USD returns the floating-point number nearest to the amount.
func (a Amount) USD() float64 {
	var b [48]byte
	f, _ := strconv.ParseFloat(string(a.steps.appendText(b[:0], fraction)), 64)
	return f
}

// Nano returns the amount in nano-dollars (1e-9 USD), rounded half away from
// zero, as store.NanoUSD rounds a cost that was sent.
func (a Amount) Nano() int64 {
	const perNano = 1_000_000_000_000_000 // 1e-9 USD in steps of 1e-24
	nano, rest := a.steps.div(perNano)
	n := int64(nano.lo)
	if nano.hi != 0 || n < 0 {
		return 1<<63 - 1
	}
	if rest >= perNano/2 {
		n++
	}
	return n
}

// String returns the amount as a plain decimal number of USD.
func (a Amount) String() string { return string(a.steps.appendText(nil, fraction)) }

// Add returns a+b.
func (a Amount) Add(b Amount) Amount { return Amount{a.steps.add(b.steps)} }

// Sub returns a-b, or nothing when b is larger.
func (a Amount) Sub(b Amount) Amount { return Amount{a.steps.sub(b.steps)} }

// Cmp returns -1 when a is less than b, 0 when they are equal, 1 when a is
// more.
func (a Amount) Cmp(b Amount) int { return a.steps.cmp(b.steps) }
