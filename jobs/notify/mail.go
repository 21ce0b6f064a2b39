package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// SMTP is the server that takes email. It is the operator's own, so it may be
// at any address.
type SMTP struct {
	Host     string
	Port     int    // 0 means 587 for starttls, 465 for tls, 25 for none
	User     string // "" for no authentication
	Password string
	From     string // an address, also with a name: llmtally <alerts@example.com>
	// TLS is starttls (mandatory, also what "" means), tls (from the first byte
	// on), or none: for relays on the same machine or network. Without TLS no
	// password leaves this machine readable.
	TLS string
}

// MailRefused means that the mail server answered, but did not take the mail.
type MailRefused struct {
	Code int // of RFC 5321, 4.2: 400 to 499 may pass later, 500 to 599 will not by themselves
}

func (r *MailRefused) Error() string {
	text := "the mail server refused it with code " + strconv.Itoa(r.Code)
	switch r.Code {
	case 530, 534, 535: // RFC 4954
		text += ": it wants another user or password"
	case 550, 551, 553:
		text += ": it does not know an address, or may not mail to it"
	}
	return text
}

// mail sends the message to all of the addresses in one mail, or to none: if
// the server refuses one of them, nobody gets it.
func (s *Sender) mail(ctx context.Context, to []string, m Message) error {
	if err := s.settings.SMTP.check(); err != nil {
		return err
	}
	letter, err := s.letter(to, m)
	if err != nil {
		return err
	}
	raw, err := s.mailDialer.DialContext(ctx, "tcp", s.settings.SMTP.address())
	if err != nil {
		return mailReason(ctx, err)
	}
	// go-mail extends its deadline as it goes on, and leaves the connection
	// open when it fails: ctx bounds the whole of it here.
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	if err := s.converse(ctx, raw, letter); err != nil && !letter.IsDelivered() {
		return mailReason(ctx, err)
	}
	return nil
}

// converse speaks SMTP over a connection. The letter is delivered once the
// server took it, whatever comes after.
func (s *Sender) converse(ctx context.Context, raw net.Conn, letter *mail.Msg) error {
	setting := s.settings.SMTP
	config := s.tls.Clone()
	config.ServerName = setting.Host
	options := []mail.Option{
		mail.WithTimeout(s.settings.Timeout + time.Minute), // ctx ends before
		mail.WithoutNoop(), mail.WithoutRset(),
		mail.WithTLSConfig(config), mail.WithTLSPolicy(mail.TLSMandatory),
	}
	conn := raw
	switch setting.TLS {
	case "tls":
		wrapped := tls.Client(raw, config)
		if err := wrapped.HandshakeContext(ctx); err != nil {
			return err
		}
		conn = wrapped
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if setting.User != "" {
		options = append(options, mail.WithUsername(setting.User), mail.WithPassword(setting.Password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	options = append(options, mail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return conn, nil }))
	client, err := mail.NewClient(setting.Host, options...)
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	if err := client.SendWithSMTPClient(session, letter); err != nil {
		return err
	}
	return session.Text.PrintfLine("QUIT") // its answer changes nothing
}

// check tells whether mail can be sent at all, and which setting is missing.
func (s SMTP) check() error {
	if s.Host == "" {
		return errors.New("no mail server is set: start llmtally with --smtp-host")
	}
	if _, err := s.sender(); err != nil {
		return errors.New("mail needs a sender's address: start llmtally with --smtp-from, such as alerts@example.com")
	}
	switch s.TLS {
	case "", "starttls", "tls", "none":
	default:
		return errors.New("--smtp-tls is starttls, tls or none")
	}
	if s.Port < 0 || s.Port > 65535 {
		return errors.New("--smtp-port is from 1 to 65535")
	}
	return nil
}

// address returns the server's host and port.
func (s SMTP) address() string {
	port := s.Port
	if port == 0 {
		port = map[string]int{"tls": mail.DefaultPortSSL, "none": mail.DefaultPort}[s.TLS]
	}
	if port == 0 {
		port = mail.DefaultPortTLS
	}
	return net.JoinHostPort(s.Host, strconv.Itoa(port))
}

// mailReason says why a mail was not delivered, in words of ours: a server may
// say anything, also what it was sent.
func mailReason(ctx context.Context, err error) error {
	var answered *textproto.Error
	if errors.As(err, &answered) {
		return &MailRefused{Code: answered.Code}
	}
	var failed *mail.SendError
	isSending := errors.As(err, &failed)
	if isSending && failed.ErrorCode() != 0 {
		return &MailRefused{Code: failed.ErrorCode()}
	}
	if text := missing(err); text != "" {
		return errors.New("the mail server " + text)
	}
	why := reason(ctx, err)
	if isSending {
		return fmt.Errorf("the mail server, at %s: %w", failed.Reason, why)
	}
	return fmt.Errorf("the mail server: %w", why)
}

// missing returns what the server does not offer. go-mail has no error values
// for some of these.
func missing(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "does not support STARTTLS"):
		return "does not offer STARTTLS: give --smtp-tls tls if it expects TLS at once"
	case strings.Contains(text, "does not support SMTP AUTH"),
		errors.Is(err, mail.ErrNoSupportedAuthDiscovered), errors.Is(err, smtp.ErrUnencrypted):
		return "offers no way to authenticate that llmtally takes: a password is sent over TLS alone"
	}
	return ""
}
