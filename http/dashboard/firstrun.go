package dashboard

import (
	"strings"

	"github.com/llmtally/llmtally/policy"
)

// firstRunBody is how to send the first request.
type firstRunBody struct {
	URL     string
	Anon    string
	Service string
	Live    string // where the first request is waited for
}

// firstRun says what to do while there is nothing to show.
func firstRun(v *visit, live string) error {
	service, err := v.Auth.Key(policy.Service)
	if err != nil {
		return err
	}
	anon, err := v.Auth.Key(policy.Anon)
	if err != nil {
		return err
	}
	return v.show("firstrun", page{Title: "Send your first request", Refresh: true, Body: firstRunBody{
		URL: v.baseURL(), Anon: anon, Service: service, Live: live,
	}})
}

// baseURL is where people reach the server.
func (v *visit) baseURL() string {
	if v.PublicURL != "" {
		return strings.TrimSuffix(v.PublicURL, "/")
	}
	if v.isSecure(v.Request) {
		return "https://" + v.Host
	}
	return "http://" + strings.TrimSpace(v.Host)
}
