package price

import (
	"slices"
	"strings"
)

// A Table finds prices. It does not change, and any number of goroutines may
// use it at once. It remembers nothing of what was asked.
type Table struct {
	providers []provider
	ids       map[string]string // providers' ids by their plain letters
	shipped   layer
	imported  layer
	overrides []*Price
}

// NewTable makes a table of prices from any sources. Their order counts: a
// name means the first of a provider's models that it matches, and of a
// model's prices the last whose conditions are met holds.
func NewTable(prices []Price) *Table {
	t := emptyTable()
	prices = slices.Clone(prices)
	for i := range prices {
		p := &prices[i]
		switch p.Source {
		case SourceOverride:
			if p.Match.IsZero() {
				p.Match = t.overrideMatch(p.Model)
			}
			t.overrides = append(t.overrides, p)
			continue
		case SourceImport:
			t.imported.put(p)
		default:
			t.shipped.put(p)
		}
		if _, known := t.ids[plainName(p.Provider)]; !known {
			t.ids[plainName(p.Provider)] = p.Provider
		}
	}
	return t
}

// emptyTable knows the shipped providers and no price.
func emptyTable() *Table {
	t := &Table{providers: providers(), ids: map[string]string{}, shipped: layer{}, imported: layer{}}
	for _, p := range t.providers {
		t.ids[plainName(p.ID)] = p.ID
	}
	return t
}

// Canonical returns the id of the provider that a client's name for it means
// ("vertex_ai" is "google"), or "" when it is unknown.
func (t *Table) Canonical(provider string) string { return t.canonical(provider) }

// ProviderOf returns the id of the provider that a model's name alone tells
// ("gpt-4o" is "openai"), or "" when it does not.
func (t *Table) ProviderOf(model string) string {
	if strings.TrimSpace(model) == "" {
		return ""
	}
	r := t.understand("", model)
	return r.provider
}

// Find returns what is known of a model, by the names that a client sent for
// its provider ("" when it sent none) and for it. It is false when no price is
// known.
func (t *Table) Find(provider, model string) (*Entry, bool) {
	if strings.TrimSpace(model) == "" {
		return nil, false
	}
	r := t.understand(provider, model)
	e := &Entry{Provider: r.key(), Model: r.plain()}
	e.imported = t.findIn(t.imported, &r)
	e.shipped = t.findIn(t.shipped, &r)
	if m := e.listed(); m != nil {
		e.Model = m.id
	}
	e.overrides = t.overridesOf(&r, e)
	e.free = r.free && e.listed() == nil
	if !e.free && e.listed() == nil && len(e.overrides) == 0 {
		return nil, false
	}
	return e, true
}

// findIn looks at the provider's own models and at those of the providers
// whose prices hold for it: by the name, by the model's id, and at last by the
// name without its date.
func (t *Table) findIn(l layer, r *request) *model {
	if r.provider == "" {
		return nil
	}
	sellers := append([]string{r.provider}, t.fallbacks(r.provider)...)
	for _, find := range []func(*shelf) *model{
		func(s *shelf) *model { return s.find(r.names) },
		func(s *shelf) *model { return s.findID(r.names) },
		func(s *shelf) *model { return s.find(r.undated) },
	} {
		for _, seller := range sellers {
			if s := l[seller]; s != nil {
				if m := find(s); m != nil {
					return m
				}
			}
		}
	}
	return nil
}

func (t *Table) fallbacks(provider string) []string {
	for i := range t.providers {
		if t.providers[i].ID == provider {
			return t.providers[i].Fallbacks
		}
	}
	return nil
}
