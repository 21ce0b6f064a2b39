package store_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// crowd makes so many users, of whom some have addresses and many are alike in
// what they used.
func crowd(t testing.TB, db *store.DB, n int) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), func(tx *store.Tx) error {
		for i := range n {
			if _, err := tx.Exec("INSERT INTO user_profiles (user_id, email, full_name) VALUES ($1, $2, $3)",
				fmt.Sprintf("user %d", i), fmt.Sprintf("U%d@Example.com", i*7%n), []string{"Ärne", "Bo", ""}[i%3]); err != nil {
				return err
			}
			for model := range i % 4 {
				if _, err := tx.Exec(`
					INSERT INTO usage_totals (user_profile_id, model, provider, requests, successes, failures, tokens,
						prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
						token_requests, cost_usd, cost_nano, priced_requests, response_us, timed_requests, last_at)
					VALUES ($1, $2, 'p', $3, 0, $4, $5, 0, 0, 0, 0, 0, 0, $6, $7, 0, 0, 0, $8)`,
					fmt.Sprintf("user %d", i), fmt.Sprint(model), i%11, i%3, i%17, i%5, 999_999_999,
					store.At(noon.Add(time.Duration(i%13)*time.Hour))); err != nil {
					return err
				}
			}
		}
		_, err := tx.Exec(`
			UPDATE user_profiles
			SET tokens_used = coalesce((SELECT sum(tokens) FROM usage_totals AS t WHERE t.user_profile_id = user_profiles.user_id), 0)`)
		return err
	}))
}

// everybody returns all users, read the plain way.
func everybody(t testing.TB, db *store.DB) []store.UserRow {
	t.Helper()
	all, err := db.AllAnalytics(t.Context(), policy.System(), 1_000_000, 0)
	require.NoError(t, err)
	rows := []store.UserRow{}
	for _, a := range all {
		u := store.UserRow{
			UserID: a.UserID, Tier: *a.SubscriptionTier, Requests: a.TotalRequests, Failures: a.FailedRequests,
			Tokens: a.TotalTokensFromLogs, Cost: a.TotalCost, LastSeen: a.LastRequestTime,
		}
		if a.Email != nil {
			u.Email = *a.Email
		}
		if a.FullName != nil {
			u.FullName = *a.FullName
		}
		rows = append(rows, u)
	}
	return rows
}

// listed returns those of the users that match, in order.
func listed(all []store.UserRow, q store.UserListQuery) (rows []store.UserRow) {
	for _, u := range all {
		contains := func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(q.Search)) }
		if contains(u.UserID) || contains(u.Email) || contains(u.FullName) {
			rows = append(rows, u)
		}
	}
	seen := func(u store.UserRow) store.Timestamp {
		if u.LastSeen == nil {
			return 0
		}
		return *u.LastSeen
	}
	slices.SortFunc(rows, func(a, b store.UserRow) int {
		order := cmp.Or(map[store.UserSort]int{
			"": cmp.Compare(a.Tokens, b.Tokens), store.ByTokens: cmp.Compare(a.Tokens, b.Tokens),
			store.ByCost: cmp.Compare(a.Cost, b.Cost), store.ByRequests: cmp.Compare(a.Requests, b.Requests),
			store.ByFailures: cmp.Compare(a.Failures, b.Failures), store.ByLastSeen: cmp.Compare(seen(a), seen(b)),
		}[q.Sort], cmp.Compare(a.UserID, b.UserID))
		if !q.Ascending {
			order = -order
		}
		return order
	})
	return rows
}

func TestPagesOfUsersAreOneListInBothDirections(t *testing.T) {
	t.Parallel()
	for _, n := range []int{60, 1100} { // ranked for each question, and kept
		t.Run(fmt.Sprint(n, " users"), func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t)
			crowd(t, db, n)
			all := everybody(t, db)
			rapid.Check(t, func(rt *rapid.T) {
				q := store.UserListQuery{
					Search:    rapid.SampledFrom([]string{"", "", "7", "USER 1", "u1@example", "äRNE", "nobody", "%", "\x00", "\xff"}).Draw(rt, "search"),
					Sort:      rapid.SampledFrom(append(store.UserSorts(), "")).Draw(rt, "sort"),
					Ascending: rapid.Bool().Draw(rt, "ascending"),
					Limit:     rapid.IntRange(n/10, n).Draw(rt, "limit"),
				}
				want := listed(all, q)
				var pages []store.UserPage
				for more := true; more; more = q.After != "" {
					page, err := db.UserList(t.Context(), policy.System(), q)
					require.NoError(rt, err)
					require.EqualValues(rt, len(want), page.Total)
					pages = append(pages, page)
					q.After = page.Next
				}
				var got []store.UserRow
				for i, page := range pages {
					got = append(got, page.Users...)
					require.Equal(rt, i == 0, page.Previous == "")
					if i > 0 {
						back := q
						back.After = page.Previous
						again, err := db.UserList(t.Context(), policy.System(), back)
						require.NoError(rt, err)
						require.Equal(rt, pages[i-1].Users, again.Users)
					}
				}
				require.Equal(rt, slices.Concat(want), slices.Concat(got))
			})
		})
	}
}

