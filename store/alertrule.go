package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/llmtally/llmtally/store/query"
)

// A Metric is what an alert rule measures.
type Metric string

// The metrics. Cost is in USD; ErrorRate is failures by requests, from 0 to 1.
const (
	MetricCost      Metric = "cost"
	MetricTokens    Metric = "tokens"
	MetricRequests  Metric = "requests"
	MetricFailures  Metric = "failures"
	MetricErrorRate Metric = "error_rate"
)

// A Scope is whose requests an alert rule is about.
type Scope string

// The scopes. All but ScopeEveryone need a value: a tier, a user's id, a
// provider or a model, as the logs name it.
const (
	ScopeEveryone Scope = "everyone"
	ScopeTier     Scope = "tier"
	ScopeUser     Scope = "user"
	ScopeProvider Scope = "provider"
	ScopeModel    Scope = "model"
)

// A Window is the time that an alert rule measures over.
type Window string

// The windows. A week begins on Monday; WindowLast is the newest requests,
// however old.
const (
	WindowTotal Window = "total"
	WindowMonth Window = "month"
	WindowWeek  Window = "week"
	WindowDay   Window = "day"
	WindowLast  Window = "last"
)

// An AlertRule says when to raise an alert: when a metric, measured over a
// window, goes above a percentage of a limit.
type AlertRule struct {
	ID           int64     `json:"id"`
	Name         string    `json:"name" doc:"Of its own; it stands in messages."`
	Metric       Metric    `json:"metric" enum:"cost,tokens,requests,failures,error_rate"`
	Scope        Scope     `json:"scope" enum:"everyone,tier,user,provider,model"`
	ScopeValue   string    `json:"scope_value" doc:"The tier, user, provider or model; empty for everyone."`
	PerUser      bool      `json:"per_user" doc:"Measured for each user of the scope alone, not for all of them together."`
	Window       Window    `json:"window" enum:"total,month,week,day,last"`
	LastRequests int64     `json:"last_requests" doc:"How many of the newest requests the window last has."`
	MinRequests  int64     `json:"min_requests" doc:"With fewer, an error rate has no verdict."`
	TimeZone     string    `json:"time_zone" doc:"The IANA time zone whose months, weeks and days count."`
	Limit        float64   `json:"limit" doc:"USD, tokens, requests, failures, or a share from 0 to 1."`
	Thresholds   []float64 `json:"thresholds" doc:"Percentages of the limit; each fires once a window, when it is exceeded."`
	Enabled      bool      `json:"enabled"`
	CreatedAt    Timestamp `json:"created_at" format:"date-time"`
	UpdatedAt    Timestamp `json:"updated_at" format:"date-time"`

	zone *time.Location
}

// The bounds of a rule.
const (
	maxName           = 200
	maxLastRequests   = 10_000
	maxThresholds     = 10
	maxLimit          = 1e15
	defaultMinRequest = 20
)

// complete fills what a rule leaves out, and says what is wrong with it.
func (r *AlertRule) complete() (err error) {
	if r.TimeZone == "" {
		r.TimeZone = "UTC"
	}
	if r.MinRequests == 0 {
		r.MinRequests = defaultMinRequest
		if r.Window == WindowLast && r.LastRequests > 0 {
			r.MinRequests = min(r.MinRequests, r.LastRequests)
		}
	}
	if len(r.Thresholds) == 0 {
		r.Thresholds = []float64{100}
	}
	if r.Scope == ScopeUser {
		r.PerUser = true
	}
	slices.Sort(r.Thresholds)
	r.Thresholds = slices.Compact(r.Thresholds)
	if r.zone, err = ParseZone(r.TimeZone); err != nil {
		return err
	}
	return r.check()
}

