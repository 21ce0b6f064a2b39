package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// BenchmarkOverview asks a generated database how a span went. What is kept of
// an earlier answer is forgotten each time.
func BenchmarkOverview(b *testing.B) {
	path := storetest.Generated(b, *benchRows, *benchUsers, *benchKeep).Path()
	end := storetest.GeneratedEnd
	for _, span := range []struct {
		name string
		from time.Time
		g    store.Granularity
	}{
		{"24h", end.Add(-24 * time.Hour), store.ByHour},
		{"30d", end.AddDate(0, 0, -30), store.ByDay},
		{"90d", end.AddDate(0, 0, -90), store.ByDay},
	} {
		b.Run(filepath.Base(span.name), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				db, err := store.Open(b.Context(), path, store.Options{Guest: true, Now: func() time.Time { return end }})
				require.NoError(b, err)
				b.StartTimer()
				o, err := db.Overview(b.Context(), policy.System(), span.from, end, span.g, time.UTC)
				b.StopTimer()
				require.NoError(b, err)
				require.NotZero(b, o.Range.ActiveUsers)
				require.NoError(b, db.Close())
				b.StartTimer()
			}
		})
	}
}

// BenchmarkTraffic asks what an overview answers from the rollup by hour.
func BenchmarkTraffic(b *testing.B) {
	end := storetest.GeneratedEnd
	db, err := store.Open(b.Context(), storetest.Generated(b, *benchRows, *benchUsers, *benchKeep).Path(), store.Options{Guest: true})
	require.NoError(b, err)
	defer db.Close()
	for b.Loop() {
		o, err := db.Traffic(b.Context(), policy.System(), end.AddDate(0, 0, -30), end, store.ByDay, time.UTC)
		require.NoError(b, err)
		require.NotZero(b, o.Range.Requests)
	}
}
