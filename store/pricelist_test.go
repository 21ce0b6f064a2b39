package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// costOf logs a million input tokens of a model and returns the cost: the
// price's input rate.
func costOf(t testing.TB, db *store.DB, model, at string) any {
	t.Helper()
	v := storetest.Append(t, db, policy.System(), fmt.Sprintf(`{"model":%q,"created_at":%q,"status":"success","prompt_tokens":1000000,"completion_tokens":0}`, model, at))
	return cell(t, db, "request_logs", "total_cost", query.Is("id", v[0].ID))
}

const (
	january, february, june = "2026-01-15T00:00:00Z", "2026-02-15T00:00:00Z", "2026-06-15T00:00:00Z"
	firstOfFebruary         = "2026-02-01T00:00:00Z"
)

func TestAnOverrideHoldsFromItsMomentOn(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	always := save(t, db, override(t, "", "m", "", `{"input":1,"output":0}`))
	later := save(t, db, override(t, "", "m", firstOfFebruary, `{"input":2,"output":0}`))
	future := save(t, db, override(t, "", "f", firstOfFebruary, `{"input":3,"output":0}`))
	for at, want := range map[string]float64{
		"1970-01-01T00:00:00Z": 1, january: 1, "2026-01-31T23:59:59.999999Z": 1,
		firstOfFebruary: 2, "2026-02-01T01:00:00+01:00": 2, "2026-02-01T00:59:59+01:00": 1, february: 2, "9999-01-01T00:00:00Z": 2,
	} {
		assert.Equal(t, want, costOf(t, db, "m", at), at)
	}
	assert.Nil(t, costOf(t, db, "f", january), "before the only price")
	assert.Equal(t, 3.0, costOf(t, db, "f", february))

	require.NoError(t, db.DeletePrice(t.Context(), policy.System(), later[0].ID))
	assert.Equal(t, 1.0, costOf(t, db, "m", february), "the old price is back")
	require.NoError(t, db.DeletePrice(t.Context(), policy.System(), always[0].ID))
	assert.Nil(t, costOf(t, db, "m", february))
	require.NoError(t, db.DeletePrice(t.Context(), policy.System(), future[0].ID))
	assert.Nil(t, costOf(t, db, "f", february))
	storetest.RequireClean(t, db)
}

func TestAnOverrideBeatsAnImportWhichBeatsWhatIsShipped(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	system := policy.System()
	assert.Equal(t, 2.5, costOf(t, db, "gpt-4o", february))
	imported := override(t, "openai", "gpt-4o", "", `{"input":5,"output":0}`)
	imported.Source = price.SourceImport
	byImport := save(t, db, imported)
	assert.Equal(t, 5.0, costOf(t, db, "gpt-4o", february))
	byHand := save(t, db, override(t, "", "gpt-4o", firstOfFebruary, `{"input":7,"output":0}`))
	assert.Equal(t, 7.0, costOf(t, db, "gpt-4o", february))
	assert.Equal(t, 7.0, costOf(t, db, "openai/gpt-4o", february), "by any of its names")
	assert.Equal(t, 5.0, costOf(t, db, "gpt-4o", january), "the override does not hold yet")
	require.NoError(t, db.DeletePrice(t.Context(), system, byHand[0].ID))
	assert.Equal(t, 5.0, costOf(t, db, "gpt-4o", february))
	require.NoError(t, db.DeletePrice(t.Context(), system, byImport[0].ID))
	assert.Equal(t, 2.5, costOf(t, db, "gpt-4o", february))
}

func TestSavingAPriceAgainReplacesItAndKeepsItsID(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	first := save(t, db, override(t, "", "m", "", `{"input":1,"output":0}`))
	second := save(t, db, override(t, "", "m", "", `{"input":0.0125,"output":0}`))
	assert.Equal(t, first[0].ID, second[0].ID)
	assert.Equal(t, 0.0125, costOf(t, db, "m", january))
	storetest.Append(t, db, policy.System(), `{"litellm_call_id":"half","model":"m","status":"success","prompt_tokens":1,"completion_tokens":0}`)
	assert.Equal(t, priced{1.25e-8, int64(13), "", true}, pricedRow(t, db, "half"), "a half of a nano-dollar is rounded away from zero")
	storetest.RequireClean(t, db)
}

