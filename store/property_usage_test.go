package store_test

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func (m machine) compareBreakdown(user string, own []rawLog) {
	type key struct{ model, provider string }
	got, err := m.db.Breakdown(context.Background(), storetest.User(user), user)
	require.NoError(m.rt, err)
	groups := groupBy(own, func(l rawLog) key { return key{l.model.String, l.provider.String} })
	require.Len(m.rt, got, len(groups))
	for _, row := range got {
		sum := totalOf(groups[key{row.Model, row.Provider}])
		m.sameCost(sum.nano, row.TotalCost, "cost of %s by %s", row.Model, row.Provider)
		require.Equal(m.rt, sum.requests, row.RequestCount)
		require.Equal(m.rt, sum.tokens, row.TotalTokens)
		require.Equal(m.rt, store.At(sum.last), *row.LastUsed)
		average := float64(sum.tokens) / float64(max(sum.tokenRequests, 1))
		require.Equal(m.rt, pointerTo(average, sum.tokenRequests > 0), row.AvgTokensPerRequest)
	}
	require.True(m.rt, slices.IsSortedFunc(got, func(a, b store.BreakdownRow) int {
		return cmp.Compare(b.TotalTokens, a.TotalTokens)
	}), "most tokens first")
}

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

// Ranges without a change of clocks: what a period is then shows from the
// calendar alone. Changes of clocks are periods_test.go's.
var reports = []struct {
	by       store.Granularity
	from, to time.Time
	zone     *time.Location
	name     string // of a moment's period
}{
	{
		store.ByHour, time.Date(2026, 1, 31, 12, 40, 0, 0, time.UTC), time.Date(2026, 2, 1, 1, 20, 0, 0, time.UTC),
		zone("Asia/Kathmandu"), "2006-01-02 15",
	},
	{
		store.ByHour, time.Date(2026, 1, 31, 22, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 2, 0, 0, 0, time.UTC),
		time.UTC, "2006-01-02 15",
	},
	{
		store.ByDay, time.Date(2026, 1, 28, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 5, 0, 0, 0, 0, time.UTC),
		zone("Australia/Lord_Howe"), "2006-01-02",
	},
	{
		store.ByDay, time.Date(2026, 1, 30, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC),
		zone("Asia/Kathmandu"), "2006-01-02",
	},
	{
		store.ByMonth, time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		zone("Australia/Lord_Howe"), "2006-01",
	},
	{
		store.ByMonth, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, 4, 1, 0, 0, 0, 0, time.UTC),
		time.UTC, "2006-01",
	},
}

func (m machine) compareUsage(user string, own []rawLog) {
	for _, r := range reports {
		periods, err := m.db.Usage(context.Background(), storetest.User(user), user, r.by, r.from, r.to, r.zone)
		require.NoError(m.rt, err)
		named := func(at time.Time) string { return at.In(r.zone).Format(r.name) }
		byName := groupBy(own, func(l rawLog) string { return named(l.at) })
		next := named(r.from)
		for _, p := range periods {
			name := named(p.PeriodStart.Time())
			require.Equal(m.rt, next, name, "periods follow each other")
			next = named(p.PeriodEnd.Time())
			require.NotEqual(m.rt, name, next)
			m.comparePeriod(p, byName[name])
		}
		require.Equal(m.rt, named(r.to.Add(-1)), named(periods[len(periods)-1].PeriodStart.Time()), "up to the end")
	}
}

func (m machine) comparePeriod(p store.UsagePeriod, logs []rawLog) {
	sum := totalOf(logs)
	require.Equal(m.rt, sum.requests, p.Requests, "requests from %s", p.PeriodStart)
	require.Equal(m.rt, sum.failures, p.Failures)
	require.Equal(m.rt, sum.tokens, p.Tokens)
	m.sameCost(sum.nano, p.Cost, "cost from %s", p.PeriodStart)
	m.compareShares(p.ByModel, groupBy(logs, modelOf))
	m.compareShares(p.ByProvider, groupBy(logs, providerOf))
}

func (m machine) compareShares(got map[string]store.UsageShare, groups map[string][]rawLog) {
	require.Len(m.rt, got, len(groups))
	for name, logs := range groups {
		sum := totalOf(logs)
		require.Equal(m.rt, sum.requests, got[name].Requests, "requests of %q", name)
		require.Equal(m.rt, sum.failures, got[name].Failures)
		require.Equal(m.rt, sum.tokens, got[name].Tokens)
		m.sameCost(sum.nano, got[name].Cost, "cost of %q", name)
	}
}
