package store

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// recent keeps answers that took long, for whoever asks the same again: a page
// that loads anew, or that several people look at. One that has aged is given
// once more, and made anew in the background.
type recent struct {
	now     func() time.Time
	mu      sync.Mutex
	answers *simplelru.LRU[any, *recentAnswer]
	begun   int // counts the times that all were forgotten
}

type recentAnswer struct {
	answer   any
	made     time.Time
	renewing bool
}

const (
	// maxRecent bounds the answers that are kept.
	maxRecent = 64
	// recentCost is what an answer must have taken to be kept.
	recentCost = 20 * time.Millisecond
	// recentAge is the age from which on an answer is made anew when it is given,
	// recentKept that from which on it is given no more.
	recentAge  = 30 * time.Second
	recentKept = 5 * time.Minute
	// recentTime bounds the making of one in the background.
	recentTime = time.Minute
)

// recently answers a question, from memory where it was asked a while ago.
func recently[T any](ctx context.Context, db *DB, question any, ask func(context.Context) (T, error)) (T, error) {
	r := &db.recent
	again := func(ctx context.Context) (T, error) {
		since, begin := r.since(), r.now()
		answer, err := ask(ctx)
		if err == nil {
			r.keep(question, answer, r.now().Sub(begin), since)
		}
		return answer, err
	}
	kept, renew := r.take(question)
	if kept == nil {
		return again(ctx)
	}
	if renew {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), recentTime)
			defer cancel()
			if _, err := again(ctx); err != nil && !db.queue.isClosed() {
				db.opts.Log.Warn("making an answer anew", "error", err)
			}
			r.release(kept)
		}()
	}
	return kept.answer.(T), nil
}

// take returns what is kept, nil if nothing is, and whether the caller is to
// make it anew: one at a time is.
func (r *recent) take(question any) (kept *recentAnswer, renew bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answers == nil {
		return nil, false
	}
	kept, _ = r.answers.Get(question)
	if kept == nil {
		return nil, false
	}
	age := r.now().Sub(kept.made)
	if age > recentKept {
		return nil, false
	}
	renew = !kept.renewing && age > recentAge
	kept.renewing = kept.renewing || renew
	return kept, renew
}

// keep keeps an answer that took so long; unless all were forgotten since its
// making began, since it may hold what is to be forgotten.
func (r *recent) keep(question, answer any, took time.Duration, since int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun != since {
		return
	}
	if r.answers == nil {
		r.answers, _ = simplelru.NewLRU[any, *recentAnswer](maxRecent, nil) // only a size below 1 is refused
	}
	if took > recentCost {
		r.answers.Add(question, &recentAnswer{answer: answer, made: r.now()})
	} else {
		r.answers.Remove(question) // an older one
	}
}

// release lets the next caller try, where making it anew has failed.
func (r *recent) release(kept *recentAnswer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept.renewing = false
}

func (r *recent) since() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun
}

// forget forgets all answers.
func (r *recent) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = nil
	r.begun++
}
