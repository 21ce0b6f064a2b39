package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/jobs"
)

func TestASchedulesNextTimeIsInUTC(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ schedule, from, next string }{
		{"5 * * * *", "2026-01-31T23:59:59.999999Z", "2026-02-01T00:05:00Z"},
		{"0 0 1 * *", "2026-12-31T23:59:59.999999Z", "2027-01-01T00:00:00Z"},
		{"0 0 1 * *", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"},
		{"30 2 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T02:30:00Z"},
		{"*/15 9-17 * * mon-fri", "2026-01-02T17:45:00Z", "2026-01-05T09:00:00Z"},
		{"@hourly", "2026-01-31T23:00:00Z", "2026-02-01T00:00:00Z"},
		{"@daily", "2026-01-31T23:00:00Z", "2026-02-01T00:00:00Z"},
		{"@monthly", "2026-01-31T23:00:00Z", "2026-02-01T00:00:00Z"},
		{"@every 90m", "2026-01-31T23:00:00Z", "2026-02-01T00:30:00Z"},
		{" @every 1s ", "2026-01-31T23:00:00Z", "2026-01-31T23:00:01Z"},
		{"5 * * * *", "2026-03-29T00:05:00Z", "2026-03-29T01:05:00Z"}, // clocks change elsewhere
	} {
		s, err := jobs.ParseSchedule(tt.schedule)
		require.NoError(t, err)
		from, err := time.Parse(time.RFC3339, tt.from)
		require.NoError(t, err)
		assert.Equal(t, tt.next, s.Next(from).Format(time.RFC3339), "%s after %s", tt.schedule, tt.from)
	}
}

func TestAnEmptyScheduleAndOffMeanNever(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "  ", "off", "OFF", jobs.Off} {
		s, err := jobs.ParseSchedule(text)
		require.NoError(t, err)
		assert.Nil(t, s, text)
	}
}

func TestASlipInAScheduleIsToldPlainly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"TZ=0":                       "schedules are in UTC, without a time zone",
		"TZ=Europe/Berlin 5 * * * *": "schedules are in UTC, without a time zone",
		"CRON_TZ=UTC 5 * * * *":      "schedules are in UTC, without a time zone",
		"CRON_TZ=":                   "schedules are in UTC, without a time zone",
		"5 * * *":                    "expected exactly 5 fields, found 4",
		"0 5 * * * *":                "expected exactly 5 fields, found 6",
		"60 * * * *":                 "above maximum (59)",
		"* * 0 * *":                  "below minimum (1)",
		"a * * * *":                  "minute, hour, day of month",
		"0 0 30 2 *":                 "that time never comes",
		", * * * *":                  "that time never comes",
		"@every":                     "unrecognized descriptor",
		"@every 0s":                  "at least a second",
		"@every -1h":                 "at least a second",
		"@every soon":                "at least a second",
		"@fortnightly":               "unrecognized descriptor",
	} {
		_, err := jobs.ParseSchedule(text)
		require.ErrorContains(t, err, want, text)
		assert.ErrorContains(t, err, "is not a schedule", text)
	}
}

func TestNoTextIsTooOddForASchedule(t *testing.T) {
	t.Parallel()
	part := rapid.SampledFrom([]string{
		"*", "?", "/", "-", ",", " ", "0", "5", "59", "9223372036854775807", "TZ", "CRON_TZ", "=", "@", "@every ", "jan", "sun", "1h", "-1h", "\t",
	})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Custom(func(t *rapid.T) (s string) {
			for _, p := range rapid.SliceOfN(part, 1, 12).Draw(t, "parts") {
				s += p
			}
			return s
		}).Draw(t, "schedule")
		s, err := jobs.ParseSchedule(text)
		if err == nil && s != nil {
			from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			require.True(t, s.Next(from).After(from))
		}
	})
}
