package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/price"
)

// pricesBody is the price list and the form of an override.
type pricesBody struct {
	Search, Source string
	Keep           [][2]string
	Sources        []option
	Table          table
	Overrides      []overrideLine
	OverridesTable table // for its CSV
	Unpriced       table
	Form           priceForm
	Complaint      string
}

// An overrideLine is a price that can be removed.
type overrideLine struct {
	Model, Provider, Rates, Since, Delete string
}

// priceForm is what is typed, as it was typed.
type priceForm struct{ Provider, Model, From, Input, Output, CacheRead, CacheWrite string }

// maxOverrides is how many prices of one's own are shown.
const maxOverrides = 200

var sourceOptions = []option{{"", "All sources"}, {"override", "Your own"}, {"import", "Imported"}, {"shipped", "Shipped"}}

// pricesPage lists the prices.
func pricesPage(v *visit) error {
	form := priceForm{Provider: v.query("set-provider"), Model: v.query("set-model")}
	return v.showPrices(http.StatusOK, form, "")
}

func (v *visit) showPrices(status int, form priceForm, complaint string) error {
	unpriced, err := v.DB.Unpriced(v.Context(), v.caller)
	if err != nil {
		return err
	}
	source, err := v.oneOf("source", "source", price.SourceOverride, price.SourceImport, price.SourceShipped)
	if err != nil {
		return err
	}
	f := store.PriceFilter{Source: source, Contains: strings.TrimSpace(v.query("q"))}
	if v.query("format") == "csv" {
		return v.pricesCSV(f, unpriced)
	}
	offset, err := v.place("after")
	if err != nil {
		return err
	}
	f.Limit, f.Offset = pageRows+1, offset
	rows, err := v.DB.Prices(v.Context(), v.caller, f)
	if err != nil {
		return err
	}
	b := pricesBody{
		Search: v.query("q"), Source: f.Source, Keep: v.kept("q", "source"), Sources: sourceOptions, Form: form, Complaint: complaint,
		Table:    newTable(v, "prices", "Price list", priceColumns(v), rows[:min(len(rows), pageRows)]),
		Unpriced: shortTable(v, "unpriced", "Models without a price", unpricedColumns(v), unpriced, pageRows),
	}
	b.Table.Note = "USD per million tokens"
	b.Table.Empty = "No price matches."
	if len(rows) > pageRows {
		b.Table.Older = v.with("after", strconv.FormatInt(offset+pageRows, 10))
	}
	if offset > 0 {
		b.Table.Newer = v.with("after", strconv.FormatInt(max(0, offset-pageRows), 10))
	}
	overrides, err := v.DB.Prices(v.Context(), v.caller, store.PriceFilter{Source: price.SourceOverride, Limit: maxOverrides + 1})
	if err != nil {
		return err
	}
	b.OverridesTable = newTable(v, "overrides", "Your own prices", priceColumns(v), overrides)
	if len(overrides) > maxOverrides {
		overrides = overrides[:maxOverrides]
		b.OverridesTable.Note = fmt.Sprintf("the first %d, CSV has all", maxOverrides)
	}
	for _, p := range overrides {
		b.Overrides = append(b.Overrides, overrideLine{p.Model, p.Provider, ratesText(p.Rates), since(v, p.EffectiveFrom), fmt.Sprintf("/prices/%d/delete", p.ID)})
	}
	v.render(v.w, v.Request, status, "prices", page{Title: "Prices", Body: b})
	return nil
}

// pricesCSV sends one of the page's tables; the price list when none is named.
func (v *visit) pricesCSV(f store.PriceFilter, unpriced []store.UnpricedModel) error {
	switch v.query("table") {
	case "", "prices":
		return sendCSV(v, "prices", priceColumns(v), v.allPrices(f))
	case "overrides":
		return sendCSV(v, "overrides", priceColumns(v), v.allPrices(store.PriceFilter{Source: price.SourceOverride}))
	case "unpriced":
		return sendCSV(v, "unpriced", unpricedColumns(v), each(unpriced))
	}
	return errNoTable
}

func (v *visit) allPrices(f store.PriceFilter) func(func(store.ModelPrice) error) error {
	f.Offset, f.Limit = 0, 1000
	return func(yield func(store.ModelPrice) error) error {
		for {
			rows, err := v.DB.Prices(v.Context(), v.caller, f)
			if err != nil {
				return err
			}
			if err := each(rows)(yield); err != nil {
				return err
			}
			if int64(len(rows)) < f.Limit {
				return nil
			}
			f.Offset += f.Limit
		}
	}
}

// savePrice makes an override.
func savePrice(v *visit) error {
	value := func(name string) string { return strings.TrimSpace(v.PostFormValue(name)) }
	form := priceForm{value("provider"), value("model"), value("from"), value("input"), value("output"), value("cache_read"), value("cache_write")}
	p, err := form.price(v.zone)
	if err != nil {
		return v.showPrices(http.StatusUnprocessableEntity, form, sentence(err.Error()))
	}
	err = v.DB.SavePrices(v.Context(), v.caller, []price.Price{p})
	var refused *store.Error
	if errors.As(err, &refused) {
		return v.showPrices(http.StatusUnprocessableEntity, form, sentence(refused.Message))
	}
	if err != nil {
		return err
	}
	return v.redirect("/prices#overrides")
}

func (f priceForm) price(zone *time.Location) (p price.Price, err error) {
	rates := price.Rates{}
	for _, r := range []struct {
		class      price.Class
		what, text string
	}{
		{price.Input, "the price of input", f.Input}, {price.Output, "the price of output", f.Output},
		{price.CacheRead, "the price of what is read from cache", f.CacheRead}, {price.CacheWrite, "the price of what is written to cache", f.CacheWrite},
	} {
		text, ok := plainDecimal(r.text)
		switch {
		case !ok:
			return p, errors.New(r.what + mustBeDecimal)
		case text == "":
			continue
		}
		if rates[r.class], err = price.ParseRate(text); err != nil {
			return p, err
		}
	}
	var from time.Time
	if f.From != "" {
		if from, err = time.ParseInLocation(time.DateOnly, f.From, zone); err != nil {
			return p, errors.New("the date must be year-month-day, as in 2026-01-31")
		}
	}
	return price.NewOverride(f.Provider, f.Model, from, rates)
}

// deletePrice removes an override.
func deletePrice(v *visit) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	if err := v.DB.DeletePrice(v.Context(), v.caller, id); err != nil {
		return err
	}
	return v.redirect("/prices#overrides")
}
