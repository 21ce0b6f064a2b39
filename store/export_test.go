package store

// LookAgain makes the next log see what another process changed, as it would a
// moment later: however long the looking takes.
func (db *DB) LookAgain() { db.lookAgain(db.lookups.current.Load().revision) }
