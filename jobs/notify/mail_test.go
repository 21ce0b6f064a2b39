package notify_test

import (
	"context"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
)

var toAnn = notify.Channel{Kind: notify.Email, Target: "ann@example.com"}

// sendMail sends through a server without TLS, and returns what it took.
func sendMail(t testing.TB, c notify.Channel, m notify.Message) (lines []string, raw string) {
	t.Helper()
	server := (&mailServer{}).start(t)
	require.NoError(t, newSender(notify.Settings{SMTP: server.settings(t)}).Send(t.Context(), c, m))
	lines, mails := server.heard()
	require.Len(t, mails, 1)
	return lines, mails[0]
}

// readMail takes a mail apart: dots, header, body.
func readMail(t testing.TB, raw string) (header mail.Header, body string) {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(strings.ReplaceAll("\r\n"+raw, "\r\n.", "\r\n")[2:]))
	require.NoError(t, err)
	require.Equal(t, "quoted-printable", message.Header.Get("Content-Transfer-Encoding"))
	text, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	require.NoError(t, err)
	return message.Header, string(text)
}

func TestMailsLookAsTheyAlwaysDid(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]notify.Message{"budget": budget(), "error-rate": errorRate(), "hostile": hostile()} {
		lines, raw := sendMail(t, notify.Channel{Kind: notify.Email, Target: "ann@example.com, bob@example.org"}, m)
		assert.Contains(t, lines, "RCPT TO:<ann@example.com>")
		assert.Contains(t, lines, "RCPT TO:<bob@example.org>")
		requireGolden(t, "email-"+name+".txt", strings.ReplaceAll(raw, "\r\n", "\n"))
	}
}

func TestAMailSaysWhatTheAlertSays(t *testing.T) {
	t.Parallel()
	_, raw := sendMail(t, toAnn, budget())
	header, body := readMail(t, raw)
	assert.Equal(t, "llmtally: A user's cost in a month (ann)", header.Get("Subject"))
	assert.Equal(t, `"llmtally" <alerts@llmtally.example>`, header.Get("From"))
	assert.Equal(t, "<ann@example.com>", header.Get("To"))
	assert.Equal(t, "<delivery-7@llmtally.example>", header.Get("Message-ID"))
	assert.Equal(t, "Mon, 02 Mar 2026 12:00:00 +0000", header.Get("Date"))
	assert.Equal(t, "auto-generated", header.Get("Auto-Submitted"))
	assert.Equal(t, "llmtally/1.2.3", header.Get("User-Agent"))
	assert.True(t, strings.HasPrefix(body, "ann has used 8.10 USD of 10 USD in March 2026.\r\n\r\n"), body)
	assert.Contains(t, body, "Used:       8.1 USD\r\nLimit:      10 USD\r\nThreshold:  80 %\r\n")
	assert.Contains(t, body, "Period:     month, from 2026-03-01 00:00:00 UTC until 2026-04-01 00:00:00 UTC\r\n")
	assert.Contains(t, body, "Dashboard:  https://llmtally.example.com/\r\n")
}

func TestAmountsHaveTheirUnits(t *testing.T) {
	t.Parallel()
	for metric, want := range map[string]string{
		"cost": "1234567.25 USD", "tokens": "1234567.25 tokens", "requests": "1234567.25 requests",
		"failures": "1234567.25 requests", "error_rate": "123456725 %",
	} {
		m := budget()
		m.Metric, m.Used = metric, 1234567.25
		assert.Contains(t, notify.LetterText(m), "Used:       "+want+"\r\n")
	}
}

