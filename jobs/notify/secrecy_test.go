package notify_test

import (
	"crypto/tls"
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

// What must stand in no error, whatever its case.
const (
	marker         = "hidden7f3a"
	secretPath     = "HIDDEN7f3apath"
	secretQuery    = "HIDDEN7f3aquery"
	secretUser     = "HIDDEN7f3auser"
	secretKey      = "HIDDEN7f3akey"
	secretPassword = "HIDDEN7f3apassword"
	secretAnswer   = "HIDDEN7f3aanswer" // what a receiver says
)

// requireSecret looks through an error and all that it wraps.
func requireSecret(t testing.TB, err error) {
	t.Helper()
	require.Error(t, err)
	for queue := []error{err}; len(queue) > 0; queue = queue[1:] {
		assert.NotContains(t, strings.ToLower(queue[0].Error()), marker)
		switch wrapped := queue[0].(type) {
		case interface{ Unwrap() error }:
			if next := wrapped.Unwrap(); next != nil {
				queue = append(queue, next)
			}
		case interface{ Unwrap() []error }:
			queue = append(queue, wrapped.Unwrap()...)
		}
	}
}

// secretly returns a webhook at base with a secret in each place that has room.
func secretly(base string) notify.Channel {
	return notify.Channel{
		Kind: notify.Webhook, Target: base + "/" + secretPath + "?token=" + secretQuery + "#" + secretQuery, Secret: secretKey,
	}
}

// expose answers with the secret wherever an answer has room for words.
func expose(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/"+secretAnswer)
		w.Header().Set("Retry-After", secretAnswer)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, secretAnswer+r.URL.String())
	}
}

func serveTLS(t testing.TB, config *tls.Config) string {
	t.Helper()
	server := httptest.NewUnstartedServer(expose(200))
	server.TLS = config
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func TestNoErrorTellsASecret(t *testing.T) {
	t.Parallel()
	private := notify.Settings{AllowPrivate: true}
	closed := serveTCP(t, func(net.Conn) {})
	// The near end of a connection: nobody listens there, nor can begin to.
	taken, err := net.Dial("tcp", serveTCP(t, hang))
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	good, roots := certify(t, tomorrow(), "127.0.0.1")
	other, otherRoots := certify(t, tomorrow(), secretAnswer+".example")
	old, oldRoots := certify(t, time.Now().Add(-time.Hour), "127.0.0.1")
	for name, tt := range map[string]struct {
		settings notify.Settings
		base     string
		prepare  func(*notify.Sender)
		says     string
	}{
		"an unknown name":           {private, "https://nobody.example", func(s *notify.Sender) { s.LookUpWith(lookUp(t, func(string) []string { return nil })) }, "host name is unknown"},
		"a name server that fails":  {private, "https://nobody.example", func(s *notify.Sender) { s.LookUpWith(failing) }, "could not be looked up"},
		"a private address":         {notify.Settings{}, "http://127.0.0.1:1", nil, "where alerts are not sent"},
		"a port where nobody is":    {private, "http://" + taken.LocalAddr().String(), nil, "connection refused"},
		"a closed connection":       {private, "http://" + closed, nil, ""},
		"no answer":                 {notify.Settings{AllowPrivate: true, Timeout: soon}, "http://" + serveTCP(t, hang), nil, "did not answer in time"},
		"an answer of another kind": {private, "http://" + serveTCP(t, func(c net.Conn) { answer(c, "220 "+secretAnswer+"\r\n") }), nil, ""},
		"500":                       {private, receive(t, expose(500)).URL, nil, "it answered 500 Internal Server Error"},
		"404":                       {private, receive(t, expose(404)).URL, nil, "it answered 404 Not Found"},
		"a redirect":                {private, receive(t, expose(302)).URL, nil, "redirects are not followed"},
		"a certificate of nobody":   {private, serveTLS(t, &tls.Config{Certificates: []tls.Certificate{good}}), nil, "whom this machine trusts"},
		"a certificate of another":  {private, serveTLS(t, &tls.Config{Certificates: []tls.Certificate{other}}), func(s *notify.Sender) { s.Trust(otherRoots) }, "for another name"},
		"a certificate of old":      {private, serveTLS(t, &tls.Config{Certificates: []tls.Certificate{old}}), func(s *notify.Sender) { s.Trust(oldRoots) }, "has expired"},
		"an old version of TLS":     {private, serveTLS(t, &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), func(s *notify.Sender) { s.Trust(roots) }, "broke off the TLS handshake"},
		"no TLS":                    {private, strings.Replace(receive(t, expose(200)).URL, "http:", "https:", 1), nil, "does not speak TLS"},
		"no TLS, nor HTTP":          {private, "https://" + serveTCP(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); _, _ = io.WriteString(c, secretAnswer); hang(c) }), nil, "does not speak TLS"},
		"a user in the URL":         {private, "http://" + secretUser + ":" + secretPassword + "@127.0.0.1", nil, "user or password"},
		"a broken user in it":       {private, "http://" + secretUser + ":" + secretPassword + " @127.0.0.1", nil, "not a URL"},
		"a broken URL":              {private, "http://127.0.0.1/%" + secretPath, nil, "not a URL"},
		"another scheme":            {private, "ftp://127.0.0.1", nil, "https://"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.settings.SMTP.Password = secretPassword
			s := newSender(tt.settings)
			if tt.prepare != nil {
				tt.prepare(s)
			}
			for _, kind := range []string{notify.Webhook, notify.Slack, notify.Discord} {
				c := secretly(tt.base)
				c.Kind = kind
				err := s.Send(t.Context(), c, budget())
				requireSecret(t, err)
				assert.ErrorContains(t, err, tt.says)
				assert.NotContains(t, strings.ToLower(c.Shown()), marker)
			}
		})
	}
}

