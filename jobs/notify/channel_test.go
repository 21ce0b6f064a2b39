package notify_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
)

func TestWhichChannelsCanBeKept(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		channel notify.Channel
		says    string // "" for a good one
	}{
		"a webhook":                            {notify.Channel{Kind: "webhook", Target: "https://example.com/hook?x=1"}, ""},
		"a webhook without TLS":                {notify.Channel{Kind: "webhook", Target: "http://example.com"}, ""},
		"a webhook with a port":                {notify.Channel{Kind: "webhook", Target: "https://example.com:8443/"}, ""},
		"a webhook at an address":              {notify.Channel{Kind: "webhook", Target: "https://[2606:4700::1111]:443/"}, ""},
		"a webhook with a secret":              {notify.Channel{Kind: "webhook", Target: "https://example.com", Secret: "text"}, ""},
		"a webhook with an encoded secret":     {notify.Channel{Kind: "webhook", Target: "https://example.com", Secret: exampleSecret}, ""},
		"Slack":                                {notify.Channel{Kind: "slack", Target: "https://hooks.slack.com/services/T/B/x"}, ""},
		"Discord":                              {notify.Channel{Kind: "discord", Target: "https://discord.com/api/webhooks/1/x"}, ""},
		"an address":                           {notify.Channel{Kind: "email", Target: "ann@example.com"}, ""},
		"two addresses":                        {notify.Channel{Kind: "email", Target: "ann@example.com, bob+alerts@example.org"}, ""},
		"100 addresses":                        {notify.Channel{Kind: "email", Target: "a@b.c" + strings.Repeat(",a@b.c", 99)}, ""},
		"no kind":                              {notify.Channel{Target: "https://example.com"}, "kind is"},
		"another kind":                         {notify.Channel{Kind: "pager", Target: "https://example.com"}, "kind is"},
		"a kind in capitals":                   {notify.Channel{Kind: "Slack", Target: "https://example.com"}, "kind is"},
		"no URL":                               {notify.Channel{Kind: "webhook"}, "not a URL"},
		"a host alone":                         {notify.Channel{Kind: "slack", Target: "example.com/hook"}, "not a URL"},
		"a path":                               {notify.Channel{Kind: "slack", Target: "/hook"}, "not a URL"},
		"a URL with a line break":              {notify.Channel{Kind: "slack", Target: "https://example.com/\nx"}, "not a URL"},
		"a URL with a space before it":         {notify.Channel{Kind: "slack", Target: " https://example.com/"}, "not a URL"},
		"a file":                               {notify.Channel{Kind: "webhook", Target: "file:///etc/passwd"}, "https://"},
		"another scheme":                       {notify.Channel{Kind: "webhook", Target: "gopher://example.com/"}, "https://"},
		"a scheme without a host":              {notify.Channel{Kind: "webhook", Target: "https:///hook"}, "no host"},
		"a scheme without slashes":             {notify.Channel{Kind: "webhook", Target: "https:example.com"}, "no host"},
		"a port without a host":                {notify.Channel{Kind: "webhook", Target: "https://:443/"}, "no host"},
		"a user":                               {notify.Channel{Kind: "webhook", Target: "https://ann@example.com/"}, "user or password"},
		"a user and password":                  {notify.Channel{Kind: "webhook", Target: "https://ann:pw@example.com/"}, "user or password"},
		"a host that seems to be another":      {notify.Channel{Kind: "webhook", Target: "https://hooks.slack.com@example.com/"}, "user or password"},
		"a port that is none":                  {notify.Channel{Kind: "webhook", Target: "https://example.com:http/"}, "not a URL"},
		"a port that is empty":                 {notify.Channel{Kind: "webhook", Target: "https://example.com:/"}, "port"},
		"port 0":                               {notify.Channel{Kind: "webhook", Target: "https://example.com:0/"}, "port"},
		"port 65536":                           {notify.Channel{Kind: "webhook", Target: "https://example.com:65536/"}, "port"},
		"a URL beyond measure":                 {notify.Channel{Kind: "webhook", Target: "https://example.com/" + strings.Repeat("x", 4096)}, "4096 bytes"},
		"an encoded secret that is not that":   {notify.Channel{Kind: "webhook", Target: "https://example.com", Secret: "whsec_###"}, "base64"},
		"an encoded secret that is empty":      {notify.Channel{Kind: "webhook", Target: "https://example.com", Secret: "whsec_"}, "empty"},
		"no address":                           {notify.Channel{Kind: "email"}, "address 1"},
		"a comma too many":                     {notify.Channel{Kind: "email", Target: "ann@example.com,"}, "address 2"},
		"a name beside the address":            {notify.Channel{Kind: "email", Target: "Ann <ann@example.com>"}, "address 1"},
		"a name":                               {notify.Channel{Kind: "email", Target: "ann@example.com,bob"}, "address 2"},
		"two addresses and a semicolon":        {notify.Channel{Kind: "email", Target: "ann@example.com;bob@example.com"}, "address 1"},
		"an address with a line break":         {notify.Channel{Kind: "email", Target: "ann@example.com\r\nRCPT TO:<bob@example.com>"}, "address 1"},
		"an address with a comment":            {notify.Channel{Kind: "email", Target: "ann(x)@example.com"}, "address 1"},
		"an address in angle brackets":         {notify.Channel{Kind: "email", Target: "<ann@example.com>"}, "address 1"},
		"an address with a bidirectional mark": {notify.Channel{Kind: "email", Target: "ann\u202e@example.com"}, "address 1"},
		"an address of 255 bytes":              {notify.Channel{Kind: "email", Target: strings.Repeat("a", 243) + "@example.com"}, "address 1"},
		"101 addresses":                        {notify.Channel{Kind: "email", Target: "a@b.c" + strings.Repeat(",a@b.c", 100)}, "100 addresses"},
	} {
		err := tt.channel.Check()
		if tt.says == "" {
			assert.NoError(t, err, name)
			continue
		}
		assert.ErrorContains(t, err, tt.says, name)
		if sendErr := newSender(notify.Settings{}).Send(t.Context(), tt.channel, budget()); assert.Error(t, sendErr, name) {
			assert.Equal(t, err.Error(), sendErr.Error(), name)
		}
	}
}

func TestATargetIsShownWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		channel notify.Channel
		want    string
	}{
		"a webhook":                {notify.Channel{Kind: "webhook", Target: "https://example.com:8443/path?query#fragment"}, "https://example.com:8443"},
		"Slack":                    {notify.Channel{Kind: "slack", Target: "https://hooks.slack.com/services/T/B/x"}, "https://hooks.slack.com"},
		"Discord":                  {notify.Channel{Kind: "discord", Target: "https://discord.com/api/webhooks/1/x"}, "https://discord.com"},
		"a URL with a password":    {notify.Channel{Kind: "webhook", Target: "https://ann:pw@example.com/"}, "https://example.com"},
		"a URL with a bad path":    {notify.Channel{Kind: "webhook", Target: "https://example.com/%zz"}, "(not a URL)"},
		"a URL with a bad user":    {notify.Channel{Kind: "webhook", Target: "https://ann:p w@example.com/"}, "(not a URL)"},
		"a URL with slashes short": {notify.Channel{Kind: "slack", Target: "https:/services/T/B/x"}, "(not a URL)"},
		"a path":                   {notify.Channel{Kind: "slack", Target: "services/T/B/x"}, "(not a URL)"},
		"no kind":                  {notify.Channel{Target: "secret"}, "(not a URL)"},
		"an address":               {notify.Channel{Kind: "email", Target: "ann@example.com"}, "a…@example.com"},
		"a short address":          {notify.Channel{Kind: "email", Target: "a@example.com"}, "a…@example.com"},
		"an address beyond ASCII":  {notify.Channel{Kind: "email", Target: "ünal@example.com"}, "ü…@example.com"},
		"two addresses":            {notify.Channel{Kind: "email", Target: "ann@example.com,bob@example.org"}, "a…@example.com, b…@example.org"},
		"no address":               {notify.Channel{Kind: "email", Target: "ann\n"}, "(not an address)"},
	} {
		assert.Equal(t, tt.want, tt.channel.Shown(), name)
	}
}

func TestADeliverysIDIsChecked(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	s := newSender(notify.Settings{AllowPrivate: true})
	for _, id := range []string{"", "a.b", "a b", "a\r\nb", "ä", "<a>", strings.Repeat("a", 101)} {
		m := budget()
		m.ID = id
		assert.ErrorContains(t, s.Send(t.Context(), notify.Channel{Kind: "webhook", Target: r.URL}, m), "delivery's id", "%q", id)
	}
	assert.Zero(t, r.hits())
	m := budget()
	m.ID = "0198c0de-7000_Z"
	require.NoError(t, s.Send(t.Context(), notify.Channel{Kind: "webhook", Target: r.URL}, m))
}
