package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// lengths asks for an empty report and returns how long each period is.
func lengths(t testing.TB, db *store.DB, by store.Granularity, from, to string, in string) (hours []float64, periods []store.UsagePeriod) {
	t.Helper()
	at := func(text string) time.Time {
		moment, err := time.ParseInLocation("2006-01-02 15:04", text, zone(in))
		require.NoError(t, err)
		return moment
	}
	periods, err := db.Usage(t.Context(), policy.System(), "nobody", by, at(from), at(to), zone(in))
	require.NoError(t, err)
	for i, p := range periods {
		hours = append(hours, p.PeriodEnd.Time().Sub(p.PeriodStart.Time()).Hours())
		if i > 0 {
			require.Equal(t, periods[i-1].PeriodEnd, p.PeriodStart, "no gap and no overlap")
		}
	}
	require.False(t, periods[0].PeriodStart.Time().After(at(from)))
	require.False(t, periods[len(periods)-1].PeriodEnd.Time().Before(at(to)))
	return hours, periods
}

func TestDaysAndMonthsAreTheZonesOwn(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	tests := []struct {
		name, zone string
		by         store.Granularity
		from, to   string
		hours      []float64
	}{
		{"a day loses an hour in spring", "Europe/Berlin", store.ByDay, "2026-03-28 00:00", "2026-03-31 00:00", []float64{24, 23, 24}},
		{"and has one more in autumn", "Europe/Berlin", store.ByDay, "2026-10-24 00:00", "2026-10-27 00:00", []float64{24, 25, 24}},
		{"half an hour where that is the custom", "Australia/Lord_Howe", store.ByDay, "2026-04-04 00:00", "2026-04-07 00:00", []float64{24, 24.5, 24}},
		{"and back", "Australia/Lord_Howe", store.ByDay, "2026-10-03 00:00", "2026-10-06 00:00", []float64{24, 23.5, 24}},
		{"no change in Nepal", "Asia/Kathmandu", store.ByDay, "2026-03-28 00:00", "2026-03-30 00:00", []float64{24, 24}},
		{"a day that begins at one", "America/Sao_Paulo", store.ByDay, "2018-11-03 00:00", "2018-11-06 00:00", []float64{24, 23, 24}},
		{"a day whose last hour comes twice", "America/Sao_Paulo", store.ByDay, "2018-02-16 00:00", "2018-02-19 00:00", []float64{24, 25, 24}},
		{"a day whose first hour comes twice, in the west", "America/Havana", store.ByDay, "2026-10-31 00:00", "2026-11-03 00:00", []float64{24, 25, 24}},
		{"a day whose first hour comes twice, in the east", "Asia/Amman", store.ByDay, "2021-10-28 12:00", "2021-10-30 12:00", []float64{24, 25, 24}},
		{"a day that did not happen", "Pacific/Apia", store.ByDay, "2011-12-29 00:00", "2012-01-01 00:00", []float64{24, 24}},
		{"a month with a change", "Europe/Berlin", store.ByMonth, "2026-03-05 00:00", "2026-04-02 00:00", []float64{31*24 - 1, 30 * 24}},
		{"a leap month", "UTC", store.ByMonth, "2024-02-29 12:00", "2024-02-29 13:00", []float64{29 * 24}},
		{"a part of a day is the whole", "UTC", store.ByDay, "2026-01-01 23:59", "2026-01-02 00:01", []float64{24, 24}},
		{"the end is not in it", "UTC", store.ByDay, "2026-01-01 00:00", "2026-01-02 00:00", []float64{24}},
		{"hours over a change", "Europe/Berlin", store.ByHour, "2026-03-29 00:30", "2026-03-29 04:00", []float64{1, 1, 1}},
		{"hours that come twice", "Europe/Berlin", store.ByHour, "2026-10-25 01:00", "2026-10-25 04:00", []float64{1, 1, 1, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _ := lengths(t, db, tt.by, tt.from, tt.to, tt.zone)
			assert.Equal(t, tt.hours, got)
		})
	}
}

