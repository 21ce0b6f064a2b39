package store_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

var (
	benchRows  = flag.Int("rows", 1_000_000, "logs in the generated database of the read benchmarks")
	benchUsers = flag.Int("users", 10_000, "users in it")
	benchKeep  = flag.String("keep", "", "folder to keep generated databases in, to use them again")
)

// BenchmarkAppend stores one full log a call, from as many goroutines as the
// name says, each waiting for its own to be on disk.
func BenchmarkAppend(b *testing.B) {
	for _, producers := range []int{1, 32, 64, 256} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			db := storetest.Open(b)
			row := []byte(storetest.FullLog("user-1", ""))
			var next atomic.Int64
			var wg sync.WaitGroup
			b.SetBytes(int64(len(row)))
			b.ResetTimer()
			for range producers {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						l, _, _, _ := store.DecodeLog(row)
						err := errors.Join(
							l.SetText(store.ColEndUser, benchUser(i)),
							l.SetText(store.ColCallID, uuid.NewString()))
						if err != nil {
							panic(err)
						}
						if _, err := db.Append(context.Background(), policy.System(), l); err != nil {
							panic(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// benchUser spreads calls over a thousand users by Zipf's law: the first has
// every seventh call.
func benchUser(i int64) string {
	zipf := benchZipf()
	return storetest.GeneratedUser(zipf[i%int64(len(zipf))])
}

var benchZipf = sync.OnceValue(func() []int {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(7, 7)), 1.07, 2, 999)
	ranks := make([]int, 100_003)
	for i := range ranks {
		ranks[i] = int(zipf.Uint64())
	}
	return ranks
})

// BenchmarkAppendBatch stores a thousand logs a call.
func BenchmarkAppendBatch(b *testing.B) {
	for _, kind := range []string{"full", "lean"} {
		b.Run(kind, func(b *testing.B) {
			db := storetest.Open(b)
			texts := make([][]byte, 20_000)
			for i := range texts {
				text := storetest.FullLog(benchUser(int64(i)), uuid.NewString())
				if kind == "lean" {
					text = storetest.LeanLog(benchUser(int64(i)), uuid.NewString(), storetest.GeneratedEnd, i)
				}
				texts[i] = []byte(text)
			}
			call := 0
			for b.Loop() {
				logs := make([]store.Log, 1000)
				for i := range logs {
					logs[i], _, _, _ = store.DecodeLog(texts[call%len(texts)])
					if err := logs[i].SetText(store.ColCallID, uuid.NewString()); err != nil {
						b.Fatal(err)
					}
					call++
				}
				if _, err := db.Append(b.Context(), policy.System(), logs...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(1000*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkRead asks what the API's endpoints ask, of a generated database.
func BenchmarkRead(b *testing.B) {
	db := storetest.Generated(b, *benchRows, *benchUsers, *benchKeep)
	ctx, system := b.Context(), policy.System()
	heavy := storetest.GeneratedUser(0)
	end := storetest.GeneratedEnd
	lord, err := store.ParseZone("Australia/Lord_Howe")
	require.NoError(b, err)
	questions := []struct {
		name string
		ask  func(i int) error
	}{
		{"analytics/any", func(i int) error {
			_, err := db.Analytics(ctx, system, storetest.GeneratedUser(i*7919%*benchUsers))
			if errors.Is(err, store.ErrNotFound) {
				return nil // a user of a rank that got no log
			}
			return err
		}},
		{"analytics/heaviest", func(int) error { _, err := db.Analytics(ctx, system, heavy); return err }},
		{"analytics/all", func(int) error { _, err := db.AllAnalytics(ctx, system, int64(*benchUsers), 0); return err }},
		{"breakdown/heaviest", func(int) error { _, err := db.Breakdown(ctx, system, heavy); return err }},
		{"history/first", func(int) error { _, err := db.History(ctx, system, heavy, 50, 0); return err }},
		{"history/offset=10000", func(int) error { _, err := db.History(ctx, system, heavy, 50, 10_000); return err }},
		{"activity", func(int) error { _, err := db.Activity(ctx, system, 50); return err }},
		{"usage/90days", func(int) error {
			_, err := db.Usage(ctx, system, heavy, store.ByDay, end.AddDate(0, 0, -90), end, lord)
			return err
		}},
	}
	for _, q := range questions {
		b.Run(q.name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				i++
				if err := q.ask(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
