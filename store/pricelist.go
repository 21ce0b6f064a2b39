package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/query"
)

// A ModelPrice is a row of the price table.
type ModelPrice struct {
	ID            int64           `json:"id" doc:"0 for a free variant of a model, which no row is about."`
	Source        string          `json:"source" enum:"shipped,import,override" doc:"An override comes before an import, an import before what is shipped."`
	Provider      string          `json:"provider" doc:"Its canonical id; empty in an override for any."`
	Model         string          `json:"model"`
	EffectiveFrom *Timestamp      `json:"effective_from" format:"date-time" doc:"Null when the price has always held."`
	Hours         *string         `json:"hours" doc:"When the price holds at some hours of the day only (UTC): 00:30-16:30."`
	Rates         json.RawMessage `json:"rates" doc:"USD per million tokens by class (input, output, cache_read, cache_write, cache_write_1h, input_audio, …); searches and requests per thousand. A rate is a number, or {base, tiers: [{above, price}]} where above is a number of input tokens."`
	Match         json.RawMessage `json:"match" doc:"The names that the price is for."`
	ContextWindow *int64          `json:"context_window" doc:"Tokens; null when unknown."`
	Deprecated    bool            `json:"deprecated"`
}

// A PriceFilter says which prices to list; zero values ask for all.
type PriceFilter struct {
	ID               int64
	Source, Provider string
	Contains         string // a part of the model's name
	Limit, Offset    int64
}

// Prices lists the price table, overrides first, then by provider and model.
func (db *DB) Prices(ctx context.Context, caller policy.Caller, f PriceFilter) ([]ModelPrice, error) {
	var where query.And
	for column, value := range map[string]string{"source": f.Source, "provider": f.Provider} {
		if value != "" {
			where = append(where, query.Is(column, value))
		}
	}
	if f.ID != 0 {
		where = append(where, query.Is("id", f.ID))
	}
	switch {
	case f.Contains == "":
	case !query.IsText(f.Contains):
		where = append(where, query.Or{}) // no name has it
	default:
		where = append(where, query.Pattern{
			Place: query.Column("model"), Kind: query.ILike, Text: "%" + likeText(f.Contains) + "%",
		})
	}
	var limit *int64
	if f.Limit != 0 {
		limit = &f.Limit
	}
	return collect(ctx, db, caller, query.Select{
		From: "price_list", Where: where, Limit: limit, Offset: f.Offset,
		Order: []query.Order{{Column: "rank"}, {Column: "provider"}, {Column: "model"}, {Column: "effective_from"}, {Column: "hours"}},
	}, func(r query.Row) ModelPrice {
		p := ModelPrice{
			ID: integer(r[0]), Source: text(r[1]), Provider: text(r[2]), Model: text(r[3]),
			Rates: js(r[6]), Match: js(r[7]), Deprecated: integer(r[9]) != 0,
		}
		if at := moment(r[4]); at != minTimestamp {
			p.EffectiveFrom = &at
		}
		if hours := text(r[5]); hours != "" {
			p.Hours = &hours
		}
		if n := integer(r[8]); n > 0 {
			p.ContextWindow = &n
		}
		return p
	})
}

// likeText makes a text stand for itself in a LIKE pattern.
func likeText(s string) string {
	var b []byte
	for _, c := range []byte(s) {
		if c == '%' || c == '_' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return string(b)
}

// SavePrices stores overrides or imported prices over those of the same name
// and time, and gives them their ids. They hold for the next log.
func (db *DB) SavePrices(ctx context.Context, caller policy.Caller, prices []price.Price) error {
	if !policy.For(caller, "model_prices", policy.Insert).Any() {
		return errPermission("model_prices")
	}
	for i := range prices {
		if prices[i].Source == price.SourceShipped {
			return errors.New("shipped prices are the program's own")
		}
	}
	return db.writeLookups(ctx, func(tx *Tx) error { return savePrices(tx, prices) })
}

// DeletePrice removes an override or an imported price. Costs that were
// computed with it stay, until they are computed anew.
func (db *DB) DeletePrice(ctx context.Context, caller policy.Caller, id int64) error {
	if !policy.For(caller, "model_prices", policy.Delete).Any() {
		return errPermission("model_prices")
	}
	return db.writeLookups(ctx, func(tx *Tx) error {
		var source string
		err := tx.QueryRow("SELECT source FROM model_prices WHERE id = $1", id).Scan(&source)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return err
		case source == price.SourceShipped:
			e := errorf(CodeNotWritable, "shipped prices cannot be removed")
			e.Hint = "set an override: it comes before them"
			return e
		}
		_, err = tx.Exec("DELETE FROM model_prices WHERE id = $1", id)
		return err
	})
}

// PriceAt returns the price that a request of that provider and model has at a
// moment, as clients name them, or ErrNotFound.
func (db *DB) PriceAt(ctx context.Context, caller policy.Caller, provider, model string, at time.Time) (ModelPrice, error) {
	if !policy.For(caller, "price_list", policy.Select).Any() {
		return ModelPrice{}, errPermission("price_list")
	}
	p, ok := db.lookedUp().prices.priceOf(provider, model, at)
	if !ok {
		return ModelPrice{}, ErrNotFound
	}
	if p.ID == 0 {
		return withoutID(p)
	}
	rows, err := db.Prices(ctx, caller, PriceFilter{ID: p.ID, Limit: 1})
	if err == nil && len(rows) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return ModelPrice{}, err
	}
	return rows[0], nil
}

// withoutID shows a price that is in no row: that of a free variant.
func withoutID(p *price.Price) (row ModelPrice, err error) {
	row = ModelPrice{Source: p.Source, Provider: p.Provider, Model: p.Model}
	if row.Rates, err = json.Marshal(p.Rates); err != nil {
		return row, err
	}
	row.Match, err = json.Marshal(p.Match)
	return row, err
}

// An UnpricedModel is requests of one model whose tokens are known and whose price
// is not.
type UnpricedModel struct {
	Model    string    `json:"model"`
	Provider string    `json:"provider"`
	Requests int64     `json:"requests"`
	Tokens   int64     `json:"tokens"`
	LastSeen Timestamp `json:"last_seen" format:"date-time" doc:"The model's last request in an hour with unpriced ones."`
}

// Unpriced lists the models whose tokens are known and whose price is not, most
// requests first.
func (db *DB) Unpriced(ctx context.Context, caller policy.Caller) ([]UnpricedModel, error) {
	models, err := collect(ctx, db, caller, query.Select{
		From: "traffic_hourly",
		Columns: []query.Output{
			{Name: "model"},
			{Name: "provider"},
			{Name: "unpriced_requests", Func: query.Sum},
			{Name: "unpriced_tokens", Func: query.Sum},
			{Name: "last_at", Func: query.Max},
		},
		Where: query.Compare{Column: "unpriced_requests", Op: query.Gt, Value: int64(0)},
		Group: []string{"model", "provider"},
	}, func(r query.Row) UnpricedModel {
		return UnpricedModel{
			Model: text(r[0]), Provider: text(r[1]), Requests: integer(r[2]), Tokens: integer(r[3]), LastSeen: moment(r[4]),
		}
	})
	slices.SortStableFunc(models, func(a, b UnpricedModel) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Provider, b.Provider))
	})
	return models, err
}
