package price

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The parts of genai-prices' format that prices are in (schema
// prices/new_data/v2/data_slim.schema.json in its repository).
type genaiProvider struct {
	ID     string       `json:"id"`
	Models []genaiModel `json:"models"`
}

type genaiModel struct {
	ID         string          `json:"id"`
	Match      Match           `json:"match"`
	Window     int64           `json:"context_window"`
	Deprecated bool            `json:"deprecated"`
	Prices     json.RawMessage `json:"prices"`
}

type genaiCondition struct {
	Constraint *struct {
		StartDate string `json:"start_date"`
		StartTime string `json:"start_time"`
		EndTime   string `json:"end_time"`
	} `json:"constraint"`
	Prices map[string]json.RawMessage `json:"prices"`
}

func readGenaiPrices(file []byte) ([]Price, error) {
	var providers []genaiProvider
	if err := json.Unmarshal(file, &providers); err != nil {
		return nil, fmt.Errorf("reading genai-prices: %w", err)
	}
	var prices []Price
	for _, p := range providers {
		if p.ID == "" {
			return nil, errors.New("reading genai-prices: a provider has no id")
		}
		for _, m := range p.Models {
			conditions, err := m.conditions()
			if err == nil {
				prices, err = m.appendTo(prices, p.ID, conditions)
			}
			if err != nil {
				return nil, fmt.Errorf("reading genai-prices: model %q of %q: %w", m.ID, p.ID, err)
			}
		}
	}
	return prices, nil
}

// conditions returns the model's prices; unconditional ones stand in the file
// as they are, others in a list.
func (m *genaiModel) conditions() ([]genaiCondition, error) {
	if m.ID == "" {
		return nil, errors.New("it has no id")
	}
	if len(m.Prices) > 0 && m.Prices[0] == '[' {
		var list []genaiCondition
		err := json.Unmarshal(m.Prices, &list)
		return list, err
	}
	if len(m.Prices) == 0 {
		return nil, nil
	}
	var one genaiCondition
	err := json.Unmarshal(m.Prices, &one.Prices)
	return []genaiCondition{one}, err
}

func (m *genaiModel) appendTo(prices []Price, provider string, conditions []genaiCondition) ([]Price, error) {
	for _, c := range conditions {
		p := Price{
			Source: SourceImport, Provider: provider, Model: m.ID, Match: m.Match,
			ContextWindow: m.Window, Deprecated: m.Deprecated,
		}
		if m.Match.IsZero() {
			p.Match = Equals(m.ID)
		}
		var err error
		if p.From, p.Hours, err = c.when(); err != nil {
			return nil, err
		}
		if p.Rates, err = genaiRates(c.Prices); err != nil {
			return nil, err
		}
		if len(p.Rates) > 0 {
			prices = append(prices, p)
		}
	}
	return prices, nil
}

func (c *genaiCondition) when() (from time.Time, hours *Hours, err error) {
	if c.Constraint == nil {
		return from, nil, nil
	}
	if c.Constraint.StartDate != "" {
		if from, err = time.Parse(time.DateOnly, c.Constraint.StartDate); err != nil {
			return from, nil, fmt.Errorf("%q is no date", c.Constraint.StartDate)
		}
	}
	if c.Constraint.StartTime == "" && c.Constraint.EndTime == "" {
		return from, nil, nil
	}
	read, err := hoursBetween(c.Constraint.StartTime, c.Constraint.EndTime)
	return from, &read, err
}

// genaiRates reads the prices that have a class here; genai-prices has units
// (hours of sound, pages) that no log counts.
func genaiRates(members map[string]json.RawMessage) (Rates, error) {
	rates := make(Rates, len(members))
	for name, raw := range members {
		name, perMillion := strings.CutSuffix(name, "_mtok")
		if !perMillion {
			name = strings.TrimSuffix(name, "_kcount")
		}
		c, known := classOf(name)
		if !known || c.PerThousand() == perMillion || string(raw) == "null" {
			continue
		}
		rate, err := genaiRate(raw)
		if err != nil {
			return nil, fmt.Errorf("the price of %s: %w", name, err)
		}
		rates[c] = rate
	}
	return rates, nil
}

func genaiRate(raw json.RawMessage) (Rate, error) {
	if raw[0] != '{' {
		return ParseRate(string(raw))
	}
	var tiered struct {
		Base  json.Number `json:"base"`
		Tiers []struct {
			Start int64       `json:"start"`
			Price json.Number `json:"price"`
		} `json:"tiers"`
	}
	if err := json.Unmarshal(raw, &tiered); err != nil {
		return Rate{}, err
	}
	rate, err := ParseRate(tiered.Base.String())
	if err != nil {
		return Rate{}, err
	}
	for _, t := range tiered.Tiers {
		price, err := parsePrice(t.Price.String())
		if err == nil && t.Start < 0 {
			err = fmt.Errorf("a tier begins above %d tokens", t.Start)
		}
		if err != nil {
			return Rate{}, err
		}
		rate = rate.withTier(t.Start, price)
	}
	return rate, nil
}
