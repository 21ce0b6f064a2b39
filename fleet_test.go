package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
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

// A fleet is several processes of the real binary on one database of a
// PostgreSQL server of its own.
type fleet struct {
	t        testing.TB
	postgres *storetest.Server
	address  string
	servers  []*server
	client   *http.Client

	lock sync.Mutex
	dead map[*server]bool // that were killed: requests to them may fail
}

func startFleet(t testing.TB, processes int, args ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, postgres: storetest.PostgresServer(t), dead: map[*server]bool{}}
	f.address = f.postgres.Database(t)
	f.client = &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	for range processes {
		f.servers = append(f.servers, startServer(t, f.address, args...))
	}
	return f
}

// kill ends a process as a power cut would.
func (f *fleet) kill(i int) {
	f.t.Helper()
	f.lock.Lock()
	f.dead[f.servers[i]] = true
	f.lock.Unlock()
	f.servers[i].signal(syscall.SIGKILL)
	_ = f.servers[i].wait()
}

// ask sends a request to one of the processes. status is 0 when that one was
// killed, and nobody knows what became of the request.
func (f *fleet) ask(i int, method, path, key, body string, headers ...string) (status int, answer string) {
	s := f.servers[i%len(f.servers)]
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	for h := 0; h < len(headers); h += 2 {
		request.Header.Set(headers[h], headers[h+1])
	}
	response, err := f.client.Do(request)
	if err == nil {
		defer response.Body.Close()
		var text []byte
		if text, err = io.ReadAll(response.Body); err == nil {
			return response.StatusCode, string(text)
		}
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	assert.True(f.t, f.dead[s], "%s %s: %v", method, path, err)
	return 0, ""
}

// requireClean requires that the books agree with the logs, and that neither
// the processes nor PostgreSQL had trouble.
func (f *fleet) requireClean() {
	f.t.Helper()
	require.Contains(f.t, runProgram(f.t, "check", "--db", f.address).stdout, "clean")
	require.NotContains(f.t, f.postgres.Log(f.t), "deadlock")
	for i, s := range f.servers {
		log, err := os.ReadFile(s.log.Name())
		require.NoError(f.t, err)
		for line := range bytes.Lines(log) {
			assert.NotContains(f.t, string(line), `"level":"ERROR"`, "process %d", i)
		}
	}
}

// A ledger is what the clients of a fleet know of what must be stored.
type ledger struct {
	mu   sync.Mutex
	rows map[string]rowState // by mark
}

type rowState uint8

const (
	unknown rowState = iota // sent, and no answer came
	stored
	finished // and its status is success
	deleted
)

func (l *ledger) note(state rowState, marks ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, mark := range marks {
		if l.rows[mark] <= state {
			l.rows[mark] = state
		}
	}
}

// A logger is a client that sends logs of all kinds to all processes.
type logger struct {
	*fleet
	*ledger
	random *rand.Rand
}

// send sends something of a kind. Several clients send the same sets of call
// ids, in another order each, at about the same time.
func (l *logger) send(round int) {
	set := make([]string, 5)
	for i := range set {
		set[i] = fmt.Sprintf("shared-%d-%d", round/3, i)
	}
	l.random.Shuffle(len(set), func(i, j int) { set[i], set[j] = set[j], set[i] })
	switch l.random.IntN(8) {
	case 0:
		l.once()
	case 1:
		l.logs(l.servers[0].key, "success", set)
	case 2:
		l.pair()
	case 3:
		l.logs(l.servers[0].anon, "initiated", set)
	case 4:
		l.rest(set)
	case 5:
		l.patch(set)
	case 6:
		l.insertAndDelete()
	default:
		l.profiles()
	}
}

func (l *logger) any() int { return l.random.IntN(len(l.servers)) }

func (l *logger) user() string { return fmt.Sprintf("user-%d", l.random.IntN(12)) }

// logOf is a log. mark stands in its details; call may be "".
func (l *logger) logOf(mark, call, status string) string {
	id := ""
	if call != "" {
		id = fmt.Sprintf(`"litellm_call_id":%q,`, call)
	}
	who := fmt.Sprintf(`"end_user":%q,`, l.user())
	if l.random.IntN(4) == 0 {
		who = ""
	}
	return fmt.Sprintf(`{%s%s"model":"m%d","provider":"p","status":%q,"response_time":1.5,"total_cost":0.25,`+
		`"prompt_tokens":7,"completion_tokens":3,"additional_details":{"mark":%q}}`,
		id, who, l.random.IntN(3), status, mark)
}

// once sends logs without call ids, which nobody can recognise when they come
// twice.
func (l *logger) once() {
	var marks, bodies []string
	for range 1 + l.random.IntN(20) {
		mark := uuid.NewString()
		marks = append(marks, mark)
		bodies = append(bodies, l.logOf(mark, "", "success"))
	}
	l.note(unknown, marks...)
	l.acknowledged(stored, marks, func() (int, string) {
		return l.ask(l.any(), http.MethodPost, "/v1/logs", l.servers[0].key, "["+strings.Join(bodies, ",")+"]")
	})
}

// logs sends logs with call ids; a log's mark is its call id.
func (l *logger) logs(key, status string, calls []string) {
	bodies := make([]string, len(calls))
	for i, call := range calls {
		bodies[i] = l.logOf(call, call, status)
	}
	state := stored
	if status != "initiated" {
		state = finished
	}
	l.note(unknown, calls...)
	l.acknowledged(state, calls, func() (int, string) {
		return l.ask(l.any(), http.MethodPost, "/v1/logs", key, strings.Join(bodies, "\n"))
	})
}

func (l *logger) acknowledged(state rowState, marks []string, ask func() (int, string)) {
	status, answer := ask()
	if status == 0 {
		return
	}
	if assert.Equal(l.t, http.StatusCreated, status, answer) {
		l.note(state, marks...)
	}
}

// pair sends the beginnings and the ends of requests to two processes at once.
func (l *logger) pair() {
	calls := make([]string, 1+l.random.IntN(6))
	for i := range calls {
		calls[i] = uuid.NewString()
	}
	backwards := make([]string, len(calls))
	for i, call := range calls {
		backwards[len(calls)-1-i] = call
	}
	ends := &logger{l.fleet, l.ledger, rand.New(rand.NewPCG(l.random.Uint64(), 1))}
	var wg sync.WaitGroup
	wg.Go(func() { ends.logs(l.servers[0].key, "success", backwards) })
	l.logs(l.servers[0].anon, "initiated", calls)
	wg.Wait()
}

// rest inserts as Supabase's clients do.
func (l *logger) rest(calls []string) {
	bodies := make([]string, len(calls))
	for i, call := range calls {
		bodies[i] = l.logOf(call, call, "success")
	}
	prefer := []string{"return=minimal", "resolution=merge-duplicates", "resolution=ignore-duplicates", "return=representation"}[l.random.IntN(4)]
	path := "/rest/v1/request_logs"
	if strings.HasPrefix(prefer, "resolution") {
		path += "?on_conflict=litellm_call_id"
	}
	if l.random.IntN(2) == 0 {
		bodies, calls = bodies[:1], calls[:1]
	}
	body := uniform(bodies)
	l.note(unknown, calls...)
	status, answer := l.ask(l.any(), http.MethodPost, path, l.servers[0].key, body, "Prefer", prefer)
	switch status {
	case 0, http.StatusConflict:
	case http.StatusCreated, http.StatusOK:
		l.note(stored, calls...)
	default:
		assert.Fail(l.t, "an insert", "%d %s", status, answer)
	}
}

// uniform makes an array of objects that all have the same keys.
func uniform(bodies []string) string {
	var rows []map[string]any
	if err := json.Unmarshal([]byte("["+strings.Join(bodies, ",")+"]"), &rows); err != nil {
		panic(err)
	}
	for _, row := range rows {
		if _, ok := row["end_user"]; !ok {
			row["end_user"] = ""
		}
	}
	text, err := json.Marshal(rows)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// patch moves logs to another user and model.
func (l *logger) patch(calls []string) {
	change := fmt.Sprintf(`{"user_profile_id":"user-0","model":"m%d","total_cost":0.5}`, l.random.IntN(3))
	status, answer := l.ask(l.any(), http.MethodPatch,
		"/rest/v1/request_logs?litellm_call_id=in.("+strings.Join(calls, ",")+")", l.servers[0].key, change)
	switch status {
	case 0, http.StatusNoContent:
	case http.StatusConflict:
		assert.Contains(l.t, answer, "user-0", "when that user has no log yet")
	default:
		assert.Fail(l.t, "a change", "%d %s", status, answer)
	}
}

// insertAndDelete deletes through one process what it stored through another.
func (l *logger) insertAndDelete() {
	calls := []string{"gone-" + uuid.NewString(), "gone-" + uuid.NewString()}
	l.logs(l.servers[0].key, "success", calls)
	status, answer := l.ask(l.any(), http.MethodDelete,
		"/rest/v1/request_logs?litellm_call_id=in.("+strings.Join(calls, ",")+")", l.servers[0].key, "")
	if status != 0 {
		assert.Equal(l.t, http.StatusNoContent, status, answer)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, call := range calls {
		switch {
		case status == 0:
			delete(l.rows, call) // anything may be
		case l.rows[call] == finished:
			l.rows[call] = deleted
		}
	}
}

// profiles makes and changes several users at once.
func (l *logger) profiles() {
	var rows []string
	for _, n := range l.random.Perm(12)[:4] {
		rows = append(rows, fmt.Sprintf(`{"user_id":"user-%d","subscription_tier":"t%d"}`, n, l.random.IntN(3)))
	}
	status, answer := l.ask(l.any(), http.MethodPost, "/rest/v1/user_profiles", l.servers[0].key,
		"["+strings.Join(rows, ",")+"]", "Prefer", "resolution=merge-duplicates")
	if status != 0 {
		assert.Contains(l.t, []int{http.StatusCreated, http.StatusOK}, status, answer)
	}
}

// requireRows requires that all is stored that was acknowledged, and nothing
// twice.
func (l *ledger) requireRows(t testing.TB, address string) {
	t.Helper()
	rows, err := storetest.SQL(t, address).Query(`
		SELECT additional_details ->> 'mark', count(*), bool_and(status = 'success')
		FROM request_logs
		GROUP BY 1`)
	require.NoError(t, err)
	defer rows.Close()
	found := map[string]bool{}
	for rows.Next() {
		var mark string
		var n int
		var success bool
		require.NoError(t, rows.Scan(&mark, &n, &success))
		state, known := l.rows[mark]
		assert.Equal(t, 1, n, "%s is there more than once", mark)
		if strings.HasPrefix(mark, "gone-") && !known {
			continue
		}
		assert.True(t, known, "%s was never sent", mark)
		assert.NotEqual(t, deleted, state, "%s was deleted", mark)
		assert.True(t, success || state != finished, "%s is not completed", mark)
		found[mark] = true
	}
	require.NoError(t, rows.Err())
	for mark, state := range l.rows {
		if state == stored || state == finished {
			assert.True(t, found[mark], "%s was acknowledged and is not there", mark)
		}
	}
}

func TestFourProcessesOnOneDatabaseLoseNothingAndCountNothingTwice(t *testing.T) {
	f := startFleet(t, 4, "--schedule-alerts", "@every 1s", "--schedule-monthly", "@every 1s")
	l := &ledger{rows: map[string]rowState{}}
	const clients, rounds = 12, 60
	var wg sync.WaitGroup
	halfway := make(chan struct{}, clients)
	for c := range clients {
		client := &logger{f, l, rand.New(rand.NewPCG(uint64(c), 7))}
		wg.Go(func() {
			for round := range rounds {
				if round == rounds/2 {
					halfway <- struct{}{}
				}
				client.send(round)
			}
		})
	}
	<-halfway
	f.kill(3)
	killed := time.Now()
	wg.Wait()
	l.requireRows(t, f.address)
	f.requireClean()
	t.Logf("%d logs", len(l.rows))

	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var jobs []struct {
			Name          string
			LastStartedAt time.Time `json:"last_started_at"`
			LastResult    string    `json:"last_result"`
		}
		require.Equal(t, http.StatusOK, f.servers[0].get("/v1/jobs", &jobs))
		behind := ""
		for _, j := range jobs {
			if (j.Name == "alerts" || j.Name == "monthly") && (j.LastStartedAt.Before(killed) || j.LastResult != "ok") {
				behind = j.Name
			}
		}
		if behind == "" {
			break
		}
		require.True(t, time.Now().Before(deadline), "the job %s does not go on", behind)
	}
	f.requireClean()
}
