package usage

import (
	"math"
	"strconv"
)

// counts holds every count that any known shape names. It is one allocation:
// the Tokens that come of it point into it.
type counts struct {
	n     [slots]int64
	known uint64 // a bit for each slot
}

// A slot is a place for one count.
type slot uint8

const (
	chatPrompt slot = iota // OpenAI chat
	chatCompletion
	total
	input // OpenAI responses, Anthropic
	output
	cached    // from the details, or beside them
	cacheHit  // DeepSeek
	reasoning // from the details
	topReasoning
	citation
	searches
	detailsCacheWrite
	cacheRead // Anthropic; LiteLLM beside OpenAI's
	cacheCreation
	write5m
	write1h

	geminiPrompt
	geminiCached
	candidates
	thoughts
	toolUse
	geminiTotal

	converseInput // Bedrock Converse
	converseOutput
	converseTotal
	converseRead
	converseWrite
	sdkCached // Vercel's AI SDK, whose other names are Converse's
	sdkReasoning

	billedInput // Cohere
	billedOutput
	cohereInput
	cohereOutput

	inputAudio
	outputAudio
	cachedAudio
	inputImage
	outputImage
	cachedImage
	inputVideo
	outputVideo

	allInput // sums
	allOutput
	allWrites

	slots
)

// Every slot has its bit.
var _ [64 - slots]struct{}

func (c *counts) has(s slot) bool { return c.known&(1<<s) != 0 }

// read sets a slot from JSON; what is not a count makes it unknown.
func (c *counts) read(s slot, raw []byte) {
	n, ok := count(raw)
	c.n[s] = n
	if ok {
		c.known |= 1 << s
	} else {
		c.known &^= 1 << s
	}
}

// add adds to a slot what is a count.
func (c *counts) add(s slot, raw []byte) {
	if n, ok := count(raw); ok {
		c.n[s] = min(c.n[s]+n, Max)
		c.known |= 1 << s
	}
}

// get returns what a slot holds, nil when that is unknown.
func (c *counts) get(s slot) *int64 {
	if !c.has(s) {
		return nil
	}
	return &c.n[s]
}

// first returns the first of the counts that is known.
func (c *counts) first(of ...slot) *int64 {
	for _, s := range of {
		if c.has(s) {
			return &c.n[s]
		}
	}
	return nil
}

// sum puts the sum of the known counts into a slot; it is unknown when all of
// them are.
func (c *counts) sum(into slot, of ...slot) *int64 {
	for _, s := range of {
		if c.has(s) {
			c.n[into] += c.n[s]
			c.known |= 1 << into
		}
	}
	return c.get(into)
}

// Max is the largest count that is believed: a million million tokens in one
// request. It keeps sums over many requests within 64 bits.
const Max = 1_000_000_000_000

// count reads a token count; what is not a whole number from 0 to Max is
// unknown.
func count(raw []byte) (int64, bool) {
	if n, ok := plainCount(raw); ok {
		return n, true
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f < 0 || f > Max || f != math.Trunc(f) {
		return 0, false
	}
	return int64(f), true
}

// plainCount reads a count that is written as few digits, as nearly all are.
func plainCount(raw []byte) (n int64, ok bool) {
	if len(raw) == 0 || len(raw) > 12 {
		return 0, false
	}
	for _, b := range raw {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, true
}
