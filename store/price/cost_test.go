package price_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

// charges are the units that are charged for, by class.
type charges map[price.Class]int64

func charged(parts []price.Part) charges {
	c := charges{}
	for _, part := range parts {
		c[part.Class] = part.Units
	}
	return c
}

func TestEachTokenIsChargedOnceInItsMostSpecificClass(t *testing.T) {
	t.Parallel()
	const (
		text     = `{"input":1,"output":2}`
		cache    = `{"input":1,"output":2,"cache_read":3,"cache_write":4}`
		hour     = `{"input":1,"output":2,"cache_read":3,"cache_write":4,"cache_write_1h":5}`
		sound    = `{"input":1,"output":2,"input_audio":6,"output_audio":7}`
		hearing  = `{"input":1,"output":2,"cache_read":3,"input_audio":6,"cache_audio_read":8}`
		unjoined = `{"input":1,"output":2,"cache_read":3,"input_audio":6}`
		seeing   = `{"input":1,"output":2,"cache_read":3,"input_image":6,"cache_image_read":8,"output_image":9}`
		films    = `{"input":1,"output":2,"input_video":6,"output_video":7}`
		thinking = `{"input":1,"output":2,"output_reasoning":3,"output_citation":4,"web_searches":5}`
	)
	for _, tt := range []struct {
		name, rates string
		usage       price.Usage
		want        charges
	}{
		{"nothing", hour, price.Usage{}, charges{}},
		{"text", text, price.Usage{Input: 10, Output: 5}, charges{price.Input: 10, price.Output: 5}},
		{"a cache", cache, price.Usage{Input: 100, CacheRead: 60, CacheWrite: 30}, charges{price.Input: 10, price.CacheRead: 60, price.CacheWrite: 30}},
		{"a cache without a price is input", text, price.Usage{Input: 100, CacheRead: 60, CacheWrite: 30, CacheWrite1h: 5}, charges{price.Input: 100}},
		{"writes for an hour", hour, price.Usage{Input: 100, CacheWrite: 30, CacheWrite1h: 20}, charges{price.Input: 70, price.CacheWrite: 10, price.CacheWrite1h: 20}},
		{"without a price they are writes", cache, price.Usage{Input: 100, CacheWrite: 30, CacheWrite1h: 20}, charges{price.Input: 70, price.CacheWrite: 30}},
		{"sound", sound, price.Usage{Input: 100, InputAudio: 60, Output: 50, OutputAudio: 40}, charges{price.Input: 40, price.InputAudio: 60, price.Output: 10, price.OutputAudio: 40}},
		{"sound without a price is text", cache, price.Usage{Input: 100, InputAudio: 60, Output: 50, OutputAudio: 40}, charges{price.Input: 100, price.Output: 50}},
		{"cached sound", hearing, price.Usage{Input: 100, InputAudio: 60, CacheRead: 50, CacheAudioRead: 40}, charges{price.Input: 30, price.CacheRead: 10, price.InputAudio: 20, price.CacheAudioRead: 40}},
		{"cached sound without a price is cached", unjoined, price.Usage{Input: 100, InputAudio: 60, CacheRead: 50, CacheAudioRead: 40}, charges{price.Input: 30, price.CacheRead: 50, price.InputAudio: 20}},
		{"where cached is nothing special, it is sound", sound, price.Usage{Input: 100, InputAudio: 60, CacheRead: 50, CacheAudioRead: 40}, charges{price.Input: 40, price.InputAudio: 60}},
		{"cached images", seeing, price.Usage{Input: 100, InputImage: 60, CacheRead: 50, CacheImageRead: 40, Output: 9, OutputImage: 8}, charges{price.Input: 30, price.CacheRead: 10, price.InputImage: 20, price.CacheImageRead: 40, price.Output: 1, price.OutputImage: 8}},
		{"films", films, price.Usage{Input: 100, InputVideo: 60, Output: 50, OutputVideo: 50}, charges{price.Input: 40, price.InputVideo: 60, price.OutputVideo: 50}},
		{"thoughts, citations and searches", thinking, price.Usage{Input: 1, Output: 100, OutputReasoning: 60, OutputCitation: 30, WebSearches: 7}, charges{price.Input: 1, price.Output: 10, price.OutputReasoning: 60, price.OutputCitation: 30, price.WebSearches: 7}},
		{"thoughts without a price are output", text, price.Usage{Output: 100, OutputReasoning: 60, OutputCitation: 30}, charges{price.Output: 100}},
		{"searches without a price are in that of the tokens", text, price.Usage{Input: 1, WebSearches: 7, Requests: 1}, charges{price.Input: 1}},

		// Counts that contradict each other.
		{"more cached than there is", cache, price.Usage{Input: 10, CacheRead: 50}, charges{price.CacheRead: 50}},
		{"cached input alone", cache, price.Usage{CacheRead: 50, CacheWrite: 7}, charges{price.CacheRead: 50, price.CacheWrite: 7}},
		{"more for an hour than was written", hour, price.Usage{Input: 100, CacheWrite: 10, CacheWrite1h: 30}, charges{price.Input: 70, price.CacheWrite1h: 30}},
		{"sound and cache that must overlap", hearing, price.Usage{Input: 100, InputAudio: 80, CacheRead: 90}, charges{price.CacheRead: 90, price.InputAudio: 10}},
		{"more cached sound than sound or cache", hearing, price.Usage{Input: 100, InputAudio: 5, CacheRead: 5, CacheAudioRead: 20}, charges{price.Input: 80, price.CacheAudioRead: 20}},
		{"more thought than said", thinking, price.Usage{Output: 10, OutputReasoning: 60}, charges{price.OutputReasoning: 60}},
		{"less than nothing", hour, price.Usage{Input: -5, Output: -5, CacheRead: -1, WebSearches: -1}, charges{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := price.Price{Rates: rates(t, tt.rates)}
			assert.Equal(t, tt.want, charged(p.Parts(tt.usage)))
		})
	}
}