func TestAllUsersAreCalledInOneOrder(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	crowd(t, db, 1200)
	q := store.UserListQuery{Sort: store.ByCost, Search: "bo"}
	var got []store.UserRow
	require.NoError(t, db.AllUsers(t.Context(), policy.System(), q, func(u store.UserRow) error { got = append(got, u); return nil }))
	assert.Equal(t, listed(everybody(t, db), q), got)
	stop := fmt.Errorf("stop")
	require.ErrorIs(t, db.AllUsers(t.Context(), policy.System(), q, func(store.UserRow) error { return stop }), stop)
}

func TestAListOfUsersShowsWhatTheyUsedByNow(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	crowd(t, db, 1100)
	top := func() store.UserRow {
		page, err := db.UserList(t.Context(), policy.System(), store.UserListQuery{Sort: store.ByUserID, Limit: 1})
		require.NoError(t, err)
		return page.Users[0]
	}
	before := top()
	storetest.Append(t, db, policy.System(), `{"end_user":"user 999","tokens_used":5,"model":"0","provider":"p"}`)
	assert.Equal(t, before.Tokens+5, top().Tokens)
	require.NoError(t, db.EraseUser(t.Context(), policy.System(), "user 999"))
	page, err := db.UserList(t.Context(), policy.System(), store.UserListQuery{Search: "user 999"})
	require.NoError(t, err)
	assert.Empty(t, page.Users, "the order may be older; who is gone is not shown")
}

func TestAListOfUsersIsPreparedInAllOrders(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	crowd(t, db, 1100)
	for _, sort := range store.UserSorts() {
		require.False(t, db.IsRanked(sort))
	}
	db.PrepareUserList()
	db.PrepareUserList()
	for _, sort := range store.UserSorts() {
		require.Eventually(t, func() bool { return db.IsRanked(sort) }, time.Minute, time.Millisecond, sort)
		q := store.UserListQuery{Sort: sort, Limit: store.MaxUserPage}
		page, err := db.UserList(t.Context(), policy.System(), q)
		require.NoError(t, err)
		require.Equal(t, listed(everybody(t, db), q)[:store.MaxUserPage], page.Users)
	}
}

func TestTheListOfUsersOpensWithoutWaitingForItsOrders(t *testing.T) {
	t.Parallel()
	for _, ascending := range []bool{false, true} {
		db := storetest.Open(t)
		crowd(t, db, 1100)
		db.HoldRanking(t) // as if it took for ever
		all := everybody(t, db)
		for _, limit := range []int{0, 1, store.MaxUserPage} {
			q := store.UserListQuery{Ascending: ascending, Limit: limit}
			page, err := db.UserList(t.Context(), policy.System(), q)
			require.NoError(t, err)
			size := cmp.Or(limit, 50)
			require.Equal(t, listed(all, q)[:size], page.Users)
			require.EqualValues(t, 1100, page.Total)
			require.Empty(t, page.Previous)
			require.NotEmpty(t, page.Next)
		}
	}
}

func TestFewUsersAreListedAsOfNow(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for i := range 5 {
		storetest.Append(t, db, policy.System(), fmt.Sprintf(`{"end_user":"user %d","tokens_used":%d}`, i, 10*i))
		page, err := db.UserList(t.Context(), policy.System(), store.UserListQuery{})
		require.NoError(t, err)
		require.EqualValues(t, i+1, page.Total)
		assert.Equal(t, fmt.Sprintf("user %d", i), page.Users[0].UserID)
	}
}

func TestAListOfUsersIsForTheServiceRole(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(), `{"end_user":"ann"}`)
	code := func(caller policy.Caller, q store.UserListQuery) string {
		_, err := db.UserList(t.Context(), caller, q)
		var refused *store.Error
		require.ErrorAs(t, err, &refused)
		return refused.Code
	}
	for _, caller := range []policy.Caller{{}, storetest.Anon(), storetest.User("ann")} {
		assert.Equal(t, store.CodePrivilege, code(caller, store.UserListQuery{}))
	}
	for _, q := range []store.UserListQuery{
		{Sort: "email"}, {After: "x"}, {After: "!"}, {After: "e30"}, {Sort: store.ByCost, After: "eyJzIjoidG9rZW5zIiwiZCI6dHJ1ZSwiaSI6IiJ9"},
	} {
		assert.Equal(t, store.CodeInvalidText, code(policy.System(), q), "%+v", q)
	}
}

// BenchmarkUserList asks for a page of so many users: the first time, when the
// ranking is made, and then.
func BenchmarkUserList(b *testing.B) {
	db := storetest.Open(b)
	crowd(b, db, 100_000)
	ask := func(b *testing.B, db *store.DB, q store.UserListQuery) {
		b.Helper()
		page, err := db.UserList(b.Context(), policy.System(), q)
		require.NoError(b, err)
		require.NotEmpty(b, page.Users)
	}
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			db, err := store.Open(b.Context(), db.Path(), store.Options{Guest: true})
			require.NoError(b, err)
			b.StartTimer()
			ask(b, db, store.UserListQuery{})
			b.StopTimer()
			require.NoError(b, db.Close())
			b.StartTimer()
		}
	})
	for name, q := range map[string]store.UserListQuery{
		"tokens": {}, "cost": {Sort: store.ByCost}, "search": {Search: "77"}, "nearly none": {Search: "user 99999"},
	} {
		b.Run(name, func(b *testing.B) {
			ask(b, db, q)
			for b.Loop() {
				ask(b, db, q)
			}
		})
	}
}
