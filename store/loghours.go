package store

import (
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// hasHours says whether the rollup by hour knows where there are logs that
// match: those of some model, provider or status, whoever's they are.
func (f *LogFilter) hasHours(caller policy.Caller) bool {
	return f.UserID == "" && (f.Model != "" || f.Provider != "" || f.Status != "") &&
		policy.For(caller, "traffic_hourly", policy.Select).Any()
}

// span returns the hours that logs may be in.
func (f *LogFilter) span() hourSpan {
	s := hourSpan{minTimestamp, maxTimestamp}
	if f.From != nil {
		s.from = At(*f.From).Hour()
	}
	if f.To != nil {
		s.to = At(*f.To)
	}
	if at, _, err := parseLogCursor(f.Before); err == nil {
		s.to = min(s.to, at+1)
	}
	if at, _, err := parseLogCursor(f.After); err == nil {
		s.from = max(s.from, at.Hour())
	}
	return s
}

// mayBeIn says whether an hour with such counts may have logs of the status. The
// rollup counts failure and error together, and what is neither these nor a
// success not apart.
func (f *LogFilter) mayBeIn(requests, successes, failures int64) bool {
	switch f.Status {
	case "":
		return true
	case StatusSuccess:
		return successes > 0
	case StatusFailure, StatusError:
		return failures > 0
	}
	return requests > successes+failures
}

// selectInHours runs a select of logs hour by hour, neighbours together, until
// its limit is reached. It looks ahead at a day of hours, then at twice as many:
// where a page is full is not known before.
func (v *View) selectInHours(f *LogFilter, logs query.Select, each func(query.Row) error) error {
	left, rest := *logs.Limit, f.span()
	for ahead := int64(24); ; ahead *= 2 {
		spans, last, n, err := v.hourSpans(f, rest, ahead)
		if err != nil {
			return err
		}
		for _, s := range spans {
			part := logs
			part.Where = append(query.And{logs.Where}, between("created_at", s.from, s.to)...)
			part.Limit = &left
			found, err := v.Select(part, each)
			if left -= found; err != nil || left <= 0 {
				return err
			}
		}
		if n < ahead {
			return nil
		}
		if f.After == "" {
			rest.to = last
		} else {
			rest.from = last + hour
		}
	}
}

// hourSpans looks at so many hours, in the order of the logs, and returns those
// that may have logs, with neighbours put together, the last that it looked at,
// and how many these were.
func (v *View) hourSpans(f *LogFilter, within hourSpan, most int64) (spans []hourSpan, last Timestamp, n int64, err error) {
	where := between("hour", within.from, within.to)
	for _, is := range []struct{ column, value string }{{"model", f.Model}, {"provider", f.Provider}} {
		if is.value != "" {
			where = append(where, query.Is(is.column, is.value))
		}
	}
	n, err = v.Select(query.Select{
		From: "traffic_hourly",
		Columns: []query.Output{
			{Name: "hour"},
			{Name: "requests", Func: query.Sum},
			{Name: "successes", Func: query.Sum},
			{Name: "failures", Func: query.Sum},
		},
		Where: where, Group: []string{"hour"}, Order: []query.Order{{Column: "hour", Desc: f.After == ""}}, Limit: &most,
	}, func(r query.Row) error {
		last = moment(r[0])
		if !f.mayBeIn(integer(r[1]), integer(r[2]), integer(r[3])) {
			return nil
		}
		if i := len(spans) - 1; i >= 0 {
			switch last {
			case spans[i].to:
				spans[i].to += hour
				return nil
			case spans[i].from - hour:
				spans[i].from = last
				return nil
			}
		}
		spans = append(spans, hourSpan{last, last + hour})
		return nil
	})
	return spans, last, n, err
}
