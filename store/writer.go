package store

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"time"
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
	ending  bool // the process is about to close the database
	lost    int  // logs that were given up since then

	ctx     context.Context // of transactions on a server; ends when a closing database has waited for long
	cancel  context.CancelFunc
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
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.writer = logWriter{db: db, tally: newTally(), budgets: newBudgetWatch(db), marks: newCommitMarks()}
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

// do queues w, and returns when it is done. Not when its caller is gone: the
// writer goes on, and the caller should know the outcome. Where a server keeps
// the writer waiting, what has not begun is taken back in the end.
func (q *writeQueue) do(w write) error {
	w.done = make(chan error, 1)
	if err := q.add(w); err != nil {
		return err
	}
	if !q.db.engine.shared {
		return <-w.done
	}
	tooLong := time.NewTimer(q.db.limits.turn)
	defer tooLong.Stop()
	select {
	case err := <-w.done:
		return err
	case <-tooLong.C:
	}
	if q.withdraw(w) {
		return ErrAway
	}
	return <-w.done
}

// withdraw takes back what waits still.
func (q *writeQueue) withdraw(w write) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.waiting, func(o write) bool { return o.done == w.done })
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	if w.logs != nil {
		q.rows -= len(w.logs.logs)
	}
	return true
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
			if err != nil {
				q.gaveUp(len(w.logs.logs))
			}
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
	alerted bool   // there is something to deliver
	mark    string // see commit.go; none yet when ""
}

// Write runs fn in a transaction of its own, in turn with all other writes, and
// commits when fn returns nil. The transaction goes on when ctx ends while it
// is under way: fn should look at ctx itself where that matters. With other
// processes about, fn may run several times, each in a transaction of its own.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	return db.queue.do(write{job: func(tx *Tx) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(tx)
	}})
}

func (db *DB) now() Timestamp { return At(db.opts.Now()) }

// Now returns the time on the database's clock.
func (db *DB) Now() Timestamp { return db.now() }

// QueueDepth returns how many logs wait to be written.
func (db *DB) QueueDepth() int { return db.queue.depth() }
