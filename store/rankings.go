package store

import (
	"context"
	"sync"
	"time"
)

// rankings keeps the newest ranking while somebody asks for it. The first takes
// long where there are many users; afterwards it is made anew in the background.
// One is made at a time.
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
			select {
			case r.turn <- struct{}{}:
				go db.rankInBackground()
			default:
			}
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

// rankInBackground has its turn. A failure is shown by what stays old; the next
// question tries again.
func (db *DB) rankInBackground() {
	defer func() { <-db.rankings.turn }()
	ctx, cancel := context.WithTimeout(context.Background(), rankingTime)
	defer cancel()
	if _, err := db.rankAgain(ctx); err != nil && !db.queue.isClosed() {
		db.opts.Log.Warn("ranking the users", "error", err)
	}
}

// rankAgain makes a ranking with the orders that the one before has.
func (db *DB) rankAgain(ctx context.Context) (*ranking, error) {
	r := db.rankings
	begin := time.Now()
	next, err := db.rank(ctx)
	if err != nil {
		return nil, err
	}
	if before := r.latest(); before != nil {
		for _, by := range UserSorts() {
			if r.orderOf(before, by) == nil {
				continue
			}
			if next.orders[by], err = db.order(ctx, next, by); err != nil {
				return nil, err
			}
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
