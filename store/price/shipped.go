package price

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// prices.jsonl is the shipped table: a head that names the origin, then one
// provider a line, each followed by its models, one a line.
//
//go:embed prices.jsonl
var embedded []byte

// Version returns a hash of the shipped table: it differs exactly when another
// table is shipped.
func Version() string {
	sum := sha256.Sum256(embedded)
	return hex.EncodeToString(sum[:8])
}

// Shipped returns the shipped table: providers by id, and a provider's models
// in the order in which their names are to be tried.
func Shipped() []Price {
	prices, err := parsePrices(embedded)
	if err != nil {
		panic(fmt.Sprintf("prices.jsonl: %v", err)) // a test reads it before anyone else does
	}
	return prices
}

// A provider is somebody who sells models, or access to those of others.
type provider struct {
	ID        string   `json:"provider"`
	Name      string   `json:"name"`
	Match     Match    `json:"match"`     // other names of the provider
	Models    Match    `json:"models"`    // names of models that are the provider's own
	Fallbacks []string `json:"fallbacks"` // whose prices hold for models that it has no price for
}

var beginProvider = []byte(`{"provider":"`)

// providers are the shipped table's; looking up needs them whatever prices it
// is to look up.
var providers = sync.OnceValue(func() (list []provider) {
	for line := range bytes.Lines(embedded) {
		if bytes.HasPrefix(line, beginProvider) {
			var p provider
			if err := json.Unmarshal(line, &p); err != nil {
				panic(fmt.Sprintf("prices.jsonl: %v", err))
			}
			list = append(list, p)
		}
	}
	return list
})

func parsePrices(lines []byte) ([]Price, error) {
	prices := make([]Price, 0, bytes.Count(lines, []byte("\n")))
	_, lines, _ = bytes.Cut(lines, []byte("\n")) // the head is for people
	provider := ""
	for line := range bytes.Lines(lines) {
		if rest, ok := bytes.CutPrefix(line, beginProvider); ok {
			id, _, _ := bytes.Cut(rest, []byte(`"`))
			provider = string(id)
			continue
		}
		model := Price{Source: SourceShipped, Provider: provider}
		err := scanAll(line, func(s *scanner) error {
			return s.object(func(name string) error { return model.scanLine(s, name, &prices) })
		})
		if err != nil {
			return nil, fmt.Errorf("the model %q of %q: %w", model.Model, provider, err)
		}
	}
	return prices, nil
}

// scanLine reads a member of a model's line; the prices are the last.
func (p *Price) scanLine(s *scanner, name string, prices *[]Price) (err error) {
	switch name {
	case "model":
		p.Model, err = s.text()
	case "match":
		err = p.Match.scan(s)
	case "window":
		p.ContextWindow, err = strconv.ParseInt(s.word(), 10, 64)
	case "deprecated":
		p.Deprecated = s.word() == "true"
	case "prices":
		err = s.array(func() error {
			price := *p
			err := s.object(func(name string) error { return price.scanCondition(s, name) })
			*prices = append(*prices, price)
			return err
		})
	default:
		err = fmt.Errorf("a model has no %q", name)
	}
	return err
}

func (p *Price) scanCondition(s *scanner, name string) (err error) {
	switch name {
	case "from":
		var text string
		if text, err = s.text(); err == nil {
			p.From, err = time.Parse(time.RFC3339, text)
		}
	case "hours":
		var text string
		if text, err = s.text(); err == nil {
			p.Hours, err = ParseHours(text)
		}
	case "rates":
		err = p.Rates.scan(s)
	default:
		err = fmt.Errorf("a price has no %q", name)
	}
	return err
}
