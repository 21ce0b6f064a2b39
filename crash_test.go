package main

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
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

// connections is how many clients load the server at once.
const connections = 32

// A load sends logs until the server goes away, and remembers which were
// acknowledged.
type load struct {
	server *server
	mu     sync.Mutex
	moved  *sync.Cond      // when acked grows
	acked  map[string]bool // by call id, which is the request's id too
	wg     sync.WaitGroup
}

func startLoad(s *server) *load {
	l := &load{server: s, acked: map[string]bool{}}
	l.moved = sync.NewCond(&l.mu)
	for range connections {
		l.wg.Go(l.send)
	}
	return l
}

func (l *load) send() {
	own := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer own.CloseIdleConnections()
	for {
		call := uuid.NewString()
		request, err := http.NewRequest(http.MethodPost, l.server.url+"/v1/logs",
			strings.NewReader(storetest.FullLog("user-"+call[:1], call)))
		if err != nil {
			panic(err)
		}
		request.Header.Set("Authorization", "Bearer "+l.server.key)
		request.Header.Set("X-Request-Id", call)
		response, err := own.Do(request)
		if err != nil {
			return // the server is gone
		}
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if err == nil && response.StatusCode == http.StatusCreated {
			l.mu.Lock()
			l.acked[call] = true
			l.moved.Signal()
			l.mu.Unlock()
		}
	}
}

// until returns when that many more logs were acknowledged.
func (l *load) until(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for target := len(l.acked) + n; len(l.acked) < target; {
		l.moved.Wait()
	}
}

// requireAll requires that each acknowledged log is stored once.
func (l *load) requireAll(t *testing.T, acked map[string]bool) {
	t.Helper()
	stored := storedCalls(t, l.server.db)
	for call := range acked {
		require.Equal(t, 1, stored[call], "acknowledged log %s", call)
	}
}

func storedCalls(t *testing.T, path string) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.Query("SELECT litellm_call_id FROM request_logs")
	require.NoError(t, err)
	defer rows.Close()
	calls := map[string]int{}
	for rows.Next() {
		var call string
		require.NoError(t, rows.Scan(&call))
		calls[call]++
	}
	require.NoError(t, rows.Err())
	return calls
}

func TestWhatWasAcknowledgedSurvivesSIGKILL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "llmtally.db")
	acked := map[string]bool{}
	for round := range 10 {
		s := startServer(t, path)
		// A promise to users, and some twenty times what it takes.
		require.Less(t, s.startTook, time.Second, "start after a kill")
		l := startLoad(s)
		l.until(1 + rand.IntN(1500))
		s.signal(syscall.SIGKILL)
		require.Error(t, s.wait())
		l.wg.Wait()
		for call := range l.acked {
			acked[call] = true
		}
		t.Logf("round %d: started in %s, killed after %d acknowledged logs", round, s.startTook, len(l.acked))
		out := runProgram(t, "check", "--db", path)
		require.Contains(t, out.stdout, "clean")
		l.requireAll(t, acked)
	}
}

func TestSIGTERMUnderLoadAnswersEveryRequestUnderWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "llmtally.db")
	s := startServer(t, path, "--log-level", "debug")
	l := startLoad(s)
	l.until(500)
	s.signal(syscall.SIGTERM)
	require.NoError(t, s.wait(), "an orderly shutdown exits with 0")
	l.wg.Wait()

	assert.NoFileExists(t, path+"-wal", "the last checkpoint empties the WAL")
	l.requireAll(t, l.acked)
	log, err := os.ReadFile(s.log.Name())
	require.NoError(t, err)
	answered := 0
	for line := range strings.Lines(string(log)) {
		if !strings.Contains(line, `"path":"/v1/logs"`) {
			continue
		}
		answered++
		_, rest, _ := strings.Cut(line, `"id":"`)
		call, _, _ := strings.Cut(rest, `"`)
		assert.True(t, l.acked[call], "the server took request %s, but its client got no answer", call)
	}
	assert.Equal(t, len(l.acked), answered)
	require.Contains(t, runProgram(t, "check", "--db", path).stdout, "clean")
}

func TestASecondServerOnTheSamePortSaysWhy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "llmtally.db")
	s := startServer(t, path)
	out, err := tryProgram(t, "serve", "--db", path, "--addr", strings.TrimPrefix(s.url, "http://"))
	require.Error(t, err)
	assert.Contains(t, out.stderr, "address already in use")
	status, _ := s.post(`{"model":"m","end_user":"ann"}`)
	assert.Equal(t, http.StatusCreated, status)
}

var errUnexpected = errors.New("unexpected")

func ackedBy(s *server, i int) (string, int, error) {
	call := fmt.Sprintf("disk-%d", i)
	status, _ := s.post(storetest.FullLog("ann", call))
	switch status {
	case http.StatusCreated, http.StatusInsufficientStorage, http.StatusServiceUnavailable:
		return call, status, nil
	default:
		return call, status, errUnexpected
	}
}
