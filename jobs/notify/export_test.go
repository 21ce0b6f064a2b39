package notify

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
)

// Trust makes the sender trust certificates that these sign.
func (s *Sender) Trust(roots *x509.CertPool) { s.tls.RootCAs = roots }

// LookUpWith makes the sender ask that resolver for names.
func (s *Sender) LookUpWith(resolver *net.Resolver) {
	s.httpDialer.Resolver, s.mailDialer.Resolver = resolver, resolver
}

func (s *Sender) Transport() *http.Transport { return s.http }

func WhyNotPublic(address string) string { return whyNotPublic(netip.MustParseAddr(address)) }

// ControlOf asks the dialer's Control function about host:port.
func ControlOf(address string) error { return onlyPublic("tcp", address, nil) }

var (
	OneLine    = oneLine
	RetryAfter = retryAfter
	SlackBody  = slackBody
	DiscordOf  = discordBody
	SubjectOf  = subject
	LetterText = letterText
)
