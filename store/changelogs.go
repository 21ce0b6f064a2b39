package store

import (
	"fmt"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// updateLogs gives stored logs the columns of a patch, one by one: each is
// enriched and linked as any log is, and what it counted for moves with it.
func (db *DB) updateLogs(tx *Tx, caller policy.Caller, set []query.Assignment, ids []any) error {
	patch, err := logFrom(set)
	if err != nil {
		return err
	}
	if patch.Sent(ColID) {
		return errorf(CodePrivilege, "column id of request_logs cannot be changed")
	}
	b := db.queue.writer.begin(tx)
	grant := policy.For(caller, "request_logs", policy.Update)
	for _, id := range ids {
		if err := b.updateLog(id, caller, grant, &patch); err != nil {
			return err
		}
	}
	return b.finish()
}

func (b *logBatch) updateLog(id any, caller policy.Caller, grant policy.Grant, patch *Log) error {
	old, err := b.load(b.stmts.byID, id)
	if err == ErrNotFound && b.db.engine.distributed {
		return nil // it was deleted since it was found, which did not lock it
	}
	if err != nil {
		return fmt.Errorf("reading the log to update: %w", err)
	}
	row := old
	row.merge(patch)
	b.db.enrich(&row)
	if patch.Has(ColUserProfileID) || row.UserProfileID == "" && patch.EndUser != "" && !patch.Sent(ColUserProfileID) {
		if err := b.link(caller, &row); err != nil {
			return err
		}
	}
	if !grant.Allows(row.text) {
		return errRowSecurity("request_logs")
	}
	if err := b.replace(&old, &row); err != nil {
		return taken(err, &row, caller)
	}
	return nil
}

// taken gives a unique key's refusal its words.
func taken(err error, l *Log, caller policy.Caller) error {
	e, ok := translate(err).(*Error)
	if !ok || e.Code != CodeUnique {
		return err
	}
	if e.column == "request_logs.id" {
		return errTaken(Schema["request_logs"], []string{"id"}, []query.Assignment{{Column: "id", Value: l.ID}}, caller)
	}
	return errCallTaken(l, caller)
}

func errCallTaken(l *Log, caller policy.Caller) error {
	return errTaken(Schema["request_logs"], []string{"litellm_call_id"},
		[]query.Assignment{{Column: "litellm_call_id", Value: l.CallID}}, caller)
}

func (db *DB) deleteLogs(tx *Tx, ids []any) error {
	b := db.queue.writer.begin(tx)
	if err := b.deleteAll(ids); err != nil {
		return err
	}
	return b.finish()
}

// deleteAll deletes logs and uncounts them.
func (b *logBatch) deleteAll(ids []any) error {
	if b.db.engine.shared {
		return b.deleteMany(ids)
	}
	for _, id := range ids {
		old, err := b.load(b.stmts.countedByID, id)
		if err != nil {
			return fmt.Errorf("reading the log to delete: %w", err)
		}
		b.tally.remove(&old)
		if _, err := b.tx.Stmt(b.stmts.remove).Exec(id); err != nil {
			return translate(err)
		}
	}
	return nil
}
