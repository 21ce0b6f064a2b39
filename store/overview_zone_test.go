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

// Days in India begin in the middle of a UTC hour, which is what is kept.
func TestAnOverviewHasTheHourUnderWayInEachZone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, zone, now, today, begins string }{
		{"a quarter after a month began at half past", "Asia/Kolkata", "2026-03-31T18:45:00Z", "2026-03-31T18:30:00Z", "2026-03-31T18:00:00Z"},
		{"a quarter before it does", "Asia/Kolkata", "2026-03-31T18:15:00Z", "2026-03-30T18:30:00Z", "2026-03-31T18:00:00Z"},
		{"just after a day began at a quarter past", "Asia/Kathmandu", "2026-03-31T18:16:00Z", "2026-03-31T18:15:00Z", "2026-03-31T18:00:00Z"},
		{"later in the hour", "America/St_Johns", "2026-04-01T02:59:00Z", "2026-04-01T02:30:00Z", "2026-04-01T02:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, tt.now)
			require.NoError(t, err)
			today, err := time.Parse(time.RFC3339, tt.today)
			require.NoError(t, err)
			db := storetest.OpenWith(t, store.Options{Now: func() time.Time { return now }})
			storetest.Append(t, db, policy.System(), `{"model":"m","created_at":"`+now.Add(-time.Second).Format(time.RFC3339)+`"}`)

			for _, g := range []store.Granularity{store.ByHour, store.ByDay, store.ByMonth} {
				o, err := db.Overview(t.Context(), policy.System(), today, now.Add(time.Second), g, zone(tt.zone))
				require.NoError(t, err)
				assert.EqualValues(t, 1, o.Range.Requests, g)
				assert.EqualValues(t, 1, o.Periods[len(o.Periods)-1].Requests, "%s: the last period is the one under way", g)
			}

			o, err := db.Overview(t.Context(), policy.System(), now.Add(-23*time.Hour), now, store.ByHour, zone(tt.zone))
			require.NoError(t, err)
			require.Len(t, o.Periods, 24)
			last := o.Periods[23]
			assert.Equal(t, tt.begins, last.PeriodStart.Time().Format(time.RFC3339))
			assert.EqualValues(t, 1, last.Requests)
		})
	}
}
