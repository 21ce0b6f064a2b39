package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// When the connection is lost before a commit's answer comes, nobody knows
// whether it was done, and to run the transaction again could store its logs
// twice. So each transaction leaves a mark: a number in a row of the writer's
// own, which says afterwards which transactions there were. The server's own
// numbers of transactions would not do: after a crash it may give one anew.
type commitMarks struct {
	name string // of the row
	last int64  // that was given to a transaction
}

func newCommitMarks() commitMarks { return commitMarks{name: "writer " + uuid.NewString()} }

const (
	// markSQL leaves the mark $2 in a transaction that has written something.
	markSQL = `
		INSERT INTO book_state (name, value)
		SELECT CAST($1 AS text), CAST($2 AS text)
		WHERE pg_current_xact_id_if_assigned() IS NOT NULL
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`
	// askMarkSQL changes nothing and waits for the transaction that has the row,
	// which a server that knows nothing of the loss keeps open for a while.
	askMarkSQL = `
		INSERT INTO book_state (name, value)
		VALUES ($1, '')
		ON CONFLICT (name) DO UPDATE SET value = book_state.value
		RETURNING value`
	// keptMarks is for how long the marks of processes that were killed stay.
	keptMarks         = 7 * 24 * time.Hour
	forgetOldMarksSQL = `DELETE FROM book_state WHERE name LIKE 'writer %' AND split_part(value, ' ', 2) < $1`
)

// mark gives the transaction its mark, which is made of a number and the time.
func (w *logWriter) mark(tx *Tx) (name, value string) {
	w.marks.last++
	tx.mark = strconv.FormatInt(w.marks.last, 10) + " " + At(time.Now()).Stored()
	return w.marks.name, tx.mark
}

// commit commits. Where the connection is lost meanwhile, the database is asked
// what became of the transaction, as soon as it is there again.
func (w *logWriter) commit(tx *Tx) error {
	if !w.db.engine.shared {
		return tx.Commit()
	}
	if tx.mark == "" {
		name, value := w.mark(tx)
		if _, err := tx.Exec(markSQL, name, value); err != nil {
			return err
		}
	}
	err := tx.Commit()
	if err == nil || !disconnected(err) {
		return err
	}
	done, askErr := w.committed(tx.mark)
	switch {
	case askErr != nil:
		// Not to be wrapped: it must not look like one that is worth a retry.
		return fmt.Errorf("finding out whether a commit was done: %v, after %v", askErr, err) //nolint:errorlint // see above
	case done:
		return nil
	default:
		return err
	}
}

func (w *logWriter) committed(mark string) (bool, error) {
	for wait := (patience{writer: w, endless: true}); ; {
		var last string
		err := w.db.writer.QueryRowContext(w.db.queue.ctx, askMarkSQL, w.marks.name).Scan(&last)
		if err == nil {
			w.answered()
			return last == mark, nil
		}
		if !wait.worthwhile(err) {
			return false, err
		}
	}
}

// forgetMarks removes the writer's row, and those of processes that are long
// gone.
func (w *logWriter) forgetMarks() error {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	_, err := w.db.writer.ExecContext(ctx, "DELETE FROM book_state WHERE name = $1", w.marks.name)
	if err == nil {
		_, err = w.db.writer.ExecContext(ctx, forgetOldMarksSQL, At(time.Now().Add(-keptMarks)).Stored())
	}
	return err
}