func TestAnOverrideForABeginningHoldsForAllNamesThatBeginSo(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	save(t, db, override(t, "", "acme-*", "", `{"input":1,"output":0}`), override(t, "", "acme-large", "", `{"input":9,"output":0}`))
	for model, want := range map[string]any{"acme-small": 1.0, "ACME-7b": 1.0, "acme-large": 9.0, "acme": nil, "xacme-1": nil} {
		assert.Equal(t, want, costOf(t, db, model, january), model)
	}
}

func TestAnotherProcessesPricesHoldForTheNextLogs(t *testing.T) {
	t.Parallel()
	path := storetest.Path(t)
	open := func() *store.DB {
		db, err := store.Open(t.Context(), path, store.Options{AutoCreateUsers: true})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return db
	}
	server, command := open(), open()
	require.Nil(t, costOf(t, server, "m", january))
	saved := save(t, command, override(t, "", "m", "", `{"input":1,"output":0}`))
	assert.Equal(t, 1.0, costOf(t, command, "m", january), "at once where it was saved")
	server.LookAgain()
	assert.Equal(t, 1.0, costOf(t, server, "m", january))
	require.NoError(t, command.DeletePrice(t.Context(), policy.System(), saved[0].ID))
	server.LookAgain()
	assert.Nil(t, costOf(t, server, "m", january))

	save(t, command, override(t, "", "m", "", `{"input":2,"output":0}`))
	assert.Eventually(t, func() bool { return costOf(t, server, "m", january) == 2.0 }, 10*time.Second, 20*time.Millisecond, "by itself, too")
	storetest.RequireClean(t, server)
}

func TestSlowReadsDoNotKeepLogsFromBeingWritten(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), `{"litellm_call_id":"c","status":"initiated","model":"gpt-4o"}`)
	reading, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	const readers = 64 // more than any machine's connections for a while
	for range readers {
		wg.Go(func() {
			_ = db.Snapshot(context.Background(), policy.System(), func(*store.View) error {
				reading <- struct{}{}
				<-release
				return nil
			})
		})
	}
	<-reading // at least the first; those that wait keep the rest busy
	time.Sleep(50 * time.Millisecond)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3 {
			db.LookAgain()
			_, err := db.Append(context.Background(), policy.System(), store.Log{})
			assert.NoError(t, err)
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("logs wait for reads")
	}
	go func() {
		for range readers - 1 {
			<-reading
		}
	}()
	close(release)
	wg.Wait()
}

// TestPricesChangeWhileLogsCome is for the race detector, and for the costs:
// each is one of the prices that there were.
func TestPricesChangeWhileLogsCome(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	exec(t, db, "DELETE FROM model_prices") // to read few of them often
	save(t, db, override(t, "", "m", "", `{"input":1000000,"output":0}`))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 50 {
				l := storetest.Log(t, fmt.Sprintf(`{"litellm_call_id":"%d-%d","end_user":"ann","model":"m","status":"success","prompt_tokens":1,"completion_tokens":0}`, w, i))
				db.LookAgain()
				_, err := db.Append(context.Background(), policy.System(), l)
				assert.NoError(t, err)
			}
		})
	}
	for w := range 2 {
		wg.Go(func() {
			for i := range 20 {
				p := override(t, "", "m", "", fmt.Sprintf(`{"input":%d000000,"output":0}`, 1+(i+w)%3))
				assert.NoError(t, db.SavePrices(context.Background(), policy.System(), []price.Price{p}))
				p = override(t, "", fmt.Sprintf("other-%d", w), "", `{"input":1,"output":0}`)
				assert.NoError(t, db.SavePrices(context.Background(), policy.System(), []price.Price{p}))
			}
		})
	}
	wg.Wait()
	for call, cost := range costsByCall(t, db) {
		assert.Contains(t, []any{1.0, 2.0, 3.0}, cost, call)
	}
	storetest.RequireClean(t, db)
}

// TestASavedPriceHoldsWhenItsSaveReturns would fail if a load that began
// earlier put older prices over newer ones.
func TestASavedPriceHoldsWhenItsSaveReturns(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	exec(t, db, "DELETE FROM model_prices")
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			model := fmt.Sprint("m", w)
			for i := range 5 {
				p := override(t, "", model, "", fmt.Sprintf(`{"input":%d,"output":0}`, 1+i))
				assert.NoError(t, db.SavePrices(context.Background(), policy.System(), []price.Price{p}))
				found, err := db.PriceAt(context.Background(), policy.System(), "", model, time.Now())
				assert.NoError(t, err)
				assert.JSONEq(t, fmt.Sprintf(`{"input":%d,"output":0}`, 1+i), string(found.Rates))
			}
		})
	}
	wg.Wait()
}

