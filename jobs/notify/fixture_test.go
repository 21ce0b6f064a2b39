package notify_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"flag"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
)

var update = flag.Bool("update", false, "write the golden files anew")

// now is when all attempts of these tests are made: 1772452800 in Unix seconds.
var now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// soon is a timeout for receivers that never answer: whatever the machine's
// speed, it passes.
const soon = 30 * time.Millisecond

// budget is an alert on a user's cost in a month.
func budget() notify.Message {
	return notify.Message{
		ID: "delivery-7", AlertID: 3, Rule: "A user's cost in a month",
		Metric: "cost", Scope: "everyone", UserID: "ann", Period: "month",
		WindowStart: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), WindowEnd: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),
		Threshold: 80, Limit: 10, Used: 8.1000000001,
		Text:    "ann has used 8.10 USD of 10 USD in March 2026.",
		FiredAt: time.Date(2026, 3, 2, 11, 59, 58, 123456000, time.UTC),
		BaseURL: "https://llmtally.example.com/",
	}
}

// errorRate is an alert on the last requests of a model.
func errorRate() notify.Message {
	return notify.Message{
		ID: "delivery-8", AlertID: 4, Rule: "Error rate of the last requests",
		Metric: "error_rate", Scope: "model", ScopeValue: "gpt-4o", Period: "last",
		Threshold: 100, Limit: 0.1, Used: 0.125, Text: "12.5 % of the last 100 requests to gpt-4o failed.", FiredAt: now,
	}
}

// hostile is an alert whose names try all they can.
func hostile() notify.Message {
	m := budget()
	m.UserID = "@everyone\r\nBcc: all@example.com\u202e <!channel> **b** `c` https://evil.example/ =?utf-8?q?x?= \x00\xff"
	m.Rule = "Rule\r\nX-Injected: 1"
	m.Text = ".\n" + m.UserID + " [here](https://evil.example) has used <https://evil.example|all> & more"
	return m
}

func newSender(s notify.Settings) *notify.Sender {
	s.Version = "1.2.3"
	if s.Timeout == 0 {
		s.Timeout = time.Minute
	}
	if s.Now == nil {
		s.Now = func() time.Time { return now }
	}
	return notify.New(s)
}

// A receiver keeps what was posted to it.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

// receive starts a receiver that answers in that way.
func receive(t testing.TB, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		r.requests, r.bodies = append(r.requests, request), append(r.bodies, string(body))
		r.mu.Unlock()
		answer(w, request)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) hits() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests)
}

// only returns the one request that there was.
func (r *receiver) only(t testing.TB) (*http.Request, string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Len(t, r.requests, 1)
	return r.requests[0], r.bodies[0]
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// serveTCP starts a server that does that with each connection.
func serveTCP(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns sync.WaitGroup
	closing := make(chan struct{})
	t.Cleanup(func() {
		listener.Close()
		close(closing)
		conns.Wait()
	})
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				done := make(chan struct{})
				defer close(done)
				go func() {
					select {
					case <-closing:
					case <-done:
					}
					conn.Close()
				}()
				serve(conn)
			})
		}
	})
	return listener.Addr().String()
}

// hang reads until the other side gives up.
func hang(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// certify makes a certificate for these names and addresses, signed by itself.
func certify(t testing.TB, until time.Time, names ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: secretAnswer},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// quiet is where servers write what clients do to them.
var quiet = log.New(io.Discard, "", 0)

func tomorrow() time.Time { return time.Now().Add(24 * time.Hour) }

// requireGolden compares with a file; JSON is put into a form for reading.
func requireGolden(t testing.TB, name, got string) {
	t.Helper()
	if strings.HasSuffix(name, ".json") {
		var pretty bytes.Buffer
		require.NoError(t, json.Indent(&pretty, []byte(got), "", "  "), got)
		got = pretty.String() + "\n"
	}
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}
