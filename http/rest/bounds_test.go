package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/llmtally/llmtally/store/storetest"
)

func TestMoreRowsThanCanBeShownAreNotWritten(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const rows = 33_000
	body := "[" + strings.TrimSuffix(strings.Repeat(`{"model":"many"},`, rows), ",") + "]"
	represent := []string{"Prefer", "return=representation"}
	got := s.do(t, "service", http.MethodPost, "/request_logs?select=id", body, represent...)
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.status, got.body)
	got = s.do(t, "service", http.MethodGet, "/request_logs?model=eq.many&limit=1", "")
	assert.Equal(t, "[]", got.body, "nothing was written")

	got = s.do(t, "service", http.MethodPost, "/request_logs", body)
	assert.Equal(t, http.StatusCreated, got.status, got.body)
	got = s.do(t, "service", http.MethodPatch, "/request_logs?model=eq.many", `{"model":"more"}`, represent...)
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.status, got.body)
	got = s.do(t, "service", http.MethodDelete, "/request_logs?model=eq.many", "", append(represent, "Prefer", "count=exact")...)
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.status, got.body)
	got = s.do(t, "service", http.MethodDelete, "/request_logs?model=eq.many", "", "Prefer", "count=exact")
	assert.Equal(t, http.StatusNoContent, got.status, got.body)
	assert.Equal(t, "*/33000", got.header.Get("Content-Range"))
	storetest.RequireClean(t, s.db)
}
