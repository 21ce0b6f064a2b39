package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"maps"
	"slices"
)

// A tally gathers what a transaction's logs add to the rollups and take from
// them, so that each row of a rollup is written once a transaction.
type tally struct {
	totals  map[totalsKey]*sums
	monthly map[monthlyKey]*sums
	hourly  map[hourlyKey]*hourSums
	users   map[string]*userChange
}

// A userChange is what a transaction changes for one user.
type userChange struct {
	tokens int64 // goes to user_profiles.tokens_used
	gained sums  // of the logs that came or changed, as they are now; nothing is taken off
	lost   bool  // a log went, or changed its place among the user's
}

type (
	totalsKey struct{ user, model, provider string }

	monthlyKey struct {
		user            string
		month           Timestamp
		model, provider string
	}

	hourlyKey struct {
		hour            Timestamp
		model, provider string
	}
)

// sums are the columns that every rollup has. They may be negative while they
// stand for a change.
type sums struct {
	requests, successes, failures                      int64
	tokens, promptTokens, completionTokens             int64
	cacheReadTokens, cacheWriteTokens, reasoningTokens int64
	tokenRequests, costUSD, costNano, pricedRequests   int64
	failedUSD, failedNano                              int64 // the part of the cost that failed requests have
	unpricedRequests, unpricedTokens                   int64 // tokens known, cost not
	responseMicros, timedRequests                      int64

	last lastChange
}

type hourSums struct {
	sums
	latency latencyHistogram
}

func newTally() *tally {
	return &tally{
		totals: map[totalsKey]*sums{}, monthly: map[monthlyKey]*sums{},
		hourly: map[hourlyKey]*hourSums{}, users: map[string]*userChange{},
	}
}

func (t *tally) reset() {
	clear(t.totals)
	clear(t.monthly)
	clear(t.hourly)
	clear(t.users)
}

// add counts a stored log.
func (t *tally) add(l *Log) { t.count(l, 1) }

// remove uncounts a log.
func (t *tally) remove(l *Log) {
	t.count(l, -1)
	t.lose(l.UserProfileID)
}

// replace counts a stored log as it is now, no longer as it was.
func (t *tally) replace(old, now *Log) {
	t.count(old, -1)
	t.count(now, 1)
	if old.UserProfileID != now.UserProfileID || old.CreatedAt != now.CreatedAt ||
		old.Model != now.Model || old.Provider != now.Provider {
		t.lose(old.UserProfileID)
	}
}

func (t *tally) lose(user string) {
	if user != "" {
		into(t.users, user).lost = true
	}
}

func (t *tally) count(l *Log, sign int64) {
	s := sumsOf(l, sign)
	h := t.hour(hourlyKey{l.CreatedAt.Hour(), l.Model, l.Provider})
	h.plus(&s)
	if s.timedRequests != 0 {
		h.latency[latencyBucket(micros(l.ResponseTime))] += sign
	}
	if l.UserProfileID == "" {
		return
	}
	into(t.totals, totalsKey{l.UserProfileID, l.Model, l.Provider}).plus(&s)
	into(t.monthly, monthlyKey{l.UserProfileID, l.CreatedAt.Month(), l.Model, l.Provider}).plus(&s)
	u := into(t.users, l.UserProfileID)
	u.tokens += s.tokens
	if sign > 0 {
		u.gained.plus(&s)
	}
}

func into[K comparable, V any](m map[K]*V, key K) *V {
	v := m[key]
	if v == nil {
		v = new(V)
		m[key] = v
	}
	return v
}

// sumsOf returns what one log counts for, times sign. A column without a value
// holds zero, and so adds nothing.
func sumsOf(l *Log, sign int64) sums {
	s := sums{requests: sign, tokens: sign * l.TokensUsed}
	switch l.Status {
	case StatusSuccess:
		s.successes = sign
	case StatusFailure, StatusError:
		s.failures = sign
	}
	s.promptTokens = sign * l.PromptTokens
	s.completionTokens = sign * l.CompletionTokens
	s.cacheReadTokens = sign * l.CacheReadTokens
	s.cacheWriteTokens = sign * l.CacheWriteTokens
	s.reasoningTokens = sign * l.ReasoningTokens
	if s.tokens != 0 || l.Has(ColPromptTokens) || l.Has(ColCompletionTokens) {
		s.tokenRequests = sign
	}
	if l.Has(ColTotalCost) {
		nano := NanoUSD(l.TotalCost)
		s.costUSD, s.costNano, s.pricedRequests = sign*(nano/nanosPerUSD), sign*(nano%nanosPerUSD), sign
		if s.failures != 0 {
			s.failedUSD, s.failedNano = s.costUSD, s.costNano
		}
	} else if l.TokensUsed > 0 {
		s.unpricedRequests, s.unpricedTokens = sign, s.tokens
	}
	if l.ResponseTime > 0 && l.finished() {
		s.responseMicros, s.timedRequests = sign*micros(l.ResponseTime), sign
	}
	if sign > 0 {
		s.last.add(l.CreatedAt)
	} else {
		s.last.remove(l.CreatedAt)
	}
	return s
}

