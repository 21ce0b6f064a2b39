package parse

// ParseSelect reads the value of a select parameter. An empty one selects
// nothing: each row is then an empty object.
func ParseSelect(text string) ([]SelectItem, error) {
	s := &scanner{text: text}
	items, fail := s.items(1)
	if fail == nil && !s.ended() {
		fail = s.unexpected(labelComma, labelEnd)
	}
	if fail != nil {
		return nil, failed("select parameter ("+text+")", text, fail)
	}
	return items, nil
}

// items reads a list up to the end or a closing parenthesis.
func (s *scanner) items(depth int) ([]SelectItem, *failure) {
	if depth > maxDepth {
		return nil, s.tooDeep()
	}
	s.spaces()
	if s.ended() || depth > 1 && s.has(")") {
		return nil, nil
	}
	var items []SelectItem
	for {
		item, fail := s.item(depth)
		if fail != nil {
			return nil, fail
		}
		items = append(items, item)
		s.spaces()
		if !s.take(",") {
			return items, nil
		}
	}
}

var itemStart = []string{`"..."`, `"*"`, `"count()"`}

func (s *scanner) item(depth int) (SelectItem, *failure) {
	s.spaces()
	if s.take("...") {
		return s.spread(depth)
	}
	if s.take("*") {
		return SelectItem{Star: true}, s.itemEnd()
	}
	s.mayContinue(itemStart)
	bare := !s.has(`"`)
	name, fail := s.name()
	if fail != nil {
		return SelectItem{}, fail
	}
	item := SelectItem{}
	if s.has(":") && !s.has("::") {
		s.at++
		s.spaces()
		item.Alias = name
		s.mayContinue(itemStart[2:])
		bare = !s.has(`"`)
		if name, fail = s.name(); fail != nil {
			return SelectItem{}, fail
		}
	}
	count := bare && name == string(Count)
	switch {
	case count && s.take("()"):
		item.Aggregate = Count
		item.AggregateCast, fail = s.cast()
	case !count && (s.has("!") || s.has("(")):
		item.Embed, fail = s.embed(name, depth)
		return item, fail
	default:
		item.Path.Column = name
		fail = s.value(&item)
	}
	if fail != nil {
		return SelectItem{}, fail
	}
	return item, s.itemEnd(`"::"`, `"."`)
}

// value reads what may follow a column's name.
func (s *scanner) value(item *SelectItem) (fail *failure) {
	if item.Path.Keys, fail = s.keys(); fail != nil {
		return fail
	}
	if item.Cast, fail = s.cast(); fail != nil {
		return fail
	}
	if !s.take(".") {
		return nil
	}
	for _, aggregate := range aggregates {
		if s.take(string(aggregate) + "()") {
			item.Aggregate = aggregate
			item.AggregateCast, fail = s.cast()
			return fail
		}
	}
	return s.mismatch("sum", `"sum"`, `"avg"`, `"count"`, `"max"`, `"min"`)
}

// cast reads the name of a type after "::", or nothing.
func (s *scanner) cast() (string, *failure) {
	if !s.take("::") {
		return "", nil
	}
	return s.identifier()
}

func (s *scanner) itemEnd(before ...string) *failure {
	s.spaces()
	if s.ended() || s.has(",") || s.has(")") {
		return nil
	}
	return s.surplus(append(before, labelClose, labelComma, labelEnd)...)
}

func (s *scanner) spread(depth int) (SelectItem, *failure) {
	relation, fail := s.name()
	if fail != nil {
		return SelectItem{}, fail
	}
	embed, fail := s.embed(relation, depth)
	if fail != nil {
		return SelectItem{}, fail
	}
	embed.Spread = true
	return SelectItem{Embed: embed}, nil
}

// embed reads what follows a relation's name: at most two words after "!", and
// the items.
func (s *scanner) embed(relation string, depth int) (*Embed, *failure) {
	embed := &Embed{Relation: relation}
	name := *s
	for range 2 {
		if fail := s.embedWord(embed); fail != nil {
			return nil, fail
		}
	}
	if !s.has("(") {
		if s.at == name.at {
			return nil, s.unexpected(`"!"`, labelOpen)
		}
		// Without the parenthesis the name was a column's after all.
		return nil, name.surplus(`"->>"`, `"->"`, `"::"`, `"."`, labelClose, labelComma, labelEnd)
	}
	s.at++
	items, fail := s.items(depth + 1)
	if fail != nil {
		return nil, fail
	}
	if !s.take(")") {
		return nil, s.unexpected(labelComma, labelClose)
	}
	embed.Items = items
	return embed, nil
}

// embedWord reads a hint or a join after "!", or nothing. The first of a kind
// counts.
func (s *scanner) embedWord(embed *Embed) *failure {
	if !s.take("!") {
		return nil
	}
	bare := !s.has(`"`)
	word, fail := s.name()
	if fail != nil {
		return fail
	}
	if join := Join(word); bare && (join == Inner || join == Left) {
		if embed.Join == "" {
			embed.Join = join
		}
		return nil
	}
	if embed.Hint == "" {
		embed.Hint = word
	}
	return nil
}
