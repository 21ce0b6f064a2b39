package store

// InChunks copies so many new logs in one transaction, and calls hook between
// steps: its error ends the copy there.
func (c Copying) InChunks(logs int, hook func(step string) error) Copying {
	c.chunkLogs, c.hook = logs, hook
	return c
}
