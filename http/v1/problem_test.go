package v1_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// requireProblem requires a problem document (RFC 9457) of that status.
func requireProblem(t testing.TB, a answer, status int) (detail string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	assert.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var p struct {
		Type, Title, Detail string
		Status              int
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &p), a.body)
	assert.Equal(t, "about:blank", p.Type)
	assert.Equal(t, http.StatusText(status), p.Title)
	assert.Equal(t, status, p.Status)
	assert.NotEmpty(t, p.Detail)
	assert.Empty(t, a.header.Get("ETag"), "an error is not kept")
	assert.NotContains(t, a.header.Get("Cache-Control"), "max-age")
	if status == http.StatusUnauthorized {
		assert.NotEmpty(t, a.header.Get("WWW-Authenticate"), "each 401 says how to authenticate (RFC 9110, 11.6.1)")
	}
	return p.Detail
}
