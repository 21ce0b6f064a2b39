package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/price"
)

// pricesCommand keeps the price table. What it changes holds for a running
// server's next logs, too.
type pricesCommand struct {
	List     listPricesCommand   `cmd:"" help:"List the price table."`
	Match    matchPriceCommand   `cmd:"" help:"Show the price that a model has."`
	Set      setPriceCommand     `cmd:"" help:"Override a model's price."`
	Remove   removePriceCommand  `cmd:"" help:"Remove an override or an imported price."`
	Import   importPricesCommand `cmd:"" help:"Import a price table: genai-prices' data or LiteLLM's model_prices_and_context_window.json."`
	Unpriced unpricedCommand     `cmd:"" help:"List models whose tokens are known and whose price is not."`
}

type listPricesCommand struct {
	databaseFlags
	Source   string `help:"Only shipped, import or override." enum:",shipped,import,override" default:""`
	Provider string `help:"Only this provider's." placeholder:"ID"`
	Model    string `help:"Only models with this in their name." placeholder:"TEXT"`
	JSON     bool   `name:"json" help:"As JSON, one price a line."`
}

// listed bounds a list: more than any price table has.
const listed = 100_000

func (c *listPricesCommand) Run(p *process) (err error) {
	return c.with(p, func(db *store.DB) error {
		prices, err := db.Prices(p.ctx, policy.System(), store.PriceFilter{
			Source: c.Source, Provider: c.Provider, Contains: c.Model, Limit: listed,
		})
		if err != nil {
			return err
		}
		return printPrices(p.stdout, prices, c.JSON)
	})
}

func printPrices(w io.Writer, prices []store.ModelPrice, asJSON bool) error {
	if asJSON {
		lines := json.NewEncoder(w)
		for _, p := range prices {
			if err := lines.Encode(p); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSOURCE\tPROVIDER\tMODEL\tFROM\tUSD PER MILLION TOKENS")
	for _, p := range prices {
		from := ""
		if p.EffectiveFrom != nil {
			from = p.EffectiveFrom.Time().Format("2006-01-02 15:04")
		}
		if p.Hours != nil {
			from = strings.TrimSpace(from + " " + *p.Hours)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.Source, p.Provider, p.Model, from, shownRates(p.Rates))
	}
	return table.Flush()
}

// shownRates writes rates for people.
func shownRates(rates json.RawMessage) string {
	return strings.NewReplacer(`"`, "", ",", ", ", ":", " ").Replace(strings.Trim(string(rates), "{}"))
}

type matchPriceCommand struct {
	databaseFlags
	Model    string `arg:"" help:"As the logs name it."`
	Provider string `help:"As the logs name it." placeholder:"NAME"`
	At       string `help:"The price at this time: 2026-01-31, or a time. Default: now." placeholder:"TIME"`
}

func (c *matchPriceCommand) Run(p *process) error {
	at, err := parseMoment(c.At)
	if err != nil {
		return fmt.Errorf("--at: %w", err)
	}
	if at.IsZero() {
		at = time.Now()
	}
	return c.with(p, func(db *store.DB) error {
		found, err := db.PriceAt(p.ctx, policy.System(), c.Provider, c.Model, at)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("no price is known for %s: set one with `llmtally prices set`", c.Model)
		}
		if err != nil {
			return err
		}
		return printPrices(p.stdout, []store.ModelPrice{found}, false)
	})
}

type setPriceCommand struct {
	databaseFlags
	Model         string            `arg:"" help:"As the logs name it; may end in * for all names that begin so."`
	Provider      string            `help:"Only when it comes from this provider." placeholder:"NAME"`
	EffectiveFrom string            `help:"From when on it holds: 2026-01-31, or a time. Default: it has always held." placeholder:"TIME"`
	Input         string            `help:"USD per million input tokens." placeholder:"USD"`
	Output        string            `help:"USD per million output tokens." placeholder:"USD"`
	CacheRead     string            `help:"USD per million tokens read from the cache." placeholder:"USD"`
	CacheWrite    string            `help:"USD per million tokens written to the cache." placeholder:"USD"`
	Rate          map[string]string `help:"Any other class: cache_write_1h=6, input_audio=40, requests=5 (per thousand)." placeholder:"CLASS=USD"`
}

func (c *setPriceCommand) Run(p *process) error {
	override, err := c.price()
	if err != nil {
		return err
	}
	return c.with(p, func(db *store.DB) error {
		saved := []price.Price{override}
		if err := db.SavePrices(p.ctx, policy.System(), saved); err != nil {
			return err
		}
		kept, err := db.Prices(p.ctx, policy.System(), store.PriceFilter{ID: saved[0].ID, Limit: 1})
		if err != nil {
			return err
		}
		if err := printPrices(p.stdout, kept, false); err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, "It holds for new logs; `llmtally reprice` gives it to those that are there.")
		return err
	})
}

