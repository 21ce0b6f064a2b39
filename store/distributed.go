package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Where Distribute has spread the tables over the servers of a Citus cluster, a
// statement is for all shards or for one, and some are for one alone. A log's
// shard is that of its call id. So what differs from one PostgreSQL is this:
//
//   - Every log has a call id. One that came without gets one of ours, and none
//     changes afterwards: a row cannot move.
//   - A row is locked by its call id, one row at a time. Those that a client's
//     filter finds are not locked while they are found.
//   - A rollup's last request is asked of the logs in a statement of its own: an
//     update cannot look into a table that is spread otherwise.
//   - A transaction does one shard after the other. After statements that went to
//     many at once, Citus refuses to change user_profiles, of which each server
//     has a copy.
//
// distributedSQL asks whether Distribute has come so far that logs need call ids.
const distributedSQL = `
	SELECT attnotnull
	FROM pg_attribute
	WHERE attrelid = CAST('request_logs' AS regclass) AND attname = 'litellm_call_id'`

// noticeDistribution looks how the database is, and sets the writer's connection
// accordingly.
func (db *DB) noticeDistribution(ctx context.Context, writer *pgx.ConnConfig) error {
	var distributed bool
	if err := db.readers.QueryRowContext(ctx, distributedSQL).Scan(&distributed); err != nil {
		return fmt.Errorf("asking whether the database is distributed: %w", err)
	}
	if distributed {
		cluster := *db.engine
		cluster.distributed = true
		db.engine = &cluster
		setting(writer, "citus.multi_shard_modify_mode", "sequential")
	}
	return nil
}

// madeCallID begins the call ids that llmtally makes.
const madeCallID = "llmtally-"

// fillCallID gives a log a call id when its sender gave none.
func (l *Log) fillCallID() {
	if l.CallID == "" {
		l.CallID = madeCallID + uuid.NewString()
		l.fill(ColCallID)
	}
}

func errCallFixed() *Error {
	return &Error{
		Code: "0A000", Message: "litellm_call_id cannot be changed where the database is distributed",
		Hint: "delete the log and send it again",
	}
}

var (
	updateCalledLogSQL = func() string {
		var set []string
		for i, name := range logColumnNames[1:] {
			if name != logTable[ColCallID].name {
				set = append(set, fmt.Sprintf("%s = $%d", name, i+2))
			}
		}
		return fmt.Sprintf("UPDATE request_logs SET %s WHERE id = $1 AND litellm_call_id = $%d",
			strings.Join(set, ", "), ColCallID+1)
	}()

	updateManyCalledLogsSQL = func() string {
		var set []string
		for _, c := range bulkLogColumns[1:] {
			if c.name != logTable[ColCallID].name {
				set = append(set, fmt.Sprintf("%s = l.%[1]s", c.name))
			}
		}
		return fmt.Sprintf(
			"UPDATE request_logs AS r SET %s FROM %s AS l (%s) WHERE r.litellm_call_id = l.litellm_call_id AND r.id = l.id",
			strings.Join(set, ", "), unnestSQL(bulkLogColumns), namesOf(bulkLogColumns))
	}()
)

// prepareDistributed prepares what is said otherwise to a cluster.
func (s *logStatements) prepareDistributed(p *preparer) {
	const called = " WHERE id = $1 AND litellm_call_id = $2 FOR UPDATE"
	s.callOf = p.prepare("SELECT litellm_call_id FROM request_logs WHERE id = $1")
	s.byID = p.prepare(selectLogSQL + called)
	s.countedByID = p.prepare(selectCountedSQL + called)
	s.update = p.prepare(updateCalledLogSQL)
	s.updateMany = p.prepare(updateManyCalledLogsSQL)
}

// located returns what a statement that reads a log by its key asks for: the
// call id as well, where that says which server has the row.
func (b *logBatch) located(stmt *sql.Stmt, key any) ([]any, error) {
	if b.stmts.callOf == nil || stmt == b.stmts.byCallID {
		return []any{key}, nil
	}
	var call string
	err := b.tx.Stmt(b.stmts.callOf).QueryRow(key).Scan(&call)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return []any{key, call}, err
}

// lockEach is lockMany, one log after the other.
func (b *logBatch) lockEach(statement string, ids []int64) (found []*takenRow, err error) {
	stmt := b.stmts.countedByID
	if strings.HasPrefix(statement, selectLogSQL) {
		stmt = b.stmts.byID
	}
	for _, id := range ids {
		l, err := b.load(stmt, id)
		switch {
		case err == ErrNotFound:
		case err != nil:
			return nil, err
		default:
			found = append(found, &takenRow{Log: l})
		}
	}
	return found, nil
}

// distributedRollup prepares a rollup's statements: what comes goes in one
// statement, what is left where logs went is asked row by row.
func (p *preparer) distributedRollup(t rollupTable) rollupStatements {
	lastAt := fmt.Sprintf("UPDATE %s SET last_at = $%d WHERE %s", t.name, len(t.key)+1, t.keyIs())
	return rollupStatements{
		add: p.prepare(t.addManySQL()), many: true,
		latest: p.prepare("SELECT created_at FROM request_logs WHERE " + t.logs + " ORDER BY created_at DESC LIMIT 1"),
		repair: p.prepare(lastAt),
		clear:  p.prepare(t.clearSQL()),
	}
}

func (w *rollupWriter) repairEach() error {
	for _, r := range w.removed {
		if r.repair != nil {
			var last string
			err := w.tx.Stmt(w.stmts.latest).QueryRow(r.repair...).Scan(&last)
			if err == nil {
				_, err = w.tx.Stmt(w.stmts.repair).Exec(append(r.key[:len(r.key):len(r.key)], moment(last))...)
			}
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return fmt.Errorf("finding a rollup's last request: %w", err)
			}
		}
		if _, err := w.tx.Stmt(w.stmts.clear).Exec(r.key...); err != nil {
			return fmt.Errorf("clearing a rollup: %w", err)
		}
	}
	return nil
}
