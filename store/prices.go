package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/llmtally/llmtally/store/price"
)

// A priceTable is one state of the prices. What was looked up is remembered:
// clients send few names, many times.
type priceTable struct {
	*price.Table
	found *lru.Cache[modelName, foundPrice]
}

type modelName struct{ provider, model string }

type foundPrice struct {
	entry    *price.Entry // nil: no price is known
	provider string       // as the model's name alone tells; "" when it does not
}

// maxFoundPrices bounds what is remembered: clients may send any names.
const maxFoundPrices = 4096

func newPriceTable(prices []price.Price) *priceTable {
	found, _ := lru.New[modelName, foundPrice](maxFoundPrices) // only a size below 1 is refused
	return &priceTable{Table: price.NewTable(prices), found: found}
}

func (t *priceTable) find(provider, model string) foundPrice {
	name := modelName{provider, model}
	if f, ok := t.found.Get(name); ok {
		return f
	}
	f := foundPrice{provider: t.ProviderOf(model)}
	if entry, ok := t.Find(provider, model); ok {
		f.entry = entry
	}
	t.found.Add(name, f)
	return f
}

// shippedPrices names, in book_state, the version of the program's own prices
// that the database holds.
const shippedPrices = "shipped_prices"

// takeOverPrices brings the program's own prices into the database, when it
// holds those of another version.
func (db *DB) takeOverPrices(ctx context.Context) error {
	var held string
	err := db.readers.QueryRowContext(ctx,
		"SELECT coalesce((SELECT value FROM book_state WHERE name = $1), '')", shippedPrices).Scan(&held)
	if err != nil {
		return fmt.Errorf("reading the version of the prices: %w", err)
	}
	if held == price.Version() {
		return nil
	}
	err = db.Write(ctx, func(tx *Tx) error {
		// Prices that stay keep their ids: logs refer to them.
		if _, err := tx.Exec("UPDATE model_prices SET position = -1 WHERE source = $1", price.SourceShipped); err != nil {
			return err
		}
		if err := savePrices(tx, price.Shipped()); err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM model_prices WHERE source = $1 AND position = -1", price.SourceShipped); err != nil {
			return err
		}
		_, err := tx.Exec(`
			INSERT INTO book_state (name, value)
			VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, shippedPrices, price.Version())
		if err != nil {
			return err
		}
		return changeLookups(tx) // another process may be at work
	})
	if err != nil {
		return fmt.Errorf("taking over the shipped prices: %w", err)
	}
	return nil
}

// savePrices stores prices, in their order, over those of the same name, source
// and time, and gives them their ids.
func savePrices(tx *Tx, prices []price.Price) error {
	save, err := tx.Prepare(`
		INSERT INTO model_prices (source, provider, model, effective_from, hours, match, rates,
			context_window, deprecated, position, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (source, provider, model, effective_from, hours) DO UPDATE
		SET match = excluded.match, rates = excluded.rates, context_window = excluded.context_window,
			deprecated = excluded.deprecated, position = excluded.position
		RETURNING id`)
	if err != nil {
		return err
	}
	defer save.Close()
	for i := range prices {
		p := &prices[i]
		match, err := json.Marshal(p.Match)
		if err != nil {
			return err
		}
		rates, err := json.Marshal(p.Rates)
		if err != nil {
			return err
		}
		hours := ""
		if p.Hours != nil {
			hours = p.Hours.String()
		}
		if err := save.QueryRow(p.Source, p.Provider, p.Model, effectiveFrom(p.From).Stored(), hours, string(match),
			string(rates), p.ContextWindow, p.Deprecated, i, tx.now().Stored()).Scan(&p.ID); err != nil {
			return fmt.Errorf("storing the price of %s/%s: %w", p.Provider, p.Model, err)
		}
	}
	return nil
}

// effectiveFrom gives a price that has always held the first moment there is.
func effectiveFrom(t time.Time) Timestamp { return max(At(t), minTimestamp) }

const selectPricesSQL = `
	SELECT id, source, provider, model, effective_from, hours, match, rates, context_window, deprecated
	FROM model_prices
	ORDER BY source, position, id`

// readPrices returns every stored price, each source's in its own order.
func readPrices(ctx context.Context, tx *sql.Tx) (prices []price.Price, err error) {
	rows, err := tx.QueryContext(ctx, selectPricesSQL)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p price.Price
		var from, hours, match, rates string
		if err := rows.Scan(&p.ID, &p.Source, &p.Provider, &p.Model, &from, &hours, &match, &rates,
			&p.ContextWindow, &p.Deprecated); err != nil {
			return nil, err
		}
		if err := fillPrice(&p, from, hours, match, rates); err != nil {
			return nil, fmt.Errorf("reading the price %d: %w", p.ID, err)
		}
		prices = append(prices, p)
	}
	return prices, rows.Err()
}

// fillPrice gives a price what its row holds as text.
func fillPrice(p *price.Price, from, hours, match, rates string) error {
	t, err := parseStored(from)
	if err != nil {
		return err
	}
	if t != minTimestamp {
		p.From = t.Time()
	}
	if hours != "" {
		if p.Hours, err = price.ParseHours(hours); err != nil {
			return err
		}
	}
	// Not by way of json.Unmarshal, which reads each of the many twice.
	if err := p.Match.UnmarshalJSON([]byte(match)); err != nil {
		return err
	}
	return p.Rates.UnmarshalJSON([]byte(rates))
}