func TestNobodysNameReachesAHeaderOrALineOfItsOwn(t *testing.T) {
	t.Parallel()
	_, raw := sendMail(t, toAnn, hostile())
	header, body := readMail(t, raw)
	for _, name := range []string{"Bcc", "X-Injected"} {
		assert.NotContains(t, header, name)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	require.NoError(t, err)
	assert.Equal(t, "llmtally: Rule X-Injected: 1 (@everyone Bcc: all@example.com� <!channel> **b** `c` https://evil.example/ = ?utf-8?q?x?= ��)", subject)
	assert.Equal(t, strings.Count(notify.LetterText(budget()), "\n"), strings.Count(body, "\n"))
	assert.NotContains(t, body, "://evil")
	for line := range strings.Lines(raw) {
		assert.LessOrEqual(t, len(strings.TrimRight(line, "\r\n")), 78, "RFC 5322, 2.1.1")
	}
}

func TestALongNameKeepsToAMailsLines(t *testing.T) {
	t.Parallel()
	m := budget()
	m.UserID, m.Rule = strings.Repeat("x", 1024), strings.Repeat("ü", 1024)
	_, raw := sendMail(t, toAnn, m)
	for line := range strings.Lines(raw) {
		assert.LessOrEqual(t, len(line), 1000, "RFC 5322, 2.1.1, with CRLF")
	}
}

func TestALineThatIsADotDoesNotEndAMail(t *testing.T) {
	t.Parallel()
	m := budget()
	m.Text = "."
	_, raw := sendMail(t, toAnn, m)
	assert.Contains(t, raw, "\r\n..\r\n", "dots are doubled on the way")
	_, body := readMail(t, raw)
	assert.True(t, strings.HasPrefix(body, ".\r\n\r\nRule:"), body)
	assert.Contains(t, body, "delivery delivery-7\r\n")
}

func TestMailGoesOverTLSByDefault(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		server  *mailServer
		setting string
	}{
		"after STARTTLS, unless told otherwise": {&mailServer{}, ""},
		"after STARTTLS":                        {&mailServer{}, "starttls"},
		"from the first byte on":                {&mailServer{implicit: true}, "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.server.offers = []string{"AUTH PLAIN LOGIN"}
			server, sender := secured(t, tt.server)
			smtp := server.settings(t)
			smtp.TLS, smtp.User, smtp.Password = tt.setting, "alerts", secretPassword
			require.NoError(t, sender(notify.Settings{SMTP: smtp}).Send(t.Context(), toAnn, budget()))
			lines, mails := server.heard()
			assert.Len(t, mails, 1)
			assert.Contains(t, lines, "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00alerts\x00"+secretPassword)))
			assert.Contains(t, lines, "MAIL FROM:<alerts@llmtally.example> BODY=8BITMIME SMTPUTF8")
			if !server.implicit {
				assert.Equal(t, "STARTTLS", lines[1], "nothing but EHLO comes before it")
			}
		})
	}
}

func TestAServerThatKnowsLoginAloneIsAuthenticatedTo(t *testing.T) {
	t.Parallel()
	server, sender := secured(t, &mailServer{offers: []string{"AUTH LOGIN"}})
	smtp := server.settings(t)
	smtp.TLS, smtp.User, smtp.Password = "starttls", "alerts", secretPassword
	require.NoError(t, sender(notify.Settings{SMTP: smtp}).Send(t.Context(), toAnn, budget()))
	lines, _ := server.heard()
	assert.Contains(t, lines, "alerts")
	assert.Contains(t, lines, secretPassword)
}

func TestNoPasswordLeavesThisMachineWithoutTLS(t *testing.T) {
	t.Parallel()
	for _, offer := range []string{"AUTH PLAIN", "AUTH LOGIN", "AUTH PLAIN LOGIN", "AUTH XOAUTH2"} {
		server := (&mailServer{offers: []string{offer}}).start(t)
		smtp := server.settings(t)
		smtp.Host, smtp.User, smtp.Password = "mail.test", "alerts", secretPassword
		s := newSender(notify.Settings{SMTP: smtp})
		s.LookUpWith(lookUp(t, func(string) []string { return []string{"127.0.0.1"} }))
		err := s.Send(t.Context(), toAnn, budget())
		assert.ErrorContains(t, err, "offers no way to authenticate that llmtally takes: a password is sent over TLS alone")
		lines, mails := server.heard()
		assert.Empty(t, mails)
		assert.NotContains(t, strings.Join(lines, "\n"), "AUTH", offer)
	}
}

func TestWithoutAUserNobodyAuthenticates(t *testing.T) {
	t.Parallel()
	server := (&mailServer{offers: []string{"AUTH PLAIN"}}).start(t)
	require.NoError(t, newSender(notify.Settings{SMTP: server.settings(t)}).Send(t.Context(), toAnn, budget()))
	lines, _ := server.heard()
	assert.NotContains(t, strings.Join(lines, "\n"), "AUTH")
}

func TestAMailServerMayRefuse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		replies map[string]string
		code    int
		says    string
	}{
		"everybody":            {map[string]string{"greeting": "554 no"}, 554, ""},
		"for now":              {map[string]string{"greeting": "421 later"}, 421, ""},
		"who greets it":        {map[string]string{"EHLO": "550 no", "HELO": "550 no"}, 550, ""},
		"the sender":           {map[string]string{"MAIL": "553 no"}, 553, "address"},
		"a recipient":          {map[string]string{"RCPT": "550 5.1.1 no " + secretAnswer}, 550, "address"},
		"a recipient for now":  {map[string]string{"RCPT": "450 4.2.0 greylisted"}, 450, ""},
		"to hear a mail":       {map[string]string{"DATA": "451 no"}, 451, ""},
		"a mail it has heard":  {map[string]string{".": "554 5.7.1 " + secretAnswer}, 554, ""},
		"a mail in many lines": {map[string]string{".": "552-too\r\n552-much " + secretAnswer + "\r\n552 of it"}, 552, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := (&mailServer{replies: tt.replies}).start(t)
			err := newSender(notify.Settings{SMTP: server.settings(t)}).Send(t.Context(), toAnn, budget())
			var refused *notify.MailRefused
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, tt.code, refused.Code)
			assert.ErrorContains(t, err, tt.says)
			assert.NotContains(t, err.Error(), secretAnswer)
		})
	}
}

