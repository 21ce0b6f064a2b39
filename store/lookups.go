package store

import (
	"context"
	"sync/atomic"
	"time"
)

// lookups holds what every log is looked up in and operators change seldom: the
// prices and the alert rules. Another process may change them too, so the
// database counts the changes, and the count is asked for now and then.
type lookups struct {
	current atomic.Pointer[lookupTables]
	checked atomic.Int64 // when the count was asked for last, in Unix milliseconds
}

type lookupTables struct {
	revision int64
	prices   *priceTable
	rules    []AlertRule
}

// lookupAge is for how long a change that another process made may stay
// unnoticed.
const lookupAge = 250 * time.Millisecond

// lookupWait is for how long a log waits to be told of such a change, where
// other reads keep every connection.
const lookupWait = 25 * time.Millisecond

// lookupTime bounds the asking itself.
const lookupTime = 5 * time.Second

const revisionSQL = "SELECT CAST(coalesce((SELECT value FROM book_state WHERE name = 'revision'), '0') AS BIGINT)"

// changeLookups notes that prices or rules change in this transaction.
func changeLookups(tx *Tx) error {
	_, err := tx.Exec(`
		INSERT INTO book_state (name, value)
		VALUES ('revision', '1')
		ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(book_state.value AS BIGINT) + 1 AS TEXT)`)
	return err
}

// writeLookups runs a change of prices or rules, which holds as soon as it is
// committed.
func (db *DB) writeLookups(ctx context.Context, fn func(*Tx) error) error {
	err := db.Write(ctx, func(tx *Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return changeLookups(tx)
	})
	if err != nil {
		return err
	}
	return db.lookups.load(ctx, db)
}

// lookedUp returns the prices and rules that hold. When it cannot be found out
// whether they changed, those that are known go on.
func (db *DB) lookedUp() *lookupTables {
	current := db.lookups.current.Load()
	last, now := db.lookups.checked.Load(), time.Now().UnixMilli()
	if now-last < lookupAge.Milliseconds() || !db.lookups.checked.CompareAndSwap(last, now) {
		return current
	}
	// Not cancelled when it takes longer: the next log sees what it found.
	looked := make(chan struct{})
	go func() { defer close(looked); db.lookAgain(current.revision) }()
	tooLong := time.NewTimer(lookupWait)
	defer tooLong.Stop()
	select {
	case <-looked:
	case <-tooLong.C:
	}
	return db.lookups.current.Load()
}

// lookAgain reads prices and rules again if they are others by now.
func (db *DB) lookAgain(known int64) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	var revision int64
	if err := db.readers.QueryRowContext(ctx, revisionSQL).Scan(&revision); err != nil || revision == known {
		return
	}
	if err := db.lookups.load(ctx, db); err != nil {
		db.opts.Log.Error("reading prices and rules again", "error", err)
	}
}

// load reads prices and rules in one snapshot.
func (l *lookups) load(ctx context.Context, db *DB) error {
	tx, err := db.readers.BeginTx(ctx, &db.engine.snapshot)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	next := &lookupTables{}
	if err := tx.QueryRowContext(ctx, revisionSQL).Scan(&next.revision); err != nil {
		return err
	}
	prices, err := readPrices(ctx, tx)
	if err != nil {
		return err
	}
	next.prices = newPriceTable(prices)
	if next.rules, err = readRules(ctx, tx); err != nil {
		return err
	}
	l.take(next)
	return nil
}

// take makes these the tables that hold, unless another read was later and has
// newer ones.
func (l *lookups) take(next *lookupTables) {
	for {
		current := l.current.Load()
		if current != nil && current.revision > next.revision || l.current.CompareAndSwap(current, next) {
			return
		}
	}
}

// LookupRevision counts the changes of prices and rules, as far as they are
// known here.
func (db *DB) LookupRevision() int64 { return db.lookedUp().revision }
