package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// A UserSort is what a list of users is sorted by.
type UserSort string

// The sorts. Ties go by user id, in the same direction.
const (
	ByTokens   UserSort = "tokens"
	ByCost     UserSort = "cost"
	ByRequests UserSort = "requests"
	ByFailures UserSort = "failures"
	ByLastSeen UserSort = "last_seen"
	ByUserID   UserSort = "user_id"
)

// UserSorts lists the sorts.
func UserSorts() []UserSort {
	return []UserSort{ByTokens, ByCost, ByRequests, ByFailures, ByLastSeen, ByUserID}
}

// MaxUserPage bounds the users of one page.
const MaxUserPage = 1000

// A UserListQuery asks for a page of users. The zero value asks for the first,
// most tokens first.
type UserListQuery struct {
	Search    string // a part of the user id, email or name, letter case ignored
	Sort      UserSort
	Ascending bool
	After     string // a UserPage's Next or Previous, of the same search and sort
	Limit     int    // 1 to MaxUserPage; 0 means 50
}

// A UserPage is a page of users.
type UserPage struct {
	Users    []UserRow `json:"users"`
	Next     string    `json:"next" doc:"For the page after this one; empty when this is the last."`
	Previous string    `json:"previous" doc:"For the page before this one; empty when this is the first."`
	Total    int64     `json:"total" doc:"All users that match."`
	AsOf     Timestamp `json:"as_of" format:"date-time" doc:"The moment of the order and of total; the users' numbers are newer."`
}

// A UserRow is a user with what they used in total.
type UserRow struct {
	UserID   string     `json:"user_id"`
	Email    string     `json:"email" doc:"Empty when unknown."`
	FullName string     `json:"full_name" doc:"Empty when unknown."`
	Tier     string     `json:"tier"`
	Requests int64      `json:"requests"`
	Failures int64      `json:"failures"`
	Tokens   int64      `json:"tokens"`
	Cost     float64    `json:"cost" doc:"USD."`
	LastSeen *Timestamp `json:"last_seen" format:"date-time" doc:"When the newest request began; null without any."`
}

// UserList returns a page of all users. It is for the service role alone.
//
// With more than a thousand users their order is some seconds old, so a user
// whose place changes while somebody turns the pages may come twice or not at
// all.
func (db *DB) UserList(ctx context.Context, caller policy.Caller, q UserListQuery) (UserPage, error) {
	if err := mayListUsers(caller); err != nil {
		return UserPage{}, err
	}
	if q.opens() && db.rankings.latest() == nil {
		defer db.PrepareUserList() // for where people go from here
		return db.firstUsers(ctx, caller, q)
	}
	list, err := db.userList(ctx, q)
	if err != nil {
		return UserPage{}, err
	}
	return list.page(ctx, caller, q)
}

// mayListUsers refuses who may not. It is about all users, so no table's own
// rules will do.
func mayListUsers(caller policy.Caller) error {
	if !policy.For(caller, "traffic_hourly", policy.Select).Any() {
		return errPermission("user_profiles")
	}
	return nil
}

// opens says whether it is the page that the list is usually opened with.
func (q UserListQuery) opens() bool {
	return q.Search == "" && q.After == "" && cmp.Or(q.Sort, ByTokens) == ByTokens
}

// pageSize returns how many users a page has.
func (q UserListQuery) pageSize() int {
	if q.Limit <= 0 {
		return 50
	}
	return min(q.Limit, MaxUserPage)
}

const (
	mostTokensSQL = `
		SELECT user_id, tokens_used, (SELECT count(*) FROM user_profiles)
		FROM user_profiles
		ORDER BY tokens_used DESC, user_id DESC
		LIMIT $1`
	fewestTokensSQL = `
		SELECT user_id, tokens_used, (SELECT count(*) FROM user_profiles)
		FROM user_profiles
		ORDER BY tokens_used, user_id
		LIMIT $1`
)

// firstUsers returns the first page by tokens without a ranking of all users,
// which takes several times as long.
func (db *DB) firstUsers(ctx context.Context, caller policy.Caller, q UserListQuery) (UserPage, error) {
	page := UserPage{AsOf: db.now()}
	statement := mostTokensSQL
	if q.Ascending {
		statement = fewestTokensSQL
	}
	var ids []any
	end := userCursor{Sort: ByTokens, Down: !q.Ascending}
	err := db.readRows(ctx, func(rows *sql.Rows) error {
		var id string
		var tokens int64
		if err := rows.Scan(&id, &tokens, &page.Total); err != nil {
			return err
		}
		if len(ids) == q.pageSize() { // the next page's
			page.Next = end.text()
			return nil
		}
		ids = append(ids, id)
		end.Key, end.ID = float64(tokens), id
		return nil
	}, statement, q.pageSize()+1)
	if err != nil {
		return page, fmt.Errorf("listing the users: %w", translate(err))
	}
	page.Users, err = db.userRows(ctx, caller, ids)
	return page, err
}

