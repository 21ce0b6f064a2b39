package http_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	llmhttp "github.com/llmtally/llmtally/http"
	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// A benchClient sends the same request over one connection, with a call id of
// its own each time, and reads no more of the answer than it must: the load
// shares the machine with the server.
type benchClient struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
	callAt  int
}

const placeholder = "00000000-0000-0000-0000-000000000000"

func dial(b *testing.B, url, path, key, body string) *benchClient {
	b.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(b, err)
	b.Cleanup(func() { conn.Close() })
	method := "POST"
	if body == "" {
		method = "GET"
	}
	request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", method, path, key, len(body), body)
	return &benchClient{
		conn: conn, reader: bufio.NewReader(conn), request: []byte(request),
		callAt: strings.Index(request, placeholder),
	}
}

func (c *benchClient) send() (status int, err error) {
	if c.callAt >= 0 {
		copy(c.request[c.callAt:], uuid.NewString())
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return 0, err
	}
	headers := textproto.NewReader(c.reader)
	line, err := headers.ReadLine()
	if err != nil {
		return 0, err
	}
	length := 0
	for {
		h, err := headers.ReadLineBytes()
		if err != nil {
			return 0, err
		}
		if len(h) == 0 {
			break
		}
		if name, value, ok := bytes.Cut(h, []byte(": ")); ok && string(name) == "Content-Length" {
			length, _ = strconv.Atoi(string(value))
		}
	}
	_, err = c.reader.Discard(length)
	status, _ = strconv.Atoi(strings.Fields(line)[1])
	return status, err
}

// benchServer is the whole handler on the database.
func benchServer(b *testing.B, db *store.DB) (url, key string) {
	b.Helper()
	a := auth.New([]byte(strings.Repeat("s", 32)), auth.AnonKey, nil)
	handler, err := llmhttp.NewHandler(llmhttp.Config{
		DB: db, Auth: a, Log: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	require.NoError(b, err)
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	key, err = a.Key(policy.Service)
	require.NoError(b, err)
	return server.URL, key
}

// bareServer only decodes: what the same machine could do if nothing were kept.
func bareServer(b *testing.B) string {
	b.Helper()
	r := chi.NewRouter()
	r.Post("/v1/logs", func(w http.ResponseWriter, r *http.Request) {
		var log map[string]any
		if err := json.NewDecoder(r.Body).Decode(&log); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	server := httptest.NewServer(r)
	b.Cleanup(server.Close)
	return server.URL
}

// load sends b.N requests over the connections, and reports the rate and the
// 50th and 99th percentile of the time of one.
func load(b *testing.B, connections int, url, path, key string, body func(i int) string) {
	b.Helper()
	clients := make([]*benchClient, connections)
	for i := range clients {
		clients[i] = dial(b, url, path, key, body(i))
	}
	run(b, clients, http.StatusCreated)
}

// run sends b.N requests over the clients' connections.
func run(b *testing.B, clients []*benchClient, want int) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	took := make([][]time.Duration, len(clients))
	b.ResetTimer()
	for i, c := range clients {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				begin := time.Now()
				status, err := c.send()
				if err != nil || status != want {
					b.Errorf("status %d, error %v", status, err)
					return
				}
				took[i] = append(took[i], time.Since(begin))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

func benchLog(i int) string {
	return storetest.FullLog(storetest.GeneratedUser(i%1000), placeholder)
}

// BenchmarkLog sends one full log a request, each acknowledged after its fsync,
// by both doors; `bare` is a handler that only decodes.
func BenchmarkLog(b *testing.B) {
	for _, connections := range []int{1, 64} {
		b.Run(fmt.Sprintf("bare/connections=%d", connections), func(b *testing.B) {
			load(b, connections, bareServer(b), "/v1/logs", "x", benchLog)
		})
		for _, path := range []string{"/v1/logs", "/rest/v1/request_logs"} {
			b.Run(fmt.Sprintf("%s/connections=%d", path[1:], connections), func(b *testing.B) {
				url, key := benchServer(b, storetest.Open(b))
				load(b, connections, url, path, key, benchLog)
			})
		}
	}
}

var (
	benchRows  = flag.Int("rows", 1_000_000, "logs in the generated database of the read benchmarks")
	benchUsers = flag.Int("users", 10_000, "users in it")
	benchKeep  = flag.String("keep", "", "folder to keep generated databases in, to use them again")
)

// BenchmarkGet asks a generated database over one connection. Where the path
// has a %s, each request asks about another user.
func BenchmarkGet(b *testing.B) {
	db := storetest.Generated(b, *benchRows, *benchUsers, *benchKeep)
	url, key := benchServer(b, db)
	heavy := storetest.GeneratedUser(0)
	for name, path := range map[string]string{
		"analytics/any":      "/v1/users/%s/analytics",
		"analytics/heaviest": "/v1/users/" + heavy + "/analytics",
		"breakdown/any":      "/v1/users/%s/breakdown",
		"breakdown/heaviest": "/v1/users/" + heavy + "/breakdown",
		"requests":           "/v1/users/" + heavy + "/requests",
		"requests/offset":    "/v1/users/" + heavy + "/requests?offset=10000",
		"rest/same-rows": "/rest/v1/request_logs?user_profile_id=eq." + heavy + "&order=created_at.desc&limit=50" +
			"&select=id,created_at,model,provider,status,tokens_used,prompt_tokens,completion_tokens,total_cost,response_time,end_user,error",
		"rest/all-columns": "/rest/v1/request_logs?user_profile_id=eq." + heavy + "&order=created_at.desc&limit=50",
	} {
		b.Run(name, func(b *testing.B) {
			var clients []*benchClient
			if !strings.Contains(path, "%s") {
				run(b, append(clients, dial(b, url, path, key, "")), http.StatusOK)
				return
			}
			for rank := range 1000 {
				clients = append(clients, dial(b, url, fmt.Sprintf(path, storetest.GeneratedUser(rank)), key, ""))
			}
			inTurn(b, clients)
		})
	}
}

// inTurn sends one request at a time, by one client after the other.
func inTurn(b *testing.B, clients []*benchClient) {
	b.Helper()
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for i := range b.N {
		begin := time.Now()
		if status, err := clients[i*7919%len(clients)].send(); err != nil || status != http.StatusOK {
			b.Fatalf("status %d, error %v", status, err)
		}
		took = append(took, time.Since(begin))
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkNDJSON sends bodies of ten thousand full logs.
func BenchmarkNDJSON(b *testing.B) {
	const rows = 10_000
	url, key := benchServer(b, storetest.Open(b))
	lines := make([]string, rows)
	for b.Loop() {
		b.StopTimer()
		for i := range lines {
			lines[i] = storetest.FullLog(storetest.GeneratedUser(i%1000), uuid.NewString())
		}
		c := dial(b, url, "/v1/logs", key, strings.Join(lines, "\n"))
		b.StartTimer()
		status, err := c.send()
		require.NoError(b, err)
		require.Equal(b, http.StatusCreated, status)
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
