package main

import (
	"fmt"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

// A steadyLoad sends logs without call ids to all processes, one after the
// other on each connection, and keeps what each was answered.
type steadyLoad struct {
	*fleet
	mu      sync.Mutex
	moved   *sync.Cond
	stop    bool
	answers map[string]int // status by the log's mark
	acked   int
	wg      sync.WaitGroup
}

func startSteadyLoad(f *fleet, connections int) *steadyLoad {
	l := &steadyLoad{fleet: f, answers: map[string]int{}}
	l.moved = sync.NewCond(&l.mu)
	for c := range connections {
		l.wg.Go(func() {
			for !l.stopped() {
				l.send(c)
			}
		})
	}
	return l
}

func (l *steadyLoad) send(c int) {
	mark := uuid.NewString()
	key := l.servers[0].key
	body := fmt.Sprintf(`{"end_user":"user-%d","model":"m","tokens_used":3,"additional_details":{"mark":%q}}`, c%7, mark)
	path := "/v1/logs"
	if c%4 == 0 {
		path = "/rest/v1/request_logs"
	}
	status, answer := l.ask(c, http.MethodPost, path, key, body)
	assert.Contains(l.t, []int{http.StatusCreated, http.StatusServiceUnavailable}, status, answer)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[mark] = status
	if status == http.StatusCreated {
		l.acked++
		l.moved.Broadcast()
	}
}

func (l *steadyLoad) stopped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stop
}

// until returns when that many more logs were acknowledged.
func (l *steadyLoad) until(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for target := l.acked + n; l.acked < target; {
		l.moved.Wait()
	}
}

func (l *steadyLoad) end() {
	l.mu.Lock()
	l.stop = true
	l.mu.Unlock()
	l.wg.Wait()
}

// requireAnswersKept requires that what was acknowledged is stored once, and
// what was refused is not.
func (l *steadyLoad) requireAnswersKept() {
	l.t.Helper()
	rows, err := storetest.SQL(l.t, l.address).Query("SELECT additional_details ->> 'mark', count(*) FROM request_logs GROUP BY 1")
	require.NoError(l.t, err)
	defer rows.Close()
	found := map[string]int{}
	for rows.Next() {
		var mark string
		var n int
		require.NoError(l.t, rows.Scan(&mark, &n))
		found[mark] = n
	}
	require.NoError(l.t, rows.Err())
	for mark, status := range l.answers {
		want := 0
		if status == http.StatusCreated {
			want = 1
		}
		assert.Equal(l.t, want, found[mark], "%s, answered with %d", mark, status)
	}
}

// status asks a process without a key.
func (f *fleet) status(i int, path string) (status int, retryAfter string) {
	f.t.Helper()
	response, err := f.client.Get(f.servers[i].url + path)
	require.NoError(f.t, err)
	response.Body.Close()
	return response.StatusCode, response.Header.Get("Retry-After")
}

func TestARestartOfPostgreSQLLosesAndDoublesNothing(t *testing.T) {
	f := startFleet(t, 2)
	l := startSteadyLoad(f, 16)
	for _, immediate := range []bool{false, true, false, true} {
		l.until(200)
		f.postgres.Restart(t, immediate)
	}
	l.until(200)

	f.postgres.Stop(t, false)
	for i := range f.servers {
		begin := time.Now()
		status, retry := f.status(i, "/readyz")
		assert.Equal(t, http.StatusServiceUnavailable, status)
		assert.Equal(t, "1", retry)
		assert.Less(t, time.Since(begin), time.Minute, "it does not hang")
		status, _ = f.status(i, "/healthz")
		assert.Equal(t, http.StatusOK, status, "the process is alive")
		status, _ = f.ask(i, http.MethodGet, "/v1/users/user-1/analytics", f.servers[0].key, "")
		assert.Equal(t, http.StatusServiceUnavailable, status)
		status, answer := f.ask(i, http.MethodGet, "/rest/v1/user_profiles", f.servers[0].key, "")
		assert.Equal(t, http.StatusServiceUnavailable, status)
		assert.Contains(t, answer, "PGRST001")
	}
	f.postgres.Start(t)
	l.until(200)
	l.end()
	for i := range f.servers {
		status, _ := f.status(i, "/readyz")
		assert.Equal(t, http.StatusOK, status)
		status, answer := f.ask(i, http.MethodGet, "/v1/users/user-1/analytics", f.servers[0].key, "")
		assert.Equal(t, http.StatusOK, status, answer)
	}
	t.Logf("%d logs, %d acknowledged", len(l.answers), l.acked)
	l.requireAnswersKept()
	require.Contains(t, runProgram(t, "check", "--db", f.address).stdout, "clean")
}

func TestSIGTERMWhilePostgreSQLIsAwayEndsAndSaysWhatWasNotStored(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 1)
	s := f.servers[0]
	status, answer := s.post(`{"end_user":"ann"}`)
	require.Equal(t, http.StatusCreated, status, answer)
	f.postgres.Stop(t, false)
	const waiting = 5
	arrived, answers := make(chan struct{}, waiting), make(chan int, waiting)
	for range waiting {
		go func() { answers <- postAndSay(t, s, `{"end_user":"ann"}`, arrived) }()
	}
	for range waiting {
		<-arrived
	}
	begin := time.Now()
	s.signal(syscall.SIGTERM)
	require.Error(t, s.wait())
	assert.Less(t, time.Since(begin), time.Minute)
	for range waiting {
		assert.Equal(t, http.StatusServiceUnavailable, <-answers)
	}
	log, err := os.ReadFile(s.log.Name())
	require.NoError(t, err)
	assert.Contains(t, string(log), strconv.Itoa(waiting)+" logs were not stored")

	f.postgres.Start(t)
	var n int
	require.NoError(t, storetest.SQL(t, f.address).QueryRow("SELECT count(*) FROM request_logs").Scan(&n))
	assert.Equal(t, 1, n)
}

// postAndSay sends a log, says when the server has begun to read it, and
// returns the answer's status.
func postAndSay(t testing.TB, s *server, body string, arrived chan<- struct{}) int {
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { arrived <- struct{}{} }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/logs", strings.NewReader(body))
	if !assert.NoError(t, err) {
		return 0
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	request.Header.Set("Expect", "100-continue")
	client := http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if !assert.NoError(t, err) {
		return 0
	}
	assert.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestAServerWhoseDatabaseWasNeverThereEndsWithoutThePassword(t *testing.T) {
	t.Parallel()
	address := "postgres://llmtally:hunter2@127.0.0.1:1/books"
	out, err := tryProgram(t, append([]string{"serve", "--addr", "127.0.0.1:0"}, onDatabase(address)...)...)
	require.Error(t, err)
	assert.Contains(t, out.stderr, "connection refused")
	assert.Contains(t, out.stderr, "postgres://llmtally:xxxxx@127.0.0.1:1/books")
	assert.NotContains(t, out.stdout+out.stderr, "hunter2")
	assert.Equal(t, 1, strings.Count(out.stderr, "llmtally: "), "and no stack")
}
