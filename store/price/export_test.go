package price

// What the tests look at from inside.

// ParseTable reads a table as prices.jsonl has it.
var ParseTable = parsePrices

// TraitOf is what a model's id tells about it: its family, what it is for, its
// version and its name without a date.
func TraitOf(id string) (family, kind string, version float64, base string) {
	t := traitOf(id)
	return t.family, t.kind, t.version, t.base
}
