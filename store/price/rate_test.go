package price_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

func TestRatesAreReadAndWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                                 `{}`,
		`{"output":10,"input":2.5}`:          `{"input":2.5,"output":10}`,
		` { "input" : 2.50 } `:               `{"input":2.5}`,
		`{"requests":12,"web_searches":1e1}`: `{"web_searches":10,"requests":12}`,
		`{"input":0}`:                        `{"input":0}`,
		`{"input":0.08333333333333334}`:      `{"input":0.08333333333333334}`,
		`{"input":1.5e-7}`:                   `{"input":0.00000015}`,
		`{"input":0.0000000000000000005}`:    `{"input":0.000000000000000001}`, // 18 decimals, rounded half up
		`{"input":0.00000000000000000049}`:   `{"input":0}`,
		`{"input":1e-400}`:                   `{"input":0}`,
		`{"cache_write_1h":6,"cache_write":3.75,"cache_read":0.3,"input_audio":1,"output_audio":2,"cache_audio_read":3,"input_image":4,"output_image":5,"cache_image_read":6,"input_video":7,"output_video":8,"output_reasoning":9,"output_citation":10}`: `{"cache_read":0.3,"cache_write":3.75,"cache_write_1h":6,"input_audio":1,"output_audio":2,"cache_audio_read":3,"input_image":4,"output_image":5,"cache_image_read":6,"input_video":7,"output_video":8,"output_reasoning":9,"output_citation":10}`,
		`{"input":{"base":1.25,"tiers":[{"above":200000,"price":2.5}]}}`:                      `{"input":{"base":1.25,"tiers":[{"above":200000,"price":2.5}]}}`,
		`{"input":{"tiers":[{"price":4,"above":256000},{"above":32000,"price":2}],"base":1}}`: `{"input":{"base":1,"tiers":[{"above":32000,"price":2},{"above":256000,"price":4}]}}`,
		`{"input":{"base":1,"tiers":[]}}`:                                                     `{"input":1}`,
	} {
		read := rates(t, text)
		written, err := json.Marshal(read)
		require.NoError(t, err)
		assert.Equal(t, want, string(written))
		assert.True(t, read.Equal(rates(t, want)))
	}
}

func TestWhatIsNoRateIsRefusedAndNamed(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		`{"inputs":1}`:                    `there is no class "inputs"`,
		`{"input":-1}`:                    "input: the price \"-1\": a price cannot be negative",
		`{"input":"1"}`:                   "not a decimal number",
		`{"input":null}`:                  "not a decimal number",
		`{"input":NaN}`:                   "invalid character",
		`{"input":1e10}`:                  "a price cannot be above 1,000,000,000 USD",
		`{"input":1e999999999999999999}`:  "a price cannot be above",
		`{"input":[1]}`:                   "not a decimal number",
		`{"input":{}}`:                    "a price with tiers needs its base",
		`{"input":{"base":1,"level":[]}}`: "has base and tiers, not",
		`{"input":{"base":1,"tiers":[{"above":-1,"price":1}]}}`:  "above a number of tokens",
		`{"input":{"base":1,"tiers":[{"above":1.5,"price":1}]}}`: "above a number of tokens",
		`{"input":{"base":1,"tiers":[{"above":1}]}}`:             "a tier needs above and price",
		`{"input":{"base":1,"tiers":[{"above":1,"price":-2}]}}`:  "cannot be negative",
		`{"input":{"base":1,"tiers":[{"start":1,"price":2}]}}`:   "a tier has above and price",
		`[]`: "expected {",
		`5`:  "expected {",
	} {
		var r price.Rates
		assert.ErrorContains(t, json.Unmarshal([]byte(text), &r), reason, text)
		assert.Nil(t, r, text)
	}
	for _, text := range []string{"", "NaN", "Inf", "+1", "1,5", "0x10", "1_000", ".", "e5", "1e", " 1"} {
		_, err := price.ParseRate(text)
		assert.Error(t, err, "%q", text)
	}
}

func TestATierHoldsAboveItsBorderForAllTokens(t *testing.T) {
	t.Parallel()
	p := price.Price{Rates: rates(t, `{
		"input":{"base":1,"tiers":[{"above":100,"price":2},{"above":1000,"price":3}]},
		"output":{"base":10,"tiers":[{"above":1000,"price":20}]},
		"cache_read":0.5}`)}
	for _, tt := range []struct {
		usage price.Usage
		want  string
	}{
		{price.Usage{Input: 100, Output: 1}, "0.00011"},
		{price.Usage{Input: 101, Output: 1}, "0.000212"},
		{price.Usage{Input: 1000, Output: 1}, "0.00201"},
		{price.Usage{Input: 1001, Output: 1}, "0.003023"},
		{price.Usage{Input: 1001, CacheRead: 1000}, "0.000503"}, // cached tokens count for the border, at their own price
		{price.Usage{Output: 100_000}, "1"},                     // output does not
	} {
		amount, ok := p.Cost(tt.usage)
		require.True(t, ok)
		assert.Equal(t, tt.want, amount.String(), "%+v", tt.usage)
	}
	assert.Equal(t, []float64{1, 1, 2, 3}, []float64{
		p.Rates[price.Input].USD(0), p.Rates[price.Input].USD(100), p.Rates[price.Input].USD(101), p.Rates[price.Input].USD(5000),
	})
	assert.True(t, p.Rates[price.Input].Tiered())
	assert.False(t, p.Rates[price.CacheRead].Tiered())
}

func TestFreeIsAPriceOfZeroAndNotNone(t *testing.T) {
	t.Parallel()
	assert.True(t, rates(t, `{"input":0,"output":0}`).Free())
	assert.False(t, rates(t, `{"input":0,"output":0.01}`).Free())
	assert.False(t, rates(t, `{"input":{"base":0,"tiers":[{"above":5,"price":1}]}}`).Free())
	assert.False(t, rates(t, `{}`).Free())
}

func TestClassesHaveTheirNames(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "input", price.Input.String())
	assert.Equal(t, "cache_write_1h", price.CacheWrite1h.String())
	assert.Equal(t, "requests", price.Requests.String())
	assert.Equal(t, "Class(99)", price.Class(99).String())
}

func TestRatesAreEqualWhenEveryPriceIs(t *testing.T) {
	t.Parallel()
	a := rates(t, `{"input":1,"output":{"base":2,"tiers":[{"above":10,"price":3}]}}`)
	assert.True(t, a.Equal(rates(t, `{"output":{"tiers":[{"price":3.0,"above":10}],"base":2.0},"input":1e0}`)))
	for _, text := range []string{
		`{}`, `{"input":1}`, `{"input":1,"output":2}`, `{"input":1,"cache_read":{"base":2,"tiers":[{"above":10,"price":3}]}}`,
		`{"input":1,"output":{"base":2,"tiers":[{"above":11,"price":3}]}}`, `{"input":1.1,"output":{"base":2,"tiers":[{"above":10,"price":3}]}}`,
	} {
		assert.False(t, a.Equal(rates(t, text)), text)
	}
}

func TestARateIsReadByItself(t *testing.T) {
	t.Parallel()
	var r price.Rate
	require.NoError(t, json.Unmarshal([]byte(`{"base":1,"tiers":[{"above":10,"price":3}]}`), &r))
	assert.Equal(t, []float64{1, 3}, []float64{r.USD(10), r.USD(11)})
	require.Error(t, json.Unmarshal([]byte(`-1`), &r))
	assert.Equal(t, 1.0, r.USD(0), "a faulty one changes nothing")
}
