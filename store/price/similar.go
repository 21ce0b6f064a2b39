package price

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Similar returns the models that could take a model's place for less, the
// dearest first: the same provider's, of the same family and kind, no older
// version, not deprecated, not one that reasons in place of one that does not, with no smaller context window, and with a price at
// that moment which asks more for neither input nor output. What of them is as
// good is for the user to say.
func (t *Table) Similar(p *Price, at time.Time) []*Price {
	current := traitOf(strings.TrimSuffix(p.Model, "*"))
	provider := p.Provider
	if provider == "" {
		provider = t.ProviderOf(strings.TrimSuffix(p.Model, "*"))
	}
	byBase := map[string]*Price{}
	for _, id := range t.modelsOf(provider) {
		other := traitOf(id)
		if !current.mayBecome(other) {
			continue
		}
		candidate, ok := t.priceOf(provider, id, at)
		if !ok || !p.isBeatenBy(candidate) {
			continue
		}
		if held := byBase[other.base]; held == nil || lastPart(fold(candidate.Model)) == other.base {
			byBase[other.base] = candidate
		}
	}
	found := make([]*Price, 0, len(byBase))
	for _, candidate := range byBase {
		found = append(found, candidate)
	}
	slices.SortFunc(found, func(a, b *Price) int {
		return cmp.Or(b.sum().cmp(a.sum()), strings.Compare(a.Model, b.Model))
	})
	return found
}

// mayBecome says whether another model is of the same sort and not older.
func (t trait) mayBecome(other trait) bool {
	return t.family == other.family && t.kind == other.kind && t.base != other.base &&
		(t.group == other.group || t.group == "" || other.group == "") &&
		(t.reasons || !other.reasons) && // its tokens would not be the same
		(t.version == 0 || other.version >= t.version)
}

// isBeatenBy says whether another price asks less, for a model with as much
// room.
func (p *Price) isBeatenBy(other *Price) bool {
	if other.Deprecated || other.Rates.Free() || len(other.Rates) == 0 {
		return false
	}
	if p.ContextWindow > 0 && other.ContextWindow > 0 && other.ContextWindow < p.ContextWindow {
		return false
	}
	_, speaks := p.Rates[Output]
	if _, alsoSpeaks := other.Rates[Output]; speaks != alsoSpeaks {
		return false
	}
	input := other.Rates[Input].base.cmp(p.Rates[Input].base)
	output := other.Rates[Output].base.cmp(p.Rates[Output].base)
	return input <= 0 && output <= 0 && input+output < 0
}

// sum is a price for putting models in an order: input and output together.
func (p *Price) sum() decimal { return p.Rates[Input].base.add(p.Rates[Output].base) }

// modelsOf returns the ids of a provider's models in all price lists.
func (t *Table) modelsOf(provider string) []string {
	var ids []string
	for _, l := range []layer{t.shipped, t.imported} {
		if s := l[provider]; s != nil {
			for _, m := range s.models {
				if !slices.Contains(ids, m.id) {
					ids = append(ids, m.id)
				}
			}
		}
	}
	return ids
}

// priceOf returns the price that holds for a model of a price list.
func (t *Table) priceOf(provider, id string, at time.Time) (*Price, bool) {
	e, ok := t.Find(provider, id)
	if !ok || e.Model != id && (e.imported == nil || e.imported.id != id) {
		return nil, false // its name means another model
	}
	return e.At(at)
}
