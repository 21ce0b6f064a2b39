package store

import (
	"fmt"

	"github.com/llmtally/llmtally/policy"
)

// complete handles a log whose call id is stored already. A row that is still
// initiated takes over what the log names; a finished one stays as it is, and
// sending it again is no error.
func (b *logBatch) complete(caller policy.Caller, l *Log) (Verdict, error) {
	old, err := b.load(b.stmts.byCallID, l.CallID)
	if err != nil {
		return Verdict{}, fmt.Errorf("reading the log to complete: %w", err)
	}
	seen := repeatedVerdict(caller, &old)
	if !completes(caller, &old, l) {
		return seen, nil
	}
	if err := b.rewrite(&old, completion(caller, &old, l)); err != nil {
		return Verdict{}, err
	}
	return Verdict{ID: seen.ID}, nil
}

// repeatedVerdict says of a log that it is stored already, to who may know.
func repeatedVerdict(caller policy.Caller, old *Log) Verdict {
	if policy.For(caller, "request_logs", policy.Select).Reaches(old.text) {
		return Verdict{ID: old.ID, Duplicate: true}
	}
	return Verdict{}
}

// completes says whether a log brings a stored one to its end.
func completes(caller policy.Caller, old, l *Log) bool {
	return !old.finished() && l.finished() && mayComplete(caller, old, l)
}

// mayComplete says whether the caller may fill this initiated row. The service
// role and anon may fill any (the contract lets anon, since LiteLLM's callback
// knows no user); a user may fill a row that is theirs or nobody's.
func mayComplete(caller policy.Caller, old, l *Log) bool {
	return caller.Role != policy.Authenticated || old.UserProfileID == "" || old.UserProfileID == l.UserProfileID
}

// completion is the part of the log that the row takes over. The start's time
// stands unless the end names one, and only the service role moves a row from
// one user to another.
func completion(caller policy.Caller, old, l *Log) *Log {
	change := *l
	change.sent.remove(ColUserProfileID)
	if change.Has(ColUserProfileID) && (old.UserProfileID == "" || caller.Role == policy.Service) {
		change.sent.add(ColUserProfileID)
	}
	if change.EndUser == "" {
		change.sent.remove(ColEndUser)
	}
	change.sent.remove(ColID)
	return &change
}

// rewrite lays a change over a stored row and enriches the result.
func (b *logBatch) rewrite(old, change *Log) error {
	row := *old
	row.merge(change)
	b.db.enrich(&row)
	return b.replace(old, &row)
}

// replace writes the new values of a stored row, and moves what the row counts
// for from the old values to the new.
func (b *logBatch) replace(old, row *Log) error {
	if b.db.engine.distributed && old.CallID != row.CallID {
		return errCallFixed()
	}
	if err := b.update(row); err != nil {
		return translate(err)
	}
	b.tally.replace(old, row)
	return nil
}
