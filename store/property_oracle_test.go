package store_test

import (
	"database/sql"
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/store/storetest"
)

// A rawReader reads the tables of a database by a plain connection of its own,
// past everything that the store does.
type rawReader struct {
	t  *rapid.T
	db *sql.DB
}

func openRaw(t *testing.T, rt *rapid.T, path string) rawReader {
	return rawReader{rt, storetest.SQL(t, path)}
}

func (r rawReader) close() { require.NoError(r.t, r.db.Close()) }

func (r rawReader) count(table, column, value string) (n int) {
	err := r.db.QueryRow("SELECT count(*) FROM "+table+" WHERE "+column+" = $1", value).Scan(&n)
	require.NoError(r.t, err)
	return n
}

// A rawLog is a row of request_logs as it stands in the database.
type rawLog struct {
	id                                               int64
	at                                               time.Time
	user, endUser, provider, model, status, errorDoc sql.NullString
	tokens, prompt, completion                       sql.NullInt64
	cost, seconds                                    sql.NullFloat64
}

type rawProfile struct {
	id                    string
	email, fullName, tier sql.NullString
	tokens                int64
}

func (r rawReader) logs() (all []rawLog) {
	rows, err := r.db.Query(`SELECT id, created_at, user_profile_id, end_user, provider, model, status, error,
		tokens_used, prompt_tokens, completion_tokens, total_cost, CAST(response_time AS TEXT) FROM request_logs`)
	require.NoError(r.t, err)
	defer rows.Close()
	for rows.Next() {
		var l rawLog
		var at storetest.Stored
		require.NoError(r.t, rows.Scan(&l.id, &at, &l.user, &l.endUser, &l.provider, &l.model, &l.status, &l.errorDoc,
			&l.tokens, &l.prompt, &l.completion, &l.cost, &l.seconds))
		l.at, err = time.Parse("2006-01-02T15:04:05.000000Z", string(at))
		require.NoError(r.t, err)
		all = append(all, l)
	}
	require.NoError(r.t, rows.Err())
	return all
}

func (r rawReader) profiles() (all []rawProfile) {
	rows, err := r.db.Query(`SELECT user_id, email, full_name, subscription_tier, tokens_used
		FROM user_profiles ORDER BY user_id`)
	require.NoError(r.t, err)
	defer rows.Close()
	for rows.Next() {
		var p rawProfile
		require.NoError(r.t, rows.Scan(&p.id, &p.email, &p.fullName, &p.tier, &p.tokens))
		all = append(all, p)
	}
	require.NoError(r.t, rows.Err())
	return all
}

// exactNano returns a cost in nano-dollars, rounded half up: of the decimal
// number that stands for it, in exact arithmetic.
func exactNano(usd float64) *big.Int {
	exact, ok := new(big.Rat).SetString(strconv.FormatFloat(usd, 'e', -1, 64))
	if !ok {
		panic("not a decimal number")
	}
	exact.Mul(exact, big.NewRat(1_000_000_000, 1))
	exact.Add(exact, big.NewRat(1, 2))
	return new(big.Int).Quo(exact.Num(), exact.Denom())
}

// A total is what some logs add up to.
type total struct {
	requests, successes, failures, tokens, tokenRequests, timed int64

	nano    *big.Int
	seconds *big.Rat
	last    time.Time
}

func totalOf(logs []rawLog) total {
	sum := total{nano: new(big.Int), seconds: new(big.Rat)}
	for _, l := range logs {
		sum.requests++
		switch l.status.String {
		case "success":
			sum.successes++
		case "failure", "error":
			sum.failures++
		}
		sum.tokens += l.tokens.Int64
		if l.tokens.Int64 != 0 || l.prompt.Valid || l.completion.Valid {
			sum.tokenRequests++
		}
		if l.cost.Valid {
			sum.nano.Add(sum.nano, exactNano(l.cost.Float64))
		}
		if l.seconds.Float64 > 0 && l.status.String != "initiated" {
			sum.timed++
			sum.seconds.Add(sum.seconds, new(big.Rat).SetFloat64(l.seconds.Float64))
		}
		if sum.requests == 1 || l.at.After(sum.last) {
			sum.last = l.at
		}
	}
	return sum
}

// average returns the mean response time in seconds, or nil.
func (t total) average() *float64 {
	if t.timed == 0 {
		return nil
	}
	mean, _ := new(big.Rat).Quo(t.seconds, big.NewRat(t.timed, 1)).Float64()
	return &mean
}

// mostUsed returns the name with the most requests, of those the one used last,
// of those the first; nil when no name is known.
func mostUsed(logs []rawLog, name func(rawLog) string) *string {
	var best *string
	var most total
	for candidate, group := range groupBy(logs, name) {
		sum := totalOf(group)
		if candidate == "" {
			continue
		}
		wins := best == nil || sum.requests > most.requests
		if best != nil && sum.requests == most.requests {
			wins = sum.last.After(most.last) || sum.last.Equal(most.last) && candidate < *best
		}
		if wins {
			best, most = &candidate, sum
		}
	}
	return best
}

func groupBy[K comparable](logs []rawLog, key func(rawLog) K) map[K][]rawLog {
	groups := map[K][]rawLog{}
	for _, l := range logs {
		groups[key(l)] = append(groups[key(l)], l)
	}
	return groups
}

func filtered(logs []rawLog, keep func(rawLog) bool) (kept []rawLog) {
	for _, l := range logs {
		if keep(l) {
			kept = append(kept, l)
		}
	}
	return kept
}

func modelOf(l rawLog) string    { return l.model.String }
func providerOf(l rawLog) string { return l.provider.String }

func linkedTo(user string) func(rawLog) bool {
	return func(l rawLog) bool { return l.user.Valid && l.user.String == user }
}
