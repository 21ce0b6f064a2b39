package store

// A lastChange follows how a transaction changes the time of a rollup's last
// log. Adding can only move it forward; after removing it may be unknown, until
// a log is added that is as late as the one removed.
type lastChange struct {
	added   Timestamp // the latest that was added and not removed; valid with hasAdded
	removed Timestamp // the latest that was removed; valid with hasRemoved

	hasAdded, hasRemoved bool
	unknown              bool // the logs must be asked
}

func (c *lastChange) add(at Timestamp) {
	if !c.hasAdded || at > c.added {
		c.added = at
	}
	c.hasAdded = true
	if c.unknown && at >= c.removed {
		c.unknown = false
	}
}

func (c *lastChange) remove(at Timestamp) {
	if !c.hasRemoved || at > c.removed {
		c.removed = at
	}
	c.hasRemoved = true
	if c.hasAdded && c.added > at {
		return // that one is later, and still there
	}
	c.hasAdded = false
	c.unknown = true
}

// then follows the changes of o after those of c.
func (c *lastChange) then(o lastChange) {
	if o.hasRemoved {
		c.remove(o.removed)
	}
	if o.hasAdded {
		c.add(o.added)
	}
	c.unknown = c.unknown || o.unknown
}

// latest is a time that the rollup's last log may have.
func (c *lastChange) latest() Timestamp {
	if c.hasAdded {
		return c.added
	}
	return c.removed
}
