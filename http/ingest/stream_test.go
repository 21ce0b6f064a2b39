package ingest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/ingest"
	"github.com/llmtally/llmtally/store/storetest"
)

// A rowStream is a body that is made while it is sent: rows, numbered from 0.
// It looks at the heap now and then.
type rowStream struct {
	size    int64 // bytes to send, at least
	row     func(n int) string
	between func() // called every few megabytes

	rows    int
	sent    int64
	looked  int64
	pending []byte
}

func (s *rowStream) Read(b []byte) (int, error) {
	if len(s.pending) == 0 {
		if s.sent >= s.size {
			return 0, io.EOF
		}
		s.pending = []byte(s.row(s.rows) + "\n")
		s.rows++
		s.sent += int64(len(s.pending))
		if s.between != nil && s.sent-s.looked >= 4<<20 {
			s.looked = s.sent
			s.between()
		}
	}
	n := copy(b, s.pending)
	s.pending = s.pending[n:]
	return n, nil
}

// A heapWatch notes the most that is alive on the heap.
type heapWatch struct{ most uint64 }

// look collects garbage first, so that what it sees does not depend on when
// the collector last came by.
func (h *heapWatch) look() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.most = max(h.most, m.HeapAlloc)
}

// TestMemoryDoesNotGrowWithTheBody is not parallel: the heap that it watches is
// the whole process's. With LLMTALLY_TEST_LARGE=1 it sends a gigabyte each.
func TestMemoryDoesNotGrowWithTheBody(t *testing.T) {
	size := int64(64 << 20)
	if os.Getenv("LLMTALLY_TEST_LARGE") == "1" {
		size = 1 << 30
	}
	const bound = 64 << 20
	text := func(n int) string { return strings.Repeat("word ", n/5) }
	for name, form := range map[string]string{
		"rows like real ones":                  `{"end_user":"ann","litellm_call_id":"%d","messages":["` + text(4<<10) + `"]}`,
		"rows with large messages":             `{"end_user":"ann","litellm_call_id":"%d","messages":["` + text(1<<20) + `"]}`,
		"rows with large errors and details":   `{"end_user":"ann","litellm_call_id":"%d","error":["` + text(1<<19) + `"],"additional_details":["` + text(1<<19) + `"]}`,
		"rows with large members not for us":   `{"end_user":"ann","litellm_call_id":"%d","messages":[],"other":["` + text(1<<20) + `"]}`,
		"rows that are refused":                `{"end_user":"ann","litellm_call_id":"%d","tokens_used":-1,"messages":["` + text(256<<10) + `"]}`,
		"rows that are larger than they may":   `{"end_user":"ann","litellm_call_id":"%d","messages":["` + text(12<<20) + `"]}`,
		"lines that are not JSON, after a row": `{"litellm_call_id":"%d","messages": oops ` + text(256<<10) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			var before, watch heapWatch
			before.look()
			stream := &rowStream{size: size, between: watch.look, row: func(n int) string { return fmt.Sprintf(form, n) }}
			a := s.post(service, stream)
			assert.Equal(t, stream.rows, a.Accepted+a.Rejected)
			assert.Contains(t, []int{http.StatusCreated, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge}, a.status, a.text)
			assert.Equal(t, int64(a.Accepted), s.logs())
			grown := int64(watch.most) - int64(before.most)
			assert.Less(t, grown, int64(bound), "%d MB more were alive while %d MB came in", grown>>20, size>>20)
		})
	}
}

func TestALargeBodyIsStoredWhole(t *testing.T) {
	t.Parallel()
	const rows = 10_000
	s := newServer(t)
	var body strings.Builder
	for i := range rows {
		bad := ""
		if i%1000 == 500 {
			bad = `,"tokens_used":-1`
		}
		fmt.Fprintf(&body, `{"end_user":"ann","litellm_call_id":"c%d","prompt_tokens":1%s}`+"\n", i, bad)
	}
	a := s.log(service, body.String(), http.StatusMultiStatus)
	assert.Equal(t, rows-10, a.Accepted)
	require.Len(t, a.Errors, 10)
	for i, e := range a.Errors {
		assert.Equal(t, 1000*i+500, e.Index)
	}
	assert.Equal(t, int64(rows-10), s.logs())
	again := s.log(service, body.String(), http.StatusMultiStatus)
	assert.Equal(t, rows-10, again.Duplicates, "a large body may safely be sent again")
	assert.Equal(t, int64(rows-10), s.logs())
	storetest.RequireClean(t, s.db)
}

func TestALargeBodyThatBreaksOffTellsHowMuchOfItIsStored(t *testing.T) {
	t.Parallel()
	const rows = 5000
	var body bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&body, `{"end_user":"ann","litellm_call_id":"c%d"}`+"\n", i)
	}
	packed := gzipped(t, body.Bytes())
	s := newServer(t)
	a := s.post(service, reader(packed[:len(packed)-8]), "Content-Encoding", "gzip")
	assert.Equal(t, http.StatusBadRequest, a.status)
	assert.Positive(t, a.Accepted)
	assert.Equal(t, s.logs(), int64(a.Accepted))
	assert.Contains(t, a.Hint, fmt.Sprintf("%d logs from the start of the body are stored", a.Accepted))
	again := s.post(service, reader(packed), "Content-Encoding", "gzip")
	assert.Equal(t, http.StatusCreated, again.status)
	assert.Equal(t, a.Accepted, again.Duplicates)
	assert.Equal(t, int64(rows), s.logs())
}

func TestABodyBeyondTheLimitTellsHowMuchOfItIsStored(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, serverOptions{limits: ingest.Limits{Body: 256 << 10}})
	stream := &rowStream{size: 300 << 10, row: func(n int) string { return fmt.Sprintf(`{"litellm_call_id":"c%d"}`, n) }}
	a := s.post(service, stream)
	assert.Equal(t, http.StatusRequestEntityTooLarge, a.status)
	assert.Equal(t, "54000", a.Code)
	assert.Equal(t, s.logs(), int64(a.Accepted))
	assert.Less(t, a.Accepted, stream.rows)
}
