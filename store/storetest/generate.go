package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// FullLog is a log of about 2 KB, as a proxy sends it: messages and response
// included. call makes it a request of its own; "" leaves the id out.
func FullLog(user, call string) string {
	id := ""
	if call != "" {
		id = fmt.Sprintf(`"litellm_call_id":%q,`, call)
	}
	return fmt.Sprintf(`{%s"end_user":%q,"model":"openai/gpt-4o","status":"success","response_time":1.234,`+
		`"total_cost":0.00123,"messages":[{"role":"system","content":"You are a helpful assistant."},`+
		`{"role":"user","content":%q}],"response":{"id":"chatcmpl-9","object":"chat.completion",`+
		`"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":%q}}],`+
		`"usage":{"prompt_tokens":250,"completion_tokens":180,"total_tokens":430,`+
		`"prompt_tokens_details":{"cached_tokens":64}}},"additional_details":{"stream":false}}`,
		id, user, strings.Repeat("Why is the sky blue at noon? ", 28), strings.Repeat("Because of scattering. ", 34))
}

// LeanLog is a log without messages and response.
func LeanLog(user, call string, at time.Time, model int) string {
	return fmt.Sprintf(`{"user_profile_id":%q,"litellm_call_id":%q,"created_at":%q,"model":"%s","status":"%s",`+
		`"response_time":%.3f,"prompt_tokens":%d,"completion_tokens":%d,"total_cost":%.6f}`,
		user, call, at.Format(time.RFC3339Nano), generatedModels[model%len(generatedModels)],
		[]string{"success", "success", "success", "failure"}[len(call)%4],
		0.2+float64(model%40)/10, 100+model%900, 20+model%300, 0.0001*float64(1+model%50))
}

var generatedModels = []string{
	"openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-sonnet-4", "gemini/gemini-2.0-flash",
	"mistral/mistral-large", "groq/llama-3.3-70b", "openai/o3", "anthropic/claude-haiku-4",
}

// GeneratedUser is the id of the user of that rank; rank 0 has the most logs.
func GeneratedUser(rank int) string { return fmt.Sprintf("user-%05d", rank) }

// GeneratedEnd is the moment after the last generated log.
var GeneratedEnd = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

// Generated opens a database that Generate filled. With a folder to keep it in,
// it is made only once.
func Generated(b *testing.B, rows, users int, keep string) *store.DB {
	b.Helper()
	return generated(b, "generated", rows, users, keep, 180*24*time.Hour)
}

// GeneratedMonth opens a database like Generated's whose logs are all of one
// month, the last before GeneratedEnd.
func GeneratedMonth(b *testing.B, rows, users int, keep string) *store.DB {
	b.Helper()
	return generated(b, "month", rows, users, keep, 29*24*time.Hour)
}

func generated(b *testing.B, name string, rows, users int, keep string, span time.Duration) *store.DB {
	b.Helper()
	if keep == "" {
		keep = b.TempDir()
	}
	path := filepath.Join(keep, fmt.Sprintf("%s-%d-%d.db", name, rows, users))
	_, missing := os.Stat(path)
	db, err := store.Open(b.Context(), path, store.Options{AutoCreateUsers: true})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	if errors.Is(missing, os.ErrNotExist) {
		begin := time.Now()
		generateAll(b, db, rows, users, span)
		b.Logf("generated %d logs in %s", rows, time.Since(begin).Round(time.Second))
	}
	return db
}

// Generate fills the database with lean logs over the 180 days before
// GeneratedEnd, spread over the users by Zipf's law and over eight models. The
// same numbers give the same logs.
func Generate(t testing.TB, db *store.DB, rows, users int) {
	t.Helper()
	generateAll(t, db, rows, users, 180*24*time.Hour)
}

func generateAll(t testing.TB, db *store.DB, rows, users int, span time.Duration) {
	t.Helper()
	const producers = 4
	var wg sync.WaitGroup
	errs := make(chan error, producers)
	for p := range producers {
		wg.Go(func() { errs <- generate(t, db, p, rows/producers, users, span) })
	}
	wg.Wait()
	for range producers {
		require.NoError(t, <-errs)
	}
}

func generate(t testing.TB, db *store.DB, producer, rows, users int, span time.Duration) error {
	const batch = 2000
	random := rand.New(rand.NewPCG(7, uint64(producer)))
	zipf := rand.NewZipf(random, 1.07, 10, uint64(users-1))
	step := span / time.Duration(max(rows, 1))
	logs := make([]store.Log, 0, batch)
	for i := range rows {
		at := GeneratedEnd.Add(-step * time.Duration(rows-i)).Add(time.Duration(random.IntN(1000)) * time.Microsecond)
		call := fmt.Sprintf("call-%d-%d-%x", producer, i, random.Uint64())
		user := GeneratedUser(int(zipf.Uint64()))
		l, _, _, err := store.DecodeLog([]byte(LeanLog(user, call, at, random.IntN(1000))))
		if err != nil {
			return err
		}
		logs = append(logs, l)
		if len(logs) == batch || i == rows-1 {
			if _, err := db.Append(t.Context(), policy.System(), logs...); err != nil {
				return err
			}
			logs = make([]store.Log, 0, batch)
		}
	}
	return nil
}
