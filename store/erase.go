package store

import (
	"context"
	"fmt"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// eraseChunk is how many logs one transaction of an erasure removes, so that
// the logs of others wait only a moment.
const eraseChunk = 1000

// EraseUser removes a user's logs, aggregates and profile, and takes what they
// counted for out of the rollups. It returns ErrNotFound when there is no such
// user. A large history goes in several transactions: when one fails, the rest
// is there still, and calling again goes on.
func (db *DB) EraseUser(ctx context.Context, caller policy.Caller, userID string) error {
	if !policy.For(caller, "user_profiles", policy.Delete).Any() {
		return errPermission("user_profiles")
	}
	exists, err := db.UserExists(ctx, caller, userID)
	if err != nil {
		return err
	}
	if !exists {
		return ErrNotFound
	}
	for done := false; !done; {
		err := db.Write(ctx, func(tx *Tx) (err error) {
			done, err = db.eraseSome(tx, userID)
			return err
		})
		if err != nil {
			return fmt.Errorf("erasing a user: %w", err)
		}
	}
	db.recent.forget()
	return nil
}

// eraseSome removes a chunk of the user's logs, and with the last of them the
// rest of the user.
func (db *DB) eraseSome(tx *Tx, userID string) (done bool, err error) {
	ids, err := selectKeys(tx.Tx, query.Statement{
		SQL:  "SELECT id FROM request_logs WHERE user_profile_id = $1 LIMIT $2",
		Args: []any{userID, eraseChunk},
	})
	if err != nil {
		return false, err
	}
	b := db.queue.writer.begin(tx)
	if err := b.deleteAll(ids); err != nil {
		return false, err
	}
	// Not finish: nobody is to be alerted to a user who is being erased.
	if err := b.tally.save(tx.Tx, &b.stmts); err != nil {
		return false, err
	}
	b.budgets.forget(userID)
	if len(ids) == eraseChunk {
		return false, nil
	}
	if left, err := db.lockUser(tx, userID); err != nil || left {
		return false, err
	}
	for _, table := range []string{"usage_totals", "usage_monthly", "tokens_usage", "alerts"} {
		if _, err := tx.Exec("DELETE FROM "+table+" WHERE user_profile_id = $1", userID); err != nil {
			return false, err
		}
	}
	_, err = tx.Exec("DELETE FROM user_profiles WHERE user_id = $1", userID)
	return true, err
}

// lockUser keeps other processes from counting for the user, and says whether
// one of them has stored a log since the last look.
func (db *DB) lockUser(tx *Tx, userID string) (left bool, err error) {
	if !db.engine.shared {
		return false, nil
	}
	if _, err := tx.Exec("SELECT FROM user_profiles WHERE user_id = $1 FOR NO KEY UPDATE", userID); err != nil {
		return false, err
	}
	err = tx.QueryRow("SELECT EXISTS (SELECT FROM request_logs WHERE user_profile_id = $1)", userID).Scan(&left)
	return left, err
}
