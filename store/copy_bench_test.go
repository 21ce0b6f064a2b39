package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// A generated database is copied, and then once more when nothing has changed.
func BenchmarkCopy(b *testing.B) {
	for _, to := range []engineKind{onSQLite, onPostgres} {
		b.Run("from SQLite to "+string(to), func(b *testing.B) {
			source := storetest.Generated(b, *benchRows, 10_000, *benchKeep)
			for b.Loop() {
				target, err := store.Open(b.Context(), to.fresh(b), store.Options{})
				require.NoError(b, err)
				begin := time.Now()
				done, err := source.Copy(b.Context(), target, store.Copying{})
				require.NoError(b, err)
				b.ReportMetric(float64(done.Copied)/time.Since(begin).Seconds(), "rows/s")
				begin = time.Now()
				_, err = source.Copy(b.Context(), target, store.Copying{Last: true})
				require.NoError(b, err)
				b.ReportMetric(time.Since(begin).Seconds(), "s/again")
				if to == onPostgres {
					copyBack(b, target)
				}
				require.NoError(b, target.Close())
			}
		})
	}
}

func copyBack(b *testing.B, from *store.DB) {
	to, err := store.Open(b.Context(), onSQLite.fresh(b), store.Options{})
	require.NoError(b, err)
	begin := time.Now()
	done, err := from.Copy(b.Context(), to, store.Copying{Last: true})
	require.NoError(b, err)
	b.ReportMetric(float64(done.Copied)/time.Since(begin).Seconds(), "rows-back/s")
	require.NoError(b, to.Close())
}

// What the notes of a source cost its writer: logs that begin and are completed.
func BenchmarkAppendWhileNoting(b *testing.B) {
	for _, noting := range []bool{false, true} {
		b.Run(fmt.Sprintf("noting %t", noting), func(b *testing.B) {
			source := storetest.Open(b)
			if noting {
				target, err := store.Open(b.Context(), onSQLite.fresh(b), store.Options{})
				require.NoError(b, err)
				_, err = source.Copy(b.Context(), target, store.Copying{})
				require.NoError(b, err)
				require.NoError(b, target.Close())
			}
			batch := 0
			for b.Loop() {
				for _, status := range []string{"initiated", "success"} {
					logs := make([]store.Log, 500)
					for i := range logs {
						logs[i] = storetest.Log(b, fmt.Sprintf(
							`{"end_user":"user-%d","model":"m","status":%q,"litellm_call_id":"%d-%d","prompt_tokens":9,"total_cost":0.1}`,
							i%50, status, batch, i))
					}
					_, err := source.Append(b.Context(), policy.System(), logs...)
					require.NoError(b, err)
				}
				batch++
			}
			b.ReportMetric(float64(1000*batch)/b.Elapsed().Seconds(), "logs/s")
		})
	}
}
