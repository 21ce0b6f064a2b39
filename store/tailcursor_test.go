package store

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestATailsCursorReadsBackAsItWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		open := rapid.SliceOfNDistinct(rapid.Int64Range(0, 1<<62), 0, maxOpen, rapid.ID).Draw(t, "open")
		slices.Sort(open)
		c := tailCursor{open: open}
		if len(open) > 0 {
			c.after = open[len(open)-1]
		}
		c.after += rapid.Int64Range(0, 1<<61).Draw(t, "more")
		read, err := parseTailCursor(c.String())
		require.NoError(t, err, c.String())
		assert.Equal(t, c.after, read.after)
		assert.True(t, slices.Equal(c.open, read.open), "%v became %v", c.open, read.open)
	})
}

func TestACursorIsRefusedOrRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, err := parseTailCursor(rapid.StringMatching(`[0-9a-z.\-]{0,30}`).Draw(t, "text"))
		if err != nil {
			return
		}
		again, err := parseTailCursor(c.String())
		require.NoError(t, err)
		assert.Equal(t, c, again)
		assert.True(t, slices.IsSorted(c.open))
	})
}

func TestATailWaitsForTheNewestHundredLogsToEnd(t *testing.T) {
	t.Parallel()
	var c tailCursor
	for id := range int64(150) {
		c.after = id
		c.opened(id)
	}
	assert.Len(t, c.open, maxOpen)
	assert.Equal(t, int64(50), c.open[0])
	c.closed(75)
	c.closed(75)
	c.closed(1)
	assert.Len(t, c.open, maxOpen-1)
	assert.NotContains(t, c.open, int64(75))
	assert.Less(t, len(c.String()), 300)
}
