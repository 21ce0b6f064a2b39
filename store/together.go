package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/llmtally/llmtally/policy"
)

// Where each statement is a journey to a server, a transaction's logs go
// together: one statement inserts them, one finds those whose call ids are
// taken, one locks what is to be completed, one completes it. Every process does
// so in the same order, new logs by call id and then old ones by id, so that
// they wait for each other in one direction.

// A sentLog is a log on its way, with the request that it came in.
type sentLog struct {
	*Log
	request  *appendRequest
	verdict  *Verdict // nil in a strict insert
	inserted bool
}

func (l *sentLog) strict() *strictInsert { return l.request.strict }

// A takenRow is a stored row that has the call id of a log.
type takenRow struct {
	Log
	whole   bool // with its JSON columns, and locked
	changed bool
}

func (b *logBatch) storeTogether(requests []*appendRequest) error {
	logs, err := b.linkAll(requests)
	if err != nil {
		return err
	}
	if err := b.insertMany(logs); err != nil {
		return err
	}
	for _, l := range logs {
		if l.inserted {
			b.tally.add(l.Log)
		}
	}
	rows, err := b.takenRows(logs)
	if err != nil {
		return err
	}
	for _, l := range logs {
		if err := b.settle(l, rows); err != nil {
			return err
		}
	}
	if err := b.updateTaken(rows); err != nil {
		return err
	}
	return acceptAll(requests, logs)
}

// linkAll finds the logs' users, and leaves out the logs that this refuses.
func (b *logBatch) linkAll(requests []*appendRequest) (logs []*sentLog, err error) {
	if err := b.lookUpUsers(requests); err != nil {
		return nil, err
	}
	for _, r := range requests {
		var own []*sentLog
		if r.strict != nil {
			r.strict.outcome, r.strict.err, r.strict.undone = Outcome{}, nil, false
		}
		for i := range r.logs {
			l := &sentLog{Log: &r.logs[i], request: r}
			if r.strict == nil {
				if l.verdict = &r.verdicts[i]; l.verdict.Err != nil {
					continue
				}
			}
			err := b.link(r.caller, l.Log)
			var refused *Error
			switch {
			case errors.As(err, &refused) && r.strict != nil:
				r.strict.err = refused
			case errors.As(err, &refused):
				l.verdict.Err = refused
			case err != nil:
				return nil, err
			default:
				own = append(own, l)
			}
		}
		if r.strict != nil && r.strict.err != nil {
			continue
		}
		for _, l := range own {
			if l.UserProfileID != "" {
				b.users[l.UserProfileID] = true
			}
		}
		logs = append(logs, own...)
	}
	return logs, nil
}

// lookUpUsers finds out which of the users exist that linking will ask for.
func (b *logBatch) lookUpUsers(requests []*appendRequest) error {
	var asked []string
	for _, r := range requests {
		if r.caller.Role == policy.Service && b.db.opts.AutoCreateUsers {
			continue
		}
		for i := range r.logs {
			for _, user := range []string{r.logs[i].UserProfileID, r.logs[i].EndUser} {
				if _, known := b.users[user]; !known && user != "" {
					b.users[user] = false
					asked = append(asked, user)
				}
			}
		}
	}
	if len(asked) == 0 {
		return nil
	}
	found, err := readTexts(b.tx.Query("SELECT user_id FROM user_profiles WHERE user_id = ANY($1)", asked))
	if err != nil {
		return fmt.Errorf("looking up users: %w", err)
	}
	for _, user := range found {
		b.users[user] = true
	}
	return nil
}

// takenRows returns the rows that keep logs from being inserted, by call id.
func (b *logBatch) takenRows(logs []*sentLog) (map[string]*takenRow, error) {
	rows := map[string]*takenRow{}
	var calls []string
	for _, l := range logs {
		if _, seen := rows[l.CallID]; !l.inserted && !seen {
			rows[l.CallID] = nil
			calls = append(calls, l.CallID)
		}
	}
	if len(calls) == 0 {
		return rows, nil
	}
	found, err := b.loadMany(selectCountedSQL+" WHERE litellm_call_id = ANY($1)", calls)
	if err != nil {
		return nil, err
	}
	for _, row := range found {
		rows[row.CallID] = row
	}
	var change []int64
	for _, l := range logs {
		row := rows[l.CallID]
		if l.inserted {
			continue
		}
		if row == nil {
			return nil, errMoved // it was deleted since
		}
		if l.wanted(&row.Log) {
			change = append(change, row.ID)
		}
	}
	if len(change) == 0 {
		return rows, nil
	}
	slices.Sort(change)
	change = slices.Compact(change)
	locked, err := b.lockMany(selectLogSQL, change)
	if err != nil {
		return nil, err
	}
	for _, row := range locked {
		row.whole = true
		if rows[row.CallID] == nil || rows[row.CallID].ID != row.ID {
			return nil, errMoved
		}
		rows[row.CallID] = row
	}
	if len(locked) != len(change) {
		return nil, errMoved
	}
	return rows, nil
}

// wanted says whether the log will change the row, as far as one can tell
// before the row is locked.
func (l *sentLog) wanted(old *Log) bool {
	if s := l.strict(); s != nil {
		takesOver, err := s.resolution(l.request.caller, old, l.Log, "litellm_call_id")
		return takesOver && err == nil
	}
	return completes(l.request.caller, old, l.Log)
}

// settle says what became of a log. One whose call id was taken may complete
// the row.
func (b *logBatch) settle(l *sentLog, rows map[string]*takenRow) error {
	row, s := rows[l.CallID], l.strict()
	switch {
	case s != nil && s.err != nil:
		return nil
	case s != nil && l.inserted:
		s.outcome.Keys = append(s.outcome.Keys, l.ID)
		s.outcome.Inserted++
		return nil
	case s != nil:
		takesOver, err := s.resolution(l.request.caller, &row.Log, l.Log, "litellm_call_id")
		if err != nil || !takesOver {
			s.err = err
			return nil
		}
		s.outcome.Keys = append(s.outcome.Keys, row.ID)
		return b.takeOver(row, l)
	case l.inserted:
		*l.verdict = insertedVerdict(l.request.caller, l.Log)
		return nil
	}
	*l.verdict = repeatedVerdict(l.request.caller, &row.Log)
	if !completes(l.request.caller, &row.Log, l.Log) {
		return nil
	}
	l.verdict.Duplicate = false
	return b.takeOver(row, l)
}

// takeOver gives a row what a log names.
func (b *logBatch) takeOver(row *takenRow, l *sentLog) error {
	if !row.whole {
		return errMoved // it was finished when it was looked at
	}
	old := row.Log
	row.merge(completion(l.request.caller, &old, l.Log))
	b.db.enrich(&row.Log)
	b.tally.replace(&old, &row.Log)
	row.changed = true
	return nil
}

// acceptAll lets strict inserts look at what they did. It fails when one is
// refused that has changed something.
func acceptAll(requests []*appendRequest, logs []*sentLog) error {
	for _, r := range requests {
		if s := r.strict; s != nil && s.err == nil {
			s.err = s.accept(len(s.outcome.Keys))
		}
	}
	var undo error
	for _, l := range logs {
		if s := l.strict(); s != nil && s.err != nil && (l.inserted || len(s.outcome.Keys) > 0) {
			s.undone, undo = true, errUndo
		}
	}
	return undo
}
