package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
)

// binary builds the program once, as a user would.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "llmtally-binary-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "llmtally")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", &buildError{err, string(out)}
	}
	return path, nil
})

type buildError struct {
	err    error
	output string
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.output }

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// A server is the real binary, running.
type server struct {
	t    testing.TB
	cmd  *exec.Cmd
	url  string
	db   string
	key  string
	anon string   // the anon key
	log  *os.File // what it wrote to stderr
	done chan error

	startTook time.Duration // until it listened
}

// startServer starts the binary on the database, on a port of its own choice,
// and returns when it listens.
func startServer(t testing.TB, db string, args ...string) *server {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	log, err := os.Create(filepath.Join(t.TempDir(), "stderr.log"))
	require.NoError(t, err)
	s := &server{t: t, db: db, log: log, done: make(chan error, 1)}
	on := onDatabase(db)
	s.cmd = exec.Command(path, slices.Concat([]string{"serve", "--addr", "127.0.0.1:0"}, on, args)...)
	s.cmd.Stderr = log
	stdout, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	begin := time.Now()
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it may have ended already
		<-s.done
		log.Close()
	})
	s.url = readAddress(t, stdout)
	s.startTook = time.Since(begin)
	go func() {
		_, _ = io.Copy(io.Discard, stdout) // until the process ends
		s.done <- s.cmd.Wait()
		close(s.done)
	}()
	keys := runProgram(t, append([]string{"keys"}, on...)...)
	s.key, s.anon = keys.value("SERVICE_KEY"), keys.value("ANON_KEY")
	return s
}

// onDatabase are the flags that name a database, and the secret that a server's
// needs.
func onDatabase(db string) []string {
	flags := []string{"--db", db}
	if store.IsServer(db) {
		flags = append(flags, "--jwt-secret", strings.Repeat("s", 32))
	}
	return flags
}

var listening = regexp.MustCompile(`listening on (http://\S+)`)

func readAddress(t testing.TB, stdout io.Reader) string {
	t.Helper()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	t.Fatal("the server ended before it said where it listens")
	return ""
}

// wait returns when the process has ended, with its error.
func (s *server) wait() error { return <-s.done }

func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(sig))
}

// client has a timeout that only a server that hangs runs into.
var client = &http.Client{
	Timeout:   2 * time.Minute,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64},
}

// post logs a body with the service key.
func (s *server) post(body string) (status int, answer string) {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url+"/v1/logs", strings.NewReader(body))
	require.NoError(s.t, err)
	return s.do(request)
}

// get asks with the service key.
func (s *server) get(path string, into any) int {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	require.NoError(s.t, err)
	status, answer := s.do(request)
	if into != nil {
		require.NoError(s.t, json.Unmarshal([]byte(answer), into), answer)
	}
	return status
}

func (s *server) do(request *http.Request) (status int, answer string) {
	s.t.Helper()
	request.Header.Set("Authorization", "Bearer "+s.key)
	response, err := client.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return response.StatusCode, string(text)
}

// output is what a run of the program printed.
type output struct{ stdout, stderr string }

// value returns the value of a NAME=value line.
func (o output) value(name string) string {
	for line := range strings.Lines(o.stdout) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			return v
		}
	}
	return ""
}

// tryProgram runs the binary to its end.
func tryProgram(t testing.TB, args ...string) (output, error) {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return output{stdout.String(), stderr.String()}, err
}

// runProgram runs the binary and requires that it succeeds.
func runProgram(t testing.TB, args ...string) output {
	t.Helper()
	out, err := tryProgram(t, args...)
	require.NoError(t, err, out.stdout+out.stderr)
	return out
}

func countLines(t testing.TB, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return bytes.Count(text, []byte("\n"))
}
