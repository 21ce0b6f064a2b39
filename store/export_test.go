package store

// LookAgain makes the next log see what another process changed, as it would a
// moment later.
func (db *DB) LookAgain() { db.lookups.checked.Store(0) }
