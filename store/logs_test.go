package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// Times come in any order and many are the same, as after an import.
func TestPagesOfLogsNeitherLoseNorRepeat(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var logs []string
	for i := range 600 {
		logs = append(logs, fmt.Sprintf(`{"end_user":"user %d","created_at":%q,"model":"m%d","provider":"p%d","status":%q}`,
			i%3, start.Add(time.Duration(i*7919%71*(1+i%11/10*50))*time.Hour).Format(time.RFC3339), i%2, i%5,
			[]string{"success", "failure", "error", "initiated", "queued"}[i*31%7%5]))
	}
	storetest.Append(t, db, policy.System(), logs...)
	all, err := db.Logs(t.Context(), policy.System(), store.LogFilter{Limit: store.MaxLogs})
	require.NoError(t, err)
	require.Len(t, all, len(logs))
	assert.True(t, slices.IsSortedFunc(all, func(a, b store.LogRow) int {
		if a.CreatedAt != b.CreatedAt {
			return int(b.CreatedAt - a.CreatedAt)
		}
		return int(b.ID - a.ID)
	}))
	rapid.Check(t, func(rt *rapid.T) {
		any := func(name string, values ...string) string {
			return rapid.SampledFrom(append(values, "", "", "")).Draw(rt, name)
		}
		f := store.LogFilter{
			UserID: any("user", "user 1", "nobody"), Model: any("model", "m0", "m"), Provider: any("provider", "p3"),
			Status: any("status", "success", "failure", "error", "initiated", "queued"), Limit: rapid.Int64Range(9, 200).Draw(rt, "limit"),
		}
		if rapid.Bool().Draw(rt, "bounded") {
			from, to := start.Add(5*time.Hour), start.Add(25*time.Hour)
			f.From, f.To = &from, &to
		}
		caller := rapid.SampledFrom([]policy.Caller{policy.System(), storetest.User("user 1"), storetest.Anon()}).Draw(rt, "caller")
		var want, got []int64
		for _, r := range all {
			is := func(want, have string) bool { return want == "" || want == have }
			if is(f.UserID, r.UserID) && is(f.Model, r.Model) && is(f.Provider, r.Provider) && is(f.Status, r.Status) &&
				(f.From == nil || r.CreatedAt >= store.At(*f.From) && r.CreatedAt < store.At(*f.To)) &&
				(caller.Role == policy.Service || caller.Role == policy.Authenticated && r.UserID == caller.Subject) {
				want = append(want, r.ID)
			}
		}
		var pages [][]store.LogRow
		for full := true; full; {
			page, err := db.Logs(t.Context(), caller, f)
			require.NoError(rt, err)
			for _, r := range page {
				got = append(got, r.ID)
			}
			if full = len(page) == int(f.Limit); full {
				f.Before = page[len(page)-1].Cursor()
			}
			pages = append(pages, page)
		}
		require.Equal(rt, want, got)
		f.Before = ""
		for i, page := range pages[1:] { // and back
			if len(page) > 0 {
				f.After = page[0].Cursor()
				back, err := db.Logs(t.Context(), caller, f)
				require.NoError(rt, err)
				require.Equal(rt, pages[i], back)
			}
		}
	})
}

func TestALogInAListSaysWhatItIs(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	_, err := db.Mutate(t.Context(), policy.System(), profile("ann", "ann@example.com", "Ann Ä."))
	require.NoError(t, err)
	storetest.Append(t, db, policy.System(),
		`{"end_user":"ann","model":"openai/gpt-4o","prompt_tokens":10,"completion_tokens":5,"total_cost":0.25,"response_time":1.5,"litellm_call_id":"x","status":"success"}`,
		`{"status":"failure","error":{"error":{"type":"overloaded_error","message":"secret"}}}`)
	rows, err := db.Logs(t.Context(), policy.System(), store.LogFilter{})
	require.NoError(t, err)
	require.Len(t, rows, 2)
	if rows[0].UserID == "" {
		slices.Reverse(rows)
	}
	r := rows[0]
	assert.Equal(t, []any{"ann", "ann@example.com", "openai/gpt-4o", "openai", "success", "x", ""},
		[]any{r.UserID, r.Email, r.Model, r.Provider, r.Status, r.CallID, r.ErrorKind})
	assert.Equal(t, []any{int64(15), int64(10), int64(5), 0.25, 1.5},
		[]any{*r.TokensUsed, *r.PromptTokens, *r.CompletionTokens, *r.TotalCost, *r.ResponseTime})
	f := rows[1]
	assert.Equal(t, []any{"", "", "overloaded_error"}, []any{f.UserID, f.Email, f.ErrorKind})
	assert.Nil(t, f.TotalCost)
	assert.Nil(t, f.ResponseTime)
	for _, cursor := range []string{"x", "1", "1.x", ".", "99999999999999999999.1", "1.2.3"} {
		_, err := db.Logs(t.Context(), policy.System(), store.LogFilter{Before: cursor})
		var refused *store.Error
		require.ErrorAs(t, err, &refused, cursor)
		assert.Equal(t, store.CodeInvalidText, refused.Code)
	}
	none, err := db.Logs(t.Context(), policy.System(), store.LogFilter{UserID: "\xff"})
	require.NoError(t, err)
	assert.Empty(t, none)
}
