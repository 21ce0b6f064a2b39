package price

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// litellmKey begins what an entry of LiteLLM's file says about its provider.
const litellmKey = "litellm_provider"

// readObject reads LiteLLM's file, an object of models, or a list of
// genai-prices' providers in an object.
func readObject(file []byte) ([]Price, error) {
	reader := litellmReader{table: shippedProviders(), taken: map[[2]string]bool{}}
	err := eachMember(file, func(name string, value json.RawMessage) error {
		if name == "providers" && value[0] == '[' {
			prices, err := readGenaiPrices(value)
			reader.prices, reader.known = append(reader.prices, prices...), true
			return err
		}
		if err := reader.entry(name, value); err != nil {
			return fmt.Errorf("model %.200q: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading LiteLLM's prices: %w", err)
	}
	if !reader.known {
		return nil, errors.New("reading prices: neither genai-prices' nor LiteLLM's format: no entry has " + litellmKey)
	}
	return reader.prices, nil
}

// eachMember calls each for an object's members, in their order.
func eachMember(object []byte, each func(name string, value json.RawMessage) error) error {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		if err := each(name.(string), value); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

type litellmReader struct {
	table  *Table
	prices []Price
	taken  map[[2]string]bool // provider and model
	known  bool               // an entry of LiteLLM's was met
}

// entry reads one model: its name, with the provider before it or without, and
// what it costs.
func (r *litellmReader) entry(key string, value json.RawMessage) error {
	if key == "sample_spec" || len(value) == 0 || value[0] != '{' {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(value, &members); err != nil {
		return err
	}
	sent := litellmText(members[litellmKey])
	if sent == "" {
		return nil
	}
	r.known = true
	rates, err := litellmRates(members)
	if err != nil || len(rates) == 0 || rates.Free() && costsOtherwise(members) {
		return err
	}
	p := Price{
		Source: SourceImport, Rates: rates,
		ContextWindow: litellmCount(members["max_input_tokens"]),
		Deprecated:    isPast(litellmText(members["deprecation_date"])),
	}
	r.name(&p, key, sent)
	r.prices = append(r.prices, p)
	return nil
}

// name gives the price its provider, model and match. Where two of LiteLLM's
// providers are one (Gemini and Vertex), the first has the bare name, the
// other the name with its provider before it.
func (r *litellmReader) name(p *Price, key, sent string) {
	request := request{provider: r.table.canonical(sent), sent: plainName(sent), names: []string{key}}
	for head, rest, cut := strings.Cut(key, "/"); cut && rest != "" && r.table.isOwnName(&request, head); head, rest, cut = strings.Cut(rest, "/") {
		request.add(rest)
	}
	p.Provider, p.Model = request.provider, request.plain()
	if p.Provider == "" {
		p.Provider = fold(sent)
	}
	id := [2]string{p.Provider, fold(p.Model)}
	switch {
	case r.taken[id]:
		p.Model, p.Match = key, Equals(key)
		id[1] = fold(key)
	case p.Model == key:
		p.Match = Equals(key)
	default:
		p.Match = Equals(p.Model, key)
	}
	r.taken[id] = true
	if strings.HasPrefix(fold(p.Model), "ft:") { // the names of tuned models go on after it
		p.Match = textMatch(startsWith, p.Model)
	}
}

func litellmText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func litellmCount(raw json.RawMessage) int64 {
	n, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || n < 0 || n > 1e12 {
		return 0
	}
	return int64(n)
}

func isPast(date string) bool {
	day, err := time.Parse(time.DateOnly, date)
	return err == nil && day.Before(time.Now())
}
