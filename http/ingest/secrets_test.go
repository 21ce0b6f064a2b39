package ingest_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
)

// A logBook keeps what the server logs, at every level.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBook) handler() slog.Handler {
	return slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug - 100})
}

func TestWhatUsersSayAndTheirTokensNeverReachTheLog(t *testing.T) {
	t.Parallel()
	var book logBook
	s := newServerWith(t, serverOptions{
		store: store.Options{AutoCreateUsers: true, Log: slog.New(book.handler())}, log: book.handler(),
	})
	const private = "my-private-words"
	token := s.token(service)
	row := `{"end_user":"ann","messages":["` + private + `"],"response":"` + private + `","error":"` + private + `","model":"m"}`
	for _, body := range []string{
		row,
		array(row, `{"model":["`+private+`"]}`),
		`{"tokens_used":"` + private + `"}`,
		`{"created_at":"` + private + `"}`,
		`{"model":"` + private + strings.Repeat("x", 4096) + `"}`,
		`{"messages":"` + private + `"`,
		`[{"messages":"` + private + `"`,
		private,
		"",
	} {
		s.post(service, strings.NewReader(body))
	}
	s.post(service, strings.NewReader(row), "Content-Encoding", "gzip")
	s.post(nobody, strings.NewReader(row), "Authorization", "Bearer "+token+"x")
	s.post(nobody, strings.NewReader(row), "apikey", token+"x")
	for _, path := range []string{"/v1/logs?apikey=" + token, "/v1/users/ann/requests?token=" + token} {
		response, err := s.http.Client().Post(s.http.URL+path, "application/json", strings.NewReader(row))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	require.NoError(t, s.db.Close())
	closed := s.post(service, strings.NewReader(row))
	assert.Equal(t, http.StatusServiceUnavailable, closed.status)
	s.http.Close()

	written := book.String()
	assert.Contains(t, written, "path=/v1/logs", "the log is at work")
	assert.Contains(t, written, "status=201")
	assert.Contains(t, written, "status=422")
	assert.Contains(t, written, "role=service_role")
	assert.NotContains(t, written, private)
	assert.NotContains(t, written, token)
	assert.NotContains(t, written, strings.Split(token, ".")[2], "not even the signature")
}
