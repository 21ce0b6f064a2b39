package price

// A layer is all prices of one source, but for overrides: by provider.
type layer map[string]*shelf

// A shelf is one provider's models, in the order in which their names are
// tried.
type shelf struct {
	models   []*model
	byID     map[string]*model // in lower case
	byName   map[string]int    // models that are told by equal names: the first that has the name
	matchers []int             // models that must be asked
}

// A model is all prices of a model from one source.
type model struct {
	id     string
	match  Match
	prices []*Price
}

// put adds a price.
func (l layer) put(p *Price) {
	s := l[p.Provider]
	if s == nil {
		s = &shelf{byID: map[string]*model{}, byName: map[string]int{}}
		l[p.Provider] = s
	}
	id := fold(p.Model)
	if m := s.byID[id]; m != nil {
		m.prices = append(m.prices, p)
		return
	}
	m := &model{id: p.Model, match: p.Match, prices: []*Price{p}}
	if m.match.IsZero() {
		m.match = Equals(p.Model)
	}
	s.byID[id] = m
	s.models = append(s.models, m)
	if !s.index(&m.match, len(s.models)-1) {
		s.matchers = append(s.matchers, len(s.models)-1)
	}
}

// index remembers the names of a match that compares whole names and does
// nothing else; it is false for any other.
func (s *shelf) index(m *Match, at int) bool {
	switch m.kind {
	case equals:
		if _, taken := s.byName[m.lower]; !taken {
			s.byName[m.lower] = at
		}
		return true
	case anyOf:
		whole := true
		for i := range m.clauses {
			whole = s.index(&m.clauses[i], at) && whole
		}
		return whole
	default:
		return false
	}
}

// find returns the first model that any of the names means, the earlier names
// first.
func (s *shelf) find(names []string) *model {
	for _, name := range names {
		first, found := s.byName[name]
		if !found {
			first = len(s.models)
		}
		for _, i := range s.matchers {
			if i >= first {
				break
			}
			if s.models[i].match.matches(name) {
				first = i
			}
		}
		if first < len(s.models) {
			return s.models[first]
		}
	}
	return nil
}

// findID returns the model whose id is one of the names.
func (s *shelf) findID(names []string) *model {
	for _, name := range names {
		if m := s.byID[name]; m != nil {
			return m
		}
	}
	return nil
}
