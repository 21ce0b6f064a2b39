package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

// A tallyingHook counts the webhooks that come, by their ids.
type tallyingHook struct {
	mu  sync.Mutex
	got map[string]int
	url string
}

func newTallyingHook(t testing.TB) *tallyingHook {
	t.Helper()
	h := &tallyingHook{got: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.got[r.Header.Get("webhook-id")]++
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func TestFourProcessesRaiseEachAlertOnceAndDeliverItOnce(t *testing.T) {
	f := startFleet(t, 4, "--allow-private-targets", "--schedule-alerts", "@every 1s")
	hook := newTallyingHook(t)
	s := f.servers[0]
	s.make("/v1/alert-channels", fmt.Sprintf(`{"name":"hook","kind":"webhook","target":%q}`, hook.url))
	s.make("/v1/alert-rules", `{"name":"budget","metric":"cost","scope":"everyone","per_user":true,"window":"total",`+
		`"limit":8,"thresholds":[50,80,100]}`)

	// Each user's costs come through all processes and with several models, so
	// that no process sees the sum grow by itself.
	const connections, each, users = 64, 15, 40
	spent := make([]int, users) // in quarters of a dollar
	var mu sync.Mutex
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(c), 11))
			for range each {
				user, quarters := random.IntN(1+random.IntN(users)), 1+random.IntN(6)
				status, answer := f.ask(random.IntN(4), http.MethodPost, "/v1/logs", s.key,
					fmt.Sprintf(`{"end_user":"user-%d","model":"m%d","total_cost":%g}`, user, random.IntN(5), float64(quarters)/4))
				assert.Equal(t, http.StatusCreated, status, answer)
				mu.Lock()
				spent[user] += quarters
				mu.Unlock()
			}
		})
	}
	wg.Wait()

	want := map[string]int{}
	for user, quarters := range spent {
		for _, threshold := range []int{50, 80, 100} {
			if quarters*25*100 > 800*threshold {
				want[fmt.Sprintf("budget user-%d %d", user, threshold)] = 1
			}
		}
		if quarters > 40 {
			want[fmt.Sprintf("A user's cost in total user-%d 100", user)] = 1
		}
	}
	raised := func() map[string]int {
		found := map[string]int{}
		rows, err := storetest.SQL(t, f.address).Query("SELECT rule_name || ' ' || user_profile_id || ' ' || threshold, count(*) FROM alerts GROUP BY 1")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var name string
			var n int
			require.NoError(t, rows.Scan(&name, &n))
			found[name] = n
		}
		require.NoError(t, rows.Err())
		return found
	}
	// What no process could know alone comes with a user's next log or the sweep.
	for deadline := time.Now().Add(3 * time.Minute); len(raised()) < len(want); time.Sleep(50 * time.Millisecond) {
		for user, quarters := range spent {
			if quarters > 0 {
				status, answer := f.ask(user, http.MethodPost, "/v1/logs", s.key, fmt.Sprintf(`{"end_user":"user-%d","total_cost":0}`, user))
				require.Equal(t, http.StatusCreated, status, answer)
			}
		}
		require.True(t, time.Now().Before(deadline), "raised: %v", raised())
	}
	require.NotEmpty(t, want)
	assert.Equal(t, want, raised())

	waitUntilDelivered(t, s, len(want))
	hook.mu.Lock()
	defer hook.mu.Unlock()
	assert.Len(t, hook.got, len(want))
	for id, n := range hook.got {
		assert.Equal(t, 1, n, "%s came more than once", id)
	}
	f.requireClean()
}
