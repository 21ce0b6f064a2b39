package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
)

// A delivered alert is what a webhook got.
type deliveredAlert struct {
	header http.Header
	body   string
}

// hookThat answers webhooks as long as good is set, and hangs before.
func hookThat(t testing.TB, good *atomic.Bool) (url string, got <-chan deliveredAlert) {
	t.Helper()
	all := make(chan deliveredAlert, 1000)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		all <- deliveredAlert{r.Header, string(body)}
		if !good.Load() {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(hook.Close)
	return hook.URL, all
}

func next(t testing.TB, got <-chan deliveredAlert) deliveredAlert {
	t.Helper()
	select {
	case d := <-got:
		return d
	case <-time.After(2 * time.Minute):
		t.Fatal("no alert came")
		return deliveredAlert{}
	}
}

// make makes a thing with the service key.
func (s *server) make(path, body string) {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Content-Type", "application/json")
	status, answer := s.do(request)
	require.Equal(s.t, http.StatusCreated, status, answer)
}

func TestAnAlertWhoseServerWasKilledIsDeliveredAfterTheRestart(t *testing.T) {
	t.Parallel()
	const secret = "a secret of this test"
	path := filepath.Join(t.TempDir(), "llmtally.db")
	var good atomic.Bool
	url, got := hookThat(t, &good)
	s := startServer(t, path, "--allow-private-targets")
	s.make("/v1/alert-channels", fmt.Sprintf(`{"name":"hook","kind":"webhook","target":%q,"secret":%q}`, url, secret))
	status, answer := s.post(`{"end_user":"ann","total_cost":10.5,"status":"success"}`)
	require.Equal(t, http.StatusCreated, status, answer)
	first := next(t, got) // and no answer to it
	s.signal(syscall.SIGKILL)
	require.Error(t, s.wait())

	good.Store(true)
	s = startServer(t, path, "--allow-private-targets")
	again := next(t, got)
	require.NoError(t, notify.Verify(secret, again.header, []byte(again.body), time.Now()))
	assert.Equal(t, first.header.Get("webhook-id"), again.header.Get("webhook-id"), "by which a receiver knows a repeat")
	assert.Equal(t, first.body, again.body)
	var alert struct {
		UserID string `json:"user_id"`
		Spend  float64
	}
	require.NoError(t, json.Unmarshal([]byte(again.body), &alert))
	assert.Equal(t, "ann", alert.UserID)
	assert.Equal(t, 10.5, alert.Spend)
	waitUntilDelivered(t, s, 1)

	// An alert that was raised already is not raised again.
	status, _ = s.post(`{"end_user":"ann","total_cost":10.5,"status":"success"}`)
	require.Equal(t, http.StatusCreated, status)
	status, _ = s.post(`{"end_user":"bob","total_cost":10.5,"status":"success"}`)
	require.Equal(t, http.StatusCreated, status)
	assert.Contains(t, next(t, got).body, `"user_id":"bob"`)
	s.signal(syscall.SIGTERM)
	require.NoError(t, s.wait(), "and an orderly end")
	require.Contains(t, runProgram(t, "check", "--db", path).stdout, "clean")
}

// waitUntilDelivered waits until so many alerts are delivered.
func waitUntilDelivered(t testing.TB, s *server, want int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		var alerts []struct {
			Deliveries []struct{ State string }
		}
		require.Equal(t, http.StatusOK, s.get("/v1/alerts?limit=1000", &alerts))
		n := 0
		for _, a := range alerts {
			for _, d := range a.Deliveries {
				if d.State == "delivered" {
					n++
				}
			}
		}
		if n == want {
			return
		}
		require.True(t, time.Now().Before(deadline), "%d alerts of %d were delivered", n, want)
	}
}

// Under load, and killed at any moment: each user whose logs were acknowledged
// has an alert, and each alert arrives.
func TestNoAlertIsLostWhenTheServerIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "llmtally.db")
	var good atomic.Bool
	good.Store(true)
	url, got := hookThat(t, &good)
	s := startServer(t, path, "--allow-private-targets")
	s.make("/v1/alert-channels", fmt.Sprintf(`{"name":"hook","kind":"webhook","target":%q}`, url))
	acked := map[string]bool{}
	for round := range 4 {
		for i := range 25 {
			user := fmt.Sprintf("u%d-%d", round, i)
			status, _ := s.post(fmt.Sprintf(`{"end_user":%q,"total_cost":10.5,"status":"success"}`, user))
			require.Equal(t, http.StatusCreated, status)
			acked[user] = true
		}
		s.signal(syscall.SIGKILL)
		require.Error(t, s.wait())
		s = startServer(t, path, "--allow-private-targets")
	}
	waitUntilDelivered(t, s, len(acked))
	ids := map[string]string{}
	for len(got) > 0 {
		d := <-got
		var alert struct {
			UserID string `json:"user_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(d.body), &alert))
		id := d.header.Get("webhook-id")
		if was, isKnown := ids[alert.UserID]; isKnown {
			assert.Equal(t, was, id, "a repeat is the same delivery")
		}
		ids[alert.UserID] = id
		assert.True(t, acked[alert.UserID])
	}
	assert.Len(t, ids, len(acked), "each alert arrived")
}

func TestAlertsStayWithinTheHouseOnlyWhereThatIsAllowed(t *testing.T) {
	t.Parallel()
	var good atomic.Bool
	good.Store(true)
	url, got := hookThat(t, &good)
	s := startServer(t, filepath.Join(t.TempDir(), "llmtally.db"))
	s.make("/v1/alert-channels", fmt.Sprintf(`{"name":"hook","kind":"webhook","target":%q}`, url))
	status, _ := s.post(`{"end_user":"ann","total_cost":10.5}`)
	require.Equal(t, http.StatusCreated, status)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		var alerts []struct {
			Deliveries []struct {
				LastError string `json:"last_error"`
			}
		}
		require.Equal(t, http.StatusOK, s.get("/v1/alerts", &alerts))
		require.Len(t, alerts, 1)
		if text := alerts[0].Deliveries[0].LastError; text != "" {
			assert.Contains(t, text, "an address of this machine")
			break
		}
		require.True(t, time.Now().Before(deadline))
	}
	assert.Empty(t, got)
}

// What many users do together is evaluated by a job, also when no log comes.
func TestTheAlertsJobRaisesWhatNoCommitDoes(t *testing.T) {
	t.Parallel()
	var good atomic.Bool
	good.Store(true)
	url, got := hookThat(t, &good)
	s := startServer(t, filepath.Join(t.TempDir(), "llmtally.db"), "--allow-private-targets", "--schedule-alerts", "@every 1s")
	s.make("/v1/alert-channels", fmt.Sprintf(`{"name":"hook","kind":"webhook","target":%q}`, url))
	for i := range 20 {
		status, _ := s.post(fmt.Sprintf(`{"end_user":"u%d","status":"failure"}`, i))
		require.Equal(t, http.StatusCreated, status)
	}
	d := next(t, got)
	assert.Contains(t, d.body, `"event_group":"proxy"`)
	assert.Contains(t, d.body, `"metric":"error_rate"`)
}