func shippedRows(t testing.TB, db *store.DB) []store.ModelPrice {
	t.Helper()
	rows, err := db.Prices(t.Context(), policy.System(), store.PriceFilter{Source: price.SourceShipped})
	require.NoError(t, err)
	return rows
}

func exec(t testing.TB, db *store.DB, statements ...string) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(s); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestOpenTakesOverShippedPricesOfAnotherVersion(t *testing.T) {
	t.Parallel()
	path := storetest.Path(t)
	open := func() *store.DB {
		db, err := store.Open(t.Context(), path, store.Options{})
		require.NoError(t, err)
		return db
	}
	db := open()
	before := shippedRows(t, db)
	assert.Len(t, before, len(price.Shipped()))
	own := save(t, db, override(t, "", "gpt-4o", "", `{"input":7,"output":0}`))
	exec(t, db,
		"UPDATE book_state SET value = 'of another version' WHERE name = 'shipped_prices'",
		"UPDATE model_prices SET rates = '{\"input\":99}' WHERE source = 'shipped' AND model = 'o3'",
		"DELETE FROM model_prices WHERE source = 'shipped' AND model = 'o1'",
		`INSERT INTO model_prices (source, provider, model, match, rates, position)
			VALUES ('shipped', 'openai', 'gpt-vanished', '{"equals":"gpt-vanished"}', '{"input":1}', 3)`)
	require.NoError(t, db.Close())

	db = open()
	after := shippedRows(t, db)
	ids := map[string]int64{}
	key := func(p store.ModelPrice) string {
		return fmt.Sprint(p.Provider, p.Model, p.EffectiveFrom, p.Hours != nil)
	}
	for _, p := range before {
		ids[key(p)] = p.ID
	}
	require.Len(t, after, len(before))
	for _, p := range after {
		if p.Model != "o1" {
			assert.Equal(t, ids[key(p)], p.ID, "%s/%s keeps its id", p.Provider, p.Model)
		}
		assert.NotEqual(t, "gpt-vanished", p.Model)
	}
	o3, err := db.PriceAt(t.Context(), policy.System(), "", "o3", time.Now())
	require.NoError(t, err)
	assert.JSONEq(t, `{"input":2,"output":8,"cache_read":0.5}`, string(o3.Rates))
	kept, err := db.PriceAt(t.Context(), policy.System(), "", "gpt-4o", time.Now())
	require.NoError(t, err)
	assert.Equal(t, own[0].ID, kept.ID, "the operator's price stays")
	require.NoError(t, db.Close())

	db = open()
	assert.Equal(t, after, shippedRows(t, db), "opening again changes nothing")
	require.NoError(t, db.Close())
}

func TestAServerSeesPricesThatANewerProgramTookOver(t *testing.T) {
	t.Parallel()
	path := storetest.Path(t)
	server, err := store.Open(t.Context(), path, store.Options{})
	require.NoError(t, err)
	defer server.Close()
	exec(t, server, "UPDATE model_prices SET rates = '{\"input\":99}' WHERE source = 'shipped' AND model = 'gpt-4o'",
		"UPDATE book_state SET value = CAST(value AS INTEGER) + 1 WHERE name = 'revision'")
	server.LookAgain()
	require.Equal(t, 99.0, costOf(t, server, "gpt-4o", january))
	exec(t, server, "UPDATE book_state SET value = 'of another version' WHERE name = 'shipped_prices'")
	newer, err := store.Open(t.Context(), path, store.Options{})
	require.NoError(t, err)
	require.NoError(t, newer.Close())
	server.LookAgain()
	assert.Equal(t, 2.5, costOf(t, server, "gpt-4o", january))
}

