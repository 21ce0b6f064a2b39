package ingest_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
)

// sendRaw opens a connection and sends a request as it stands.
func (s *server) sendRaw(headers, body string) *net.TCPConn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /v1/logs HTTP/1.1\r\nHost: test\r\nauthorization: bearer %s\r\n%s\r\n\r\n%s", s.token(service), headers, body)
	require.NoError(s.t, err)
	return conn.(*net.TCPConn)
}

func (s *server) readRaw(conn net.Conn) answer {
	s.t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(s.t, err)
	return s.answerOf(response)
}

func TestABodyThatStopsHalfWayChangesNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ headers, body string }{
		"after a whole line": {"Content-Length: 1000", `{"end_user":"ann"}` + "\n"},
		"after whole lines":  {"Content-Length: 100000", strings.Repeat(`{"end_user":"ann"}`+"\n", 100)},
		"within a row":       {"Content-Length: 1000", `{"end_user":"ann"}` + "\n" + `{"end_us`},
		"within an array":    {"Content-Length: 1000", `[{"end_user":"ann"},`},
		"behind an array":    {"Content-Length: 1000", `[{"end_user":"ann"}]`},
		"before it begins":   {"Content-Length: 1000", ""},
		"between two chunks": {"Transfer-Encoding: chunked", "13\r\n" + `{"end_user":"ann"}` + "\n\r\n"},
		"within a chunk":     {"Transfer-Encoding: chunked", "ff\r\n" + `{"end_user":"ann"}` + "\n"},
		"a chunk of nothing": {"Transfer-Encoding: chunked", "13\r\n" + `{"end_user":"ann"}` + "\n\r\nxyz\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			conn := s.sendRaw(tt.headers, tt.body)
			require.NoError(t, conn.CloseWrite())
			a := s.readRaw(conn)
			assert.Equal(t, http.StatusBadRequest, a.status)
			assert.Zero(t, a.Accepted)
			s.requireNothingChanged()
		})
	}
}

func TestAWholeBodyOverARawConnectionIsStored(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn := s.sendRaw("Transfer-Encoding: chunked", "13\r\n"+`{"end_user":"ann"}`+"\n\r\n0\r\n\r\n")
	assert.Equal(t, http.StatusCreated, s.readRaw(conn).status)
	assert.Equal(t, int64(1), s.logs())
}

// TestABodyMayTakeLongerThanOtherRequests gives the server timeouts that have
// passed before the body comes: a body that moves is waited for, and its sender
// gets the answer.
func TestABodyMayTakeLongerThanOtherRequests(t *testing.T) {
	t.Parallel()
	for name, tune := range map[string]func(*http.Server){
		"to be read":     func(h *http.Server) { h.ReadHeaderTimeout, h.ReadTimeout = time.Hour, time.Nanosecond },
		"to be answered": func(h *http.Server) { h.WriteTimeout = time.Nanosecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServerWith(t, serverOptions{tune: tune})
			body := `{"model":"a"}`
			conn := s.sendRaw(fmt.Sprintf("Content-Length: %d", len(body)), body)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err, "the log is stored (%d), but its sender never learns of it", s.logs())
			defer response.Body.Close()
			assert.Equal(t, http.StatusCreated, response.StatusCode)
		})
	}
}

// fullQueue returns a server whose queue holds a log of the model "a" and has no
// room for another. release lets it be written, and returns its answer.
func fullQueue(t *testing.T) (s *server, release func() answer) {
	t.Helper()
	s = newServerWith(t, serverOptions{store: store.Options{AutoCreateUsers: true, QueueRows: 1}})
	begun, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.db.Write(t.Context(), func(*store.Tx) error {
			close(begun)
			<-goOn
			return nil
		})
	}()
	<-begun
	waiting := s.sendRaw("Content-Length: 13", `{"model":"a"}`)
	for s.db.QueueDepth() == 0 {
		runtime.Gosched()
	}
	return s, func() answer {
		close(goOn)
		require.NoError(t, <-done)
		return s.readRaw(waiting)
	}
}

func TestAFullQueueIsBusyAtOnce(t *testing.T) {
	t.Parallel()
	s, release := fullQueue(t)
	a := s.post(service, strings.NewReader(`{"model":"b"}`))
	assert.Equal(t, http.StatusServiceUnavailable, a.status)
	assert.NotEmpty(t, a.header.Get("Retry-After"))
	assert.Zero(t, a.Accepted)

	assert.Equal(t, http.StatusCreated, release().status, "who was in the queue is served")
	assert.Equal(t, "a", s.cell("model"), "who was refused is not")
}

func TestAServerThatIsClosingSaysSo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	require.NoError(t, s.db.Close())
	a := s.post(service, strings.NewReader(`{"model":"a"}`))
	assert.Equal(t, http.StatusServiceUnavailable, a.status)
	assert.NotEmpty(t, a.header.Get("Retry-After"))
}
