package notify_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
)

// slack returns a channel to that address, whose URL is a secret as Slack's are.
func slack(addr string) notify.Channel {
	return notify.Channel{Kind: notify.Slack, Target: "http://" + addr + "/services/x"}
}

func TestA2xxIsSuccessAndNothingElse(t *testing.T) {
	t.Parallel()
	for code := 200; code < 600; code++ {
		if http.StatusText(code) == "" {
			continue
		}
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			r := receive(t, status(code))
			err := newSender(notify.Settings{AllowPrivate: true}).
				Send(t.Context(), notify.Channel{Kind: notify.Webhook, Target: r.URL}, budget())
			assert.Equal(t, 1, r.hits())
			if code < 300 {
				require.NoError(t, err)
				return
			}
			var refused *notify.Refused
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, notify.Refused{Status: code}, *refused)
			assert.ErrorContains(t, err, fmt.Sprintf("sending to %s: it answered %d %s", r.URL, code, http.StatusText(code)))
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	inner := receive(t, ok)
	for _, code := range []int{301, 302, 303, 307, 308} {
		r := receive(t, func(w http.ResponseWriter, request *http.Request) {
			http.Redirect(w, request, inner.URL+"/metadata", code)
		})
		err := newSender(notify.Settings{AllowPrivate: true}).Send(t.Context(), notify.Channel{Kind: notify.Discord, Target: r.URL}, budget())
		assert.ErrorContains(t, err, "redirects are not followed")
		assert.NotContains(t, err.Error(), "metadata")
	}
	assert.Zero(t, inner.hits())
}

func TestAReceiverMayAskToWait(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"7":                             7 * time.Second,
		"0.25":                          250 * time.Millisecond,
		"86400":                         24 * time.Hour,
		"86401":                         24 * time.Hour,
		"1e300":                         24 * time.Hour,
		"Inf":                           24 * time.Hour,
		"-5":                            0,
		"-Inf":                          0,
		"NaN":                           0,
		"later":                         0,
		"Mon, 02 Mar 2026 12:01:30 GMT": 90 * time.Second,
		"Mon, 02 Mar 2026 11:59:30 GMT": 0,
		"Mon, 02 Mar 2076 12:00:00 GMT": 24 * time.Hour,
	} {
		assert.Equal(t, want, notify.RetryAfter(header, now), header)
	}
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	err := newSender(notify.Settings{AllowPrivate: true}).Send(t.Context(), notify.Channel{Kind: notify.Slack, Target: r.URL}, budget())
	var refused *notify.Refused
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, notify.Refused{Status: 429, RetryAfter: 7 * time.Second}, *refused)
}

// hear reads a request to its end: a client may take an answer that comes
// earlier for none.
func hear(conn net.Conn) {
	if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
		_, _ = io.Copy(io.Discard, request.Body)
	}
}

// drip answers without an end, until the other side is gone.
func drip(conn net.Conn, head, drop string) {
	hear(conn)
	_, err := io.WriteString(conn, head)
	for err == nil {
		_, err = io.WriteString(conn, drop)
		time.Sleep(time.Millisecond)
	}
}

