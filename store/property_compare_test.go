package store_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// check finds the books clean, and each user's sums as the raw rows have them.
func (m machine) check() {
	var differences []string
	require.NoError(m.rt, m.db.Check(context.Background(), func(d store.Difference) {
		differences = append(differences, fmt.Sprintf("%+v", d))
	}))
	require.Empty(m.rt, differences, "the check finds the books unclean")
	m.compareAnalytics(m.raw.logs(), m.raw.profiles())
}

// compare asks every view and function, and the same of the raw rows.
func (m machine) compare() {
	m.check()
	logs, profiles := m.raw.logs(), m.raw.profiles()
	m.compareMonths(logs, profiles)
	m.compareActivity(logs, profiles)
	m.compareUserCounts(logs, profiles)
	for _, p := range profiles {
		own := filtered(logs, linkedTo(p.id))
		m.compareHistory(p.id, own)
		m.compareBreakdown(p.id, own)
		m.compareUsage(p.id, own)
	}
}

// sameCost compares a cost in USD with exact nano-dollars: to the last one, as
// far as a floating-point number can tell them apart.
func (m machine) sameCost(want *big.Int, usd float64, what ...any) {
	exact, _ := new(big.Rat).SetFrac(want, big.NewInt(1_000_000_000)).Float64()
	if want.Cmp(big.NewInt(1<<53)) > 0 {
		require.InEpsilon(m.rt, exact, usd, 1e-15, what...)
		return
	}
	require.Equal(m.rt, exact, usd, what...)
}

func pointer(s sql.NullString) *string {
	if !s.Valid {
		return nil
	}
	return &s.String
}

func pointerTo[T any](v T, valid bool) *T {
	if !valid {
		return nil
	}
	return &v
}

func (m machine) compareAnalytics(logs []rawLog, profiles []rawProfile) {
	ctx := context.Background()
	rows, err := m.db.AllAnalytics(ctx, policy.System(), 1000, 0)
	require.NoError(m.rt, err)
	require.Len(m.rt, rows, len(profiles), "one row per profile")
	for i, p := range profiles {
		own := filtered(logs, linkedTo(p.id))
		sum := totalOf(own)
		require.Equal(m.rt, sum.tokens, p.tokens, "tokens_used of %s", p.id)
		got := rows[i]
		if mean := sum.average(); mean != nil {
			require.NotNil(m.rt, got.AvgResponseTime)
			require.InDelta(m.rt, *mean, *got.AvgResponseTime, 0.6e-6+*mean*1e-12, "times are added in microseconds")
			got.AvgResponseTime = nil
		}
		m.sameCost(sum.nano, got.TotalCost, "total_cost of %s", p.id)
		got.TotalCost = 0
		require.Equal(m.rt, store.Analytics{
			UserID: p.id, Email: pointer(p.email), FullName: pointer(p.fullName), SubscriptionTier: pointer(p.tier),
			TotalTokensCounter: sum.tokens, TotalRequests: sum.requests, SuccessfulRequests: sum.successes,
			FailedRequests: sum.failures, TotalTokensFromLogs: sum.tokens,
			MostUsedModel: mostUsed(own, modelOf), MostUsedProvider: mostUsed(own, providerOf),
			LastRequestTime: pointerTo(store.At(sum.last), sum.requests > 0),
		}, got)
		same, err := m.db.Analytics(ctx, storetest.User(p.id), p.id)
		require.NoError(m.rt, err)
		require.Equal(m.rt, rows[i], same, "a user sees the row that the service sees")
	}
}

// A month is a row of monthly_token_usage, its cost apart.
type month struct {
	user, email, start, end string
	requests, tokens        int64
	models, providers       map[string]int64
}

