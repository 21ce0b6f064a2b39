package store

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// PrepareToClose says that the process is about to close the database: what
// waits for a server that is away is told so soon, and tails end. What can be
// written still is.
func (db *DB) PrepareToClose() {
	db.queue.mu.Lock()
	db.queue.ending = true
	db.queue.mu.Unlock()
	db.news.tell()
}

// ends says whether the database is about to be closed.
func (q *writeQueue) ends() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ending
}

// closingLimit is how long a database that is closing waits for its server,
// which may keep a statement waiting for somebody else's lock.
const closingLimit = 15 * time.Second

// close lets the writer finish what waits, and waits for it.
func (q *writeQueue) close() error {
	q.mu.Lock()
	q.closed, q.ending = true, true
	q.arrived.Signal()
	q.mu.Unlock()
	q.db.news.tell()
	if q.db.engine.shared {
		defer time.AfterFunc(closingLimit, func() { q.cancel(); q.db.line.cut() }).Stop()
	}
	<-q.stopped
	q.cancel()
	if q.lost > 0 {
		return fmt.Errorf("%d logs were not stored, as their senders were told: %w", q.lost, ErrAway)
	}
	return nil
}

// gaveUp counts the logs that nobody will store because the process ends.
func (q *writeQueue) gaveUp(rows int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ending {
		q.lost += rows
	}
}

// A line is the writer's connection to a server, for the one who has to cut it.
type line struct {
	mu   sync.Mutex
	conn net.Conn
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (l *line) connect(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := l.dial(ctx, network, address)
	if err == nil {
		l.mu.Lock()
		l.conn = conn
		l.mu.Unlock()
	}
	return conn, err
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close() // it may be gone
	}
}