func TestAnAttemptEndsInTimeWhateverTheReceiverDoes(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(net.Conn){
		"says nothing":              hang,
		"reads nothing":             func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); hang(c) },
		"drips a status line":       func(c net.Conn) { drip(c, "HTTP/1.1 ", "2") },
		"drips a header":            func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\nA: ", "a") },
		"drips empty headers":       func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\n", "A: a\r\n") },
		"says to continue for ever": func(c net.Conn) { answer(c, "HTTP/1.1 100 Continue\r\n\r\n"); hang(c) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSender(notify.Settings{AllowPrivate: true, Timeout: soon})
			err := s.Send(t.Context(), slack(serveTCP(t, serve)), budget())
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.ErrorContains(t, err, "did not answer in time")
		})
	}
	t.Run("says nothing to a TLS handshake", func(t *testing.T) {
		t.Parallel()
		s := newSender(notify.Settings{AllowPrivate: true, Timeout: soon})
		err := s.Send(t.Context(), notify.Channel{Kind: notify.Slack, Target: "https://" + serveTCP(t, hang)}, budget())
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestTheStatusIsTheVerdictWhateverBodyFollows(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(net.Conn){
		"one that drips":       func(c net.Conn) { drip(c, "HTTP/1.1 202 Accepted\r\n\r\n", strings.Repeat("a", 200)) },
		"one without an end":   func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("a", 1<<16)) },
		"one that breaks off":  func(c net.Conn) { answer(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc") },
		"one in broken chunks": func(c net.Conn) { answer(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n") },
		"one that is no gzip": func(c net.Conn) {
			answer(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")
		},
		"none, after an answer that is not final": func(c net.Conn) { answer(c, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSender(notify.Settings{AllowPrivate: true})
			assert.NoError(t, s.Send(t.Context(), slack(serveTCP(t, serve)), budget()))
		})
	}
}

// answer hears a request, writes text, and closes.
func answer(conn net.Conn, text string) {
	hear(conn)
	_, _ = io.WriteString(conn, text)
}

func TestAnAnswerThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ answer, says string }{
		"nothing":               {"", "closed the connection"},
		"half a status line":    {"HTTP/1.1 2", "no valid answer"},
		"no HTTP":               {"220 mail.example.com ESMTP\r\n", "no valid answer"},
		"a status beyond three": {"HTTP/1.1 2000 OK\r\n\r\n", "no valid answer"},
		"too much of a header":  {"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", "no valid answer"},
		"another protocol":      {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "it answered 101"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := serveTCP(t, func(c net.Conn) {
				answer(c, tt.answer)
				_ = c.(*net.TCPConn).CloseWrite()
				hang(c)
			})
			err := newSender(notify.Settings{AllowPrivate: true}).Send(t.Context(), slack(addr), budget())
			assert.ErrorContains(t, err, tt.says)
		})
	}
}

func TestAnAttemptEndsWithItsContext(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	addr := serveTCP(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		close(reached)
		hang(c)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		cancel()
	}()
	err := newSender(notify.Settings{AllowPrivate: true}).Send(ctx, slack(addr), budget())
	require.ErrorIs(t, err, context.Canceled)
	assert.EqualError(t, err, "sending to http://"+addr+": interrupted: context canceled")
}

func TestNoConnectionOutlivesItsAttempt(t *testing.T) {
	t.Parallel()
	states := make(chan http.ConnState, 100)
	r := &receiver{Server: httptest.NewUnstartedServer(http.HandlerFunc(ok))}
	r.Config.ConnState = func(_ net.Conn, state http.ConnState) { states <- state }
	r.Start()
	t.Cleanup(r.Close)
	s := newSender(notify.Settings{AllowPrivate: true})
	for range 3 {
		require.NoError(t, s.Send(t.Context(), notify.Channel{Kind: notify.Webhook, Target: r.URL}, budget()))
		require.Equal(t, http.StateNew, <-states)
		for <-states != http.StateClosed {
		}
	}
}

func TestNothingOfTheEnvironmentComesAlong(t *testing.T) {
	t.Parallel()
	transport := newSender(notify.Settings{}).Transport()
	assert.Nil(t, transport.Proxy, "a proxy could reach what a check of addresses forbids")
	assert.True(t, transport.DisableKeepAlives)

	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
	})
	s := newSender(notify.Settings{AllowPrivate: true})
	for range 2 {
		require.NoError(t, s.Send(t.Context(), notify.Channel{Kind: notify.Webhook, Target: r.URL}, budget()))
	}
	assert.Empty(t, r.requests[1].Cookies())
	assert.NotContains(t, r.requests[1].Header, "Authorization")
}

func TestASenderMayBeUsedAtTheSameTime(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	s := newSender(notify.Settings{AllowPrivate: true})
	failures := make(chan error)
	for range 20 {
		go func() { failures <- s.Send(t.Context(), notify.Channel{Kind: notify.Webhook, Target: r.URL}, budget()) }()
	}
	for range 20 {
		assert.NoError(t, <-failures)
	}
	assert.Equal(t, 20, r.hits())
}

func TestWithoutSettingsThereAreDefaults(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	begun := time.Now().Truncate(time.Second)
	s := notify.New(notify.Settings{AllowPrivate: true})
	require.NoError(t, s.Send(t.Context(), notify.Channel{Kind: notify.Webhook, Target: r.URL, Secret: "s"}, budget()))
	request, body := r.only(t)
	assert.Equal(t, "llmtally", request.Header.Get("User-Agent"))
	assert.NoError(t, notify.Verify("s", request.Header, []byte(body), begun))
	assert.Equal(t, 10*time.Second, notify.DefaultTimeout)
}
