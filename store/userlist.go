package store

import (
	"context"

	"github.com/llmtally/llmtally/policy"
)

// A UserSort is what a list of users is sorted by.
type UserSort string

// The sorts. Ties go by user id, ascending.
const (
	ByTokens   UserSort = "tokens"
	ByCost     UserSort = "cost"
	ByRequests UserSort = "requests"
	ByFailures UserSort = "failures"
	ByLastSeen UserSort = "last_seen"
	ByUserID   UserSort = "user_id"
)

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
func (db *DB) UserList(ctx context.Context, caller policy.Caller, q UserListQuery) (UserPage, error) {
	if !policy.For(caller, "user_ranking", policy.Select).Any() {
		return UserPage{}, errPermission("user_profiles")
	}
	return db.userPage(ctx, q)
}

// AllUsers calls each with every user that matches, in order; After and Limit
// are passed over. It is for the service role alone.
func (db *DB) AllUsers(ctx context.Context, caller policy.Caller, q UserListQuery, each func(UserRow) error) error {
	q.After, q.Limit = "", MaxUserPage
	for {
		page, err := db.UserList(ctx, caller, q)
		if err != nil {
			return err
		}
		for _, u := range page.Users {
			if err := each(u); err != nil {
				return err
			}
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}
