package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// BenchmarkLogs asks for a page of a generated database's newest logs: of all,
// of those that a filter lets through, and where it lets none through.
func BenchmarkLogs(b *testing.B) {
	db, err := store.Open(b.Context(), storetest.Generated(b, *benchRows, *benchUsers, *benchKeep).Path(), store.Options{Guest: true})
	require.NoError(b, err)
	defer db.Close()
	for name, tt := range map[string]struct {
		filter store.LogFilter
		found  bool
	}{
		"all":            {store.LogFilter{}, true},
		"a provider":     {store.LogFilter{Provider: "openai"}, true},
		"failures":       {store.LogFilter{Status: store.StatusFailure}, true},
		"no such model":  {store.LogFilter{Model: "none"}, false},
		"no such status": {store.LogFilter{Status: "queued"}, false},
		"a user's, none": {store.LogFilter{UserID: storetest.GeneratedUser(0), Model: "none"}, false},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				rows, err := db.Logs(b.Context(), policy.System(), tt.filter)
				require.NoError(b, err)
				require.Equal(b, tt.found, len(rows) > 0)
			}
		})
	}
}
