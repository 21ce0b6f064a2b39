package store

import (
	"slices"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// hasHours says whether the rollup by hour knows where there are logs that
// match: those of some model, provider or status, whoever's they are.
func (f *LogFilter) hasHours(caller policy.Caller) bool {
	return f.UserID == "" && (f.Model != "" || f.Provider != "" || f.Status != "") &&
		policy.For(caller, "traffic_hourly", policy.Select).Any()
}

// hours asks the rollup by hour, in the order of the logs.
func (f *LogFilter) hours() query.Select {
	where := query.And{}
	for _, is := range []struct{ column, value string }{{"model", f.Model}, {"provider", f.Provider}} {
		if is.value != "" {
			where = append(where, query.Is(is.column, is.value))
		}
	}
	counts := map[string]string{StatusSuccess: "successes", StatusFailure: "failures", StatusError: "failures"}
	if column, counted := counts[f.Status]; counted {
		where = append(where, query.Compare{Column: column, Op: query.Gt, Value: int64(0)})
	}
	if f.From != nil {
		where = append(where, query.Compare{Column: "hour", Op: query.Gte, Value: At(*f.From).Hour()})
	}
	if f.To != nil {
		where = append(where, query.Compare{Column: "hour", Op: query.Lt, Value: At(*f.To)})
	}
	if at, _, err := parseLogCursor(f.Before); err == nil {
		where = append(where, query.Compare{Column: "hour", Op: query.Lte, Value: at})
	}
	if at, _, err := parseLogCursor(f.After); err == nil {
		where = append(where, query.Compare{Column: "hour", Op: query.Gte, Value: at.Hour()})
	}
	return query.Select{
		From: "traffic_hourly", Columns: []query.Output{{Name: "hour"}}, Where: where, Group: []string{"hour"},
		Order: []query.Order{{Column: "hour", Desc: f.After == ""}},
	}
}

// selectInHours runs a select of logs hour by hour, neighbours together, until
// its limit is reached. It looks ahead at a day of hours, then at twice as many:
// where a page is full is not known before.
func (v *View) selectInHours(logs, hours query.Select, each func(query.Row) error) error {
	down := hours.Order[0].Desc
	left := *logs.Limit
	for ahead := int64(24); ; ahead *= 2 {
		spans, last, n, err := v.hourSpans(hours, ahead)
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
		beyond := query.Compare{Column: "hour", Op: query.Gt, Value: last}
		if down {
			beyond.Op = query.Lt
		}
		hours.Where = query.And{hours.Where, beyond}
	}
}

// hourSpans reads so many hours, and returns them with neighbours put together,
// the last of them, and how many there were.
func (v *View) hourSpans(hours query.Select, most int64) (spans []hourSpan, last Timestamp, n int64, err error) {
	hours.Limit = &most
	n, err = v.Select(hours, func(r query.Row) error {
		last = moment(r[0])
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
	return slices.Clip(spans), last, n, err
}
