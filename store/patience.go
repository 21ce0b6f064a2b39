package store

import (
	"time"
)

// patience decides how long the writer tries a transaction that failed through
// no fault of its own. Meanwhile the queue fills up, and says so.
type patience struct {
	db       *DB
	attempts int
	lost     time.Time // when the connection was lost; zero while it is there
}

const (
	// mostAttempts bounds how often a transaction that others got in the way
	// of is tried.
	mostAttempts = 20
	firstPause   = 10 * time.Millisecond
	longestPause = time.Second
	// closingPatience is how long a database that is closing waits for its
	// server to come back.
	closingPatience = 10 * time.Second
)

func (db *DB) patience() *patience { return &patience{db: db} }

// worthwhile waits a little, and says whether to try once more.
func (p *patience) worthwhile(err error) bool {
	switch {
	case again(err):
		if p.attempts >= mostAttempts {
			return false
		}
	case disconnected(err):
		if p.lost.IsZero() {
			p.lost = time.Now()
			p.db.opts.Log.Error("the database does not answer; what is to be written waits", "error", err)
		}
		if p.db.queue.isClosed() && time.Since(p.lost) > closingPatience {
			return false
		}
	default:
		return false
	}
	time.Sleep(min(firstPause<<min(p.attempts, 7), longestPause))
	p.attempts++
	return true
}
