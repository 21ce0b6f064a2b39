package price

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// NewOverride returns a price of the user's own. The model is a name as
// clients send it or a price list writes it, or the beginning of one and `*`;
// the provider may have any known spelling, or be "" for any. It holds from a
// moment on, always when that is zero.
func NewOverride(provider, model string, from time.Time, rates Rates) (Price, error) {
	model = strings.TrimSpace(model)
	switch {
	case model == "":
		return Price{}, errors.New("a price needs a model")
	case strings.Contains(strings.TrimSuffix(model, "*"), "*"):
		return Price{}, errors.New("a model may have * at its end only")
	case len(rates) == 0:
		return Price{}, errors.New("a price needs at least one rate")
	}
	t := shippedProviders()
	p := Price{Source: SourceOverride, Model: model, Match: t.overrideMatch(model), From: from.UTC(), Rates: rates}
	if strings.TrimSpace(provider) != "" {
		if p.Provider = t.canonical(provider); p.Provider == "" {
			p.Provider = plainName(provider)
		}
	}
	return p, nil
}

// overrideMatch compares the whole name or its beginning, also with the
// provider before it in its canonical spelling: `vertex_ai/gemini-2.5-pro`
// means `google/gemini-2.5-pro` as well.
func (t *Table) overrideMatch(model string) Match {
	kind := equals
	begin, prefix := strings.CutSuffix(model, "*")
	if prefix {
		kind = startsWith
	}
	match := textMatch(kind, begin)
	head, rest, cut := strings.Cut(begin, "/")
	id := t.canonical(head)
	if !cut || id == "" || id == fold(head) {
		return match
	}
	return Match{kind: anyOf, clauses: []Match{match, textMatch(kind, id+"/"+rest)}}
}

// shippedProviders is for names of providers alone.
var shippedProviders = sync.OnceValue(emptyTable)

// overridesOf returns the overrides that a request's names match, the one that
// wins first: the newest; of equally new ones the closest to the name that was
// sent, a whole name before a beginning, one provider's before any's, the
// later.
func (t *Table) overridesOf(r *request, e *Entry) []*Price {
	if len(t.overrides) == 0 {
		return nil
	}
	names := r.overrideNames(e)
	type found struct {
		price *Price
		rank  []int
	}
	var all []found
	for i, p := range t.overrides {
		if p.Provider != "" && p.Provider != r.provider && p.Provider != r.sent {
			continue
		}
		if n := slices.IndexFunc(names, p.Match.matches); n >= 0 {
			beginning, everyone := strings.Count(p.Model, "*"), 0
			if p.Provider == "" {
				everyone = 1
			}
			all = append(all, found{p, []int{n, beginning, -len(p.Model), everyone, -i}})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(b.price.From.Compare(a.price.From), slices.Compare(a.rank, b.rank))
	})
	prices := make([]*Price, len(all))
	for i, f := range all {
		prices[i] = f.price
	}
	return prices
}