func TestPricesAreListedFilteredAndPaged(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	system := policy.System()
	imported := override(t, "acme", "imported_1", "", `{"input":5,"output":1}`)
	imported.Source = price.SourceImport
	save(t, db, override(t, "acme", "zeta", firstOfFebruary, `{"input":2,"output":1}`),
		override(t, "acme", "zeta", "", `{"input":{"base":1,"tiers":[{"above":200000,"price":2}]},"output":1}`), imported)
	list := func(f store.PriceFilter) (names []string) {
		rows, err := db.Prices(t.Context(), system, f)
		require.NoError(t, err)
		for _, p := range rows {
			from := "always"
			if p.EffectiveFrom != nil {
				from = p.EffectiveFrom.Stored()[:10]
			}
			names = append(names, strings.Join([]string{p.Source, p.Provider, p.Model, from}, " "))
		}
		return names
	}
	all := list(store.PriceFilter{})
	assert.Len(t, all, len(price.Shipped())+3, "zero values ask for all")
	assert.Equal(t, []string{"override acme zeta always", "override acme zeta 2026-02-01", "import acme imported_1 always"}, all[:3])
	assert.Equal(t, all[:3], list(store.PriceFilter{Provider: "acme"}))
	assert.Equal(t, all[1:3], list(store.PriceFilter{Limit: 2, Offset: 1}))
	assert.Equal(t, all[:2], list(store.PriceFilter{Contains: "ZETA"}))
	assert.Equal(t, all[2:3], list(store.PriceFilter{Contains: "d_1"}), "an underscore is itself")
	assert.Empty(t, list(store.PriceFilter{Contains: "%"}))
	assert.Empty(t, list(store.PriceFilter{Contains: `\`}))
	assert.Empty(t, list(store.PriceFilter{Source: price.SourceImport, Provider: "openai"}))
	var pages []string
	for offset := int64(0); ; offset += 100 {
		page := list(store.PriceFilter{Limit: 100, Offset: offset})
		if pages = append(pages, page...); len(page) < 100 {
			break
		}
	}
	assert.Equal(t, all, pages, "pages neither repeat nor miss a price")

	rows, err := db.Prices(t.Context(), system, store.PriceFilter{Source: price.SourceShipped, Provider: "deepseek", Contains: "deepseek-chat"})
	require.NoError(t, err)
	var hours []string
	for _, p := range rows {
		if p.Hours != nil {
			hours = append(hours, *p.Hours)
		}
	}
	assert.Contains(t, hours, "00:30-16:30")
}

func TestPricesAreTheServiceRolesAlone(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	saved := save(t, db, override(t, "", "m", "", `{"input":1,"output":1}`))
	for name, caller := range accessCallers {
		if caller.Role == policy.Service {
			continue
		}
		rows, err := db.Prices(t.Context(), caller, store.PriceFilter{})
		require.NoError(t, err)
		assert.Empty(t, rows, name)
		var refusal *store.Error
		_, err = db.PriceAt(t.Context(), caller, "", "m", time.Now())
		require.ErrorAs(t, err, &refusal, name)
		require.ErrorAs(t, db.SavePrices(t.Context(), caller, saved), &refusal, name)
		require.ErrorAs(t, db.DeletePrice(t.Context(), caller, saved[0].ID), &refusal, name)
		models, err := db.Unpriced(t.Context(), caller)
		require.NoError(t, err)
		assert.Empty(t, models, name)
	}
	for _, relation := range []string{"model_prices", "price_list", "book_state"} {
		_, err := db.Mutate(t.Context(), policy.System(), store.Mutation{Relation: relation, Action: policy.Delete})
		var refusal *store.Error
		require.ErrorAs(t, err, &refusal)
		assert.Equal(t, store.CodeUnknownRelation, refusal.Code)
	}
}

func TestAShippedPriceCannotBeRemovedNorSaved(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	shipped := shippedRows(t, db)[0]
	var refusal *store.Error
	require.ErrorAs(t, db.DeletePrice(t.Context(), policy.System(), shipped.ID), &refusal)
	assert.Contains(t, refusal.Hint, "override")
	require.ErrorIs(t, db.DeletePrice(t.Context(), policy.System(), 1<<40), store.ErrNotFound)
	require.Error(t, db.SavePrices(t.Context(), policy.System(), price.Shipped()[:1]))
	assert.Equal(t, shipped, shippedRows(t, db)[0])
}

func TestUnpricedModelsAreCountedHoweverTheLogsChange(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	system := policy.System()
	unpriced := func() string {
		models, err := db.Unpriced(t.Context(), system)
		require.NoError(t, err)
		storetest.RequireClean(t, db)
		lines := []string{}
		for _, m := range models {
			lines = append(lines, fmt.Sprintf("%s/%s %d %d", m.Provider, m.Model, m.Requests, m.Tokens))
		}
		return strings.Join(lines, ", ")
	}
	assert.Empty(t, unpriced())
	storetest.Append(t, db, system,
		`{"litellm_call_id":"a","end_user":"ann","model":"m","status":"success","prompt_tokens":10,"completion_tokens":5}`,
		`{"litellm_call_id":"b","end_user":"bob","model":"m","status":"failure","prompt_tokens":1,"completion_tokens":0}`,
		`{"litellm_call_id":"c","model":"n","provider":"p","status":"success","tokens_used":7}`,
		`{"litellm_call_id":"d","end_user":"ann","model":"n","status":"initiated"}`,
		`{"litellm_call_id":"e","end_user":"ann","model":"gpt-4o","status":"success","prompt_tokens":1,"completion_tokens":1}`,
		`{"litellm_call_id":"f","end_user":"ann","model":"m","status":"success","prompt_tokens":1,"completion_tokens":1,"total_cost":0}`,
		`{"litellm_call_id":"g","end_user":"ann","model":"m","status":"success","prompt_tokens":0,"completion_tokens":0}`)
	assert.Equal(t, "/m 2 16, p/n 1 7", unpriced())
	storetest.Append(t, db, system, `{"litellm_call_id":"d","status":"success","prompt_tokens":3,"completion_tokens":0}`)
	assert.Equal(t, "/m 2 16, /n 1 3, p/n 1 7", unpriced(), "a completion")
	change := func(action policy.Action, call string, set ...query.Assignment) {
		_, err := db.Mutate(t.Context(), system, store.Mutation{Relation: "request_logs", Action: action, Set: set, Where: query.Is("litellm_call_id", call)})
		require.NoError(t, err)
	}
	change(policy.Update, "a", assign("total_cost", 0.5)...)
	assert.Equal(t, "/m 1 1, /n 1 3, p/n 1 7", unpriced(), "an update")
	change(policy.Update, "e", assign("model", "n", "provider", "p")...)
	assert.Equal(t, "p/n 2 9, /m 1 1, /n 1 3", unpriced(), "a price that is lost")
	change(policy.Delete, "c")
	assert.Equal(t, "/m 1 1, /n 1 3, p/n 1 2", unpriced(), "a deletion")
	require.NoError(t, db.EraseUser(t.Context(), system, "ann"))
	assert.Equal(t, "/m 1 1", unpriced(), "an erasure")
	save(t, db, override(t, "", "m", "", `{"input":1,"output":1}`))
	reprice(t, db, store.Repricing{})
	assert.Empty(t, unpriced())
}

func TestAPriceReadsBackAsItWasSaved(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	rates := `{"input":{"base":0.000000000000000001,"tiers":[{"above":128000,"price":2.5},{"above":200000,"price":1000000000}]},"output":0,"cache_read":0.1,"requests":5}`
	saved := save(t, db, override(t, "Azure OpenAI", "Mine-*", "2026-02-01T00:00:00Z", rates))
	rows, err := db.Prices(t.Context(), policy.System(), store.PriceFilter{ID: saved[0].ID})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	var read, sent any
	require.NoError(t, json.Unmarshal(rows[0].Rates, &read))
	require.NoError(t, json.Unmarshal([]byte(rates), &sent))
	assert.Equal(t, sent, read)
	assert.Equal(t, "azure", rows[0].Provider)
	assert.Equal(t, "Mine-*", rows[0].Model)
	assert.JSONEq(t, `{"starts_with":"Mine-"}`, string(rows[0].Match))
	assert.Equal(t, "2026-02-01T00:00:00.000000Z", rows[0].EffectiveFrom.Stored())
}

// BenchmarkOpenExisting opens and closes a database that has its prices
// already, and one that has none, to tell what they cost.
func BenchmarkOpenExisting(b *testing.B) {
	b.Run("prices", func(b *testing.B) { benchOpen(b, storetest.Path(b)) })
	b.Run("no prices", func(b *testing.B) {
		db := storetest.Open(b)
		exec(b, db, "DELETE FROM model_prices")
		require.NoError(b, db.Close())
		benchOpen(b, db.Path())
	})
}

// BenchmarkOpenGenerated does so with a generated database.
func BenchmarkOpenGenerated(b *testing.B) {
	db := storetest.Generated(b, *benchRows, *benchUsers, *benchKeep)
	path := db.Path()
	require.NoError(b, db.Close())
	benchOpen(b, path)
}

func benchOpen(b *testing.B, path string) {
	b.Helper()
	opening := time.Duration(0)
	for b.Loop() {
		begin := time.Now()
		db, err := store.Open(b.Context(), path, store.Options{})
		opening += time.Since(begin)
		require.NoError(b, err)
		require.NoError(b, db.Close())
	}
	b.ReportMetric(float64(opening.Microseconds())/float64(b.N)/1000, "ms-open")
}
