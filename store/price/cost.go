package price

// Cost returns what the usage costs. It is false when tokens were used that
// have no price, neither of their own class nor of one that contains it: such
// a request is unpriced. Searches and requests without a price of their own
// are in the price of the tokens.
func (p *Price) Cost(u Usage) (Amount, bool) {
	units, ok := p.Rates.split(u)
	return p.total(units), ok
}

// CostAt returns what the usage of many requests costs together, which had so
// many input tokens each: the length that tiers go by.
func (p *Price) CostAt(u Usage, input int64) (Amount, bool) {
	units, ok := p.Rates.split(u)
	units.input = input
	return p.total(units), ok
}

func (p *Price) total(u units) (total Amount) {
	for c, n := range u.of {
		if n != 0 {
			total = total.Add(p.Rates[Class(c)].cost(Class(c), n, u.input))
		}
	}
	return total
}

// A Part is one line of a bill: so many units of a class at a rate.
type Part struct {
	Class  Class
	Units  int64   // tokens, searches or requests
	Rate   float64 // USD per million tokens, or per thousand searches or requests
	Amount Amount
}

// Parts returns how the cost comes about, in the order of the classes. The
// parts' amounts add up to Cost exactly, and no token is in two of them; there
// are none where Cost is false. A class without a price of its own is in the
// part of the class that contains it.
func (p *Price) Parts(u Usage) []Part {
	units, ok := p.Rates.split(u)
	if !ok {
		return nil
	}
	var parts []Part
	for c, n := range units.of {
		if n != 0 {
			c, rate := Class(c), p.Rates[Class(c)]
			parts = append(parts, Part{c, n, rate.USD(units.input), rate.cost(c, n, units.input)})
		}
	}
	return parts
}

// cost returns what n units cost in a request with so many input tokens.
func (r Rate) cost(c Class, n, input int64) Amount {
	price := r.at(input)
	if c.PerThousand() {
		price = price.mul(1000)
	}
	return Amount{price.mul(uint64(n))}
}