// AllUsers calls each with every user that matches, in one order; After and
// Limit are passed over. It is for the service role alone.
func (db *DB) AllUsers(ctx context.Context, caller policy.Caller, q UserListQuery, each func(UserRow) error) error {
	if err := mayListUsers(caller); err != nil {
		return err
	}
	q.After, q.Limit = "", MaxUserPage
	list, err := db.userList(ctx, q)
	if err != nil {
		return err
	}
	for more := true; more; {
		page, err := list.page(ctx, caller, q)
		if err != nil {
			return err
		}
		for _, u := range page.Users {
			if err := each(u); err != nil {
				return err
			}
		}
		q.After, more = page.Next, page.Next != ""
	}
	return nil
}

// A userList is one order of a ranking, as it is read: down where it descends.
type userList struct {
	db    *DB
	of    *ranking
	by    UserSort
	down  bool
	order *userOrder
	found []bool // by place in the ranking, whether a user matches; nil: all do
}

func (db *DB) userList(ctx context.Context, q UserListQuery) (*userList, error) {
	by := cmp.Or(q.Sort, ByTokens)
	if !slices.Contains(UserSorts(), by) {
		return nil, errorf(CodeInvalidText, "unknown sort %s: one of %v", strconv.Quote(clip(string(by))), UserSorts())
	}
	r, err := db.ranking(ctx)
	if err != nil {
		return nil, err
	}
	order, err := db.ordered(ctx, r, by)
	if err != nil {
		return nil, err
	}
	return &userList{db: db, of: r, by: by, down: !q.Ascending, order: order, found: r.search(q.Search)}, nil
}

// page reads a page of the list.
func (l *userList) page(ctx context.Context, caller policy.Caller, q UserListQuery) (UserPage, error) {
	first, last, err := l.window(q.After, q.pageSize())
	if err != nil {
		return UserPage{}, err
	}
	page := UserPage{AsOf: l.of.at}
	var ids []any
	before, after := 0, 0 // matches outside the page
	for i := range l.len() {
		switch {
		case !l.matches(i):
			continue
		case i < first:
			before++
		case i >= last:
			after++
		default:
			ids = append(ids, l.id(i))
		}
		page.Total++
	}
	if before > 0 && first < last {
		page.Previous = l.cursor(first, true)
	}
	if after > 0 {
		page.Next = l.cursor(last-1, false)
	}
	page.Users, err = l.db.userRows(ctx, caller, ids)
	return page, err
}

// place returns where in the ranking the user at a place of the list is.
func (l *userList) place(i int) int32 {
	if l.down {
		i = l.len() - 1 - i
	}
	return l.order.places[i]
}

func (l *userList) len() int { return len(l.order.places) }

func (l *userList) id(i int) string { return l.of.users[l.place(i)].id }

func (l *userList) matches(i int) bool { return l.found == nil || l.found[l.place(i)] }

// userRows reads what some users used by now, in the order of their ids given.
// Users who are gone are left out.
func (db *DB) userRows(ctx context.Context, caller policy.Caller, ids []any) ([]UserRow, error) {
	found := map[string]*UserRow{}
	_, err := db.Run(ctx, caller, query.Select{
		From:    "user_profiles",
		Columns: []query.Output{{Name: "user_id"}, {Name: "email"}, {Name: "full_name"}, {Name: "subscription_tier"}},
		Where:   query.In{Place: query.Column("user_id"), Values: ids},
	}, func(r query.Row) error {
		found[text(r[0])] = &UserRow{UserID: text(r[0]), Email: text(r[1]), FullName: text(r[2]), Tier: text(r[3])}
		return nil
	})
	if err != nil {
		return nil, err
	}
	_, err = db.Run(ctx, caller, query.Select{
		From: "usage_totals",
		Columns: []query.Output{
			{Name: "user_profile_id"},
			{Name: "requests", Func: query.Sum},
			{Name: "failures", Func: query.Sum},
			{Name: "tokens", Func: query.Sum},
			{Name: "cost_usd", Func: query.Sum},
			{Name: "cost_nano", Func: query.Sum},
			{Name: "last_at", Func: query.Max},
		},
		Where: query.In{Place: query.Column("user_profile_id"), Values: ids},
		Group: []string{"user_profile_id"},
	}, func(r query.Row) error {
		u := found[text(r[0])]
		if u == nil {
			return nil // gone between the two reads
		}
		u.Requests, u.Failures, u.Tokens = integer(r[1]), integer(r[2]), integer(r[3])
		u.Cost, u.LastSeen = USD(integer(r[4]), integer(r[5])), optionalMoment(r[6])
		return nil
	})
	rows := make([]UserRow, 0, len(ids))
	for _, id := range ids {
		if u := found[id.(string)]; u != nil {
			rows = append(rows, *u)
		}
	}
	return rows, err
}
