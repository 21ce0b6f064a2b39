package store_test

import (
	"context"
	"errors"
	"fmt"
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

func reprice(t testing.TB, db *store.DB, what store.Repricing) store.Repriced {
	t.Helper()
	looked, err := db.RepriceableLogs(t.Context(), what)
	require.NoError(t, err)
	done, err := db.Reprice(t.Context(), what, func(store.Repriced) {})
	require.NoError(t, err)
	assert.Equal(t, looked, done.Looked, "it looks at what it counted")
	storetest.RequireClean(t, db)
	return done
}

// save stores prices as the service role.
func save(t testing.TB, db *store.DB, prices ...price.Price) []price.Price {
	t.Helper()
	require.NoError(t, db.SavePrices(t.Context(), policy.System(), prices))
	return prices
}

// costsByCall returns every log's cost by its call id.
func costsByCall(t testing.TB, db *store.DB) map[string]any {
	t.Helper()
	all := map[string]any{}
	_, err := db.Run(t.Context(), policy.System(), query.Select{
		From: "request_logs", Columns: []query.Output{{Name: "litellm_call_id"}, {Name: "total_cost"}},
	}, func(r query.Row) error { all[r[0].(string)] = r[1]; return nil })
	require.NoError(t, err)
	return all
}

// mixedLogs are priced by llmtally, by their sender, and not at all.
var mixedLogs = []string{
	`{"litellm_call_id":"old","end_user":"ann","model":"m","status":"success","prompt_tokens":1000,"completion_tokens":0,"created_at":"2026-01-01T00:00:00Z"}`,
	`{"litellm_call_id":"new","end_user":"ann","model":"m","status":"failure","prompt_tokens":1000,"completion_tokens":0,"created_at":"2026-02-01T00:00:00Z"}`,
	`{"litellm_call_id":"other","end_user":"bob","model":"n","status":"success","prompt_tokens":1000,"completion_tokens":0,"created_at":"2026-02-01T00:00:00Z"}`,
	`{"litellm_call_id":"nobody's","model":"m","status":"success","prompt_tokens":1000,"completion_tokens":0,"created_at":"2026-02-01T00:00:00Z"}`,
	`{"litellm_call_id":"ours","end_user":"ann","model":"gpt-4o","status":"success","prompt_tokens":1000,"completion_tokens":0,"created_at":"2026-01-01T00:00:00Z"}`,
	`{"litellm_call_id":"theirs","end_user":"ann","model":"m","status":"success","prompt_tokens":1000,"completion_tokens":0,"total_cost":7,"created_at":"2026-02-01T00:00:00Z"}`,
	`{"litellm_call_id":"theirs of nothing","end_user":"ann","model":"gpt-4o","status":"success","prompt_tokens":1000,"completion_tokens":0,"total_cost":0,"created_at":"2026-02-01T00:00:00Z"}`,
	`{"litellm_call_id":"a total","end_user":"ann","model":"m","status":"success","tokens_used":10,"created_at":"2026-02-01T00:00:00Z"}`,
	`{"litellm_call_id":"nothing","end_user":"ann","model":"m","status":"success","created_at":"2026-02-01T00:00:00Z"}`,
}

func TestRepriceGivesLogsTheCostThatHeldWhenTheyWereMade(t *testing.T) {
	t.Parallel()
	february := store.At(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	before := map[string]any{
		"old": nil, "new": nil, "other": nil, "nobody's": nil, "ours": 0.0025,
		"theirs": 7.0, "theirs of nothing": 0.0, "a total": nil, "nothing": nil,
	}
	tests := map[string]struct {
		what store.Repricing
		done store.Repriced
		want map[string]any // beside what stays
	}{
		"all":                     {store.Repricing{}, store.Repriced{Looked: 6, Changed: 5, Without: 1}, map[string]any{"old": 0.001, "new": 0.002, "nobody's": 0.002, "other": 0.009, "ours": 0.004}},
		"one model":               {store.Repricing{Model: "n"}, store.Repriced{Looked: 1, Changed: 1}, map[string]any{"other": 0.009}},
		"since a moment":          {store.Repricing{Since: february}, store.Repriced{Looked: 4, Changed: 3, Without: 1}, map[string]any{"new": 0.002, "nobody's": 0.002, "other": 0.009}},
		"a model since":           {store.Repricing{Model: "m", Since: february + 1}, store.Repriced{}, nil},
		"unpriced only":           {store.Repricing{UnpricedOnly: true}, store.Repriced{Looked: 5, Changed: 4, Without: 1}, map[string]any{"old": 0.001, "new": 0.002, "nobody's": 0.002, "other": 0.009}},
		"what llmtally priced":    {store.Repricing{Model: "gpt-4o"}, store.Repriced{Looked: 1, Changed: 1}, map[string]any{"ours": 0.004}},
		"a model that nobody has": {store.Repricing{Model: "x"}, store.Repriced{}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t)
			storetest.Append(t, db, policy.System(), mixedLogs...)
			require.Equal(t, before, costsByCall(t, db))
			save(t, db, override(t, "", "m", "", `{"input":1,"output":1}`), override(t, "", "m", "2026-02-01T00:00:00Z", `{"input":2,"output":1}`),
				override(t, "", "n", "", `{"input":9,"output":1}`), override(t, "", "gpt-4o", "", `{"input":4,"output":1}`))
			want := map[string]any{}
			for call, cost := range before {
				want[call] = cost
			}
			for call, cost := range tt.want {
				want[call] = cost
			}
			assert.Equal(t, tt.done, reprice(t, db, tt.what))
			assert.Equal(t, want, costsByCall(t, db))
			again := reprice(t, db, tt.what)
			assert.Zero(t, again.Changed, "there is nothing left to do")
			assert.Equal(t, want, costsByCall(t, db))
		})
	}
}

