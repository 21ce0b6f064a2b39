package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/llmtally/llmtally/policy"
)

// An Overview is how a span of time went for all users together.
type Overview struct {
	Periods       []UsagePeriod  `json:"periods" doc:"Gaps filled with zeros."`
	Range         OverviewTotals `json:"range"`
	Before        OverviewTotals `json:"before" doc:"The equally long span before the range."`
	Models        []ModelTraffic `json:"models" doc:"Of the range, most requests first."`
	TopUsers      TopUsers       `json:"top_users"`
	Errors        []ErrorShare   `json:"errors" doc:"What failed most in the range, most frequent first."`
	ErrorsPartial bool           `json:"errors_partial" doc:"Whether errors were counted over the newest 1,000 failures alone."`
}

// OverviewTotals are the sums over a span of whole UTC hours.
type OverviewTotals struct {
	From        Timestamp `json:"from" format:"date-time"`
	To          Timestamp `json:"to" format:"date-time" doc:"Exclusive."`
	Requests    int64     `json:"requests"`
	Failures    int64     `json:"failures"`
	Tokens      int64     `json:"tokens"`
	Cost        float64   `json:"cost" doc:"USD."`
	P50         *float64  `json:"p50" doc:"The median response time in seconds, within 3.2 %; null when none is known."`
	P95         *float64  `json:"p95" doc:"The response time in seconds that 95 of 100 requests did not exceed."`
	ActiveUsers int64     `json:"active_users" doc:"Users with at least one request."`
}

// ModelTraffic is the sums of one model of one provider.
type ModelTraffic struct {
	Model    string   `json:"model" doc:"Empty when unknown."`
	Provider string   `json:"provider" doc:"Empty when unknown."`
	Requests int64    `json:"requests"`
	Failures int64    `json:"failures"`
	Tokens   int64    `json:"tokens"`
	Cost     float64  `json:"cost" doc:"USD."`
	Unpriced int64    `json:"unpriced" doc:"Requests whose tokens are known and whose price is not."`
	P50      *float64 `json:"p50" doc:"The median response time in seconds."`
	P95      *float64 `json:"p95" doc:"The response time in seconds that 95 of 100 requests did not exceed."`
}

// TopUsers are the users who cost most, ten at most, and the span that they are
// compared over: the one asked for, or the whole UTC months that it touches.
type TopUsers struct {
	From  Timestamp   `json:"from" format:"date-time"`
	To    Timestamp   `json:"to" format:"date-time" doc:"Exclusive."`
	Users []UserShare `json:"users" doc:"Most expensive first, then most tokens."`
}

// UserShare is one user's part of a span.
type UserShare struct {
	UserID   string  `json:"user_id"`
	Email    string  `json:"email" doc:"Empty when unknown."`
	FullName string  `json:"full_name" doc:"Empty when unknown."`
	Requests int64   `json:"requests"`
	Failures int64   `json:"failures"`
	Tokens   int64   `json:"tokens"`
	Cost     float64 `json:"cost" doc:"USD."`
}

// ErrorShare is one kind of failure of one model.
type ErrorShare struct {
	Kind     string    `json:"kind" doc:"What the provider or client calls the error, else the beginning of its message; empty when nothing is said."`
	Model    string    `json:"model" doc:"Empty when unknown."`
	Provider string    `json:"provider" doc:"Empty when unknown."`
	Count    int64     `json:"count"`
	Last     Timestamp `json:"last" format:"date-time" doc:"When the newest of them began."`
	LastID   int64     `json:"last_id" doc:"The newest of them."`
}

