package notify_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
)

func TestBodiesLookAsTheyAlwaysDid(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]notify.Message{"budget": budget(), "error-rate": errorRate(), "hostile": hostile()} {
		for _, kind := range []string{notify.Webhook, notify.Slack, notify.Discord} {
			t.Run(kind+"-"+name, func(t *testing.T) {
				t.Parallel()
				r := receive(t, ok)
				s := newSender(notify.Settings{AllowPrivate: true})
				require.NoError(t, s.Send(t.Context(), notify.Channel{Kind: kind, Target: r.URL + "/hook?x=1"}, m))
				request, body := r.only(t)
				assert.Equal(t, "POST", request.Method)
				assert.Equal(t, "/hook?x=1", request.URL.String())
				assert.Equal(t, "application/json", request.Header.Get("Content-Type"))
				assert.Equal(t, "llmtally/1.2.3", request.Header.Get("User-Agent"))
				assert.EqualValues(t, len(body), request.ContentLength)
				requireGolden(t, kind+"-"+name+".json", body)
			})
		}
	}
}

// eventOf returns the fields of a webhook's body.
func eventOf(t testing.TB, m notify.Message) map[string]any {
	t.Helper()
	r := receive(t, ok)
	require.NoError(t, newSender(notify.Settings{AllowPrivate: true}).
		Send(t.Context(), notify.Channel{Kind: notify.Webhook, Target: r.URL}, m))
	_, body := r.only(t)
	var event map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &event))
	return event
}

func TestAWebhookSpeaksLiteLLMsWords(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*notify.Message)
		field  string
		want   any
	}{
		"below the limit a threshold is crossed":    {func(m *notify.Message) { m.Threshold = 99.9 }, "event", "threshold_crossed"},
		"at the limit the budget is":                {func(m *notify.Message) { m.Threshold = 100 }, "event", "budget_crossed"},
		"beyond the limit too":                      {func(m *notify.Message) { m.Threshold = 150 }, "event", "budget_crossed"},
		"a rule for each user is about a user":      {func(*notify.Message) {}, "event_group", "internal_user"},
		"a rule for one user too":                   {func(m *notify.Message) { m.UserID, m.Scope, m.ScopeValue = "", "user", "bob" }, "event_group", "internal_user"},
		"and names that user":                       {func(m *notify.Message) { m.UserID, m.Scope, m.ScopeValue = "", "user", "bob" }, "user_id", "bob"},
		"each user of a tier is a user":             {func(m *notify.Message) { m.Scope, m.ScopeValue = "tier", "pro" }, "event_group", "internal_user"},
		"a tier together is a team":                 {func(m *notify.Message) { m.UserID, m.Scope, m.ScopeValue = "", "tier", "pro" }, "event_group", "team"},
		"everyone together is the proxy":            {func(m *notify.Message) { m.UserID = "" }, "event_group", "proxy"},
		"and has no user":                           {func(m *notify.Message) { m.UserID = "" }, "user_id", nil},
		"a provider is the proxy's":                 {func(m *notify.Message) { m.UserID, m.Scope = "", "provider" }, "event_group", "proxy"},
		"a model is the proxy's":                    {func(m *notify.Message) { m.UserID, m.Scope = "", "model" }, "event_group", "proxy"},
		"a cost is spent":                           {func(m *notify.Message) { m.Used = 8.5 }, "spend", 8.5},
		"nothing spent is a number":                 {func(m *notify.Message) { m.Used = 0 }, "spend", 0.0},
		"of a budget":                               {func(*notify.Message) {}, "max_budget", 10.0},
		"tokens are not":                            {func(m *notify.Message) { m.Metric = "tokens" }, "spend", nil},
		"nor have they a budget":                    {func(m *notify.Message) { m.Metric = "tokens" }, "max_budget", nil},
		"but they are used":                         {func(m *notify.Message) { m.Metric, m.Used = "tokens", 1e12 }, "used", 1e12},
		"a user's id stays as it is":                {func(m *notify.Message) { m.UserID = "a\n<b>\u202e" }, "user_id", "a\n<b>\u202e"},
		"a sentence is for people":                  {func(m *notify.Message) { m.Text = "a\nb\u202e" }, "event_message", "a b�"},
		"a window without borders has none":         {func(m *notify.Message) { *m = errorRate() }, "window_start", nil},
		"times are in UTC":                          {func(*notify.Message) {}, "window_end", "2026-04-01T00:00:00Z"},
		"without a dashboard there is no URL to it": {func(m *notify.Message) { m.BaseURL = "" }, "url", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := budget()
			tt.change(&m)
			event := eventOf(t, m)
			require.Contains(t, event, tt.field)
			assert.Equal(t, tt.want, event[tt.field])
		})
	}
}

func TestWhatJSONCannotSayIsNotSent(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	m := budget()
	m.Used = math.NaN()
	err := newSender(notify.Settings{AllowPrivate: true}).Send(t.Context(), notify.Channel{Kind: notify.Webhook, Target: r.URL}, m)
	assert.ErrorContains(t, err, "as JSON")
	assert.Zero(t, r.hits())
}

func TestOnlyALinkToTheDashboardStandsInAMessage(t *testing.T) {
	t.Parallel()
	for base, isLink := range map[string]bool{
		"https://llmtally.example.com":    true,
		"http://127.0.0.1:8787/":          true,
		"":                                false,
		"llmtally.example.com":            false,
		"javascript:alert(1)":             false,
		"https://ann:pw@example.com":      false,
		"https://example.com/\n@everyone": false,
		"https://example.com/" + strings.Repeat("x", 200): false,
	} {
		m := budget()
		m.BaseURL = base
		for kind, body := range map[string][]byte{"Slack": notify.SlackBody(m), "Discord": notify.DiscordOf(m)} {
			var message struct{ Text, Content string }
			require.NoError(t, json.Unmarshal(body, &message))
			_, link, _ := strings.Cut(message.Text+message.Content, "\n")
			if isLink {
				assert.Equal(t, base, link, kind)
				continue
			}
			assert.Empty(t, link, "%s %q", kind, base)
		}
	}
}
