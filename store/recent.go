package store

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// recent keeps answers that took long for a moment, for whoever asks the same
// again: a page that loads anew, or that several people look at. The zero value
// keeps none yet.
type recent struct {
	once  sync.Once
	cache *lru.Cache[any, recentAnswer]
}

type recentAnswer struct {
	answer any
	until  time.Time
}

const (
	// maxRecent bounds the answers that are kept.
	maxRecent = 64
	// recentCost is what an answer must have taken to be kept.
	recentCost = 20 * time.Millisecond
	// Answers are kept longer when they are about hours that are over, to which
	// only late logs are added.
	recentAge     = 30 * time.Second
	recentAgePast = time.Minute
)

func (r *recent) answers() *lru.Cache[any, recentAnswer] {
	r.once.Do(func() { r.cache, _ = lru.New[any, recentAnswer](maxRecent) }) // only a size below 1 is refused
	return r.cache
}

// recently answers a question about a span, from memory where that was asked a
// moment ago.
func recently[T any](db *DB, question any, span hourSpan, ask func() (T, error)) (T, error) {
	answers := db.recent.answers()
	begin := time.Now()
	if a, ok := answers.Get(question); ok && begin.Before(a.until) {
		return a.answer.(T), nil
	}
	answer, err := ask()
	if now := time.Now(); err == nil && now.Sub(begin) > recentCost {
		age := recentAge
		if span.to <= db.now() {
			age = recentAgePast
		}
		answers.Add(question, recentAnswer{answer, now.Add(age)})
	}
	return answer, err
}
