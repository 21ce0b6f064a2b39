package price

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// litellmClasses are LiteLLM's prices per token, in USD.
var litellmClasses = map[string]Class{
	"input_cost_per_token":                      Input,
	"output_cost_per_token":                     Output,
	"cache_read_input_token_cost":               CacheRead,
	"cache_creation_input_token_cost":           CacheWrite,
	"cache_creation_input_token_cost_above_1hr": CacheWrite1h,
	"input_cost_per_audio_token":                InputAudio,
	"output_cost_per_audio_token":               OutputAudio,
	"cache_read_input_audio_token_cost":         CacheAudioRead,
	"input_cost_per_image_token":                InputImage,
	"output_cost_per_image_token":               OutputImage,
	"cache_read_input_image_token_cost":         CacheImageRead,
	"input_cost_per_video_token":                InputVideo,
	"output_cost_per_video_token":               OutputVideo,
	"output_cost_per_reasoning_token":           OutputReasoning,
	"citation_cost_per_token":                   OutputCitation,
}

// Places of a decimal in LiteLLM's units: USD per token, and per request.
const (
	perToken   = decimals + 6
	perRequest = decimals + 3
)

// litellmRates reads an entry's prices. Those of other service levels
// (`_batches`, `_flex`, `_priority`) are not what a request costs that says
// nothing of them.
func litellmRates(members map[string]json.RawMessage) (Rates, error) {
	rates := Rates{}
	for name, c := range litellmClasses {
		if err := rates.setBase(c, members[name], perToken); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if _, ok := rates[CacheRead]; !ok { // an older name
		if err := rates.setBase(CacheRead, members["input_cost_per_token_cache_hit"], perToken); err != nil {
			return nil, fmt.Errorf("input_cost_per_token_cache_hit: %w", err)
		}
	}
	if err := rates.setTiers(members); err != nil {
		return nil, err
	}
	if err := rates.setRanges(members["tiered_pricing"]); err != nil {
		return nil, fmt.Errorf("tiered_pricing: %w", err)
	}
	if len(rates) == 0 {
		return nil, nil // what is priced by the image, second or page
	}
	if err := rates.setBase(Requests, members["input_cost_per_request"], perRequest); err != nil {
		return nil, fmt.Errorf("input_cost_per_request: %w", err)
	}
	return rates, rates.setSearches(members["search_context_cost_per_query"])
}

func (r Rates) setBase(c Class, raw json.RawMessage, places int) error {
	price, ok, err := litellmPrice(raw, places)
	if ok {
		r[c] = Rate{base: price}
	}
	return err
}

// litellmPrice reads a price; it is not there when it is null.
func litellmPrice(raw json.RawMessage, places int) (decimal, bool, error) {
	text := strings.Trim(string(raw), `"`)
	if text == "" || text == "null" {
		return decimal{}, false, nil
	}
	price, err := parseDecimal(text, places)
	if err == nil && price.cmp(dearest) > 0 {
		err = errTooLarge
	}
	if err != nil {
		return decimal{}, false, fmt.Errorf("%.80s: %w", raw, err)
	}
	return price, true, nil
}

// setTiers reads the prices of long requests: a class's name and
// `_above_200k_tokens`, for any number of thousands.
func (r Rates) setTiers(members map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		rest, ok := strings.CutSuffix(name, "k_tokens")
		at := strings.LastIndex(rest, "_above_")
		if !ok || at < 0 {
			continue
		}
		c, known := litellmClasses[rest[:at]]
		thousands, err := strconv.ParseInt(rest[at+len("_above_"):], 10, 32)
		base, priced := r[c]
		if !known || err != nil || thousands < 0 || !priced {
			continue
		}
		price, ok, err := litellmPrice(members[name], perToken)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if ok {
			r[c] = base.withTier(thousands*1000, price)
		}
	}
	return nil
}

// setRanges reads prices by ranges of the input's length. A price beside them
// is that of the first range.
func (r Rates) setRanges(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	var ranges []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &ranges); err != nil {
		return err
	}
	type step struct {
		above  int64
		prices map[string]json.RawMessage
	}
	var steps []step
	for _, prices := range ranges {
		var borders []float64
		if json.Unmarshal(prices["range"], &borders) != nil || len(borders) == 0 || borders[0] < 0 || borders[0] > 1e12 {
			return nil // by something else than the input's length
		}
		steps = append(steps, step{int64(borders[0]), prices})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.above, b.above) })
	for _, s := range steps {
		for name, c := range litellmClasses {
			price, ok, err := litellmPrice(s.prices[name], perToken)
			if err != nil {
				return err
			}
			base, priced := r[c]
			switch {
			case ok && !priced:
				r[c] = Rate{base: price}
			case ok && s.above > 0:
				r[c] = base.withTier(s.above, price)
			}
		}
	}
	return nil
}

// setSearches reads the price of a search. Where it depends on how much is
// searched, no log says which price holds, and there is none.
func (r Rates) setSearches(raw json.RawMessage) error {
	var sizes map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &sizes) != nil {
		return nil
	}
	var same *decimal
	for name, raw := range sizes {
		price, ok, err := litellmPrice(raw, perRequest)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if !ok || same != nil && *same != price {
			return nil
		}
		same = &price
	}
	if same != nil && !same.isZero() {
		r[WebSearches] = Rate{base: *same}
	}
	return nil
}

// costsOtherwise says whether an entry that asks nothing for tokens asks
// something for seconds, images or anything else.
func costsOtherwise(members map[string]json.RawMessage) bool {
	for name, raw := range members {
		price, ok, err := litellmPrice(raw, perToken)
		if strings.Contains(name, "cost") && ok && err == nil && !price.isZero() {
			return true
		}
	}
	return false
}
