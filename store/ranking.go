package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/llmtally/llmtally/store/query"
)

// A ranking is all users with what they used in total, of one moment, in every
// order. It takes some 300 bytes a user.
//
// Nothing of the kind is kept in the database: an index for each order would
// change with each log.
type ranking struct {
	at     Timestamp
	users  []rankedUser
	orders map[UserSort][]int32 // places in users, ascending
}

// A rankedUser is what users are found and sorted by.
type rankedUser struct {
	id   string
	text string // id, email and name in small letters, with NULs between them
	keys [5]float64
}

// userKeys says which of a user's keys a sort goes by; user ids need none.
var userKeys = map[UserSort]int{ByRequests: 0, ByFailures: 1, ByTokens: 2, ByCost: 3, ByLastSeen: 4}

func (u *rankedUser) key(by UserSort) float64 {
	if i, ok := userKeys[by]; ok {
		return u.keys[i]
	}
	return 0
}

// Two plain reads, each in the order of its key: a join would look up each user.
const (
	rankedUsersSQL  = `SELECT user_id, coalesce(email, ''), coalesce(full_name, '') FROM user_profiles`
	rankedTotalsSQL = `
		SELECT user_profile_id, CAST(sum(requests) AS BIGINT), CAST(sum(failures) AS BIGINT), CAST(sum(tokens) AS BIGINT),
			CAST(sum(cost_usd) AS BIGINT), CAST(sum(cost_nano) AS BIGINT), max(last_at)
		FROM usage_totals
		GROUP BY user_profile_id`
)

// rank reads a ranking. The orders given are made at once, others when they are
// asked for.
func (db *DB) rank(ctx context.Context, orders ...UserSort) (*ranking, error) {
	r := &ranking{at: db.now(), orders: map[UserSort][]int32{}}
	places := map[string]int{}
	err := db.readRows(ctx, rankedUsersSQL, func(rows *sql.Rows) error {
		var id, email, name string
		if err := rows.Scan(&id, &email, &name); err != nil {
			return err
		}
		places[id] = len(r.users)
		u := rankedUser{id: id, text: strings.ToLower(id + "\x00" + email + "\x00" + name)}
		u.keys[userKeys[ByLastSeen]] = float64(minTimestamp)
		r.users = append(r.users, u)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the users: %w", translate(err))
	}
	var last string // many users were seen last at the same moment, or nearly
	var lastAt Timestamp
	err = db.readRows(ctx, rankedTotalsSQL, func(rows *sql.Rows) error {
		var id, seen string
		var requests, failures, tokens, dollars, nano int64
		if err := rows.Scan(&id, &requests, &failures, &tokens, &dollars, &nano, &seen); err != nil {
			return err
		}
		if seen != last {
			last, lastAt = seen, moment(seen)
		}
		if i, known := places[id]; known {
			r.users[i].keys = [5]float64{float64(requests), float64(failures), float64(tokens), USD(dollars, nano), float64(lastAt)}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ranking the users: %w", translate(err))
	}
	for _, by := range orders {
		r.orders[by] = r.sorted(by)
	}
	return r, nil
}

// readRows calls each for the rows of a statement.
func (db *DB) readRows(ctx context.Context, statement string, each func(*sql.Rows) error) error {
	rows, err := db.readers.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// sorted returns the users' places in an order, ascending.
func (r *ranking) sorted(by UserSort) []int32 {
	order := make([]int32, len(r.users))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		u, o := &r.users[a], &r.users[b]
		return compareUsers(u.key(by), u.id, o.key(by), o.id)
	})
	return order
}

// search says of each user whether the id, the email or the name has such a
// part, letter case ignored; nil means that all have.
func (r *ranking) search(part string) []bool {
	if part == "" {
		return nil
	}
	found := make([]bool, len(r.users))
	if !query.IsText(part) { // which no user's texts hold
		return found
	}
	part = strings.ToLower(part)
	for i := range r.users {
		found[i] = strings.Contains(r.users[i].text, part)
	}
	return found
}
