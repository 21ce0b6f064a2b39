package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// BenchmarkRebuildMonthHoldsTheWriter makes every row of a month anew, or finds
// nothing to do, while another goroutine asks for the writer again and again:
// ms-held-max is the longest that it waited.
func BenchmarkRebuildMonthHoldsTheWriter(b *testing.B) {
	db := storetest.GeneratedMonth(b, *benchRows, *benchUsers, *benchKeep)
	ctx, month := b.Context(), monthOf(2026, time.June)
	for _, kind := range []string{"all rows", "no row"} {
		b.Run(kind, func(b *testing.B) {
			longest, rows := time.Duration(0), 0
			for b.Loop() {
				b.StopTimer()
				if kind == "all rows" {
					require.NoError(b, db.Write(ctx, func(tx *store.Tx) error { _, err := tx.Exec("DELETE FROM tokens_usage"); return err }))
				}
				held := watchWriter(ctx, db)
				b.StartTimer()
				changed, err := db.RebuildMonth(ctx, month)
				b.StopTimer()
				require.NoError(b, err)
				rows, longest = changed, max(longest, held())
				b.StartTimer()
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "ms-held-max")
			b.ReportMetric(float64(rows), "rows-changed")
		})
	}
}

// watchWriter asks for the writer until it is told to stop, and then returns
// the longest that an empty transaction took.
func watchWriter(ctx context.Context, db *store.DB) (stop func() time.Duration) {
	var wg sync.WaitGroup
	var longest time.Duration
	done := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			begin := time.Now()
			if err := db.Write(ctx, func(*store.Tx) error { return nil }); err != nil {
				panic(err)
			}
			longest = max(longest, time.Since(begin))
		}
	})
	return func() time.Duration { close(done); wg.Wait(); return longest }
}
