package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// A LogFilter says which logs to list; zero values ask for all.
type LogFilter struct {
	UserID   string
	Model    string
	Provider string
	Status   string
	From, To *time.Time // inclusive and exclusive
	Before   string     // a LogRow's Cursor: only what is older, the newest of it
	After    string     // the same: only what is newer, the oldest of it
	Limit    int64      // 1 to MaxLogs; 0 means 50
}

// MaxLogs bounds the logs of one page.
const MaxLogs = 1000

// A LogRow is one log without its JSON. Texts that are unknown are empty.
type LogRow struct {
	ID               int64     `json:"id"`
	CreatedAt        Timestamp `json:"created_at" format:"date-time"`
	UserID           string    `json:"user_profile_id"`
	Email            string    `json:"email"`
	Model            string    `json:"model"`
	Provider         string    `json:"provider"`
	Status           string    `json:"status"`
	TokensUsed       *int64    `json:"tokens_used"`
	PromptTokens     *int64    `json:"prompt_tokens"`
	CompletionTokens *int64    `json:"completion_tokens"`
	TotalCost        *float64  `json:"total_cost" doc:"USD; null when the price is unknown."`
	ResponseTime     *float64  `json:"response_time" doc:"Seconds; null when unknown."`
	CallID           string    `json:"litellm_call_id"`
	ErrorKind        string    `json:"error_kind" doc:"Empty for a log that did not fail."`
}

// Cursor marks the place of the log in the order of Logs.
func (r *LogRow) Cursor() string { return fmt.Sprintf("%d.%d", r.CreatedAt, r.ID) }

func parseLogCursor(s string) (at Timestamp, id int64, err error) {
	micros, number, _ := strings.Cut(s, ".")
	n, err1 := strconv.ParseInt(micros, 10, 64)
	id, err2 := strconv.ParseInt(number, 10, 64)
	if err1 != nil || err2 != nil || Timestamp(n) < minTimestamp || Timestamp(n) > maxTimestamp {
		return 0, 0, errorf(CodeInvalidText, "invalid cursor: %s", strconv.Quote(clip(s)))
	}
	return Timestamp(n), id, nil
}

// Logs lists the logs that the caller may see, newest first, ties by id
// descending. Pages neither lose nor repeat a log, unless its time is changed
// meanwhile.
//
// A page of all logs or of one user's, in any time, is read from an index. Model,
// provider and status have none of their own: of one user, all logs are gone
// through until the page is full; of all users, those of the hours that have any.
func (db *DB) Logs(ctx context.Context, caller policy.Caller, f LogFilter) ([]LogRow, error) {
	q, err := f.query()
	if err != nil {
		return nil, err
	}
	rows := []LogRow{}
	each := func(r query.Row) error {
		rows = append(rows, logRowFrom(r))
		return nil
	}
	if f.hasHours(caller) {
		err = db.Snapshot(ctx, caller, func(v *View) error { return v.selectInHours(&f, q, each) })
	} else {
		_, err = db.Run(ctx, caller, q, each)
	}
	if err != nil {
		return nil, err
	}
	if f.After != "" {
		slices.Reverse(rows)
	}
	return rows, db.nameUsers(ctx, caller, rows)
}

// query asks for the columns that logRowFrom reads.
func (f *LogFilter) query() (query.Select, error) {
	where := query.And{}
	for _, is := range []struct{ column, value string }{
		{"user_profile_id", f.UserID}, {"model", f.Model}, {"provider", f.Provider}, {"status", f.Status},
	} {
		if is.value != "" {
			where = append(where, query.Is(is.column, is.value))
		}
	}
	if f.From != nil {
		where = append(where, query.Compare{Column: "created_at", Op: query.Gte, Value: At(*f.From)})
	}
	if f.To != nil {
		where = append(where, query.Compare{Column: "created_at", Op: query.Lt, Value: At(*f.To)})
	}
	for _, beyond := range []struct {
		cursor        string
		strict, loose query.Op
	}{{f.Before, query.Lt, query.Lte}, {f.After, query.Gt, query.Gte}} {
		if beyond.cursor == "" {
			continue
		}
		at, id, err := parseLogCursor(beyond.cursor)
		if err != nil {
			return query.Select{}, err
		}
		where = append(where,
			query.Compare{Column: "created_at", Op: beyond.loose, Value: at},
			query.Or{
				query.Compare{Column: "created_at", Op: beyond.strict, Value: at},
				query.Compare{Column: "id", Op: beyond.strict, Value: id},
			})
	}
	order := newestFirst("created_at", "id")
	if f.After != "" {
		order = []query.Order{{Column: "created_at"}, {Column: "id"}}
	}
	limit := min(cmp.Or(f.Limit, 50), MaxLogs)
	return query.Select{
		From: "request_logs",
		Columns: []query.Output{
			{Name: "id"},
			{Name: "created_at"},
			{Name: "user_profile_id"},
			{Name: "model"},
			{Name: "provider"},
			{Name: "status"},
			{Name: "tokens_used"},
			{Name: "prompt_tokens"},
			{Name: "completion_tokens"},
			{Name: "total_cost"},
			{Name: "response_time"},
			{Name: "litellm_call_id"},
			{Name: "error"},
		},
		Where: where, Order: order, Limit: &limit,
	}, nil
}

func logRowFrom(r query.Row) LogRow {
	row := LogRow{
		ID: integer(r[0]), CreatedAt: moment(r[1]), UserID: text(r[2]), Model: text(r[3]), Provider: text(r[4]),
		Status: text(r[5]), TokensUsed: optional[int64](r[6]), PromptTokens: optional[int64](r[7]),
		CompletionTokens: optional[int64](r[8]), TotalCost: optional[float64](r[9]),
		ResponseTime: knownTime(r[10]), CallID: text(r[11]),
	}
	if failed(row.Status) {
		row.ErrorKind = errorKind([]byte(text(r[12])))
	}
	return row
}

// nameUsers adds the users' addresses.
func (db *DB) nameUsers(ctx context.Context, caller policy.Caller, rows []LogRow) error {
	var users []any
	emails := map[string]string{}
	for _, r := range rows {
		if _, known := emails[r.UserID]; !known && r.UserID != "" {
			emails[r.UserID] = ""
			users = append(users, r.UserID)
		}
	}
	_, err := db.Run(ctx, caller, query.Select{
		From: "user_profiles", Columns: []query.Output{{Name: "user_id"}, {Name: "email"}},
		Where: query.In{Place: query.Column("user_id"), Values: users},
	}, func(r query.Row) error {
		emails[text(r[0])] = text(r[1])
		return nil
	})
	for i := range rows {
		rows[i].Email = emails[rows[i].UserID]
	}
	return err
}
