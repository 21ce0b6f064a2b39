package store_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/store"
)

var clock = time.Date(2026, 5, 6, 7, 8, 9, 123_456_789, time.UTC)

func TestATimeIsReadInEachFormThatClientsSend(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, stored string }{
		{"RFC 3339", "2026-01-31T23:59:59Z", "2026-01-31T23:59:59.000000Z"},
		{"with a fraction", "2026-01-31T23:59:59.5Z", "2026-01-31T23:59:59.500000Z"},
		{"with microseconds", "2026-01-31T23:59:59.123456Z", "2026-01-31T23:59:59.123456Z"},
		{"with nanoseconds, rounded", "2026-01-31T23:59:59.1234567Z", "2026-01-31T23:59:59.123457Z"},
		{"rounded to the next second", "2026-01-31T23:59:58.9999995Z", "2026-01-31T23:59:59.000000Z"},
		{"rounded to the next month", "2026-01-31T23:59:59.9999996Z", "2026-02-01T00:00:00.000000Z"},
		{"with more digits than a nanosecond has", "2026-01-31T23:59:59.12345649999999Z", "2026-01-31T23:59:59.123456Z"},
		{"east of Greenwich", "2026-01-31T23:59:59+02:00", "2026-01-31T21:59:59.000000Z"},
		{"west of Greenwich", "2026-01-31T23:59:59-05:00", "2026-02-01T04:59:59.000000Z"},
		{"an offset with minutes", "2026-02-01T05:44:59+05:45", "2026-01-31T23:59:59.000000Z"},
		{"a negative offset with minutes", "2026-01-31T20:29:59-03:30", "2026-01-31T23:59:59.000000Z"},
		{"an offset without a colon", "2026-01-31T23:59:59+0545", "2026-01-31T18:14:59.000000Z"},
		{"an offset of hours", "2026-01-31T23:59:59+05", "2026-01-31T18:59:59.000000Z"},
		{"in small letters", "2026-01-31t23:59:59z", "2026-01-31T23:59:59.000000Z"},
		{"PostgreSQL's own", "2026-01-31 23:59:59+00", "2026-01-31T23:59:59.000000Z"},
		{"PostgreSQL's own with a fraction", "2026-01-31 23:59:59.123456+00", "2026-01-31T23:59:59.123456Z"},
		{"PostgreSQL's own with UTC", "2026-01-31 23:59:59 UTC", "2026-01-31T23:59:59.000000Z"},
		{"without an offset, as UTC", "2026-01-31T23:59:59", "2026-01-31T23:59:59.000000Z"},
		{"Python's isoformat", "2026-01-31T23:59:59.123456+00:00", "2026-01-31T23:59:59.123456Z"},
		{"without seconds", "2026-01-31 23:59", "2026-01-31T23:59:00.000000Z"},
		{"a date alone", "2026-01-31", "2026-01-31T00:00:00.000000Z"},
		{"a leap day", "2024-02-29", "2024-02-29T00:00:00.000000Z"},
		{"a leap second", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
		{"white space around", "  2026-01-31T23:59:59Z\n", "2026-01-31T23:59:59.000000Z"},
		{"now", "now()", "2026-05-06T07:08:09.123457Z"},
		{"now in capitals", "NOW()", "2026-05-06T07:08:09.123457Z"},
		{"before 1970", "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
		{"the first year", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
		{"the last moment", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := store.ParseTimestamp(tt.text, clock)
			require.NoError(t, err)
			assert.Equal(t, tt.stored, got.Stored())
		})
	}
}

func TestWhatIsNoTimeIsRefused(t *testing.T) {
	t.Parallel()
	const syntax, outOfRange = store.CodeBadTime, store.CodeTimeRange
	tests := []struct{ name, text, code string }{
		{"nothing", "", syntax},
		{"words", "yesterday", syntax},
		{"a bare number", "1769903999", syntax},
		{"month 13", "2026-13-01", syntax},
		{"month 0", "2026-00-01", syntax},
		{"day 0", "2026-01-00", syntax},
		{"April 31st", "2026-04-31", syntax},
		{"February 29th of a common year", "2026-02-29", syntax},
		{"February 29th of 1900", "1900-02-29", syntax},
		{"hour 25", "2026-01-01T25:00:00Z", syntax},
		{"minute 60", "2026-01-01T00:60:00Z", syntax},
		{"second 61", "2026-01-01T00:00:61Z", syntax},
		{"an empty fraction", "2026-01-01T00:00:00.Z", syntax},
		{"letters in a fraction", "2026-01-01T00:00:00.12x4Z", syntax},
		{"an offset of days", "2026-01-01T00:00:00+24:00", syntax},
		{"an offset with minute 60", "2026-01-01T00:00:00+01:60", syntax},
		{"an offset without a number", "2026-01-01T00:00:00+", syntax},
		{"a zone's name", "2026-01-01T00:00:00 Europe/Berlin", syntax},
		{"a year of two digits", "26-01-01", syntax},
		{"a date and a T", "2026-01-01T", syntax},
		{"text behind", "2026-01-01T00:00:00Z and more", syntax},
		{"signs among the digits", "2026-+1-01", syntax},
		{"digits of another script", "٢٠٢٦-01-01", syntax},
		{"SQL", "2026-01-01'; DROP TABLE request_logs; --", syntax},
		{"a NUL", "2026-01-01\x00", syntax},
		{"the year 0", "0000-01-01T00:00:00Z", outOfRange},
		{"the year 10000", "10000-01-01T00:00:00Z", outOfRange},
		{"the year 99999", "99999-12-31T00:00:00Z", outOfRange},
		{"past the last moment by its offset", "9999-12-31T23:59:59-01:00", outOfRange},
		{"past the last moment by rounding", "9999-12-31T23:59:59.9999999Z", outOfRange},
		{"before the first moment by its offset", "0001-01-01T00:00:00+01:00", outOfRange},
		{"a very long text", strings.Repeat("9", 10_000), syntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := store.ParseTimestamp(tt.text, clock)
			require.Equal(t, tt.code, codeOf(err))
			assert.Less(t, len(err.Error()), 400, "a long text is cut")
			assert.NotEmpty(t, err.(*store.Error).Hint)
		})
	}
}

