package store

import (
	"database/sql/driver"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Timestamp is a moment in UTC, in microseconds since 1970.
type Timestamp int64

const (
	storedLayout = "2006-01-02T15:04:05.000000Z"
	shownLayout  = "2006-01-02T15:04:05.999999+00:00"
)

// The first and last moments that fit the stored four-digit year.
var (
	minTimestamp = At(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	maxTimestamp = At(time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC))
)

// At returns t as a Timestamp, rounded to the microsecond.
func At(t time.Time) Timestamp { return Timestamp(t.Round(time.Microsecond).UnixMicro()) }

// Time returns the moment in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMicro(int64(t)).UTC() }

// Stored returns the fixed-width text that SQLite keeps.
func (t Timestamp) Stored() string { return t.Time().Format(storedLayout) }

// String returns the text that JSON shows, as PostgREST does: the fraction
// without trailing zeros, the offset written out.
func (t Timestamp) String() string { return t.Time().Format(shownLayout) }

// MarshalText makes JSON show a Timestamp as String does.
func (t Timestamp) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what ParseTimestamp reads.
func (t *Timestamp) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTimestamp(string(text), time.Now())
	return err
}

// Value binds a Timestamp as its stored text.
func (t Timestamp) Value() (driver.Value, error) { return t.Stored(), nil }

const hour = Timestamp(3600 * 1e6)

// Hour returns the first moment of the UTC hour.
func (t Timestamp) Hour() Timestamp {
	rest := t % hour
	if rest < 0 {
		rest += hour
	}
	return t - rest
}

// Month returns the first moment of the UTC month.
func (t Timestamp) Month() Timestamp {
	y, m, _ := t.Time().Date()
	return At(time.Date(y, m, 1, 0, 0, 0, 0, time.UTC))
}

// nextMonth returns the first moment of the UTC month after this one's.
func (t Timestamp) nextMonth() Timestamp {
	y, m, _ := t.Time().Date()
	return At(time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC))
}

// parseStored reads the text that SQLite keeps, and the one that database/sql
// makes of PostgreSQL's times.
func parseStored(s string) (Timestamp, error) {
	t, err := time.Parse(storedLayout, s)
	if err != nil {
		t, err = time.Parse(time.RFC3339Nano, s)
	}
	if err != nil {
		return 0, fmt.Errorf("reading a stored time: %w", err)
	}
	return Timestamp(t.UnixMicro()), nil
}

// ParseTimestamp reads a time as clients send it: RFC 3339 with any offset,
// PostgreSQL's `2026-01-31 23:59:59+00`, a date alone, the literal `now()`
// (which is now), and the same without an offset as UTC. A fraction is rounded
// to microseconds.
func ParseTimestamp(text string, now time.Time) (Timestamp, error) {
	s := strings.TrimSpace(text)
	switch strings.ToLower(s) {
	case "now()", "now":
		return At(now), nil
	}
	bad := errorf(CodeBadTime, "invalid input syntax for type timestamp with time zone: %q", clip(text))
	bad.Hint = "send RFC 3339, such as 2026-01-31T23:59:59.123456Z, or epoch seconds as a number"
	var p timeParser
	if !p.parse(s) {
		return 0, bad
	}
	t := time.Date(p.year, time.Month(p.month), p.day, p.hour, p.minute, p.second, p.nano, time.UTC).
		Add(-time.Duration(p.offset) * time.Second)
	return inRange(t, text)
}

// FromEpoch reads a time in seconds since 1970.
func FromEpoch(seconds float64) (Timestamp, error) {
	const limit = 1e12 // far past the year 9999, and safe to convert
	if math.IsNaN(seconds) || math.Abs(seconds) > limit {
		return 0, errTimeRange(strconv.FormatFloat(seconds, 'g', -1, 64))
	}
	whole, fraction := math.Modf(seconds)
	t := time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1000)
	return inRange(t, strconv.FormatFloat(seconds, 'f', -1, 64))
}

func inRange(t time.Time, text string) (Timestamp, error) {
	ts := At(t)
	if ts < minTimestamp || ts > maxTimestamp {
		return 0, errTimeRange(text)
	}
	return ts, nil
}

func errTimeRange(text string) error {
	e := errorf(CodeTimeRange, "timestamp out of range: %q", clip(text))
	e.Hint = "years go from 1 to 9999; epoch times are in seconds"
	return e
}

type timeParser struct {
	year, month, day, hour, minute, second, nano, offset int
}

func (p *timeParser) parse(s string) bool {
	i := strings.IndexAny(s, "Tt ")
	if i < 0 {
		return p.parseDate(s)
	}
	return p.parseDate(s[:i]) && p.parseClock(strings.TrimLeft(s[i+1:], " "))
}

func (p *timeParser) parseDate(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) != 3 || len(parts[0]) < 4 || len(parts[0]) > 6 {
		return false
	}
	var ok bool
	if p.year, ok = digits(parts[0], 6); !ok {
		return false
	}
	if p.month, ok = digits(parts[1], 2); !ok || p.month < 1 || p.month > 12 {
		return false
	}
	p.day, ok = digits(parts[2], 2)
	lastDay := time.Date(p.year, time.Month(p.month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return ok && p.day >= 1 && p.day <= lastDay
}

func (p *timeParser) parseClock(s string) bool {
	clock, zone := s, ""
	if i := strings.IndexAny(s, "Zz+- U"); i >= 0 {
		clock, zone = s[:i], strings.TrimSpace(s[i:])
	}
	clock, fraction, hasFraction := strings.Cut(clock, ".")
	parts := strings.Split(clock, ":")
	if len(parts) < 2 || len(parts) > 3 || hasFraction && len(parts) != 3 {
		return false
	}
	var ok bool
	if p.hour, ok = digits(parts[0], 2); !ok || p.hour > 23 {
		return false
	}
	if p.minute, ok = digits(parts[1], 2); !ok || p.minute > 59 {
		return false
	}
	if len(parts) == 3 {
		// PostgreSQL takes second 60, a leap second, as the next minute.
		if p.second, ok = digits(parts[2], 2); !ok || p.second > 60 {
			return false
		}
	}
	if hasFraction && !p.parseFraction(fraction) {
		return false
	}
	return p.parseZone(zone)
}

func (p *timeParser) parseFraction(s string) bool {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return false
	}
	var ok bool
	p.nano, ok = digits((s + "000000000")[:9], 9)
	return ok
}

func (p *timeParser) parseZone(s string) bool {
	if s == "" || s == "Z" || s == "z" || strings.EqualFold(s, "UTC") {
		return true
	}
	sign := 1
	switch s[0] {
	case '-':
		sign = -1
	case '+':
	default:
		return false
	}
	s = s[1:]
	if len(s) == 4 && !strings.Contains(s, ":") {
		s = s[:2] + ":" + s[2:]
	}
	for i, part := range strings.Split(s, ":") {
		n, ok := digits(part, 2)
		if !ok || i > 2 || i == 0 && n > 15 || i > 0 && n > 59 {
			return false
		}
		p.offset += n * []int{3600, 60, 1}[i]
	}
	p.offset *= sign
	return true
}

// digits reads a text of one to most decimal digits and nothing else.
func digits(s string, most int) (int, bool) {
	if s == "" || len(s) > most {
		return 0, false
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// clip shortens a client's text for an error message.
func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
