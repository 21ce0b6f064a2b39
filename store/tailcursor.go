package store

import (
	"slices"
	"strconv"
	"strings"
)

// maxOpen bounds the unfinished logs whose end a tail waits for. The oldest are
// forgotten first.
const maxOpen = 100

// A tailCursor is how far a tail has come: the newest log that it has looked at,
// and those it has shown that had not ended, in order. Its text is the numbers in
// base 36, each of the latter as the distance from the one before.
type tailCursor struct {
	after int64
	open  []int64
}

func (c *tailCursor) String() string {
	text := strconv.AppendInt(nil, c.after, 36)
	last := c.after
	for _, id := range slices.Backward(c.open) {
		text = strconv.AppendInt(append(text, '.'), last-id, 36)
		last = id
	}
	return string(text)
}

func parseTailCursor(text string) (tailCursor, error) {
	refused := errorf(CodeInvalidText, "invalid place in the stream: %s", strconv.Quote(clip(text)))
	refused.Hint = "send the id of an event of the stream"
	parts := strings.Split(text, ".")
	var c tailCursor
	var err error
	if c.after, err = strconv.ParseInt(parts[0], 36, 64); err != nil || c.after < 0 || len(parts) > 1+maxOpen {
		return tailCursor{}, refused
	}
	id := c.after
	for i, part := range parts[1:] {
		distance, err := strconv.ParseInt(part, 36, 64)
		if err != nil || distance < 0 || distance == 0 && i > 0 || distance > id {
			return tailCursor{}, refused
		}
		id -= distance
		c.open = append(c.open, id)
	}
	slices.Reverse(c.open)
	return c, nil
}

// opened notes a log that was shown unfinished.
func (c *tailCursor) opened(id int64) {
	c.open = append(c.open, id)
	if len(c.open) > maxOpen {
		c.open = slices.Delete(c.open, 0, len(c.open)-maxOpen)
	}
}

// closed forgets a log that has ended, or that is gone.
func (c *tailCursor) closed(id int64) {
	if i, found := slices.BinarySearch(c.open, id); found {
		c.open = slices.Delete(c.open, i, i+1)
	}
}