// Overview returns how the periods of the time zone that overlap from
// (inclusive) to to (exclusive) went for everybody, as whole periods, and how
// the equally long time before them went. It is for the service role alone.
//
// Everything is counted in UTC hours, which in time zones at a half or quarter of
// an hour begin at other minutes than 0. By the hour, these are the periods. A
// day or month has the hours that begin in it, and the first of the range also
// the hour under way, should that have begun before. The range ends with the
// hour under way, so that it is compared with a time as long as what has passed
// of it.
func (db *DB) Overview(ctx context.Context, caller policy.Caller, from, to time.Time, g Granularity, zone *time.Location) (Overview, error) {
	bounds, span, err := db.overviewSpan(caller, from, to, g, zone)
	if err != nil {
		return Overview{}, err
	}
	many, err := db.moreLogs(ctx, span, fewLogs)
	if err != nil {
		return Overview{}, err
	}
	manyBefore, err := db.moreLogs(ctx, span.before(), fewLogs)
	if err != nil {
		return Overview{}, err
	}
	var o Overview
	var active, activeBefore int64
	var top TopUsers
	var failed []ErrorShare
	var partial bool
	var parts errgroup.Group
	parts.Go(func() (err error) {
		o, err = db.trafficOverview(ctx, caller, bounds, span)
		return err
	})
	parts.Go(func() (err error) {
		active, err = db.activeUsers(ctx, span, many)
		return err
	})
	parts.Go(func() (err error) {
		activeBefore, err = db.activeUsers(ctx, span.before(), manyBefore)
		return err
	})
	parts.Go(func() (err error) {
		top, err = db.topUsers(ctx, span, many)
		return err
	})
	parts.Go(func() (err error) {
		failed, partial, err = db.errorShares(ctx, span)
		return err
	})
	if err := parts.Wait(); err != nil {
		return Overview{}, err
	}
	o.Range.ActiveUsers, o.Before.ActiveUsers = active, activeBefore
	o.TopUsers, o.Errors, o.ErrorsPartial = top, failed, partial
	return o, nil
}

// Traffic returns an Overview without its users and errors, which are what
// takes long.
func (db *DB) Traffic(ctx context.Context, caller policy.Caller, from, to time.Time, g Granularity, zone *time.Location) (Overview, error) {
	bounds, span, err := db.overviewSpan(caller, from, to, g, zone)
	if err != nil {
		return Overview{}, err
	}
	return db.trafficOverview(ctx, caller, bounds, span)
}

// PrepareOverview makes ready for an Overview of so many UTC days up to now what
// takes longest in it: for a page that people are likely to open first. One
// thing is asked at a time, to leave connections to those who ask now.
func (db *DB) PrepareOverview(ctx context.Context, days int) error {
	now := db.now()
	span := hourSpan{At(now.Time().AddDate(0, 0, 1-days).Truncate(24 * time.Hour)), now.Hour() + hour}
	many, err := db.moreLogs(ctx, span, fewLogs)
	if err != nil {
		return err
	}
	if _, err := db.topUsers(ctx, span, many); err != nil {
		return err
	}
	for _, s := range []hourSpan{span, span.before()} {
		if _, err := db.activeUsers(ctx, s, many); err != nil {
			return err
		}
	}
	return nil
}

// An hourSpan is from one UTC hour's first moment to another's.
type hourSpan struct{ from, to Timestamp }

// overviewSpan returns the borders of the periods of an overview, and the hours
// that begin in them, as far as they have begun.
func (db *DB) overviewSpan(caller policy.Caller, from, to time.Time, g Granularity, zone *time.Location) ([]Timestamp, hourSpan, error) {
	if !policy.For(caller, "traffic_hourly", policy.Select).Any() {
		return nil, hourSpan{}, errPermission("traffic_hourly")
	}
	if g == ByHour {
		zone = time.UTC
	}
	bounds, err := periods(g, from, to, zone)
	if err != nil {
		return nil, hourSpan{}, err
	}
	s := hourSpan{bounds[0].nextHour(), bounds[len(bounds)-1].nextHour()}
	now := db.now()
	if bounds[0] <= now {
		s.from = min(s.from, now.Hour()) // so that what was just logged is seen
	}
	if end := now.Hour() + hour; s.from < end && end < s.to {
		s.to = end
	}
	return bounds, s, nil
}

// nextHour returns the first moment of a UTC hour at or after the moment.
func (t Timestamp) nextHour() Timestamp { return (t + hour - 1).Hour() }

// before returns the equally long span before this one.
func (s hourSpan) before() hourSpan { return hourSpan{max(s.from-(s.to-s.from), minTimestamp), s.from} }

// fewLogs is how many logs are read one by one in about 20 ms: no longer than
// something of each of ten thousand users.
const fewLogs = 10_000

// moreLogs says whether a span has more than n logs. It looks at no more.
func (db *DB) moreLogs(ctx context.Context, s hourSpan, n int64) (bool, error) {
	var found int64
	err := db.readers.QueryRowContext(ctx, `
		SELECT count(*)
		FROM (SELECT 1 FROM request_logs WHERE created_at >= $1 AND created_at < $2 LIMIT $3) AS l`,
		s.from, s.to, n+1).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("counting logs: %w", translate(err))
	}
	return found > n, nil
}

// period returns which of the periods between the borders a moment is in: the
// first also when it is an hour that began before that.
func period(bounds []Timestamp, at Timestamp) int {
	i, found := slices.BinarySearch(bounds, at)
	if !found {
		i--
	}
	return max(i, 0)
}