func TestAPasswordThatIsRefusedIsSaidToBe(t *testing.T) {
	t.Parallel()
	server, sender := secured(t, &mailServer{offers: []string{"AUTH PLAIN"}, replies: map[string]string{"AUTH": "535 5.7.8 no " + secretAnswer}})
	smtp := server.settings(t)
	smtp.TLS, smtp.User, smtp.Password = "starttls", "alerts", secretPassword
	err := sender(notify.Settings{SMTP: smtp}).Send(t.Context(), toAnn, budget())
	assert.EqualError(t, err, "sending to a…@example.com: the mail server refused it with code 535: it wants another user or password")
}

func TestAMailGoesToAllOrToNobody(t *testing.T) {
	t.Parallel()
	server := (&mailServer{replies: map[string]string{"RCPT": "550 no"}}).start(t)
	c := notify.Channel{Kind: notify.Email, Target: "ann@example.com,bob@example.com"}
	require.Error(t, newSender(notify.Settings{SMTP: server.settings(t)}).Send(t.Context(), c, budget()))
	lines, mails := server.heard()
	assert.Empty(t, mails)
	assert.NotContains(t, lines, "DATA")
}

func TestAMailServerMayHangOrDropAnywhere(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "."} {
		for _, reply := range []string{replyHang, replyDrop} {
			t.Run(verb+" "+reply, func(t *testing.T) {
				t.Parallel()
				replies := map[string]string{verb: reply}
				if verb == "EHLO" {
					replies["HELO"] = reply
				}
				server, sender := secured(t, &mailServer{offers: []string{"AUTH PLAIN"}, replies: replies})
				smtp := server.settings(t)
				smtp.TLS, smtp.User, smtp.Password = "starttls", "alerts", secretPassword
				settings := notify.Settings{SMTP: smtp}
				if reply == replyHang {
					settings.Timeout = soon
				}
				err := sender(settings).Send(t.Context(), toAnn, budget())
				require.Error(t, err)
				if reply == replyHang {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
				}
			})
		}
	}
	t.Run("TLS hang", func(t *testing.T) {
		t.Parallel()
		server := (&mailServer{replies: map[string]string{"greeting": replyHang}}).start(t)
		smtp := server.settings(t)
		smtp.TLS = "tls"
		err := newSender(notify.Settings{SMTP: smtp, Timeout: soon}).Send(t.Context(), toAnn, budget())
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAMailThatWasTakenIsDeliveredWhateverComesAfter(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{replyHang, replyDrop, "500 what"} {
		server := (&mailServer{replies: map[string]string{"QUIT": reply, "RSET": reply, "NOOP": reply}}).start(t)
		assert.NoError(t, newSender(notify.Settings{SMTP: server.settings(t)}).Send(t.Context(), toAnn, budget()), reply)
	}
}

func TestAMailEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := (&mailServer{replies: map[string]string{"MAIL": replyHang}}).start(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for lines := []string{}; len(lines) < 2; lines, _ = server.heard() {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	assert.ErrorIs(t, newSender(notify.Settings{SMTP: server.settings(t)}).Send(ctx, toAnn, budget()), context.Canceled)
}

func TestWhatIsMissingForMailIsNamed(t *testing.T) {
	t.Parallel()
	for says, smtp := range map[string]notify.SMTP{
		"--smtp-host": {},
		"--smtp-from": {Host: "127.0.0.1", From: "nobody"},
		"--smtp-tls":  {Host: "127.0.0.1", From: "a@example.com", TLS: "maybe"},
		"--smtp-port": {Host: "127.0.0.1", From: "a@example.com", Port: 65536},
	} {
		assert.ErrorContains(t, newSender(notify.Settings{SMTP: smtp}).Send(t.Context(), toAnn, budget()), says)
	}
}

func TestAServerWithoutTLSGetsNoMail(t *testing.T) {
	t.Parallel()
	for setting, says := range map[string]string{"": "does not offer STARTTLS", "starttls": "does not offer STARTTLS", "tls": "does not speak TLS"} {
		server := (&mailServer{}).start(t)
		smtp := server.settings(t)
		smtp.TLS = setting
		err := newSender(notify.Settings{SMTP: smtp}).Send(t.Context(), toAnn, budget())
		assert.ErrorContains(t, err, says)
		lines, _ := server.heard()
		assert.NotContains(t, strings.Join(lines, "\n"), "MAIL")
	}
}
