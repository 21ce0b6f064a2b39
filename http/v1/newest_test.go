package v1

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/llmtally/llmtally/store"
)

func TestWhoShowsTheNewestIsSentNoMore(t *testing.T) {
	t.Parallel()
	var events []store.TailEvent
	for id := range int64(6) {
		e := store.TailEvent{Completed: id == 0}
		e.RequestID = id
		events = append(events, e)
	}
	ids := func(s *Streams) (ids []int64) {
		for _, e := range s.worthSending(slices.Clone(events)) {
			ids = append(ids, e.RequestID)
		}
		return ids
	}
	all := &Streams{}
	assert.Equal(t, []int64{0, 1, 2, 3, 4, 5}, ids(all))
	assert.Equal(t, []int64{0, 4, 5}, ids(all.Newest(2)), "and what may be on the page already")
	assert.Equal(t, []int64{0, 1, 2, 3, 4, 5}, ids(all.Newest(12)))
}
