package store

import "sync"

// news tells those who wait that something was committed. While nobody waits it
// costs a commit nothing.
type news struct {
	mu      sync.Mutex
	waiting chan struct{} // closed by what is told next; nil while nobody waits
}

// next returns a channel that is closed when something is told.
func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting == nil {
		n.waiting = make(chan struct{})
	}
	return n.waiting
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting != nil {
		close(n.waiting)
		n.waiting = nil
	}
}