func TestEpochSecondsAreReadToTheMicrosecond(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{
		0: "1970-01-01T00:00:00.000000Z", -0.000001: "1969-12-31T23:59:59.999999Z", -1.5: "1969-12-31T23:59:58.500000Z",
		1769903999.123456: "2026-01-31T23:59:59.123456Z", 1769903999.9999996: "2026-02-01T00:00:00.000000Z",
		253402300799: "9999-12-31T23:59:59.000000Z", -62135596800: "0001-01-01T00:00:00.000000Z",
	} {
		got, err := store.FromEpoch(seconds)
		require.NoError(t, err)
		assert.Equal(t, want, got.Stored())
	}
	for _, seconds := range []float64{253402300800, 1769903999123, -62135596801, math.NaN(), math.Inf(1), math.Inf(-1), 1e300} {
		_, err := store.FromEpoch(seconds)
		assert.Equal(t, store.CodeTimeRange, codeOf(err), "%g", seconds)
	}
}

func TestATimeIsShownAsPostgRESTShowsIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-01-31T23:59:59.123456Z":   `"2026-01-31T23:59:59.123456+00:00"`,
		"2026-01-31T23:59:59.120000Z":   `"2026-01-31T23:59:59.12+00:00"`,
		"2026-01-31T23:59:59Z":          `"2026-01-31T23:59:59+00:00"`,
		"2026-01-31T23:59:59.000001+01": `"2026-01-31T22:59:59.000001+00:00"`,
	} {
		at, err := store.ParseTimestamp(text, clock)
		require.NoError(t, err)
		shown, err := json.Marshal(at)
		require.NoError(t, err)
		assert.Equal(t, want, string(shown))
		var back store.Timestamp
		require.NoError(t, json.Unmarshal(shown, &back))
		assert.Equal(t, at, back)
	}
	var bad store.Timestamp
	assert.Error(t, json.Unmarshal([]byte(`"soon"`), &bad))
}

// Text order is time order, and hours and months begin where the calendar says.
func TestTimesKeepTheirOrderAndTheirMonthAsText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		moment := rapid.Int64Range(-62135596800_000_000, 253402300799_999_999)
		a, b := store.Timestamp(moment.Draw(t, "a")), store.Timestamp(moment.Draw(t, "b"))
		require.Equal(t, a < b, a.Stored() < b.Stored())
		require.Len(t, a.Stored(), 27)
		back, err := store.ParseTimestamp(a.Stored(), clock)
		require.NoError(t, err)
		require.Equal(t, a, back)
		require.Equal(t, a.Stored()[:13]+":00:00.000000Z", a.Hour().Stored())
		require.Equal(t, a.Stored()[:7]+"-01T00:00:00.000000Z", a.Month().Stored())
	})
}
