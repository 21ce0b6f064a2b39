package store_test

import (
	"fmt"
	"slices"
	"strconv"

	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
)

// Columns that are told of together, and those that come and go. Where the
// program or the database would fill in the time of the day, it is told.
var (
	tokenColumns = []string{"tokens_used", "prompt_tokens", "completion_tokens"}

	toldColumns = map[string][]string{
		"insert request_logs":  {"created_at"},
		"update request_logs":  {},
		"insert tokens_usage":  {"user_profile_id", "period_start", "period_end", "created_at", "updated_at"},
		"update tokens_usage":  {"updated_at"},
		"insert user_profiles": {"user_id", "created_at", "updated_at"},
		"update user_profiles": {"updated_at"},
	}
	optionalColumns = map[string][]string{
		"request_logs": {
			"user_profile_id", "end_user", "provider", "model", "status", "litellm_call_id", "tokens_used", "total_cost",
			"response_time", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "prompt_cost_per_token",
			"messages", "response", "error", "additional_details",
		},
		"tokens_usage": {
			"period_type", "total_tokens", "total_cost", "request_count", "model_breakdown", "provider_breakdown",
		},
		"user_profiles": {
			"email", "full_name", "avatar_url", "provider", "provider_user_id", "raw_oauth_details",
			"subscription_tier", "tokens_used",
		},
	}
)

// columns draws which columns a write names.
func (d drawer) columns() {
	s := d.s
	kind := "insert "
	if !s.adds() {
		kind = "update "
	}
	s.Columns = slices.Clone(toldColumns[kind+s.On])
	guarded := s.caller().Role != policy.Service && s.On == "user_profiles"
	for _, column := range optionalColumns[s.On] {
		switch {
		case guarded && (column == "subscription_tier" || column == "tokens_used") && !d.chance(8, column):
		case !s.adds() && s.On == "tokens_usage" && !d.chance(3, column):
		case s.names(column) || !rapid.Bool().Draw(d.T, column):
		case column == "tokens_used" && s.On == "request_logs":
			s.Columns = append(s.Columns, tokenColumns...)
		default:
			s.Columns = append(s.Columns, column)
		}
	}
	switch {
	case !s.adds():
		d.movedColumns()
	case s.On == "request_logs" && s.Target == "litellm_call_id" && !s.names("litellm_call_id"):
		s.Columns = append(s.Columns, "litellm_call_id")
	case s.On == "user_profiles":
	case s.On == "request_logs" && s.caller().Role != policy.Service:
	case s.On == "tokens_usage" && s.Do == "merge" && s.Target != "" && d.chance(6, "new id"):
		s.Columns = append(s.Columns, "id")
	case s.Target == "" && (s.Do != "insert" || d.chance(6, "id")):
		s.Columns = slices.DeleteFunc(s.Columns, func(c string) bool { return c == "litellm_call_id" })
		s.Columns = append(s.Columns, "id")
	}
}

// movedColumns adds to an update, now and then, what moves a row elsewhere.
func (d drawer) movedColumns() {
	s := d.s
	moving := map[string][]string{
		"request_logs": {"created_at"}, "user_profiles": {"user_id", "created_at"},
		"tokens_usage": {"user_profile_id", "period_start", "period_end", "id"},
	}[s.On]
	for _, column := range moving {
		if d.chance(5, column) {
			s.Columns = append(s.Columns, column)
		}
	}
	if len(s.Columns) == 0 {
		s.Columns = []string{"model"}
	}
}

// row draws the values of the i-th row.
func (d drawer) row(i int) []string {
	values := make([]string, len(d.s.Columns))
	for c, column := range d.s.Columns {
		if column != "prompt_tokens" && column != "completion_tokens" {
			values[c] = d.value(column, i)
		}
	}
	if at := slices.Index(d.s.Columns, tokenColumns[0]); at >= 0 && d.s.On == "request_logs" {
		// Where both counts are known, so is their sum: else the program adds it.
		counts := rapid.SampledFrom([][]string{
			{"0", "null", "null"}, {"null", "null", "null"}, {"7", "null", "null"}, {"7", "5", "2"}, {"3", "3", "0"},
			{"1000", "null", "1000"}, {"999999999999", "999999999998", "1"}, {"12", "0", "null"},
		}).Draw(d.T, "tokens")
		copy(values[at:], counts)
	}
	return values
}