func TestACostWhosePriceWentAwayStays(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	prices := save(t, db, override(t, "", "m", "", `{"input":1,"output":1}`))
	storetest.Append(t, db, policy.System(), mixedLogs[0])
	require.NoError(t, db.DeletePrice(t.Context(), policy.System(), prices[0].ID))
	assert.Equal(t, store.Repriced{Looked: 1}, reprice(t, db, store.Repricing{}))
	assert.Equal(t, 0.001, costsByCall(t, db)["old"])
	save(t, db, override(t, "", "m", "", `{"input":3,"output":1}`))
	assert.Equal(t, store.Repriced{Looked: 1, Changed: 1}, reprice(t, db, store.Repricing{}), "it is llmtally's all the same")
	assert.Equal(t, 0.003, costsByCall(t, db)["old"])
}

func TestAFreeVariantIsPricedAnewWhenItIsNoLongerFree(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), `{"litellm_call_id":"c","model":"openrouter/foo/bar:free","status":"success","prompt_tokens":1000,"completion_tokens":0}`)
	require.Equal(t, priced{0.0, int64(0), "openrouter", true}, pricedRow(t, db, "c"))
	save(t, db, override(t, "openrouter", "foo/bar:free", "", `{"input":1,"output":1}`))
	assert.Equal(t, store.Repriced{Looked: 1, Changed: 1}, reprice(t, db, store.Repricing{}))
	assert.Equal(t, 0.001, pricedRow(t, db, "c").cost)
}

// fill appends n logs of model m, half of them ann's.
func fill(t testing.TB, db *store.DB, n int, more string) {
	t.Helper()
	var logs []store.Log
	for i := range n {
		user := []string{`"end_user":"ann",`, ""}[i%2]
		logs = append(logs, storetest.Log(t, fmt.Sprintf(`{"litellm_call_id":"c%d",%s"model":"m","status":"success","prompt_tokens":%d,"completion_tokens":0,"created_at":"2026-01-%02dT00:00:00Z"%s}`,
			i, user, 1+i%1000, 1+i%28, more)))
		if len(logs) == 1000 || i == n-1 {
			_, err := db.Append(t.Context(), policy.System(), logs...)
			require.NoError(t, err)
			logs = nil
		}
	}
}

func TestARepriceThatIsStoppedGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	fill(t, db, 10_000, "")
	save(t, db, override(t, "", "m", "", `{"input":1,"output":1}`))
	ctx, stop := context.WithCancel(t.Context())
	var reports []store.Repriced
	first, err := db.Reprice(ctx, store.Repricing{}, func(r store.Repriced) {
		if reports = append(reports, r); len(reports) == 3 {
			stop()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, store.Repriced{Looked: 1500, Changed: 1500}, first, "what was done stays done")
	assert.Equal(t, []store.Repriced{{Looked: 500, Changed: 500}, {Looked: 1000, Changed: 1000}, {Looked: 1500, Changed: 1500}}, reports)
	storetest.RequireClean(t, db)
	left, err := db.RepriceableLogs(t.Context(), store.Repricing{UnpricedOnly: true})
	require.NoError(t, err)
	assert.Equal(t, int64(8500), left)

	second := reprice(t, db, store.Repricing{})
	assert.Equal(t, store.Repriced{Looked: 10_000, Changed: 8500}, second, "none is done twice")
	all, err := db.AllCosts(t.Context(), policy.System())
	require.NoError(t, err)
	assert.Equal(t, 5.005, all.TotalCost, "10 × (1 + … + 1000) tokens at 1 USD a million")
}

func TestOthersWriteWhileLogsArePricedAnew(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	fill(t, db, 4000, "")
	save(t, db, override(t, "", "m", "", `{"input":1,"output":1}`))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	written := 0
	wg.Go(func() {
		for ; ; written++ {
			select {
			case <-stop:
				return
			default:
			}
			l := storetest.Log(t, fmt.Sprintf(`{"litellm_call_id":"w%d","end_user":"ann","model":"m","status":"success","prompt_tokens":1,"completion_tokens":0}`, written))
			_, err := db.Append(context.Background(), policy.System(), l)
			assert.NoError(t, err)
		}
	})
	wg.Go(func() { // takes some away, prices some as a sender would
		for i := range 100 {
			_, err := db.Mutate(context.Background(), policy.System(), store.Mutation{
				Relation: "request_logs", Action: policy.Delete, Where: query.Is("litellm_call_id", fmt.Sprint("c", 10*i)),
			})
			assert.NoError(t, err)
			_, err = db.Mutate(context.Background(), policy.System(), store.Mutation{
				Relation: "request_logs", Action: policy.Update, Set: assign("total_cost", 9.0), Where: query.Is("litellm_call_id", fmt.Sprint("c", 3999-10*i)),
			})
			assert.NoError(t, err)
		}
	})
	seenBetween := 0
	_, err := db.Reprice(t.Context(), store.Repricing{}, func(store.Repriced) { seenBetween++ })
	require.NoError(t, err)
	close(stop)
	wg.Wait()
	assert.GreaterOrEqual(t, seenBetween, 7)
	assert.Positive(t, written)
	storetest.RequireClean(t, db)
	for call, cost := range costsByCall(t, db) {
		require.NotNil(t, cost, call)
	}
	assert.Equal(t, 9.0, costsByCall(t, db)["c3999"], "the sender's word")
}

func TestRepriceFailsWholeChunksOnly(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	fill(t, db, 1200, "")
	save(t, db, override(t, "", "m", "", `{"input":1,"output":1}`))
	storetest.Refuse(t, db, "UPDATE", "request_logs", "new.id = 700")
	done, err := db.Reprice(t.Context(), store.Repricing{}, func(store.Repriced) {})
	require.Error(t, err)
	assert.False(t, errors.Is(err, context.Canceled))
	assert.Equal(t, store.Repriced{Looked: 500, Changed: 500}, done)
	storetest.RequireClean(t, db)
}

// TestWhatChangesBetweenFindingAndPricingStays holds up the writer, so that
// the changes wait before the pricing of logs that were found without them.
func TestWhatChangesBetweenFindingAndPricingStays(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	fill(t, db, 10, "")
	save(t, db, override(t, "", "m", "", `{"input":1000000,"output":1}`))
	release := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		assert.NoError(t, db.Write(context.Background(), func(*store.Tx) error { <-release; return nil }))
	})
	change := func(m store.Mutation) {
		time.Sleep(50 * time.Millisecond) // each waits behind the one before
		m.Relation = "request_logs"
		wg.Go(func() { _, err := db.Mutate(context.Background(), policy.System(), m); assert.NoError(t, err) })
	}
	change(store.Mutation{Action: policy.Update, Set: assign("total_cost", 0.5), Where: query.Is("litellm_call_id", "c1")})
	change(store.Mutation{Action: policy.Delete, Where: query.Is("litellm_call_id", "c2")})
	change(store.Mutation{Action: policy.Update, Set: assign("model", "unheard-of"), Where: query.Is("litellm_call_id", "c3")})
	time.Sleep(50 * time.Millisecond)
	wg.Go(func() {
		done, err := db.Reprice(context.Background(), store.Repricing{}, func(store.Repriced) {})
		assert.NoError(t, err)
		assert.Equal(t, store.Repriced{Looked: 8, Changed: 7, Without: 1}, done)
	})
	time.Sleep(100 * time.Millisecond)
	close(release)
	wg.Wait()
	all := costsByCall(t, db)
	assert.Equal(t, map[string]any{"c0": 1.0, "c1": 0.5, "c3": nil}, map[string]any{"c0": all["c0"], "c1": all["c1"], "c3": all["c3"]})
	assert.Len(t, all, 9)
	storetest.RequireClean(t, db)
}
