package store

import (
	"database/sql"
	"errors"

	"github.com/llmtally/llmtally/policy"
)

// link decides which user a log belongs to: the row's user_profile_id, else its
// end_user (an authenticated caller's own id stands in user_profile_id by now).
// The service role creates users on the way, if the setting says so; nobody
// else does, and anon never learns which users exist.
func (b *logBatch) link(caller policy.Caller, l *Log) error {
	explicit := l.UserProfileID != ""
	user := l.UserProfileID
	if !explicit {
		user = l.EndUser
	}
	if user == "" {
		l.clear(ColUserProfileID)
		return nil
	}
	if caller.Role == policy.Service && b.db.opts.AutoCreateUsers {
		linkTo(l, user)
		return nil
	}
	exists, err := b.userExists(user)
	if err != nil {
		return err
	}
	switch {
	case exists:
		linkTo(l, user)
		return nil
	case !explicit:
		l.clear(ColUserProfileID) // '' is nobody
		return nil
	case caller.Role == policy.Anon:
		l.EndUser = user
		l.mark(ColEndUser)
		l.clear(ColUserProfileID)
		return nil
	default:
		refused := errUnknownUser(user)
		refused.Hint = "create the profile first: the service role does so by logging for the user or by inserting into user_profiles"
		return refused
	}
}

func linkTo(l *Log, user string) {
	l.UserProfileID = user
	l.fill(ColUserProfileID)
}

func (b *logBatch) userExists(id string) (bool, error) {
	if b.tally.hasUser(id) || b.logWriter.tally.hasUser(id) {
		return true, nil
	}
	if exists, known := b.users[id]; known {
		return exists, nil
	}
	var one int
	err := b.tx.Stmt(b.stmts.userExists).QueryRow(id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
