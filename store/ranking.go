package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const rankingSQL = `
	SELECT p.user_id, coalesce(p.email, ''), coalesce(p.full_name, ''), coalesce(p.subscription_tier, ''),
		CAST(coalesce(sum(t.requests), 0) AS BIGINT), CAST(coalesce(sum(t.failures), 0) AS BIGINT),
		CAST(coalesce(sum(t.tokens), 0) AS BIGINT), CAST(coalesce(sum(t.cost_usd), 0) AS BIGINT),
		CAST(coalesce(sum(t.cost_nano), 0) AS BIGINT), max(t.last_at)
	FROM user_profiles AS p
	LEFT JOIN usage_totals AS t ON t.user_profile_id = p.user_id
	GROUP BY p.user_id`

func (db *DB) userPage(ctx context.Context, q UserListQuery) (UserPage, error) {
	rows, err := db.readers.QueryContext(ctx, rankingSQL)
	if err != nil {
		return UserPage{}, fmt.Errorf("listing the users: %w", translate(err))
	}
	defer rows.Close()
	page := UserPage{Users: []UserRow{}, AsOf: db.now()}
	search := strings.ToLower(q.Search)
	var users []UserRow
	for rows.Next() {
		var u UserRow
		var dollars, nano int64
		var last *string
		if err := rows.Scan(&u.UserID, &u.Email, &u.FullName, &u.Tier, &u.Requests, &u.Failures, &u.Tokens, &dollars, &nano, &last); err != nil {
			return page, fmt.Errorf("reading a user: %w", err)
		}
		u.Cost, u.LastSeen = USD(dollars, nano), stored(last)
		if strings.Contains(strings.ToLower(u.UserID+"\x00"+u.Email+"\x00"+u.FullName), search) {
			users = append(users, u)
		}
	}
	if err := rows.Err(); err != nil {
		return page, err
	}
	slices.SortFunc(users, func(a, b UserRow) int {
		order := 0
		switch q.Sort {
		case ByCost:
			order = cmp.Compare(a.Cost, b.Cost)
		case ByRequests:
			order = cmp.Compare(a.Requests, b.Requests)
		case ByFailures:
			order = cmp.Compare(a.Failures, b.Failures)
		case ByLastSeen:
			order = cmp.Compare(cmpMoment(a.LastSeen), cmpMoment(b.LastSeen))
		case ByUserID:
		default:
			order = cmp.Compare(a.Tokens, b.Tokens)
		}
		if !q.Ascending {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(a.UserID, b.UserID))
	})
	limit := cmp.Or(q.Limit, 50)
	start := 0
	if b, err := base64.RawURLEncoding.DecodeString(q.After); err == nil && q.After != "" {
		start, _ = strconv.Atoi(string(b))
	}
	start = min(start, len(users))
	end := min(start+limit, len(users))
	page.Users, page.Total = append(page.Users, users[start:end]...), int64(len(users))
	at := func(i int) string { return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(i))) }
	if end < len(users) {
		page.Next = at(end)
	}
	if start > 0 {
		page.Previous = at(max(0, start-limit))
	}
	return page, nil
}

func cmpMoment(t *Timestamp) Timestamp {
	if t == nil {
		return minTimestamp - 1
	}
	return *t
}
