package dashboard

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/llmtally/llmtally/http/dashboard/chart"
	"github.com/llmtally/llmtally/store"
)

func since(v *visit, from *store.Timestamp) string {
	if from == nil {
		return "always"
	}
	return "since " + from.Time().In(v.zone).Format("2 Jan 2006")
}

func priceColumns(v *visit) []column[store.ModelPrice] {
	class := func(name, head string) column[store.ModelPrice] {
		return column[store.ModelPrice]{
			Name: name, Head: head, Number: true,
			Plain: func(p store.ModelPrice) string { return rateOf(p.Rates, name) },
			Show: func(p store.ModelPrice) cell {
				rate := rateOf(p.Rates, name)
				if rate == "" {
					return cell{Text: none}
				}
				usd, _ := strconv.ParseFloat(rate, 64)
				text := money(usd) // prices are round
				c := cell{Text: text, Title: "$" + rate + " per million tokens", Class: chart.DecimalClass(text)}
				if isTiered(p.Rates, name) {
					c.Sub = "more when long"
				}
				return c
			},
		}
	}
	return []column[store.ModelPrice]{
		{
			Name: "model", Head: "Model",
			Plain: func(p store.ModelPrice) string { return p.Model },
			Show: func(p store.ModelPrice) cell {
				c := cell{Text: p.Model, Title: p.Model, Sub: p.Provider}
				if p.Provider == "" {
					c.Sub = "any provider"
				}
				return c
			},
		},
		{Name: "provider", Plain: func(p store.ModelPrice) string { return p.Provider }},
		textColumn("source", "Source", func(p store.ModelPrice) string { return p.Source }),
		class("input", "Input"), class("cache_read", "Cache read"), class("cache_write", "Cache write"), class("output", "Output"),
		{
			Name: "effective_from", Head: "Holds",
			Plain: func(p store.ModelPrice) string {
				if p.EffectiveFrom == nil {
					return ""
				}
				return p.EffectiveFrom.String()
			},
			Show: func(p store.ModelPrice) cell { return cell{Text: since(v, p.EffectiveFrom), Sub: orEmpty(p.Hours)} },
		},
		{Name: "rates", Plain: func(p store.ModelPrice) string { return string(p.Rates) }},
	}
}

// rateOf is a class's price, that for short requests where it has tiers.
func rateOf(rates json.RawMessage, class string) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(rates, &all) != nil || len(all[class]) == 0 {
		return ""
	}
	var tiered struct{ Base json.Number }
	if json.Unmarshal(all[class], &tiered) == nil && tiered.Base != "" {
		return tiered.Base.String()
	}
	return string(all[class])
}

func isTiered(rates json.RawMessage, class string) bool {
	var all map[string]json.RawMessage
	return json.Unmarshal(rates, &all) == nil && strings.HasPrefix(string(all[class]), "{")
}

// ratesText says all prices of an override.
func ratesText(rates json.RawMessage) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(rates, &all) != nil {
		return string(rates)
	}
	var said []string
	for class := range all {
		usd, _ := strconv.ParseFloat(rateOf(rates, class), 64)
		said = append(said, strings.ReplaceAll(class, "_", " ")+" "+money(usd))
	}
	slices.Sort(said)
	return strings.Join(said, ", ")
}

// priceHref is where a model's price is set.
func priceHref(provider, model string) string {
	return "/prices?" + url.Values{"set-provider": {provider}, "set-model": {model}}.Encode() + "#set"
}