func TestTokensWithoutAnyPriceMakeARequestUnpriced(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rates string
		usage price.Usage
		ok    bool
	}{
		{`{"input":1}`, price.Usage{Input: 5}, true},
		{`{"input":1}`, price.Usage{Input: 5, Output: 1}, false},
		{`{"input":1}`, price.Usage{Input: 5, OutputReasoning: 1}, false},
		{`{"output":1}`, price.Usage{Output: 5}, true},
		{`{"output":1}`, price.Usage{Input: 1, Output: 5}, false},
		{`{"output":1}`, price.Usage{CacheRead: 1}, false},
		{`{"cache_read":1}`, price.Usage{Input: 5, CacheRead: 5}, true},
		{`{"cache_read":1}`, price.Usage{Input: 6, CacheRead: 5}, false},
		{`{"requests":1}`, price.Usage{Requests: 1}, true},
		{`{"requests":1}`, price.Usage{Requests: 1, Input: 1}, false},
		{`{}`, price.Usage{}, true},
		{`{}`, price.Usage{Input: 1}, false},
	} {
		p := price.Price{Rates: rates(t, tt.rates)}
		amount, ok := p.Cost(tt.usage)
		assert.Equal(t, tt.ok, ok, "%s %+v", tt.rates, tt.usage)
		if !ok {
			assert.Equal(t, price.Amount{}, amount)
			assert.Nil(t, p.Parts(tt.usage))
		}
	}
}

func TestPartsSayHowACostComesAbout(t *testing.T) {
	t.Parallel()
	p := price.Price{Rates: rates(t, `{"input":{"base":3,"tiers":[{"above":200000,"price":6}]},"output":15,"cache_read":0.3,"web_searches":10,"requests":5}`)}
	parts := p.Parts(price.Usage{Input: 300_000, CacheRead: 100_000, Output: 1000, WebSearches: 2, Requests: 1})
	require.Len(t, parts, 5)
	type line struct {
		class  price.Class
		units  int64
		rate   float64
		amount string
	}
	var lines []line
	for _, part := range parts {
		lines = append(lines, line{part.Class, part.Units, part.Rate, part.Amount.String()})
	}
	assert.Equal(t, []line{
		{price.Input, 200_000, 6, "1.2"},
		{price.Output, 1000, 15, "0.015"},
		{price.CacheRead, 100_000, 0.3, "0.03"},
		{price.WebSearches, 2, 10, "0.02"},
		{price.Requests, 1, 5, "0.005"},
	}, lines)
	amount, ok := p.Cost(price.Usage{Input: 300_000, CacheRead: 100_000, Output: 1000, WebSearches: 2, Requests: 1})
	require.True(t, ok)
	assert.Equal(t, "1.27", amount.String())
}

func TestManyRequestsGoByTheirOwnLength(t *testing.T) {
	t.Parallel()
	p := price.Price{Rates: rates(t, `{"input":{"base":1,"tiers":[{"above":1000,"price":2}]},"output":10}`)}
	thousand := price.Usage{Input: 1_000_000, Output: 100_000} // of a thousand requests
	for length, want := range map[int64]string{0: "2", 1000: "2", 1001: "3"} {
		amount, ok := p.CostAt(thousand, length)
		require.True(t, ok)
		assert.Equal(t, want, amount.String(), length)
	}
	_, ok := (&price.Price{}).CostAt(thousand, 5)
	assert.False(t, ok)
}
