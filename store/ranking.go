package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/llmtally/llmtally/store/query"
)

// A ranking is all users of one moment, in each order that was asked for. It
// takes some 150 bytes a user, and 12 more for each order.
//
// Nothing of the kind is kept in the database: an index for each order would
// change with each log.
type ranking struct {
	at     Timestamp
	users  []rankedUser
	places map[string]int32 // in users, by id
	tokens []float64        // by place, as the profiles have them
	orders map[UserSort]*userOrder
}

// A rankedUser is what users are found by.
type rankedUser struct {
	id   string
	text string // id, email and name in small letters, with NULs between them
}

// A userOrder is the users' places by a key, ascending; those alike by id.
type userOrder struct {
	keys   []float64 // by place in the ranking; nil for user ids alone
	places []int32
}

func (o *userOrder) key(place int32) float64 {
	if o.keys == nil {
		return 0
	}
	return o.keys[place]
}

const rankedUsersSQL = `SELECT user_id, coalesce(email, ''), coalesce(full_name, ''), tokens_used FROM user_profiles`

// rank reads all users.
func (db *DB) rank(ctx context.Context) (*ranking, error) {
	r := &ranking{at: db.now(), places: map[string]int32{}, orders: map[UserSort]*userOrder{}}
	err := db.readRows(ctx, func(rows *sql.Rows) error {
		var id, email, name string
		var tokens int64
		if err := rows.Scan(&id, &email, &name, &tokens); err != nil {
			return err
		}
		r.places[id] = int32(len(r.users))
		r.users = append(r.users, rankedUser{id: id, text: strings.ToLower(id + "\x00" + email + "\x00" + name)})
		r.tokens = append(r.tokens, float64(tokens))
		return nil
	}, rankedUsersSQL)
	if err != nil {
		return nil, fmt.Errorf("listing the users: %w", translate(err))
	}
	return r, nil
}

// keySums are the columns of usage_totals that make the keys: whole numbers, and
// what is to be added in billionths; or a time.
var keySums = map[UserSort]string{
	ByRequests: "sum(requests), 0",
	ByFailures: "sum(failures), 0",
	ByCost:     "sum(cost_usd), sum(cost_nano)",
	ByLastSeen: "max(last_at), 0",
}

// order makes an order of a ranking. It reads the keys alone, since a row of each
// of many users takes its time by the column.
func (db *DB) order(ctx context.Context, r *ranking, by UserSort) (*userOrder, error) {
	o := &userOrder{}
	switch by {
	case ByUserID:
	case ByTokens:
		o.keys = r.tokens
	default:
		o.keys = make([]float64, len(r.users))
		if by == ByLastSeen {
			for i := range o.keys {
				o.keys[i] = float64(minTimestamp) // never
			}
		}
		statement := "SELECT user_profile_id, " + keySums[by] + " FROM usage_totals GROUP BY user_profile_id"
		err := db.readRows(ctx, func(rows *sql.Rows) error {
			var id string
			var key, billionths any
			if err := rows.Scan(&id, &key, &billionths); err != nil {
				return err
			}
			if place, known := r.places[id]; known {
				o.keys[place] = keyOf(by, key, billionths)
			}
			return nil
		}, statement)
		if err != nil {
			return nil, fmt.Errorf("ranking the users: %w", translate(err))
		}
	}
	o.places = make([]int32, len(r.users))
	for i := range o.places {
		o.places[i] = int32(i)
	}
	slices.SortFunc(o.places, func(a, b int32) int {
		return compareUsers(o.key(a), r.users[a].id, o.key(b), r.users[b].id)
	})
	return o, nil
}

func keyOf(by UserSort, key, billionths any) float64 {
	if by == ByLastSeen {
		return float64(moment(cell(query.Time, key)))
	}
	return USD(integer(cell(query.Int, key)), integer(cell(query.Int, billionths)))
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

// readRows calls each for the rows of a statement.
func (db *DB) readRows(ctx context.Context, each func(*sql.Rows) error, statement string, args ...any) error {
	rows, err := db.readers.QueryContext(ctx, statement, args...)
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
