package notify

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The kinds of channels.
const (
	Webhook = "webhook"
	Slack   = "slack"
	Discord = "discord"
	Email   = "email"
)

// A Channel is where alerts go.
type Channel struct {
	Kind   string // webhook, slack, discord or email
	Target string // a URL; for email one or more addresses, separated by commas
	Secret string // a webhook's key to sign with, see Verify; "" for no signature
}

// maxTarget bounds a target, in bytes, and maxAddresses the addresses in one:
// RFC 5321, 4.5.3.1.8, lets no server take fewer recipients.
const (
	maxTarget    = 4096
	maxAddresses = 100
)

// Check tells whether such a channel can be kept at all. The error says what to
// do, and repeats neither the secret nor the target.
func (c Channel) Check() error {
	if len(c.Target) > maxTarget {
		return fmt.Errorf("a target has at most %d bytes", maxTarget)
	}
	switch c.Kind {
	case Webhook:
		if _, err := signingKey(c.Secret); c.Secret != "" && err != nil {
			return err
		}
		return checkURL(c.Target)
	case Slack, Discord:
		return checkURL(c.Target)
	case Email:
		return checkAddresses(c.addresses())
	}
	return errors.New("a channel's kind is webhook, slack, discord or email")
}

func checkURL(target string) error {
	u, err := url.Parse(target)
	switch {
	case err != nil || u.Scheme == "":
		return errors.New("the target is not a URL: give one like https://example.com/hook")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("the target's URL must begin with https:// or http://")
	case u.User != nil:
		return errors.New("the target's URL must not have a user or password before the host: a webhook is signed with its secret instead")
	case u.Hostname() == "":
		return errors.New("the target's URL names no host: give one like https://example.com/hook")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return errors.New("the port in the target's URL must be from 1 to 65535")
		}
	}
	return nil
}

func checkAddresses(addresses []string) error {
	if len(addresses) > maxAddresses {
		return fmt.Errorf("an email channel has at most %d addresses", maxAddresses)
	}
	for i, address := range addresses {
		if !isAddress(address) {
			return fmt.Errorf("address %d is not one like ann@example.com: separate addresses by commas, without names", i+1)
		}
	}
	return nil
}

// isAddress tells whether s is an address alone, without a name, comments or
// quotes. RFC 5321, 4.5.3.1.3, bounds it to 254 bytes.
func isAddress(s string) bool {
	parsed, err := mail.ParseAddress(s)
	return err == nil && parsed.Name == "" && parsed.Address == s && len(s) <= 254 && oneLine(s, len(s)) == s
}

// addresses returns the target's parts between commas.
func (c Channel) addresses() []string {
	addresses := strings.Split(c.Target, ",")
	for i := range addresses {
		addresses[i] = strings.TrimSpace(addresses[i])
	}
	return addresses
}

// Shown returns the target for people and logs. Of a URL that is the scheme and
// the host, since the paths of Slack's and Discord's are secrets; of an address,
// its local part's first letter and its domain.
func (c Channel) Shown() string {
	if c.Kind != Email {
		u, err := url.Parse(c.Target)
		if err != nil || u.Scheme == "" || u.Host == "" {
			return "(not a URL)"
		}
		return oneLine(u.Scheme+"://"+u.Host, 200)
	}
	addresses := c.addresses()
	for i, address := range addresses {
		addresses[i] = shownAddress(address)
	}
	return strings.Join(addresses, ", ")
}

func shownAddress(address string) string {
	if !isAddress(address) {
		return "(not an address)"
	}
	_, size := utf8.DecodeRuneInString(address)
	return address[:size] + "…" + address[strings.LastIndexByte(address, '@'):]
}