func TestABadSecretIsNotRepeated(t *testing.T) {
	t.Parallel()
	c := notify.Channel{Kind: notify.Webhook, Target: "https://example.com", Secret: "whsec_" + secretKey + "!"}
	requireSecret(t, c.Check())
	requireSecret(t, notify.Verify(c.Secret, nil, nil, now))
	requireSecret(t, notify.Verify(secretKey, signed("a", "1772452800", "v1,"+secretKey), []byte(secretKey), now))
	requireSecret(t, notify.Channel{Kind: secretKey}.Check())
	requireSecret(t, notify.Channel{Kind: notify.Email, Target: secretUser + " " + secretPassword}.Check())
}

// secretMail returns settings with a password, and a channel with an address
// that is not for logs.
func secretMail(smtp notify.SMTP) (notify.Settings, notify.Channel) {
	smtp.User, smtp.Password = secretUser, secretPassword
	return notify.Settings{SMTP: smtp, Timeout: time.Minute}, notify.Channel{Kind: notify.Email, Target: "x" + secretUser + "@example.com"}
}

func TestNoErrorOfMailTellsASecret(t *testing.T) {
	t.Parallel()
	tell := "550-" + secretAnswer + "\r\n550 5.1.1 <x" + secretUser + "@example.com> " + secretPassword
	for _, verb := range []string{"greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "."} {
		for _, reply := range []string{tell, replyDrop, secretAnswer, "2"} {
			t.Run(verb+" "+reply, func(t *testing.T) {
				t.Parallel()
				replies := map[string]string{verb: reply}
				if verb == "EHLO" {
					replies["HELO"] = reply
				}
				server, sender := secured(t, &mailServer{offers: []string{"AUTH PLAIN"}, replies: replies})
				smtp := server.settings(t)
				smtp.TLS = "starttls"
				settings, c := secretMail(smtp)
				requireSecret(t, sender(settings).Send(t.Context(), c, budget()))
			})
		}
	}
	certificate, _ := certify(t, tomorrow(), "127.0.0.1")
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	for name, server := range map[string]*mailServer{
		"starttls": {offers: []string{"STARTTLS", "AUTH PLAIN"}, config: config},
		"tls":      {implicit: true, config: config},
	} {
		t.Run("a certificate of nobody, "+name, func(t *testing.T) {
			t.Parallel()
			smtp := server.start(t).settings(t)
			smtp.TLS = name
			settings, c := secretMail(smtp)
			err := newSender(settings).Send(t.Context(), c, budget())
			requireSecret(t, err)
			assert.ErrorContains(t, err, "whom this machine trusts")
		})
	}
	t.Run("an unknown name", func(t *testing.T) {
		t.Parallel()
		settings, c := secretMail(notify.SMTP{Host: "mail.test", From: "alerts@example.com"})
		s := newSender(settings)
		s.LookUpWith(lookUp(t, func(string) []string { return nil }))
		err := s.Send(t.Context(), c, budget())
		requireSecret(t, err)
		assert.EqualError(t, err, "sending to x…@example.com: the mail server: its host name is unknown")
	})
}
