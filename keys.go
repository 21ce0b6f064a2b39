package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/policy"
)

type keysCommand struct {
	databaseFlags
	secretFlags
}

func (c *keysCommand) Run(p *process) error {
	a, _, err := c.authenticator(c.DB, auth.AnonKey)
	if err != nil {
		return err
	}
	return printKeys(p.stdout, a)
}

func printKeys(w io.Writer, a *auth.Authenticator) error {
	anon, err := a.Key(policy.Anon)
	if err != nil {
		return err
	}
	service, err := a.Key(policy.Service)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "ANON_KEY=%s\nSERVICE_KEY=%s\n", anon, service)
	return err
}

type tokenCommand struct {
	databaseFlags
	secretFlags
	User string        `help:"The user's id." required:"" placeholder:"ID"`
	TTL  time.Duration `name:"ttl" help:"How long the token is good for." default:"24h"`
	Link bool          `help:"Print a link that signs the user in to the dashboard, to hand out. Who has it can use it until the token expires."`
	URL  string        `name:"url" help:"Where users reach the server, for the link." default:"http://127.0.0.1:8787"`
}

func (c *tokenCommand) Run(p *process) error {
	if strings.TrimSpace(c.User) == "" {
		return errors.New("--user must be a user's id, not empty")
	}
	if c.TTL <= 0 {
		return fmt.Errorf("--ttl must be above 0, not %s", c.TTL)
	}
	a, _, err := c.authenticator(c.DB, auth.AnonKey)
	if err != nil {
		return err
	}
	token, err := a.UserToken(c.User, time.Now(), c.TTL)
	if err != nil {
		return err
	}
	if c.Link {
		if err := checkHome("--url", c.URL); err != nil {
			return err
		}
		token = signInLink(c.URL, url.Values{"token": {token}})
	}
	_, err = fmt.Fprintln(p.stdout, token)
	return err
}

// checkHome refuses what cannot be where people reach the server. Its pages are
// at the root, so there is no path.
func checkHome(flag, address string) error {
	home, err := url.Parse(address)
	switch {
	case err != nil || home.Hostname() == "" || home.Scheme != "http" && home.Scheme != "https":
	case home.Path != "" && home.Path != "/" || home.RawQuery != "" || home.Fragment != "" || home.User != nil:
	default:
		return nil
	}
	return fmt.Errorf("%s must be an address such as https://llmtally.example.com, without a path, not %q", flag, address)
}

// signInLink is where what a link brings along signs somebody in.
func signInLink(home string, what url.Values) string {
	return strings.TrimSuffix(home, "/") + "/signin?" + what.Encode()
}

type versionCommand struct{}

func (versionCommand) Run(p *process) error {
	_, err := fmt.Fprintln(p.stdout, "llmtally", version())
	return err
}

// release is set when a release is built: -ldflags "-X main.release=v1.2.3".
var release string

func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	revision := ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			revision = " " + s.Value[:12]
		}
	}
	return info.Main.Version + revision
}