func (r *AlertRule) check() error {
	refuse := func(format string, args ...any) error { return errorf(CodeCheck, format, args...) }
	needsValue := r.Scope != ScopeEveryone
	switch {
	case !isName(r.Name):
		return errName()
	case !slices.Contains([]Metric{MetricCost, MetricTokens, MetricRequests, MetricFailures, MetricErrorRate}, r.Metric):
		return refuse("unknown metric %q: cost, tokens, requests, failures or error_rate", clip(string(r.Metric)))
	case !slices.Contains([]Scope{ScopeEveryone, ScopeTier, ScopeUser, ScopeProvider, ScopeModel}, r.Scope):
		return refuse("unknown scope %q: everyone, tier, user, provider or model", clip(string(r.Scope)))
	case !slices.Contains([]Window{WindowTotal, WindowMonth, WindowWeek, WindowDay, WindowLast}, r.Window):
		return refuse("unknown window %q: total, month, week, day or last", clip(string(r.Window)))
	case needsValue && r.ScopeValue == "":
		return refuse("scope %s needs a scope_value", r.Scope)
	case !needsValue && r.ScopeValue != "":
		return refuse("scope everyone takes no scope_value")
	case len(r.ScopeValue) > maxUserID || !query.IsText(r.ScopeValue):
		return refuse("scope_value must be text of at most %d bytes", maxUserID)
	case r.Window == WindowLast && (r.LastRequests < 1 || r.LastRequests > maxLastRequests):
		return refuse("window last needs last_requests from 1 to %d", maxLastRequests)
	case r.Window != WindowLast && r.LastRequests != 0:
		return refuse("last_requests is for the window last only")
	case r.MinRequests < 1 || r.MinRequests > maxLastRequests:
		return refuse("min_requests must be from 1 to %d", maxLastRequests)
	case r.Metric == MetricErrorRate && r.Window == WindowLast && r.MinRequests > r.LastRequests:
		return refuse("min_requests must not be above last_requests: the rule would never have a verdict")
	case !(r.Limit > 0) || r.Limit > maxLimit:
		return refuse("limit must be above 0 and at most %.0f", float64(maxLimit))
	case r.Metric == MetricErrorRate && r.Limit > 1:
		return refuse("the limit of an error rate is a share from 0 to 1: 0.1 is 10 %%")
	case len(r.Thresholds) > maxThresholds:
		return refuse("at most %d thresholds", maxThresholds)
	case !(r.Thresholds[0] > 0) || !(r.Thresholds[len(r.Thresholds)-1] <= 1000):
		return refuse("thresholds are percentages of the limit, above 0 and at most 1000")
	}
	return nil
}

// isName says whether a rule or channel may be called so.
func isName(s string) bool {
	return strings.TrimSpace(s) != "" && utf8.RuneCountInString(s) <= maxName && query.IsText(s)
}

func errName() error {
	return errorf(CodeCheck, "name must have 1 to %d characters of text, not only spaces, and no NUL", maxName)
}

// bounds returns the window's first moment and the first after it; both are 0
// when it has none.
func (r *AlertRule) bounds(at time.Time) (from, to Timestamp) {
	var s step
	switch r.Window {
	case WindowMonth:
		s = steps[ByMonth]
	case WindowWeek:
		s = weekStep
	case WindowDay:
		s = steps[ByDay]
	default:
		return 0, 0
	}
	start := s.floor(at.In(r.zone))
	return At(start), At(s.next(start))
}

// weekStep finds the borders of weeks, which begin on Monday (ISO 8601).
var weekStep = step{
	floor: func(t time.Time) time.Time {
		sinceMonday := (int(t.Weekday()) + 6) % 7
		return midnight(t.Year(), t.Month(), t.Day()-sinceMonday, t.Location())
	},
	next: func(t time.Time) time.Time { return midnight(t.Year(), t.Month(), t.Day()+7, t.Location()) },
}

// at returns the value that a threshold stands for, as a decimal calculation has
// it: 90 % of 0.7 is 0.63, not the 0.6299999999999999 of floating point, which a
// value of 0.63 would be above.
func (r *AlertRule) at(threshold float64) float64 {
	if threshold == 100 {
		return r.Limit
	}
	const digits = 15 // that a float64 has for sure
	value, err := strconv.ParseFloat(strconv.FormatFloat(r.Limit*threshold/100, 'g', digits, 64), 64)
	if err != nil {
		return r.Limit * threshold / 100
	}
	return value
}

// resolves says whether an alert of the rule can end: a budget that is used up
// stays so until its window is over, a rate falls again.
func (r *AlertRule) resolves() bool { return r.Metric == MetricErrorRate || r.Window == WindowLast }

const selectRulesSQL = `
	SELECT id, name, metric, scope, scope_value, per_user, period, last_requests, min_requests, time_zone,
		max_value, thresholds, enabled, created_at, updated_at
	FROM alert_rules
	ORDER BY id`

func readRules(ctx context.Context, tx *sql.Tx) ([]AlertRule, error) {
	rows, err := tx.QueryContext(ctx, selectRulesSQL)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	rules := []AlertRule{}
	for rows.Next() {
		var r AlertRule
		var thresholds, created, updated string
		if err := rows.Scan(&r.ID, &r.Name, &r.Metric, &r.Scope, &r.ScopeValue, &r.PerUser, &r.Window, &r.LastRequests,
			&r.MinRequests, &r.TimeZone, &r.Limit, &thresholds, &r.Enabled, &created, &updated); err != nil {
			return nil, err
		}
		r.CreatedAt, r.UpdatedAt = moment(created), moment(updated)
		if err := json.Unmarshal([]byte(thresholds), &r.Thresholds); err != nil {
			return nil, fmt.Errorf("reading the thresholds of rule %d: %w", r.ID, err)
		}
		if r.complete() != nil {
			// Somebody wrote it past us. It must not keep the books shut.
			r.Enabled, r.zone = false, time.UTC
		}
		rules = append(rules, r)
	}
	return rules, rows.Err()
}
