package notify_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
)

// A mailServer speaks as much of RFC 5321 as a sender needs, and keeps what it
// heard.
type mailServer struct {
	offers   []string          // extensions, said to EHLO; STARTTLS only before TLS
	replies  map[string]string // by verb, instead of the usual; "." stands for the end of a mail
	implicit bool              // TLS from the first byte on
	config   *tls.Config

	addr  string
	mu    sync.Mutex
	lines []string // commands, before and after STARTTLS
	mails []string // as they came, dots and all
}

// What a mailServer may do instead of replying.
const (
	replyHang = "hang"
	replyDrop = "drop"
)

func (m *mailServer) start(t testing.TB) *mailServer {
	t.Helper()
	m.addr = serveTCP(t, m.serve)
	return m
}

func (m *mailServer) serve(conn net.Conn) {
	secure := m.implicit
	if secure {
		conn = tls.Server(conn, m.config)
	}
	r := bufio.NewReader(conn)
	if !m.reply(conn, "greeting", "220 mail.test ESMTP") {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\r\n")
		m.keep(&m.lines, line)
		verb, _, _ := strings.Cut(line, " ")
		going := false
		switch verb {
		case "EHLO":
			going = m.reply(conn, verb, m.hello(secure))
		case "STARTTLS":
			if going = m.reply(conn, verb, "220 go on"); going {
				conn, secure = tls.Server(conn, m.config), true
				r = bufio.NewReader(conn)
			}
		case "AUTH":
			going = m.authenticate(conn, r, line)
		case "DATA":
			going = m.reply(conn, verb, "354 go on") && m.take(conn, r)
		case "QUIT":
			m.reply(conn, verb, "221 bye")
		default:
			going = m.reply(conn, verb, "250 fine")
		}
		if !going {
			return
		}
	}
}

func (m *mailServer) hello(secure bool) string {
	offers := slices.DeleteFunc(slices.Clone(m.offers), func(o string) bool { return secure && o == "STARTTLS" })
	text := ""
	for _, offer := range append(offers, "8BITMIME") {
		text += "250-" + offer + "\r\n"
	}
	return "250-mail.test\r\n" + text + "250 SMTPUTF8"
}

// authenticate hears PLAIN in one line, and LOGIN in three.
func (m *mailServer) authenticate(conn net.Conn, r *bufio.Reader, line string) bool {
	if line == "AUTH LOGIN" {
		for _, prompt := range []string{"334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"} {
			_, _ = io.WriteString(conn, prompt)
			said, err := r.ReadString('\n')
			if err != nil {
				return false
			}
			decoded, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(said))
			m.keep(&m.lines, string(decoded))
		}
	}
	return m.reply(conn, "AUTH", "235 welcome")
}

func (m *mailServer) take(conn net.Conn, r *bufio.Reader) bool {
	var text strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			m.keep(&m.mails, text.String())
			return m.reply(conn, ".", "250 taken")
		}
		text.WriteString(line)
	}
}

// reply says the usual thing or what was set instead, and tells whether the
// conversation goes on.
func (m *mailServer) reply(conn net.Conn, verb, usual string) bool {
	text, isSet := m.replies[verb]
	if !isSet {
		text = usual
	}
	switch text {
	case replyHang:
		hang(conn)
		return false
	case replyDrop:
		return false
	}
	_, err := io.WriteString(conn, text+"\r\n")
	return err == nil && (!isSet || verb != "STARTTLS")
}

func (m *mailServer) keep(list *[]string, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*list = append(*list, text)
}

// heard returns the commands so far, and the mails.
func (m *mailServer) heard() (lines, mails []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.lines), slices.Clone(m.mails)
}

// settings returns how to reach the server.
func (m *mailServer) settings(t testing.TB) notify.SMTP {
	t.Helper()
	addr, err := net.ResolveTCPAddr("tcp", m.addr)
	require.NoError(t, err)
	return notify.SMTP{Host: "127.0.0.1", Port: addr.Port, From: "llmtally <alerts@llmtally.example>", TLS: "none"}
}

// secured returns a server with a certificate of its own, its settings, and
// has the sender that sender makes trust it.
func secured(t testing.TB, m *mailServer) (server *mailServer, sender func(notify.Settings) *notify.Sender) {
	t.Helper()
	certificate, roots := certify(t, tomorrow(), "127.0.0.1", "mail.test")
	m.config = &tls.Config{Certificates: []tls.Certificate{certificate}}
	if !m.implicit {
		m.offers = append(m.offers, "STARTTLS")
	}
	return m.start(t), func(s notify.Settings) *notify.Sender {
		made := newSender(s)
		made.Trust(roots)
		return made
	}
}
