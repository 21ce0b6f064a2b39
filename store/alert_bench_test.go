package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// BenchmarkAppendWatched stores logs as BenchmarkAppend and BenchmarkAppendBatch
// do, without rules, with those that are shipped, and with more.
func BenchmarkAppendWatched(b *testing.B) {
	month := perUser(store.MetricCost, store.WindowMonth, 1000, 50, 80, 100)
	month.Name = "month"
	week := perUser(store.MetricTokens, store.WindowWeek, 1e9, 50, 80, 100)
	week.Name, week.TimeZone = "week", "America/New_York"
	for _, rules := range []string{"none", "shipped", "and a month and a week"} {
		open := func(b *testing.B) *alerting {
			a := &alerting{storetest.Open(b), b, nil}
			switch rules {
			case "none":
				a.withoutRules()
			case "and a month and a week":
				a.save(month)
				a.save(week)
			}
			return a
		}
		b.Run("one at a time by 64/"+rules, func(b *testing.B) {
			db := open(b)
			row := []byte(storetest.FullLog("user-1", ""))
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range 64 {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						l, _, _, _ := store.DecodeLog(row)
						err := errors.Join(l.SetText(store.ColEndUser, benchUser(i)), l.SetText(store.ColCallID, uuid.NewString()))
						if err == nil {
							_, err = db.Append(context.Background(), policy.System(), l)
						}
						if err != nil {
							panic(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run("a thousand at a time/"+rules, func(b *testing.B) {
			db := open(b)
			call := 0
			for b.Loop() {
				logs := make([]store.Log, 1000)
				for i := range logs {
					call++
					logs[i], _, _, _ = store.DecodeLog([]byte(storetest.LeanLog(benchUser(int64(call)), uuid.NewString(), storetest.GeneratedEnd, call)))
				}
				_, err := db.Append(b.Context(), policy.System(), logs...)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(1000*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
