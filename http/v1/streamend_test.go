package v1_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	llmhttp "github.com/llmtally/llmtally/http"
	v1 "github.com/llmtally/llmtally/http/v1"
	"github.com/llmtally/llmtally/store/storetest"
)

// pipes is a listener whose connections hold nothing: what the client does not
// read cannot be written.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// A pipeServer serves a server's database on pipes, with limits that a stream
// outlives.
type pipeServer struct {
	*server
	pipes *pipes
	http  *http.Server
}

func newPipeServer(t testing.TB, settings v1.StreamSettings) *pipeServer {
	t.Helper()
	s := newServer(t)
	handler, err := llmhttp.NewHandler(llmhttp.Config{
		DB: s.db, Auth: s.auth, V1: v1.Settings{Now: clock, Streams: settings}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	p := &pipeServer{
		server: s, pipes: &pipes{conns: make(chan net.Conn), closed: make(chan struct{})},
		http: &http.Server{Handler: handler, ReadTimeout: time.Second, WriteTimeout: time.Second},
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = p.http.Serve(p.pipes) }()
	t.Cleanup(func() { _ = p.http.Close(); <-done })
	return p
}

func (p *pipeServer) dial() net.Conn {
	client, server := net.Pipe()
	p.pipes.conns <- server
	return client
}

// ask sends a request for the stream and returns what comes back.
func (p *pipeServer) ask(conn net.Conn, method string) *http.Response {
	p.t.Helper()
	_, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", method, v1.StreamPath, p.token(service))
	require.NoError(p.t, err)
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), &http.Request{Method: method})
	require.NoError(p.t, err)
	return response
}

func TestAClientThatDoesNotReadIsLetGo(t *testing.T) {
	t.Parallel()
	p := newPipeServer(t, v1.StreamSettings{Most: 1, Patience: 200 * time.Millisecond, Heartbeat: time.Millisecond})
	stuck := p.dial()
	p.ask(stuck, http.MethodGet)
	storetest.Append(t, p.db, service, `{"end_user":"ann"}`) // does not wait for it
	status := http.StatusServiceUnavailable
	for status == http.StatusServiceUnavailable { // until its place is free
		response := p.ask(p.dial(), http.MethodHead)
		status = response.StatusCode
	}
	assert.Equal(t, http.StatusOK, status)
	_, err := io.Copy(io.Discard, stuck)
	assert.NoError(t, err, "its connection is closed")
}

func TestAStreamOutlivesTheServersLimits(t *testing.T) {
	t.Parallel()
	p := newPipeServer(t, v1.StreamSettings{Heartbeat: 300 * time.Millisecond})
	st := &stream{t: t, body: bufio.NewReader(p.ask(p.dial(), http.MethodGet).Body)}
	for range 8 {
		_, err := st.next()
		require.NoError(t, err)
	}
}

func TestStreamsEndWhenTheServerShutsDown(t *testing.T) {
	t.Parallel()
	p := newPipeServer(t, v1.StreamSettings{})
	response := p.ask(p.dial(), http.MethodGet)
	rest := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, response.Body); rest <- err }()
	p.db.PrepareToClose()
	require.NoError(t, p.http.Shutdown(context.Background()), "which does not wait for streams")
	require.NoError(t, <-rest, "it ends as it should")
	assert.NotContains(t, p.ok(service, v1.StreamPath), "event:", "a new one ends at once")
}
