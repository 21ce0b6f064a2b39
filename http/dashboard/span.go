package dashboard

import (
	"fmt"
	"net/http"
	"time"

	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/store"
)

// A span is the time that a page is about.
type span struct {
	From, To    time.Time // in the person's zone; To is exclusive
	Granularity store.Granularity
	Words       string // the last 30 days
	Choices     []choice
	Custom      bool
	First, Last string      // the dates, for the form
	Keep        [][2]string // what the form sends along
}

// A choice is one of several ways to see a page.
type choice struct {
	Text, Href string
	Current    bool
}

// ranges are those that the picker offers, in days; the first is in hours.
var ranges = []struct {
	key, words string
	days       int
}{
	{"24h", "the last 24 hours", 1}, {"7d", "the last 7 days", 7}, {"30d", "the last 30 days", DefaultDays}, {"90d", "the last 90 days", 90},
}

// DefaultDays is how many days up to now the pages show unless asked otherwise.
const DefaultDays = 30

const (
	defaultRange = "30d"
	maxSpan      = 10 * 366 * 24 * time.Hour
)

// span reads the time from the address.
func (v *visit) span() (span, error) {
	key := v.query("range")
	s := span{Keep: v.kept("range", "from", "to")}
	if key == "" && (v.query("from") != "" || v.query("to") != "") {
		key = "custom"
	}
	if key == "" {
		key = defaultRange
	}
	for _, r := range ranges {
		s.Choices = append(s.Choices, choice{r.key, v.with("range", r.key, "from", "", "to", "", "after", ""), r.key == key})
		if r.key == key {
			s.last(v.now, r.days)
			s.Words = r.words
		}
	}
	if key == "custom" {
		if err := s.between(v.query("from"), v.query("to"), v.now); err != nil {
			return s, err
		}
	}
	if s.To.IsZero() {
		return s, problem.New(http.StatusUnprocessableEntity, "This range is unknown: it is 24h, 7d, 30d, 90d, or from one date to another.")
	}
	s.First, s.Last = s.From.Format(time.DateOnly), s.To.Add(-time.Second).Format(time.DateOnly)
	return s, nil
}

// last is so many days up to now, today included; a single one is 24 hours.
func (s *span) last(now time.Time, days int) {
	s.To, s.Granularity = now, store.ByDay
	s.From = time.Date(now.Year(), now.Month(), now.Day()-days+1, 0, 0, 0, 0, now.Location())
	if days == 1 {
		s.From, s.Granularity = now.Add(-23*time.Hour), store.ByHour
	}
}

const longDay = "2 January 2006"

var errEndsFirst = problem.New(http.StatusUnprocessableEntity, "The range ends before it begins.")

// between is from one day to another, both included.
func (s *span) between(first, last string, now time.Time) error {
	from, to, err := days(first, last, now)
	switch {
	case err != nil:
		return err
	case !from.Before(to):
		return errEndsFirst
	case to.Sub(from) > maxSpan:
		return problem.New(http.StatusUnprocessableEntity, "The range is longer than ten years.")
	}
	s.From, s.To, s.Custom = from, to, true
	s.Words = from.Format(longDay)
	if last := to.Add(-time.Second).Format(longDay); last != s.Words {
		s.Words += " to " + last
	}
	switch length := to.Sub(from); {
	case length <= 73*time.Hour:
		s.Granularity = store.ByHour
	case length <= 400*24*time.Hour:
		s.Granularity = store.ByDay
	default:
		s.Granularity = store.ByMonth
	}
	return nil
}

// days reads two dates in now's zone: the first moment of the one, and the
// first after the other. A missing end is today, a missing begin 30 days before
// the end.
func days(first, last string, now time.Time) (from, to time.Time, err error) {
	if last == "" {
		last = now.Format(time.DateOnly)
	}
	to, err = parseDay(last, now.Location())
	if err != nil {
		return from, to, err
	}
	if first == "" {
		from = to.AddDate(0, 0, -29)
	} else if from, err = parseDay(first, now.Location()); err != nil {
		return from, to, err
	}
	return from, to.AddDate(0, 0, 1), nil
}

// The years that dates are taken of.
const firstYear, lastYear = 1970, 9000

func parseDay(s string, zone *time.Location) (time.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, s, zone)
	switch {
	case err != nil:
		return t, problem.New(http.StatusUnprocessableEntity, "A date is year-month-day, as in 2026-01-31.")
	case t.Year() < firstYear || t.Year() > lastYear:
		return t, problem.New(http.StatusUnprocessableEntity, fmt.Sprintf("Dates are taken from %d-01-01 to %d-12-31.", firstYear, lastYear))
	}
	return t, nil
}
