package jobs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// parser takes what ParseSchedule says. The times that it works out are in the
// zone of the moment that it is asked from: UTC here, always.
var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Off is the schedule of a job that does not run by the clock.
const Off = "off"

// ParseSchedule reads a schedule in UTC: a cron expression of five fields
// (minute, hour, day of month, month, day of week), @hourly, @daily, @weekly,
// @monthly, @yearly, or @every with a duration. It returns nil for Off and "".
func ParseSchedule(text string) (cron.Schedule, error) {
	text = strings.TrimSpace(text)
	if text == "" || strings.EqualFold(text, Off) {
		return nil, nil
	}
	schedule, err := parseSchedule(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a schedule: %w", text, err)
	}
	return schedule, nil
}

func parseSchedule(text string) (cron.Schedule, error) {
	// cron takes a zone before the rest, and panics at one without a rest.
	if strings.Contains(text, "TZ=") {
		return nil, errors.New("schedules are in UTC, without a time zone")
	}
	if every, ok := strings.CutPrefix(text, "@every "); ok {
		// cron makes a second of whatever is less, also of what is negative.
		if d, err := time.ParseDuration(every); err != nil || d < time.Second {
			return nil, errors.New("@every wants a duration of at least a second, such as 90m")
		}
	}
	schedule, err := parser.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w (minute, hour, day of month, month and day of week are wanted, such as \"30 2 * * *\")", err)
	}
	if schedule.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, errors.New("that time never comes")
	}
	return schedule, nil
}