// A report's periods do not depend on where the report begins: an hour is an
// hour of the zone's clock, also on the day when that moves by half an hour.
func TestAPeriodIsTheSameInEveryReport(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	tests := map[string]struct {
		zone, from, to string
		by             store.Granularity
	}{
		"hours in Nepal":                          {"Asia/Kathmandu", "2026-01-31 20:00", "2026-02-01 03:00", store.ByHour},
		"hours as clocks go back half an hour":    {"Australia/Lord_Howe", "2026-04-04 22:00", "2026-04-05 06:00", store.ByHour},
		"hours as clocks go forward half an hour": {"Australia/Lord_Howe", "2026-10-03 22:00", "2026-10-04 06:00", store.ByHour},
		"hours as clocks go back":                 {"Europe/Berlin", "2026-10-24 22:00", "2026-10-25 06:00", store.ByHour},
		"hours as clocks go forward":              {"Europe/Berlin", "2026-03-28 22:00", "2026-03-29 06:00", store.ByHour},
		"days as the first hour comes twice":      {"Asia/Amman", "2021-10-28 12:00", "2021-10-30 12:00", store.ByDay},
		"days on Lord Howe":                       {"Australia/Lord_Howe", "2026-04-03 12:00", "2026-04-06 12:00", store.ByDay},
		"days in Havana":                          {"America/Havana", "2026-10-31 12:00", "2026-11-02 12:00", store.ByDay},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, periods := lengths(t, db, tt.by, tt.from, tt.to, tt.zone)
			for _, p := range periods {
				for _, into := range []time.Duration{0, 10 * time.Minute, 29 * time.Minute} {
					from := p.PeriodStart.Time().Add(into)
					if !from.Before(p.PeriodEnd.Time()) {
						continue
					}
					again, err := db.Usage(t.Context(), policy.System(), "nobody", tt.by, from, from.Add(time.Microsecond), zone(tt.zone))
					require.NoError(t, err)
					require.Len(t, again, 1)
					require.Equal(t, p.PeriodStart.String(), again[0].PeriodStart.String(), "asked from %s", from.In(zone(tt.zone)))
					require.Equal(t, p.PeriodEnd.String(), again[0].PeriodEnd.String(), "asked from %s", from.In(zone(tt.zone)))
				}
			}
		})
	}
}

func TestAReportThatCannotBeGivenIsRefused(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	ask := func(by store.Granularity, to time.Time) error {
		_, err := db.Usage(t.Context(), storetest.Anon(), "ann", by, start, to, time.UTC)
		return err
	}
	assert.Equal(t, store.CodeInvalidText, codeOf(ask("week", start.AddDate(0, 1, 0))))
	assert.Equal(t, store.CodeInvalidText, codeOf(ask(store.ByDay, start)))
	assert.Equal(t, store.CodeInvalidText, codeOf(ask(store.ByDay, start.Add(-1))))
	assert.Equal(t, store.CodeInvalidText, codeOf(ask(store.ByHour, start.Add((store.MaxPeriods+1)*time.Hour))))
	for _, name := range []string{"Local", "Mars/Olympus", "../etc/passwd", "/etc/localtime"} {
		_, err := store.ParseZone(name)
		assert.Equal(t, store.CodeInvalidText, codeOf(err), name)
	}
	for _, name := range []string{"UTC", "Asia/Kathmandu", "Australia/Lord_Howe"} {
		z, err := store.ParseZone(name)
		require.NoError(t, err)
		assert.Equal(t, name, z.String())
	}
}

func TestTheLastMonthOfTheCalendarIsCounted(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	ids := storetest.Append(t, db, policy.System(), `{"end_user":"ann","created_at":"9999-12-31T23:00:00Z"}`,
		`{"end_user":"ann","created_at":"9999-12-31T23:59:59.999999Z"}`, `{"end_user":"ann","created_at":"0001-01-01T00:00:00Z"}`)
	storetest.RequireClean(t, db)
	require.NotZero(t, ids[1].ID)
	require.Equal(t, one, outcome(t, db, policy.System(), deleteLog(ids[1].ID)))
	storetest.RequireClean(t, db)
}
