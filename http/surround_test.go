package http

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/record"
	"github.com/llmtally/llmtally/policy"
)

// surrounded returns a handler with what surrounds every request, and its log.
func surrounded(handler http.HandlerFunc) (http.Handler, *bytes.Buffer) {
	var log bytes.Buffer
	return accessLog(slog.New(slog.NewTextHandler(&log, nil)))(recoverPanic(secure(handler))), &log
}

func TestAPanicIsA500ThatSaysNothingOfItsCause(t *testing.T) {
	t.Parallel()
	handler, log := surrounded(func(http.ResponseWriter, *http.Request) { panic("the cause, with a secret") })
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/v1/activity?apikey=hidden", nil))
	assert.Equal(t, http.StatusInternalServerError, answer.Code)
	assert.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
	assert.NotContains(t, answer.Body.String(), "cause, with")
	assert.NotContains(t, answer.Body.String(), "goroutine")
	assert.Contains(t, log.String(), "the cause, with a secret", "the operator learns of it")
	assert.Contains(t, log.String(), "surround_test.go", "and where it was")
	assert.Contains(t, log.String(), "level=ERROR")
	assert.Contains(t, log.String(), answer.Header().Get("X-Request-Id"))
	assert.NotContains(t, log.String(), "hidden")
}

func TestAPanicOfOneRequestLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	handler, _ := surrounded(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic(errors.New("boom"))
		}
		w.WriteHeader(http.StatusNoContent)
	})
	server := httptest.NewServer(handler)
	defer server.Close()
	for _, want := range []struct {
		path   string
		status int
	}{{"/", 204}, {"/panic", 500}, {"/", 204}, {"/panic", 500}} {
		response, err := server.Client().Get(server.URL + want.path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, want.status, response.StatusCode)
	}
}

func TestAnAbortGoesOnToTheServer(t *testing.T) {
	t.Parallel()
	handler, _ := surrounded(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	})
}

func TestEachRequestIsALineOfTheLog(t *testing.T) {
	t.Parallel()
	handler, log := surrounded(func(w http.ResponseWriter, r *http.Request) {
		record.From(r.Context()).Role = policy.Service
		if r.URL.Path == "/fail" {
			record.Fail(r.Context(), errors.New("what went wrong"))
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = w.Write([]byte("x"))
	})
	send := func(method, target string) string {
		log.Reset()
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Authorization", "Bearer hidden")
		handler.ServeHTTP(httptest.NewRecorder(), r)
		return log.String()
	}
	line := send(http.MethodGet, "/v1/users/a%2Fb/requests?token=hidden")
	for _, want := range []string{"level=INFO", "method=GET", "path=/v1/users/a%2Fb/requests", "status=200", "role=service_role", "took=", "remote="} {
		assert.Contains(t, line, want)
	}
	assert.NotContains(t, line, "hidden")
	assert.Empty(t, send(http.MethodPost, "/v1/logs"), "what went well at a logging door is for the debug level")
	failed := send(http.MethodPost, "/fail")
	assert.Contains(t, failed, "level=ERROR")
	assert.Contains(t, failed, `error="what went wrong"`)
}
