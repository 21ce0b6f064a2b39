package store

import "time"

// SetPatience shortens how long writes wait for a server. It must be called
// before the first.
func (db *DB) SetPatience(outage, turn time.Duration) {
	db.limits = limits{outage: outage, closing: outage, turn: turn}
}