func (d drawer) value(column string, i int) string {
	s := d.s
	own := s.caller().Subject
	if own == "" {
		own = d.pick("user", diffProfiles...)
	}
	switch column {
	case "id":
		return strconv.Itoa(-rapid.IntRange(1, 5).Draw(d.T, "id")) // those of the database are positive
	case "user_id":
		return d.unlessKept(12, d.text("user", "eve", "dan", "ann", "bob", "new"))
	case "user_profile_id":
		users := []string{own, own, own, own, "ann", "bob", "eve", "ghost"}
		if s.On == "request_logs" && s.adds() {
			users = append(users, "")
		}
		return d.unlessKept(8, d.text("user", users...))
	case "end_user":
		users := []string{"", "stranger", "Fremde/r"}
		if s.adds() { // else the program links what has no user yet
			users = append(users, "ann", oddUser, "eve")
		}
		return d.orNull(6, d.text("end user", users...))
	case "litellm_call_id":
		n := rapid.IntRange(0, 8).Draw(d.T, "call")
		if s.Target != "litellm_call_id" || blind(*s) { // no two of a statement the same: the program would complete one by the other
			n = n/3*3 + i
		}
		return d.orNull(4, quoted(fmt.Sprintf("call %d", n)))
	case "status":
		return d.orNull(10, d.text("status", "success", "initiated", "initiated", "failure", "error", "cancelled", ""))
	case "model":
		return d.orNull(8, d.text("model", "house-a", "house-b", "Häuschen", ""))
	case "provider":
		return d.orNull(8, d.text("provider", "cellar", "attic", ""))
	case "total_cost", "prompt_cost_per_token":
		value := d.pick("cost", costs...)
		return d.unlessKept(5, value)
	case "response_time":
		return d.orNull(6, d.pick("seconds", seconds...))
	case "created_at", "updated_at", "period_start", "period_end":
		moment := quoted(drawMoment(d.T))
		if s.On != "request_logs" {
			return d.unlessKept(25, moment)
		}
		return moment // else the program fills it
	case "period_type":
		return d.text("period", "monthly", "monthly", "daily", "mine")
	case "messages", "response", "error", "additional_details", "model_breakdown", "provider_breakdown", "raw_oauth_details":
		document := d.pick("document", `{}`, `{"a": 1.50, "b":[null,"ü"]}`, `[1,2]`, `"text"`, `12`)
		return d.unlessKept(12, document)
	case "total_tokens", "request_count", "tokens_used", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens":
		value := d.pick(column, "0", "1", "7", "123456")
		return d.unlessKept(5, value)
	case "subscription_tier":
		return d.orNull(5, d.text("tier", "free", "pro", ""))
	default: // the texts of a profile
		return d.orNull(5, d.text(column, "x", "O'Hara \\ \"ü\"", "a@example.com", ""))
	}
}

// unlessKept draws a null now and then: of a column that may not be null only
// where an insert or update is refused for it all the same.
func (d drawer) unlessKept(n int, value string) string {
	s := d.s
	if s.On != "request_logs" && (s.Do == "ignore" || s.Do == "merge") {
		return value
	}
	return d.orNull(n, value)
}

// filter draws at most n terms about the columns of the relation.
func (d drawer) filter(n int) (terms []term) {
	about := map[string][]string{
		"request_logs":           {"id", "user_profile_id", "status", "model", "created_at", "tokens_used", "total_cost", "response_time", "litellm_call_id"},
		"tokens_usage":           {"id", "user_profile_id", "period_type", "period_start", "total_tokens"},
		"user_profiles":          {"user_id", "subscription_tier", "email", "tokens_used", "updated_at"},
		"user_request_analytics": {"user_id", "total_requests", "total_cost", "most_used_model", "last_request_time"},
		"user_recent_activity":   {"request_id", "user_id", "request_time", "status", "response_time"},
		"monthly_token_usage":    {"user_profile_id", "period_start", "request_count", "total_cost"},
		"user_token_breakdown":   {"user_profile_id", "model", "request_count", "avg_tokens_per_request"},
		"usage_by_log":           {"id", "user_profile_id", "created_at", "failures"},
		"usage_totals":           {"user_profile_id", "model", "requests", "last_at"},
		"usage_monthly":          {"user_profile_id", "month", "tokens"},
	}[d.s.On]
	for range rapid.IntRange(0, n).Draw(d.T, "terms") {
		terms = append(terms, d.term(d.pick("about", about...)))
	}
	return terms
}

func (d drawer) byKey() term {
	if d.s.On == "user_profiles" {
		return d.term("user_id")
	}
	return term{"id", "=", []string{d.reference()}}
}

func (d drawer) reference() string {
	if d.chance(5, "own id") {
		return strconv.Itoa(-rapid.IntRange(1, 5).Draw(d.T, "id"))
	}
	return "#" + strconv.Itoa(rapid.IntRange(1, 60).Draw(d.T, "id"))
}

func (d drawer) term(column string) term {
	op := d.pick("operator", "=", "=", "<>", "<", ">=", "in", "is null")
	n := map[string]int{"is null": 0, "in": 2}
	count, ok := n[op]
	if !ok {
		count = 1
	}
	t := term{Column: column, Op: op}
	for range count {
		t.Values = append(t.Values, d.comparand(column))
	}
	return t
}

// comparand draws the text that a column is compared with.
func (d drawer) comparand(column string) string {
	switch column {
	case "id", "request_id":
		return d.reference()
	case "user_id", "user_profile_id":
		return d.pick("user", "ann", "bob", oddUser, "eve", "")
	case "status":
		return d.pick("status", "success", "initiated", "failure", "")
	case "model", "most_used_model":
		return d.pick("model", "house-a", "house-b", "Häuschen", "")
	case "litellm_call_id":
		return fmt.Sprintf("call %d", rapid.IntRange(0, 8).Draw(d.T, "call"))
	case "period_type":
		return d.pick("period", "monthly", "daily")
	case "email":
		return d.pick("email", "x", "a@example.com")
	case "subscription_tier":
		return d.pick("tier", "free", "pro")
	case "total_cost":
		return d.pick("cost", costs...)
	case "response_time", "avg_tokens_per_request":
		return d.pick("seconds", seconds...)
	case "tokens_used", "total_tokens", "total_requests", "request_count", "failures", "requests", "tokens":
		return d.number("number", 8)
	default:
		return drawMoment(d.T)
	}
}
