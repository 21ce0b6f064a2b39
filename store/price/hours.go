package price

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Hours are a part of each day, UTC: from From, which belongs to it, to To,
// which does not. To may lie before From: the hours then go over midnight. From
// equal to To is no hours at all.
// JSON: {"from":"00:30","to":"16:30"}.
type Hours struct{ From, To time.Duration } // since midnight

func (h *Hours) contain(at time.Time) bool {
	at = at.UTC()
	since := at.Sub(time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC))
	if h.To < h.From {
		return since >= h.From || since < h.To
	}
	return since >= h.From && since < h.To
}

// String returns the hours as text: 00:30-16:30.
func (h Hours) String() string { return clock(h.From) + "-" + clock(h.To) }

// ParseHours reads the text that String returns.
func ParseHours(s string) (*Hours, error) {
	from, to, _ := strings.Cut(s, "-")
	h, err := hoursBetween(from, to)
	if err != nil {
		return nil, err
	}
	return &h, nil
}

func hoursBetween(from, to string) (h Hours, err error) {
	if h.From, err = parseClock(from); err != nil {
		return h, err
	}
	h.To, err = parseClock(to)
	return h, err
}

type hoursJSON struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// MarshalJSON writes the object.
func (h Hours) MarshalJSON() ([]byte, error) {
	return json.Marshal(hoursJSON{clock(h.From), clock(h.To)})
}

func clock(since time.Duration) string {
	t := time.Time{}.Add(since)
	if t.Second() == 0 {
		return t.Format("15:04")
	}
	return t.Format(time.TimeOnly)
}

// UnmarshalJSON reads the object; times are HH:MM or HH:MM:SS.
func (h *Hours) UnmarshalJSON(b []byte) error {
	var read hoursJSON
	if err := json.Unmarshal(b, &read); err != nil {
		return fmt.Errorf("hours of the day: %w", err)
	}
	hours, err := hoursBetween(read.From, read.To)
	if err == nil {
		*h = hours
	}
	return err
}

func parseClock(s string) (time.Duration, error) {
	for _, layout := range []string{"15:04", time.TimeOnly, "15:04:05Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			t = t.UTC()
			return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second, nil
		}
	}
	return 0, fmt.Errorf("%.80q is no time of day like 16:30", s)
}
