package v1_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type period struct {
	Start    time.Time `json:"period_start"`
	End      time.Time `json:"period_end"`
	Requests int
	Tokens   int
	Cost     float64
	ByModel  map[string]any `json:"by_model"`
}

// usage returns a report, whose periods must join without a gap.
func (s *server) usage(query string) []period {
	s.t.Helper()
	var report []period
	require.NoError(s.t, json.Unmarshal([]byte(s.ok(ann, "/v1/users/ann/usage?"+query)), &report))
	for i, p := range report {
		assert.True(s.t, p.Start.Before(p.End))
		assert.NotNil(s.t, p.ByModel, "an empty object, not null")
		if i > 0 {
			assert.Equal(s.t, report[i-1].End, p.Start, "period %d", i)
		}
	}
	return report
}

func TestAReportGoesBackFromNowWhenNobodySaysHowFar(t *testing.T) {
	t.Parallel()
	s := books(t)
	for query, want := range map[string]struct {
		count       int
		first, last string
	}{
		"":                  {30, "2026-03-02T00:00:00Z", "2026-04-01T00:00:00Z"},
		"granularity=day":   {30, "2026-03-02T00:00:00Z", "2026-04-01T00:00:00Z"},
		"granularity=hour":  {24, "2026-03-30T13:00:00Z", "2026-03-31T13:00:00Z"},
		"granularity=month": {12, "2025-04-01T00:00:00Z", "2026-04-01T00:00:00Z"},
		// In Kathmandu it is 17:55.
		"granularity=hour&tz=Asia/Kathmandu": {24, "2026-03-30T12:15:00Z", "2026-03-31T12:15:00Z"},
		"tz=Asia/Kathmandu":                  {30, "2026-03-01T18:15:00Z", "2026-03-31T18:15:00Z"},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			report := s.usage(query)
			first, last := report[0].Start.UTC().Format(time.RFC3339), report[len(report)-1].End.UTC().Format(time.RFC3339)
			assert.Equal(t, want.count, len(report))
			assert.Equal(t, want.first, first)
			assert.Equal(t, want.last, last)
		})
	}
}

func TestARangeIsTakenInEachFormOfTime(t *testing.T) {
	t.Parallel()
	s := books(t)
	want := s.ok(ann, "/v1/users/ann/usage?granularity=hour&from=2026-03-28T23:00:00Z&to=2026-03-29T02:00:00Z")
	epoch := func(s string) string {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			panic(err)
		}
		return fmt.Sprint(at.Unix())
	}
	for name, query := range map[string]string{
		"an offset":                        "from=" + url.QueryEscape("2026-03-29T00:00:00+01:00") + "&to=" + url.QueryEscape("2026-03-29T03:00:00+01:00"),
		"an offset with an unencoded plus": "from=2026-03-29T00:00:00+01:00&to=2026-03-29T03:00:00+01:00",
		"an offset to the west":            "from=2026-03-28T18:00:00-05:00&to=2026-03-28T21:00:00-05:00",
		"a fraction of a second":           "from=2026-03-28T23:00:00.000Z&to=2026-03-29T02:00:00.000000Z",
		"PostgreSQL's form":                "from=2026-03-28%2023:00:00%2B00&to=2026-03-29%2002:00:00%2B00",
		"PostgreSQL's form, unencoded":     "from=2026-03-28+23:00:00+00&to=2026-03-29+02:00:00+00",
		"no offset at all is UTC":          "from=2026-03-28T23:00:00&to=2026-03-29T02:00:00",
		"epoch seconds":                    "from=" + epoch("2026-03-28T23:00:00Z") + "&to=" + epoch("2026-03-29T02:00:00Z"),
		"a border within an hour":          "from=2026-03-28T23:59:59Z&to=2026-03-29T01:00:01Z",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, want, s.ok(ann, "/v1/users/ann/usage?granularity=hour&"+query))
		})
	}
}

func TestADateIsItsFirstMomentInTheZone(t *testing.T) {
	t.Parallel()
	s := books(t)
	report := s.usage("from=2026-03-30&to=2026-04-01&tz=Asia/Kolkata")
	require.Len(t, report, 2)
	assert.Equal(t, "2026-03-29T18:30:00Z", report[0].Start.UTC().Format(time.RFC3339))
	assert.Equal(t, 1000, report[1].Tokens)
}

func TestTheEndOfARangeDoesNotBelongToIt(t *testing.T) {
	t.Parallel()
	s := books(t)
	assert.Len(t, s.usage("from=2026-03-29&to=2026-03-30"), 1)
	assert.Len(t, s.usage("from=2026-03-29&to=2026-03-30T00:00:00.000001Z"), 2)
	assert.Len(t, s.usage("from=2026-03-31&to=now()"), 1)
}

func TestADayIsAsLongAsItsZoneSays(t *testing.T) {
	t.Parallel()
	s := books(t)
	for name, tt := range map[string]struct {
		zone, day, next string
		hours           int
	}{
		"an ordinary day":               {"Europe/Berlin", "2026-03-28", "2026-03-29", 24},
		"clocks go forward":             {"Europe/Berlin", "2026-03-29", "2026-03-30", 23},
		"clocks go back":                {"Europe/Berlin", "2025-10-26", "2025-10-27", 25},
		"clocks go forward, west":       {"America/New_York", "2026-03-08", "2026-03-09", 23},
		"clocks go forward, south":      {"Australia/Sydney", "2025-10-05", "2025-10-06", 23},
		"clocks go forward at midnight": {"Africa/Cairo", "2025-04-25", "2025-04-26", 23},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			borders := "from=" + tt.day + "&to=" + tt.next + "&tz=" + tt.zone
			days := s.usage(borders)
			require.Len(t, days, 1)
			assert.Equal(t, time.Duration(tt.hours)*time.Hour, days[0].End.Sub(days[0].Start))
			hours := s.usage(borders + "&granularity=hour")
			require.Len(t, hours, tt.hours)
			assert.Equal(t, days[0].Start, hours[0].Start)
			assert.Equal(t, days[0].End, hours[tt.hours-1].End)
		})
	}
}

func TestARangeThatMakesNoSenseIsAProblem(t *testing.T) {
	t.Parallel()
	s := books(t)
	for name, query := range map[string]string{
		"an end before its beginning":  "from=2026-03-30&to=2026-03-29",
		"nothing in between":           "from=2026-03-30&to=2026-03-30",
		"a beginning in the future":    "from=2027-01-01",
		"a beginning that is no time":  "from=yesterday",
		"an end that is no time":       "to=2026-02-30",
		"a year beyond all years":      "to=99999-01-01T00:00:00Z",
		"an epoch beyond all years":    "to=1e300",
		"no number":                    "from=NaN",
		"an unknown zone":              "tz=Mars/Olympus",
		"the server's own zone":        "tz=Local",
		"a path for a zone":            "tz=../../etc/passwd",
		"a NUL in a zone":              "tz=%00",
		"an unknown granularity":       "granularity=week",
		"more hours than are answered": "granularity=hour&from=2000-01-01",
		"more days than are answered":  "granularity=day&from=0001-01-01",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireProblem(t, s.get(ann, "/v1/users/ann/usage?"+query), http.StatusUnprocessableEntity)
		})
	}
}
