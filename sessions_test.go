package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

// page asks for a page of the dashboard with the session's cookie, and follows
// no redirect.
func (s *server) page(method, path, session string, form url.Values) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(form.Encode()))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "llmtally_session="+session)
	answer, err := client.Transport.RoundTrip(r)
	require.NoError(s.t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, answer.Body.Close())
	return answer
}

// signIn returns a session of the operator.
func (s *server) signIn() string {
	s.t.Helper()
	cookies := s.page(http.MethodPost, "/signin", "", url.Values{"key": {s.key}}).Cookies()
	require.Len(s.t, cookies, 1)
	return cookies[0].Value
}

// requireSignedIn asks twice, since the second time could be answered from memory.
func (s *server) requireSignedIn(session string, want bool) {
	s.t.Helper()
	status := http.StatusSeeOther
	if want {
		status = http.StatusOK
	}
	for range 2 {
		require.Equal(s.t, status, s.page(http.MethodGet, "/system", session, nil).StatusCode)
	}
}

func TestASessionThatWasSignedOutStaysSoAfterARestart(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "a.db")
	s := startServer(t, db)
	ended, other := s.signIn(), s.signIn()
	s.requireSignedIn(ended, true)
	s.page(http.MethodPost, "/signout", ended, nil)
	s.requireSignedIn(ended, false)
	s.signal(syscall.SIGKILL)
	require.Error(t, s.wait())

	s = startServer(t, db)
	s.requireSignedIn(ended, false)
	s.requireSignedIn(other, true)
}

func TestASessionThatWasSignedOutIsSoInEveryProcess(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	one, two := startServer(t, db), startServer(t, db)
	ended := one.signIn()
	two.requireSignedIn(ended, true)
	one.page(http.MethodPost, "/signout", ended, nil)
	two.requireSignedIn(ended, false)
}

func TestWherePeopleReachTheServerIsChecked(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	db := filepath.Join(t.TempDir(), "a.db")
	for _, bad := range []string{"llmtally.example.com", "https://", "ftp://llmtally.example.com", "https://example.com/llmtally", "https://example.com/?a=b", "https://me@example.com"} {
		var out bytes.Buffer
		err := run(t.Context(), []string{"serve", "--addr", "127.0.0.1:0", "--db", db, "--public-url", bad}, none, &out)
		require.ErrorContains(t, err, "--public-url must be an address such as https://llmtally.example.com", bad)
	}
	for _, nobody := range []string{"", " "} {
		var out bytes.Buffer
		err := run(t.Context(), []string{"token", "--db", db, "--user", nobody}, none, &out)
		require.ErrorContains(t, err, "--user must be a user's id")
		assert.Empty(t, out.String())
	}
}
