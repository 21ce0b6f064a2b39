// Package notify puts an alert into the form that each kind of receiver takes
// (a webhook, Slack, Discord, email) and sends it, once. It promises a clear
// verdict within Settings.Timeout: nil means that the receiver took the alert.
// An error means that it did not, or that nobody can tell; the caller tries
// again later with the same Message.ID, by which a receiver drops repeats.
//
// Nothing that an error says is a secret: no path or query of a URL, no key, no
// password, and no word that the receiver sent.
package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// A Message is an alert to deliver.
type Message struct {
	ID         string // of the delivery, the same at each attempt: ASCII letters, digits, - and _
	AlertID    int64
	Rule       string  // the rule's name
	Metric     string  // cost, tokens, requests, failures, error_rate
	Scope      string  // everyone, tier, user, provider, model
	ScopeValue string  // which tier, user, provider or model
	UserID     string  // "" when the rule measures its scope together
	Period     string  // total, month, week, day, last
	Threshold  float64 // percent of Limit that was crossed
	Limit      float64 // USD, tokens, requests, or a share from 0 to 1
	Used       float64 // in Limit's unit
	Text       string  // one sentence for a person
	FiredAt    time.Time
	BaseURL    string // of the dashboard, "" when it is not known

	WindowStart, WindowEnd time.Time // zero when the period has no such border
}

// Settings say how alerts leave the house.
type Settings struct {
	AllowPrivate bool             // webhooks may be on private networks and on this machine
	Timeout      time.Duration    // of a whole attempt; 0 means 10 seconds
	SMTP         SMTP             // for email
	Version      string           // of llmtally, for User-Agent
	Now          func() time.Time // nil means time.Now
}

// DefaultTimeout bounds an attempt when Settings do not.
const DefaultTimeout = 10 * time.Second

// maxID bounds a Message.ID, in bytes.
const maxID = 100

// A Sender delivers messages. It may be used by several goroutines, and holds
// no connection between two attempts.
type Sender struct {
	settings   Settings
	userAgent  string
	tls        *tls.Config
	http       *http.Transport
	httpDialer *net.Dialer
	mailDialer *net.Dialer
}

// New returns a sender with these settings.
func New(settings Settings) *Sender {
	if settings.Timeout <= 0 {
		settings.Timeout = DefaultTimeout
	}
	if settings.Now == nil {
		settings.Now = time.Now
	}
	s := &Sender{
		settings:   settings,
		userAgent:  strings.TrimSuffix("llmtally/"+oneLine(settings.Version, 100), "/"),
		tls:        &tls.Config{MinVersion: tls.VersionTLS12},
		httpDialer: &net.Dialer{},
		mailDialer: &net.Dialer{},
	}
	if !settings.AllowPrivate {
		s.httpDialer.Control = onlyPublic
	}
	s.http = newTransport(s.httpDialer, s.tls)
	return s
}

// Send delivers the message to the channel in one attempt. Among the errors are
// *Refused, *MailRefused and *Forbidden; one that wraps
// context.DeadlineExceeded means that time ran out, one that wraps
// context.Canceled that ctx ended.
func (s *Sender) Send(ctx context.Context, c Channel, m Message) error {
	if err := c.Check(); err != nil {
		return err
	}
	if !isID(m.ID) {
		return errors.New("a delivery's id has 1 to 100 ASCII letters, digits, - and _")
	}
	ctx, cancel := context.WithTimeout(ctx, s.settings.Timeout)
	defer cancel()
	if err := s.deliver(ctx, c, m); err != nil {
		return fmt.Errorf("sending to %s: %w", c.Shown(), err)
	}
	return nil
}

func (s *Sender) deliver(ctx context.Context, c Channel, m Message) error {
	switch c.Kind {
	case Email:
		return s.mail(ctx, c.addresses(), m)
	case Slack:
		return s.post(ctx, c.Target, slackBody(m), nil)
	case Discord:
		return s.post(ctx, c.Target, discordBody(m), nil)
	}
	body, err := webhookBody(m)
	if err != nil {
		return err
	}
	headers, err := webhookHeaders(c.Secret, m.ID, s.settings.Now(), body)
	if err != nil {
		return err
	}
	return s.post(ctx, c.Target, body, headers)
}

// isID tells whether s can stand in a header, in a Message-ID, and before the
// dot of what Standard Webhooks signs.
func isID(s string) bool {
	return s != "" && len(s) <= maxID && strings.Trim(s, idCharacters) == ""
}

const idCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
