package main

import (
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
		home, err := url.Parse(c.URL)
		if err != nil || home.Host == "" || home.Scheme != "http" && home.Scheme != "https" {
			return fmt.Errorf("--url must be an address such as https://llmtally.example.com, not %q", c.URL)
		}
		token = signInLink(c.URL, url.Values{"token": {token}})
	}
	_, err = fmt.Fprintln(p.stdout, token)
	return err
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
