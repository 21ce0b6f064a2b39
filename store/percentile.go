package store

// latencyCounts adds up histograms of response times. The zero value holds
// none. It spans the buckets in use alone, since there may be one of these for
// each of many models.
type latencyCounts struct {
	first  int // the bucket that counts[0] is of
	counts []int64
	total  int64
}

// lastBucket is the bucket of the longest time there can be.
var lastBucket = latencyBucket(1<<63 - 1)

// add counts a histogram, given in its text form. A count below 1 says nothing.
func (c *latencyCounts) add(histogram string) {
	for bucket, n := range bucketsOf(histogram) {
		if n > 0 && bucket >= 0 && bucket <= lastBucket {
			*c.at(bucket) += n
			c.total += n
		}
	}
}

// join counts all that another has counted.
func (c *latencyCounts) join(o *latencyCounts) {
	for i, n := range o.counts {
		if n > 0 {
			*c.at(o.first + i) += n
		}
	}
	c.total += o.total
}

func (c *latencyCounts) at(bucket int) *int64 {
	switch last := c.first + len(c.counts) - 1; {
	case len(c.counts) == 0:
		c.first, c.counts = bucket, append(c.counts, 0)
	case bucket < c.first:
		c.counts = append(make([]int64, c.first-bucket, last-bucket+1), c.counts...)
		c.first = bucket
	case bucket > last:
		c.counts = append(c.counts, make([]int64, bucket-last)...)
	}
	return &c.counts[bucket-c.first]
}

// percentile returns the response time in seconds that p of a hundred requests
// did not exceed, for p from 1 to 100, or nil when none was timed.
//
// It is the nearest rank: the time of one request, as far as its bucket tells.
// The answer is the middle of that bucket and so within 3.2 % of the time, or
// half a microsecond. Interpolating inside the bucket would be nearer for times
// that are spread evenly, but up to 6.3 % off where many are alike.
func (c *latencyCounts) percentile(p int64) *float64 {
	// The rank, p·total/100 rounded up, without overflow.
	rank := c.total/100*p + (c.total%100*p+99)/100
	for i, n := range c.counts {
		if rank -= n; n > 0 && rank <= 0 {
			from, to := latencyBounds(c.first + i)
			seconds := float64(from+to-1) / 2 / 1e6
			return &seconds
		}
	}
	return nil
}
