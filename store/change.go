package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// A change is a client's insert, update or delete.
type change struct {
	relation string
	action   policy.Action
	set      []query.Assignment
	where    query.Expr
}

// insertLog stores a log that a client's query describes.
func (db *DB) insertLog(ctx context.Context, caller policy.Caller, q query.Insert) (int64, error) {
	l, err := logFrom(q.Set)
	if err != nil {
		return 0, err
	}
	verdicts, err := db.Append(ctx, caller, l)
	if err != nil {
		return 0, err
	}
	return 1, verdicts[0].Err
}

func logFrom(set []query.Assignment) (l Log, err error) {
	for _, a := range set {
		c, ok := LogColumnNamed(a.Column)
		if !ok {
			return l, errorf(CodeUnknownColumn, "column request_logs.%s does not exist", a.Column)
		}
		if err := l.Set(c, a.Value); err != nil {
			return l, err
		}
	}
	return l, nil
}

// writeChecked makes a change in a transaction of its own, and returns how many
// rows it reached.
func (db *DB) writeChecked(ctx context.Context, caller policy.Caller, c change) (n int64, err error) {
	r, ok := Schema[c.relation]
	if !ok || r.Private {
		return 0, errorf(CodeUnknownRelation, "relation %q does not exist", c.relation)
	}
	if r.Key == nil {
		return 0, errorf(CodeNotWritable, "%q is a view and cannot be written", c.relation)
	}
	grant := policy.For(caller, c.relation, c.action)
	if c.action == policy.Insert && !grant.Any() {
		return 0, errRowSecurity(c.relation)
	}
	for _, a := range c.set {
		if grant.Any() && !grant.Writable(a.Column) {
			return 0, errPermission(c.relation)
		}
	}
	err = db.Write(ctx, func(tx *Tx) error {
		if c.relation == "request_logs" {
			n, err = db.changeLogs(tx.Tx, caller, grant, c)
		} else {
			n, err = changeRows(tx, caller, c)
		}
		return err
	})
	return n, err
}

// changeRows changes a table that has no rollups behind it.
func changeRows(tx *Tx, caller policy.Caller, c change) (int64, error) {
	set := maintained(tx.now(), c)
	var compiled query.Statement
	var err error
	switch c.action {
	case policy.Insert:
		compiled, err = query.CompileInsert(Schema, caller, query.Insert{Relation: c.relation, Set: set})
	case policy.Update:
		if len(set) == 0 {
			return 0, nil
		}
		compiled, err = query.CompileUpdate(Schema, caller, query.Update{Relation: c.relation, Set: set, Where: c.where})
	default:
		compiled, err = query.CompileDelete(Schema, caller, query.Delete{Relation: c.relation, Where: c.where})
	}
	if err != nil {
		return 0, nameError(err)
	}
	if c.action == policy.Delete {
		result, err := tx.Exec(compiled.SQL, compiled.Args...)
		if err != nil {
			return 0, fmt.Errorf("deleting from %s: %w", c.relation, translate(err))
		}
		return result.RowsAffected()
	}
	return checkedRows(tx.Tx, compiled, c.relation)
}

// maintained leaves out what the database keeps by itself (tokens_used, for
// those who might set it) and notes when a row was changed.
func maintained(now Timestamp, c change) []query.Assignment {
	set := slices.DeleteFunc(slices.Clone(c.set), func(a query.Assignment) bool {
		return c.relation == "user_profiles" && a.Column == "tokens_used"
	})
	touched := slices.ContainsFunc(set, func(a query.Assignment) bool { return a.Column == "updated_at" })
	if c.action == policy.Update && len(set) > 0 && !touched {
		set = append(set, query.Assignment{Column: "updated_at", Value: now})
	}
	return set
}

// checkedRows runs a statement that returns, a row, whether the policy allows
// it.
func checkedRows(tx *sql.Tx, s query.Statement, relation string) (n int64, err error) {
	rows, err := tx.Query(s.SQL, s.Args...)
	if err != nil {
		return 0, fmt.Errorf("writing %s: %w", relation, translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		var allowed bool
		if err := rows.Scan(&allowed); err != nil {
			return 0, err
		}
		if !allowed {
			return 0, errRowSecurity(relation)
		}
		n++
	}
	return n, translate(rows.Err())
}

// changeLogs updates or deletes logs one by one, since each takes what it
// counted for out of the rollups, and an update is enriched as any log is.
func (db *DB) changeLogs(tx *sql.Tx, caller policy.Caller, grant policy.Grant, c change) (int64, error) {
	patch, err := logFrom(c.set)
	if err != nil {
		return 0, err
	}
	keys, err := query.CompileKeys(Schema, caller, c.relation, c.action, c.where)
	if err != nil {
		return 0, nameError(err)
	}
	ids, err := selectIDs(tx, keys)
	if err != nil {
		return 0, fmt.Errorf("finding the logs to change: %w", translate(err))
	}
	b, err := db.queue.writer.begin(tx)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if c.action == policy.Delete {
			err = b.deleteLog(id)
		} else {
			err = b.updateLog(id, caller, grant, &patch)
		}
		if err != nil {
			return 0, err
		}
	}
	return int64(len(ids)), b.tally.save(tx, &b.stmts)
}

func selectIDs(tx *sql.Tx, s query.Statement) (ids []int64, err error) {
	rows, err := tx.Query(s.SQL, s.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (b *logBatch) deleteLog(id int64) error {
	old, err := b.load(b.stmts.countedByID, id)
	if err != nil {
		return fmt.Errorf("reading the log to delete: %w", err)
	}
	b.tally.remove(&old)
	_, err = b.tx.Stmt(b.stmts.remove).Exec(id)
	return translate(err)
}

func (b *logBatch) updateLog(id int64, caller policy.Caller, grant policy.Grant, patch *Log) error {
	old, err := b.load(b.stmts.byID, id)
	if err != nil {
		return fmt.Errorf("reading the log to update: %w", err)
	}
	row := old
	row.merge(patch)
	row.enrich(b.db.opts.Now())
	unlinked := patch.Sent(ColUserProfileID) && !patch.Has(ColUserProfileID)
	if !unlinked {
		if err := b.link(caller, &row); err != nil {
			return err
		}
	}
	if !grant.Allows(row.text) {
		return errRowSecurity("request_logs")
	}
	return b.replace(&old, &row)
}
