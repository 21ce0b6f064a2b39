package store

import (
	"fmt"
	"time"
)

// patience decides how long the writer tries a transaction that failed through
// no fault of its own. Meanwhile the queue fills up, and says so.
type patience struct {
	writer   *logWriter
	attempts int
	// endless: what became of a commit is worth waiting for as long as there is
	// a process that wants to know.
	endless bool
}

const (
	// mostAttempts bounds how often a transaction that others got in the way
	// of is tried.
	mostAttempts = 20
	firstPause   = 10 * time.Millisecond
	longestPause = time.Second
)

// limits bound how long writes wait for a server.
type limits struct {
	// outage is how long the server may be away before clients are told to come
	// back, and closing the same for a process that is about to end.
	outage, closing time.Duration
	// turn is how long a write waits for its turn: not for longer than an HTTP
	// server waits for its answer.
	turn time.Duration
}

var usualLimits = limits{outage: 20 * time.Second, closing: 5 * time.Second, turn: 30 * time.Second}

// worthwhile waits a little, and says whether to try once more.
func (p *patience) worthwhile(err error) bool {
	db := p.writer.db
	switch {
	case again(err):
		if p.attempts >= mostAttempts {
			return false
		}
	case disconnected(err):
		if p.writer.lost.IsZero() {
			p.writer.lost = time.Now()
			db.opts.Log.Error("the database does not answer; what is to be written waits", "error", err)
		}
		if away := time.Since(p.writer.lost); db.queue.ends() && away > db.limits.closing || !p.endless && away > db.limits.outage {
			return false
		}
	default:
		return false
	}
	time.Sleep(min(firstPause<<min(p.attempts, 7), longestPause))
	p.attempts++
	return true
}

// outcome returns the error to tell, after the last attempt.
func (p *patience) outcome(err error) error {
	if err == nil || !again(err) && !disconnected(err) {
		return translate(err)
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// answered notes that the server is there.
func (w *logWriter) answered() {
	if w.lost.IsZero() {
		return
	}
	w.db.opts.Log.Info("the database answers again", "after", time.Since(w.lost))
	w.lost = time.Time{}
}
