package price

// units are what a usage is charged for, by class: each token once, in the
// most specific class that has a price.
type units struct {
	of    [classes]int64
	input int64 // all input tokens, which decide the tiers
}

// split takes a usage apart. It follows genai-prices, which subtracts from
// each priced class what its priced parts hold. Where it refuses counts that
// contradict each other, split takes the parts as they were reported and a
// whole as at least the sum of its parts, so that nothing is negative and
// nothing that was used goes unpaid. Two parts that must overlap, for together
// they exceed their whole, overlap no more than that; what was read from the
// cache or written to it is charged as such first.
func (r Rates) split(u Usage) (units, bool) {
	s := splitter{rates: r}
	s.left = u.wholeInput()
	s.units.input = s.left
	s.cached(u)
	s.seenAndHeard(u)
	if !s.rest(Input) {
		return units{}, false
	}
	s.left = u.wholeOutput()
	s.said(u)
	if !s.rest(Output) {
		return units{}, false
	}
	s.left = some(u.WebSearches)
	s.take(WebSearches, s.left)
	s.left = some(u.Requests)
	s.take(Requests, s.left)
	return s.units, true
}

type splitter struct {
	rates Rates
	units units
	left  int64 // of the whole that is being taken apart
}

func (s *splitter) priced(c Class) bool {
	_, ok := s.rates[c]
	return ok
}

// take charges up to n units as the class, if it has a price, and returns how
// many it charged.
func (s *splitter) take(c Class, n int64) int64 {
	if n <= 0 || !s.priced(c) {
		return 0
	}
	n = min(n, s.left)
	s.units.of[c] = n
	s.left -= n
	return n
}

// rest charges what is left as the whole class; false when that has no price.
func (s *splitter) rest(c Class) bool {
	s.take(c, s.left)
	return s.left == 0
}

func (s *splitter) cached(u Usage) {
	special := s.take(CacheAudioRead, some(u.CacheAudioRead)) + s.take(CacheImageRead, some(u.CacheImageRead))
	s.take(CacheRead, u.wholeCacheRead()-special)
	hour := s.take(CacheWrite1h, some(u.CacheWrite1h))
	s.take(CacheWrite, u.wholeCacheWrite()-hour)
}

// seenAndHeard charges input by what it was; what of it came from the cache is
// charged already when the cache has a price.
func (s *splitter) seenAndHeard(u Usage) {
	audio, image := max(some(u.InputAudio), some(u.CacheAudioRead)), max(some(u.InputImage), some(u.CacheImageRead))
	if s.priced(CacheRead) || s.priced(CacheAudioRead) {
		audio -= some(u.CacheAudioRead)
	}
	if s.priced(CacheRead) || s.priced(CacheImageRead) {
		image -= some(u.CacheImageRead)
	}
	s.take(InputAudio, audio)
	s.take(InputImage, image)
	s.take(InputVideo, some(u.InputVideo))
}

func (s *splitter) said(u Usage) {
	s.take(OutputReasoning, some(u.OutputReasoning))
	s.take(OutputCitation, some(u.OutputCitation))
	s.take(OutputAudio, some(u.OutputAudio))
	s.take(OutputImage, some(u.OutputImage))
	s.take(OutputVideo, some(u.OutputVideo))
}

func (u *Usage) wholeCacheRead() int64 {
	return max(some(u.CacheRead), some(u.CacheAudioRead)+some(u.CacheImageRead))
}

func (u *Usage) wholeCacheWrite() int64 { return max(some(u.CacheWrite), some(u.CacheWrite1h)) }

func (u *Usage) wholeInput() int64 {
	perceived := max(some(u.InputAudio), some(u.CacheAudioRead)) +
		max(some(u.InputImage), some(u.CacheImageRead)) + some(u.InputVideo)
	return max(some(u.Input), u.wholeCacheRead()+u.wholeCacheWrite(), perceived)
}

func (u *Usage) wholeOutput() int64 {
	return max(some(u.Output), some(u.OutputReasoning)+some(u.OutputCitation),
		some(u.OutputAudio)+some(u.OutputImage)+some(u.OutputVideo))
}

// some is a count from 0 to what leaves room for sums; a request's counts are
// far below.
func some(n int64) int64 { return min(max(n, 0), 1<<56) }
