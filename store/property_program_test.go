package store_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// An op is one step of a random program. Drawn as plain data, so that a failing
// program prints as something to read, and shrinks.
type op struct {
	Kind   string
	Caller string   // append: "service", "anon", or a user's id
	Logs   []string // append: JSON objects
	Filter []string // update, delete: parts that must all hold
	Set    []string // update: column=JSON value
	User   string   // erase, profile
}

// The first kind does nothing: steps that a failure does not need shrink to it.
var opKinds = []string{
	"nothing", "append", "append", "append", "append", "append", "append", "append", "append",
	"append", "append", "append", "append", "append", "append", "append", "append",
	"update", "update", "update", "update", "update", "update", "delete", "delete", "delete",
	"erase", "profile", "check",
}

// A user id is any text. Nobody logs in as ghost, and ”no such user” comes
// from clients alone.
var (
	knownUsers = []string{"ann", "bob", "Zoë/ü", "ghost"}
	anyUser    = []string{"", "ann", "ann", "bob", "Zoë/ü", "ghost", "no such user"}
	models     = []string{"", "gpt-4o", "gpt-4o-mini", "claude-3", "openai/gpt-4o", "Z", "a"}
	providers  = []string{"", "openai", "anthropic", "azure"}
	statuses   = []string{"initiated", "initiated", "initiated", "success", "SUCCESS", "failure", "Failure", "error", "cancelled", ""}
	costs      = []string{
		"0", "0.0000000005", "0.0000000125", "0.00000000049999", "1e-10", "0.000001234", "0.0125",
		"0.30000000000000004", "12.5", "1234567.8901234565", "99999999.999999999",
	}
	seconds = []string{"0", "0.0000004", "0.25", "1.5", "3", "17.123457", "600.1"}
	tokens  = []int64{0, 1, 7, 1000, 123_456, 999_999_999_999}
)

// borders are moments where an hour, a day or a month begins, in one of the
// zones that reports are asked in.
var borders = []time.Time{
	time.Date(2026, 1, 31, 18, 15, 0, 0, time.UTC), // a day in Kathmandu
	time.Date(2026, 1, 31, 13, 0, 0, 0, time.UTC),  // a day and a month on Lord Howe
	time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC),
	time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
}

func drawMoment(t *rapid.T) string {
	at := rapid.SampledFrom(borders).Draw(t, "border")
	off := rapid.SampledFrom([]time.Duration{
		0, -time.Microsecond, time.Microsecond, time.Minute, -time.Hour, 25 * time.Hour,
	}).Draw(t, "off")
	return at.Add(off).Format(time.RFC3339Nano)
}

func drawCost(t *rapid.T) string {
	if rapid.Bool().Draw(t, "listed") {
		return rapid.SampledFrom(costs).Draw(t, "cost")
	}
	tenths := rapid.Int64Range(0, 1e12).Draw(t, "tenths of a nano-dollar")
	return fmt.Sprintf("%d.%010d", tenths/1e10, tenths%1e10)
}

// drawValue returns a value for a column as JSON text.
func drawValue(t *rapid.T, column string) string {
	pick := func(from []string) string {
		quoted, _ := json.Marshal(rapid.SampledFrom(from).Draw(t, column))
		return string(quoted)
	}
	switch column {
	case "user_profile_id", "end_user":
		return pick(anyUser)
	case "model":
		return pick(models)
	case "provider":
		return pick(providers)
	case "status":
		return pick(statuses)
	case "litellm_call_id":
		return pick([]string{"", "c1", "c2", "c3", "c4", "c5", "c6"})
	case "created_at":
		quoted, _ := json.Marshal(drawMoment(t))
		return string(quoted)
	case "total_cost":
		return drawCost(t)
	case "response_time":
		return rapid.SampledFrom(seconds).Draw(t, column)
	case "response":
		return fmt.Sprintf(`{"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`,
			rapid.SampledFrom(tokens).Draw(t, "prompt"), rapid.SampledFrom(tokens).Draw(t, "completion"))
	default:
		return strconv.FormatInt(rapid.SampledFrom(tokens).Draw(t, column), 10)
	}
}

var logFields = []string{
	"user_profile_id", "end_user", "provider", "model", "status", "litellm_call_id", "created_at",
	"total_cost", "response_time", "tokens_used", "prompt_tokens", "completion_tokens",
	"cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "response",
}

// Most logs name a time, a model and a status; other columns come and go.
func drawLog(t *rapid.T) string {
	object := "{"
	for _, f := range logFields {
		presence := rapid.IntRange(0, 7).Draw(t, f+" present")
		usual := f == "created_at" || f == "model" || f == "status" || f == "end_user"
		if presence < 3 || usual && presence < 1 {
			continue
		}
		value := "null"
		if presence < 7 {
			value = drawValue(t, f)
		}
		if object != "{" {
			object += ","
		}
		object += `"` + f + `":` + value
	}
	return object + "}"
}

var opGen = rapid.Custom(func(t *rapid.T) op {
	o := op{Kind: rapid.SampledFrom(opKinds).Draw(t, "kind")}
	switch o.Kind {
	case "append":
		o.Caller = rapid.SampledFrom([]string{"service", "service", "service", "anon", "ann", "Zoë/ü"}).Draw(t, "caller")
		for range rapid.IntRange(1, 10).Draw(t, "logs") {
			o.Logs = append(o.Logs, drawLog(t))
		}
	case "update":
		o.Filter = drawFilter(t)
		for range rapid.IntRange(1, 2).Draw(t, "assignments") {
			o.Set = append(o.Set, drawAssignment(t))
		}
	case "delete":
		o.Filter = append(drawFilter(t), "id="+strconv.Itoa(rapid.IntRange(1, 60).Draw(t, "id")))
		if rapid.IntRange(0, 5).Draw(t, "widely") == 5 {
			o.Filter = o.Filter[:len(o.Filter)-1]
		}
	case "erase", "profile":
		o.User = rapid.SampledFrom(knownUsers).Draw(t, "user")
	}
	return o
})

func drawFilter(t *rapid.T) []string {
	parts := []string{}
	for _, column := range []string{"user_profile_id", "model", "status", "created_at"} {
		switch rapid.IntRange(0, 6).Draw(t, "filter on "+column) {
		case 4:
			parts = append(parts, column+"="+drawValue(t, column))
		case 5:
			parts = append(parts, column+" is null")
		case 6:
			parts = append(parts, column+">"+drawValue(t, column))
		}
	}
	return parts
}

func drawAssignment(t *rapid.T) string {
	column := rapid.SampledFrom([]string{
		"user_profile_id", "model", "provider", "total_cost", "status", "created_at", "tokens_used",
		"response_time", "prompt_tokens", "end_user",
	}).Draw(t, "column")
	nullable := column != "created_at"
	if nullable && rapid.IntRange(0, 3).Draw(t, "null") == 3 {
		return column + "=null"
	}
	return column + "=" + drawValue(t, column)
}

func (o op) caller() policy.Caller {
	switch o.Caller {
	case "service":
		return policy.System()
	case "anon":
		return storetest.Anon()
	default:
		return storetest.User(o.Caller)
	}
}

// where returns the filter as a query's condition; nil for every row.
func (o op) where() query.Expr {
	var all query.And
	for _, part := range o.Filter {
		all = append(all, condition(part))
	}
	if all == nil {
		return nil
	}
	return all
}
