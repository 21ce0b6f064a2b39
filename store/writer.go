package store

import (
	"context"
	"database/sql"
	"sync"
)

// maxBatchRows bounds the logs of one transaction, and with them how long a
// reader of the answer and the next batch wait.
const maxBatchRows = 4096

// A writeQueue feeds the one goroutine that writes. What waits while it commits
// is its next batch: no timer, so a lone log is not held up, and a crowd shares
// one fsync.
type writeQueue struct {
	db *DB

	mu      sync.Mutex
	arrived sync.Cond
	waiting []write
	rows    int // logs among waiting
	closed  bool

	stopped chan struct{}
	writer  logWriter
}

// A write is logs to append, a job to run alone in a transaction, or upkeep to
// do between transactions.
type write struct {
	logs   *appendRequest
	job    func(*Tx) error
	upkeep func(*sql.Conn) error
	done   chan error
}

func newWriteQueue(db *DB) (*writeQueue, error) {
	q := &writeQueue{db: db, stopped: make(chan struct{})}
	q.arrived.L = &q.mu
	q.writer = logWriter{db: db, tally: newTally(), budgets: newBudgetWatch(db)}
	// Now, since a transaction would hold the only connection.
	if err := q.writer.stmts.prepare(db.writer, db.engine); err != nil {
		return nil, err
	}
	go q.run()
	return q, nil
}

// add queues w, or says at once that it cannot be taken. A request larger than
// the whole queue is taken when nothing else waits.
func (q *writeQueue) add(w write) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if w.logs != nil {
		if n := len(w.logs.logs); q.rows > 0 && q.rows+n > q.db.opts.QueueRows {
			return ErrBusy
		}
		q.rows += len(w.logs.logs)
	}
	q.waiting = append(q.waiting, w)
	q.arrived.Signal()
	return nil
}

// depth returns how many logs wait.
func (q *writeQueue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rows
}

func (q *writeQueue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// close lets the writer finish what waits, and waits for it.
func (q *writeQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.arrived.Signal()
	q.mu.Unlock()
	<-q.stopped
}

func (q *writeQueue) run() {
	defer close(q.stopped)
	for {
		batch, ok := q.next()
		if !ok {
			return
		}
		switch first := batch[0]; {
		case first.job != nil:
			first.done <- q.writer.transaction(first.job)
			continue
		case first.upkeep != nil:
			first.done <- q.runUpkeep(first.upkeep)
			continue
		}
		requests := make([]*appendRequest, len(batch))
		for i, w := range batch {
			requests[i] = w.logs
		}
		err := q.writer.write(requests)
		for _, w := range batch {
			w.done <- err
		}
	}
}

// next waits for work and takes a batch: one job or upkeep, or as many appends in a row
// as a transaction may hold.
func (q *writeQueue) next() ([]write, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 {
		if q.closed {
			return nil, false
		}
		q.arrived.Wait()
	}
	n, rows := 1, 0
	if q.waiting[0].logs != nil {
		rows = len(q.waiting[0].logs.logs)
		for n < len(q.waiting) && q.waiting[n].logs != nil && rows < maxBatchRows {
			rows += len(q.waiting[n].logs.logs)
			n++
		}
	}
	batch := append([]write(nil), q.waiting[:n]...)
	rest := copy(q.waiting, q.waiting[n:])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
	q.rows -= rows
	return batch, true
}

// A Tx is a transaction on the writer's connection.
type Tx struct {
	*sql.Tx
	engine  *engine
	now     func() Timestamp
	alerted bool // there is something to deliver
}

// Write runs fn in a transaction of its own, in turn with all other writes, and
// commits when fn returns nil. The transaction goes on when ctx ends while it
// is under way: fn should look at ctx itself where that matters.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	done := make(chan error, 1)
	job := func(tx *Tx) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(tx)
	}
	if err := db.queue.add(write{job: job, done: done}); err != nil {
		return err
	}
	return <-done
}

func (db *DB) now() Timestamp { return At(db.opts.Now()) }

// Now returns the time on the database's clock.
func (db *DB) Now() Timestamp { return db.now() }

// QueueDepth returns how many logs wait to be written.
func (db *DB) QueueDepth() int { return db.queue.depth() }