func (c *setPriceCommand) price() (price.Price, error) {
	rates := price.Rates{}
	for _, given := range []struct{ flag, class, usd string }{
		{"--input", "input", c.Input}, {"--output", "output", c.Output},
		{"--cache-read", "cache_read", c.CacheRead}, {"--cache-write", "cache_write", c.CacheWrite},
	} {
		if given.usd == "" {
			continue
		}
		if err := setRate(rates, given.class, given.usd); err != nil {
			return price.Price{}, fmt.Errorf("%s %s: %w", given.flag, given.usd, err)
		}
	}
	for _, class := range slices.Sorted(maps.Keys(c.Rate)) {
		if err := setRate(rates, class, c.Rate[class]); err != nil {
			return price.Price{}, fmt.Errorf("--rate %s=%s: %w", class, c.Rate[class], err)
		}
	}
	if len(rates) == 0 {
		return price.Price{}, errors.New("a price needs at least one rate: --input 2.5 --output 10")
	}
	from, err := parseMoment(c.EffectiveFrom)
	if err != nil {
		return price.Price{}, fmt.Errorf("--effective-from: %w", err)
	}
	return price.NewOverride(c.Provider, c.Model, from, rates)
}

// setRate reads a class's rate: a number, or an object with tiers.
func setRate(rates price.Rates, class, usd string) error {
	if !json.Valid([]byte(usd)) {
		return errors.New("not a number of USD, such as 2.5")
	}
	object, err := json.Marshal(map[string]json.RawMessage{class: json.RawMessage(usd)})
	if err != nil {
		return err
	}
	var one price.Rates
	if err := json.Unmarshal(object, &one); err != nil {
		return err
	}
	maps.Copy(rates, one)
	return nil
}

// parseMoment reads a time or a date in UTC; nothing is the zero time.
func parseMoment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := store.ParseTimestamp(s, time.Now())
	if err != nil {
		return time.Time{}, fmt.Errorf("%.80q is no time: write 2026-01-31 or 2026-01-31T12:00:00Z", s)
	}
	return t.Time(), nil
}

type removePriceCommand struct {
	databaseFlags
	ID int64 `arg:"" help:"As the list shows it."`
}

func (c *removePriceCommand) Run(p *process) error {
	return c.with(p, func(db *store.DB) error {
		err := db.DeletePrice(p.ctx, policy.System(), c.ID)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no price %d: see `llmtally prices list`", c.ID)
		}
		var refused *store.Error
		if errors.As(err, &refused) && refused.Hint != "" {
			return fmt.Errorf("%s: %s", refused.Message, refused.Hint)
		}
		return err
	})
}

type importPricesCommand struct {
	databaseFlags
	File          string `arg:"" help:"The JSON file." type:"existingfile"`
	EffectiveFrom string `help:"From when on undated prices hold. Default: they have always held." placeholder:"TIME"`
}

func (c *importPricesCommand) Run(p *process) error {
	from, err := parseMoment(c.EffectiveFrom)
	if err != nil {
		return fmt.Errorf("--effective-from: %w", err)
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	prices, err := price.Read(f)
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.File, err)
	}
	if len(prices) == 0 {
		return fmt.Errorf("there are no prices in %s", c.File)
	}
	for i := range prices {
		if prices[i].From.IsZero() {
			prices[i].From = from
		}
	}
	return c.with(p, func(db *store.DB) error {
		if err := db.SavePrices(p.ctx, policy.System(), prices); err != nil {
			return err
		}
		_, err := fmt.Fprintf(p.stdout, "Prices imported: %d. They come before those that are shipped, and after your overrides; "+
			"they hold for new logs, and `llmtally reprice` gives them to those that are there.\n", len(prices))
		return err
	})
}

type unpricedCommand struct{ databaseFlags }

func (c *unpricedCommand) Run(p *process) error {
	return c.with(p, func(db *store.DB) error {
		models, err := db.Unpriced(p.ctx, policy.System())
		if err != nil {
			return err
		}
		if len(models) == 0 {
			_, err := fmt.Fprintln(p.stdout, "every request with tokens has a cost")
			return err
		}
		table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "MODEL\tPROVIDER\tREQUESTS\tTOKENS\tLAST SEEN")
		for _, m := range models {
			fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\n", m.Model, m.Provider, m.Requests, m.Tokens, m.LastSeen.Time().Format("2006-01-02 15:04"))
		}
		return table.Flush()
	})
}