// micros returns seconds of at least 0 in whole microseconds, as SQL's
// CAST(seconds * 1e6 + 0.5 AS INTEGER) does. The conversion keeps the compiler
// from fusing the two operations into one, which rounds differently.
func micros(seconds float64) int64 { return int64(float64(seconds*1e6) + 0.5) }

func (s *sums) plus(o *sums) {
	s.requests += o.requests
	s.successes += o.successes
	s.failures += o.failures
	s.tokens += o.tokens
	s.promptTokens += o.promptTokens
	s.completionTokens += o.completionTokens
	s.cacheReadTokens += o.cacheReadTokens
	s.cacheWriteTokens += o.cacheWriteTokens
	s.reasoningTokens += o.reasoningTokens
	s.tokenRequests += o.tokenRequests
	s.costUSD += o.costUSD
	s.costNano += o.costNano
	s.failedUSD += o.failedUSD
	s.failedNano += o.failedNano
	s.unpricedRequests += o.unpricedRequests
	s.unpricedTokens += o.unpricedTokens
	s.pricedRequests += o.pricedRequests
	s.responseMicros += o.responseMicros
	s.timedRequests += o.timedRequests
	s.last.then(o.last)
}

// absorb adds all of another tally.
func (t *tally) absorb(o *tally) {
	for k, s := range o.totals {
		into(t.totals, k).plus(s)
	}
	for k, s := range o.monthly {
		into(t.monthly, k).plus(s)
	}
	for k, s := range o.hourly {
		h := t.hour(k)
		h.plus(&s.sums)
		for bucket, n := range s.latency {
			h.latency[bucket] += n
		}
	}
	for user, c := range o.users {
		u := into(t.users, user)
		u.tokens += c.tokens
		u.gained.plus(&c.gained)
		u.lost = u.lost || c.lost
	}
}

func (t *tally) hour(k hourlyKey) *hourSums {
	h := t.hourly[k]
	if h == nil {
		h = &hourSums{latency: latencyHistogram{}}
		t.hourly[k] = h
	}
	return h
}

// hasUser says whether the transaction has a log of the user, and so will have
// made their profile by its end.
func (t *tally) hasUser(id string) bool { _, ok := t.users[id]; return ok }

func (t *tally) sortedUsers() []string { return slices.Sorted(maps.Keys(t.users)) }

// save writes the changes, each table in the order of its key: processes that
// share a database then wait for each other, and never in a circle.
func (t *tally) save(tx *sql.Tx, stmts *logStatements) error {
	if err := t.saveUsers(tx, stmts); err != nil {
		return fmt.Errorf("counting users' tokens: %w", err)
	}
	totals := newRollupWriter(tx, &stmts.totals)
	for _, k := range sortedKeys(t.totals, compareTotals) {
		totals.change(t.totals[k], []any{k.user, k.model, k.provider}, nil)
	}
	monthly := newRollupWriter(tx, &stmts.monthly)
	var months []Timestamp
	for _, k := range sortedKeys(t.monthly, compareMonthly) {
		monthly.change(t.monthly[k], []any{k.user, k.month, k.model, k.provider}, nil, k.month.nextMonth()-1)
		if !slices.Contains(months, k.month) {
			months = append(months, k.month)
		}
	}
	hourly := newRollupWriter(tx, &stmts.hourly)
	for _, k := range sortedKeys(t.hourly, compareHourly) {
		h := t.hourly[k]
		hourly.change(&h.sums, []any{k.hour, k.model, k.provider}, []any{h.latency.String()}, k.hour+hour-1)
	}
	for _, w := range []*rollupWriter{totals, monthly, hourly} {
		if err := w.write(); err != nil {
			return err
		}
	}
	return noteStale(tx, stmts, months)
}

func (t *tally) saveUsers(tx *sql.Tx, stmts *logStatements) error {
	users := t.sortedUsers()
	if stmts.addManyUsers != nil {
		rows := make([][]any, len(users))
		for i, user := range users {
			rows[i] = []any{user, t.users[user].tokens}
		}
		return execMany(tx, stmts.addManyUsers, rows)
	}
	for _, user := range users {
		if err := saveUser(tx, stmts, user, t.users[user].tokens); err != nil {
			return err
		}
	}
	return nil
}

func saveUser(tx *sql.Tx, stmts *logStatements, user string, tokens int64) error {
	if tokens == 0 {
		_, err := tx.Stmt(stmts.addUser).Exec(user)
		return err
	}
	return addOrInsert(tx, tx.Stmt(stmts.addTokens), stmts.addUserTokens, []any{user, tokens})
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	return slices.SortedFunc(maps.Keys(m), compare)
}

func compareTotals(a, b totalsKey) int {
	return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.model, b.model), cmp.Compare(a.provider, b.provider))
}

func compareMonthly(a, b monthlyKey) int {
	return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.month, b.month),
		cmp.Compare(a.model, b.model), cmp.Compare(a.provider, b.provider))
}

func compareHourly(a, b hourlyKey) int {
	return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.model, b.model), cmp.Compare(a.provider, b.provider))
}
