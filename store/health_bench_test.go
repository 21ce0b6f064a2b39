package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// BenchmarkSystemHealth asks a generated database, whose every hour has eight
// models, how the requests of a window went.
func BenchmarkSystemHealth(b *testing.B) {
	benchHealth(b, storetest.Generated(b, *benchRows, *benchUsers, *benchKeep))
}

// BenchmarkSystemHealthWide asks the same where response times are as
// different as those of real models: the generated logs of a model have five.
func BenchmarkSystemHealthWide(b *testing.B) {
	db := storetest.Open(b)
	var histogram strings.Builder
	for bucket := 200; bucket < 320; bucket++ { // 0.05 s to 9 s
		fmt.Fprintf(&histogram, `,"%d":%d`, bucket, 1+bucket%17)
	}
	require.NoError(b, db.Write(b.Context(), func(tx *store.Tx) error {
		for hour := storetest.GeneratedEnd.AddDate(0, 0, -180); hour.Before(storetest.GeneratedEnd); hour = hour.Add(time.Hour) {
			for model := range 8 {
				if _, err := tx.Exec(`
					INSERT INTO traffic_hourly (hour, model, provider, requests, successes, failures, tokens,
						prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
						token_requests, cost_usd, cost_nano, priced_requests, response_us, timed_requests, last_at, latency)
					VALUES ($1, $2, 'p', 900, 890, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 900, $1, $3)`,
					store.At(hour), fmt.Sprintf("model-%d", model), "{"+histogram.String()[1:]+"}"); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	benchHealth(b, db)
}

func benchHealth(b *testing.B, db *store.DB) {
	b.Helper()
	for _, name := range []string{"24h", "30d", "180d"} {
		b.Run(name, func(b *testing.B) {
			window, err := store.ParseHealthWindow(name)
			require.NoError(b, err)
			from, to := window.UpTo(storetest.GeneratedEnd.Add(-1))
			for b.Loop() {
				if _, _, err := db.Health(b.Context(), policy.System(), from, to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
