package parse_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/rest/parse"
)

// Section 3, limit, offset and Range.
func TestWindow(t *testing.T) {
	t.Parallel()
	const huge = "99999999999999999999"
	for _, c := range []struct {
		query, header string
		offset        int64
		limit         *int64
	}{
		{"", "", 0, nil},
		{"limit=5", "", 0, number(5)},
		{"limit=5&offset=3", "", 3, number(5)},
		{"offset=3", "", 3, nil},
		{"limit=0", "", 0, number(0)},
		{"limit=0&offset=7", "0-3", 7, number(0)},
		{"limit=0", "5-2", 0, number(0)},
		{"limit=%205%20", "", 0, number(5)},
		{"limit=abc&offset=x", "", 0, nil},
		{"limit=&offset=", "", 0, nil},
		{"limit=1.5", "", 0, nil},
		{"limit=%2B5", "", 0, nil},
		{"limit=-", "", 0, nil},
		{"offset=-4", "", 0, nil},
		{"limit=2&limit=7&offset=1&offset=3", "", 3, number(7)},
		{"limit=2&limit=x", "", 0, nil},
		{"limit=" + huge, "", 0, number(math.MaxInt64)},
		{"limit=5&offset=" + huge, "", math.MaxInt64, number(0)},
		{"child.limit=5&child.offset=1", "", 0, nil},
		{"", "0-9", 0, number(10)},
		{"", "3-", 3, nil},
		{"", "2-2", 2, number(1)},
		{"", "0-" + huge, 0, number(math.MaxInt64)},
		{"", "-5", 0, nil},
		{"", "a-b", 0, nil},
		{"", "0-b", 0, nil},
		{"", "bytes=0-9", 0, nil},
		{"", "0-9,20-29", 0, nil},
		{"limit=5", "2-9", 2, number(3)},
		{"limit=50&offset=5", "2-9", 5, number(5)},
		{"limit=3&offset=5", "2-", 5, number(3)},
	} {
		q, err := parse.ParseQuery(c.query, parse.Options{})
		require.NoError(t, err, c.query)
		got, err := q.Window(c.header)
		require.NoError(t, err, "%s %s", c.query, c.header)
		assert.Equal(t, parse.Window{Offset: c.offset, Limit: c.limit}, got, "%s %s", c.query, c.header)
	}
}

func TestWindowRefuses(t *testing.T) {
	t.Parallel()
	const negative = "Limit should be greater than or equal to zero."
	for _, c := range []struct{ query, header, details string }{
		{"limit=-1", "", negative},
		{"limit=-99999999999999999999&offset=2", "", negative},
		{"limit=2&offset=5", "0-3", negative},
		{"", "5-2", "The lower boundary must be lower than or equal to the upper boundary in the Range header."},
		{"limit=-1", "5-2", "The lower boundary must be lower than or equal to the upper boundary in the Range header."},
	} {
		q, err := parse.ParseQuery(c.query, parse.Options{})
		require.NoError(t, err)
		_, err = q.Window(c.header)
		assert.Equal(t, &parse.Error{Code: "PGRST103", Message: "Requested range not satisfiable", Details: c.details}, err)
	}
}

func TestWindowsOfEmbeds(t *testing.T) {
	t.Parallel()
	q, err := parse.ParseQuery("a.limit=2&offset=1&a.b.limit=-3&a.offset=4", parse.Options{})
	require.NoError(t, err)
	assert.Equal(t, []parse.Window{
		{Embed: []string{"a"}, Offset: 4, Limit: number(2)},
		{Offset: 1},
		{Embed: []string{"a", "b"}, Limit: number(-3)},
	}, q.Windows)
}