func (m machine) compareMonths(logs []rawLog, profiles []rawProfile) {
	type key struct{ user, start string }
	byMonth := groupBy(filtered(logs, func(l rawLog) bool { return l.user.Valid }), func(l rawLog) key {
		return key{l.user.String, l.at.Format("2006-01-") + "01T00:00:00.000000Z"}
	})
	emails := map[string]string{}
	for _, p := range profiles {
		emails[p.id] = p.email.String
	}
	n, err := m.db.Run(context.Background(), policy.System(), query.Select{From: "monthly_token_usage"}, func(r query.Row) error {
		email, _ := r[1].(string)
		got := month{
			user: r[0].(string), email: email, start: r[2].(string), end: r[3].(string),
			requests: r[4].(int64), tokens: r[5].(int64), models: counts(m, r[7]), providers: counts(m, r[8]),
		}
		group := byMonth[key{got.user, got.start}]
		sum := totalOf(group)
		start, err := time.Parse(time.RFC3339Nano, got.start)
		require.NoError(m.rt, err)
		require.Equal(m.rt, month{
			user: got.user, email: emails[got.user], start: got.start,
			end:      time.Date(start.Year(), start.Month()+1, 1, 0, 0, 0, 0, time.UTC).Format("2006-01-02T15:04:05.000000Z"),
			requests: sum.requests, tokens: sum.tokens,
			models: tokensBy(group, modelOf), providers: tokensBy(group, providerOf),
		}, got)
		m.sameCost(sum.nano, r[6].(float64), "total_cost of %s in %s", got.user, got.start)
		return nil
	})
	require.NoError(m.rt, err)
	require.Equal(m.rt, int64(len(byMonth)), n, "a row for each user's months with logs")
}

func counts(m machine, cell any) (by map[string]int64) {
	require.NoError(m.rt, json.Unmarshal([]byte(cell.(string)), &by))
	return by
}

func tokensBy(logs []rawLog, name func(rawLog) string) map[string]int64 {
	by := map[string]int64{}
	for key, group := range groupBy(logs, name) {
		by[key] = totalOf(group).tokens
	}
	return by
}

func newestFirst(logs []rawLog) []rawLog {
	return slices.SortedFunc(slices.Values(logs), func(a, b rawLog) int {
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(b.id, a.id))
	})
}

func (m machine) compareActivity(logs []rawLog, profiles []rawProfile) {
	byID := map[string]rawProfile{}
	for _, p := range profiles {
		byID[p.id] = p
	}
	want := []store.Activity{}
	for _, l := range newestFirst(logs) {
		p := byID[l.user.String]
		want = append(want, store.Activity{
			RequestID: l.id, RequestTime: store.At(l.at), UserID: pointer(l.user), Email: pointer(p.email),
			FullName: pointer(p.fullName), SubscriptionTier: pointer(p.tier), Model: pointer(l.model),
			Provider: pointer(l.provider), Status: pointer(l.status),
			TokensUsed: pointerTo(l.tokens.Int64, l.tokens.Valid), TotalCost: pointerTo(l.cost.Float64, l.cost.Valid),
			ResponseTime: pointerTo(l.seconds.Float64, l.seconds.Valid),
		})
	}
	got, err := m.db.Activity(context.Background(), policy.System(), 100_000)
	require.NoError(m.rt, err)
	require.Equal(m.rt, want, got)
}

func (m machine) compareUserCounts(logs []rawLog, profiles []rawProfile) {
	users, active, err := m.db.UserCounts(context.Background(), policy.System())
	require.NoError(m.rt, err)
	linked := groupBy(filtered(logs, func(l rawLog) bool { return l.user.Valid }), func(l rawLog) string { return l.user.String })
	require.Equal(m.rt, int64(len(profiles)), users)
	require.Equal(m.rt, int64(len(linked)), active)
}

func (m machine) compareHistory(user string, own []rawLog) {
	want := []store.HistoryRow{}
	for _, l := range newestFirst(own) {
		want = append(want, store.HistoryRow{
			ID: l.id, RequestTime: store.At(l.at), Model: pointer(l.model), Provider: pointer(l.provider),
			Status: pointer(l.status), TokensUsed: pointerTo(l.tokens.Int64, l.tokens.Valid),
			PromptTokens:     pointerTo(l.prompt.Int64, l.prompt.Valid),
			CompletionTokens: pointerTo(l.completion.Int64, l.completion.Valid),
			TotalCost:        pointerTo(l.cost.Float64, l.cost.Valid), ResponseTime: pointerTo(l.seconds.Float64, l.seconds.Valid),
			EndUser: pointer(l.endUser), Error: json.RawMessage(l.errorDoc.String),
		})
	}
	ctx, caller := context.Background(), storetest.User(user)
	got, err := m.db.History(ctx, caller, user, 100_000, 0)
	require.NoError(m.rt, err)
	require.Equal(m.rt, want, got)
	if half := len(want) / 2; half > 0 {
		rest, err := m.db.HistoryBefore(ctx, caller, user, want[half-1].ID, 100_000, 0)
		require.NoError(m.rt, err)
		require.Equal(m.rt, want[half:], rest, "what comes before a request is the rest of the history")
		page, err := m.db.History(ctx, caller, user, 2, int64(half))
		require.NoError(m.rt, err)
		require.Equal(m.rt, want[half:min(half+2, len(want))], page)
	}
}
