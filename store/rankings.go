package store

import (
	"context"
	"sync"
	"time"
)

// rankings keeps the newest ranking while somebody asks for it. The first takes
// long where there are many users, unless it was prepared; afterwards it is made
// anew in the background, in all orders. One is made at a time.
type rankings struct {
	turn chan struct{} // holds an element while one is made

	mu      sync.Mutex
	current *ranking
	made    time.Time
	took    time.Duration
	unused  *time.Timer
}

const (
	// rankingAge is how old a ranking may be that is shown; but no more than a
	// tenth of the time goes into making them.
	rankingAge   = 3 * time.Second
	rankingShare = 10
	// rankingUse is how long one is kept that nobody asks for.
	rankingUse = 10 * time.Minute
	// rankedAtOnce is how many users are ranked anew for each question.
	rankedAtOnce = 1000
	// rankingTime bounds the making of one in the background.
	rankingTime = time.Minute
)

func newRankings() *rankings { return &rankings{turn: make(chan struct{}, 1)} }

// ranking returns a ranking of all users: of this moment where they are few,
// else some seconds old.
func (db *DB) ranking(ctx context.Context) (*ranking, error) {
	r := db.rankings
	if current := r.latest(); current != nil {
		if r.stale() {
			db.rankInBackground()
		}
		return current, nil
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-r.turn }()
	if current := r.latest(); current != nil {
		return current, nil // somebody else has made it
	}
	return db.rankAgain(ctx)
}

// PrepareUserList makes ready for UserList, in the background: for a page from
// which people are likely to go to the list of users next.
func (db *DB) PrepareUserList() {
	r := db.rankings
	r.mu.Lock()
	known := r.current != nil // if of few users, then they are ranked at once
	r.mu.Unlock()
	if !known {
		db.rankInBackground()
	}
}

// rankInBackground ranks all users in all orders, unless they are being ranked. A
// failure is shown by what stays old; the next question tries again.
func (db *DB) rankInBackground() {
	select {
	case db.rankings.turn <- struct{}{}:
	default:
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), rankingTime)
		defer cancel()
		if err := db.rankInTurn(ctx); err != nil && !db.queue.isClosed() {
			db.opts.Log.Warn("ranking the users", "error", err)
		}
	}()
}

// rankInTurn has its turn, and gives it back. The first ranking is shown as soon
// as it has the order that is usually asked for first; a later one when it has
// all that the one before has.
func (db *DB) rankInTurn(ctx context.Context) error {
	first := db.rankings.latest() == nil
	orders := UserSorts()
	if first {
		orders = []UserSort{ByTokens}
	}
	r, err := db.rankAgain(ctx, orders...)
	<-db.rankings.turn
	if err != nil || len(r.users) <= rankedAtOnce {
		return err
	}
	for _, by := range UserSorts() {
		if _, err := db.ordered(ctx, r, by); err != nil {
			return err
		}
	}
	return nil
}

// rankAgain makes a ranking in these orders.
func (db *DB) rankAgain(ctx context.Context, orders ...UserSort) (*ranking, error) {
	r := db.rankings
	begin := time.Now()
	next, err := db.rank(ctx)
	if err != nil {
		return nil, err
	}
	for _, by := range orders {
		if next.orders[by], err = db.order(ctx, next, by); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current, r.made, r.took = next, time.Now(), time.Since(begin)
	if r.unused == nil {
		r.unused = time.AfterFunc(rankingUse, r.drop)
	}
	r.unused.Reset(rankingUse)
	return next, nil
}

// latest returns the newest ranking, if it is of so many users that it is shown
// again.
func (r *rankings) latest() *ranking {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil || len(r.current.users) <= rankedAtOnce {
		return nil
	}
	r.unused.Reset(rankingUse)
	return r.current
}

func (r *rankings) stale() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.made) > max(rankingAge, rankingShare*r.took)
}

// drop gives the memory back.
func (r *rankings) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = nil
}

// ordered returns an order of a ranking, which is made when it is first asked
// for.
func (db *DB) ordered(ctx context.Context, of *ranking, by UserSort) (*userOrder, error) {
	r := db.rankings
	if o := r.orderOf(of, by); o != nil {
		return o, nil
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-r.turn }()
	if o := r.orderOf(of, by); o != nil {
		return o, nil // somebody else has made it
	}
	o, err := db.order(ctx, of, by)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		of.orders[by] = o
	}
	return o, err
}

// orderOf returns an order of a ranking, if it was made.
func (r *rankings) orderOf(of *ranking, by UserSort) *userOrder {
	r.mu.Lock()
	defer r.mu.Unlock()
	return of.orders[by]
}
