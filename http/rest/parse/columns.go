package parse

// parseNames reads the value of columns or on_conflict: names, each kept once,
// in the order of the request. There must be one at least.
func parseNames(parameter, text string) ([]string, error) {
	s := &scanner{text: text}
	var names []string
	seen := map[string]bool{}
	for {
		name, fail := s.name()
		if fail == nil && !s.ended() && !s.has(",") {
			fail = s.surplus(labelComma, labelEnd)
		}
		if fail != nil {
			return nil, failed(parameter+" parameter ("+text+")", text, fail)
		}
		if !seen[name] {
			names, seen[name] = append(names, name), true
		}
		if !s.take(",") {
			return names, nil
		}
	}
}

// ParseColumns reads the value of a columns parameter: which keys of the body
// count.
func ParseColumns(text string) ([]string, error) { return parseNames("columns", text) }

// ParseOnConflict reads the value of an on_conflict parameter: the columns of a
// unique constraint.
func ParseOnConflict(text string) ([]string, error) { return parseNames("on_conflict", text) }
