package dashboard_test

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	forms   = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	inputs  = regexp.MustCompile(`<input([^>]*)>`)
	selects = regexp.MustCompile(`(?s)<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>`)
	options = regexp.MustCompile(`<option(?: value="([^"]*)")? selected>([^<]*)`)
)

// attribute returns what a tag says of a name.
func attribute(tag, name string) (string, bool) {
	m := regexp.MustCompile(`\s` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return "", false
	}
	return html.UnescapeString(m[1]), true
}

// sent returns where a browser without JavaScript goes when the form that has a
// field of that name is sent, with some of it typed anew.
func sent(t testing.TB, at, page, field string, typed url.Values) string {
	t.Helper()
	for _, m := range forms.FindAllStringSubmatch(page, -1) {
		if method, _ := attribute(m[1], "method"); method != "get" || !strings.Contains(m[2], ` name="`+field+`"`) {
			continue
		}
		q := url.Values{}
		for _, input := range inputs.FindAllStringSubmatch(m[2], -1) {
			name, _ := attribute(input[1], "name")
			value, _ := attribute(input[1], "value")
			q.Add(name, value)
		}
		for _, s := range selects.FindAllStringSubmatch(m[2], -1) {
			q.Set(s[1], "")
			if o := options.FindStringSubmatch(s[2]); o != nil {
				q.Set(s[1], html.UnescapeString(o[2]))
				if strings.Contains(o[0], " value=") {
					q.Set(s[1], html.UnescapeString(o[1]))
				}
			}
		}
		for name, values := range typed {
			require.True(t, q.Has(name), "the form has no field %s", name)
			q[name] = values
		}
		path, _, _ := strings.Cut(at, "?")
		if action, ok := attribute(m[1], "action"); ok {
			path, _, _ = strings.Cut(action, "?")
		}
		for name := range q {
			if q.Get(name) == "" {
				q.Del(name) // as the script does, too
			}
		}
		return path + "?" + q.Encode()
	}
	require.Fail(t, "no such form", "%s: %s", at, field)
	return ""
}

func TestAFormChangesWhatItAsksForAndNothingElse(t *testing.T) {
	t.Parallel()
	s := books(t)
	for name, tt := range map[string]struct {
		at, field string
		typed     url.Values
		want      string
	}{
		"filters keep the time and the chart": {
			"/users/bob?range=7d&metric=cost&by=provider", "status", url.Values{"status": {"failure"}},
			"/users/bob?by=provider&metric=cost&range=7d&status=failure",
		},
		"filters replace filters, and lead to the first page": {
			"/requests?model=gpt-4o&since=2026-03-01&after=1774778400000000.1", "status", url.Values{"model": {""}, "status": {"failure"}},
			"/requests?since=2026-03-01&status=failure",
		},
		"dates keep filters and the chart": {
			"/users/ann?model=gpt-4o&provider=openai&status=failure&since=2026-03-01&until=2026-03-31&metric=cost&by=provider&range=7d",
			"from", url.Values{"from": {"2026-03-02"}, "to": {"2026-03-30"}},
			"/users/ann?by=provider&from=2026-03-02&metric=cost&model=gpt-4o&provider=openai&range=custom&since=2026-03-01&status=failure&to=2026-03-30&until=2026-03-31",
		},
		"dates keep the chart": {
			"/?metric=tokens&range=24h", "from", url.Values{"from": {"2026-03-02"}, "to": {"2026-03-30"}},
			"/?from=2026-03-02&metric=tokens&range=custom&to=2026-03-30",
		},
		"a search of models keeps the time": {
			"/models?range=90d", "q", url.Values{"q": {"gpt"}}, "/models?q=gpt&range=90d",
		},
		"a search of models keeps dates": {
			"/models?range=custom&from=2026-03-02&to=2026-03-30&q=a", "q", url.Values{"q": {"gpt"}},
			"/models?from=2026-03-02&q=gpt&range=custom&to=2026-03-30",
		},
		"dates keep a search": {
			"/models?q=gpt&range=90d", "from", url.Values{"from": {"2026-03-02"}, "to": {"2026-03-30"}},
			"/models?from=2026-03-02&q=gpt&range=custom&to=2026-03-30",
		},
		"a search of users keeps their order": {
			"/users?sort=cost&order=ascending&q=x", "q", url.Values{"q": {"ann"}}, "/users?order=ascending&q=ann&sort=cost",
		},
		"a search of prices leads to the first page": {
			"/prices?source=shipped&after=50", "q", url.Values{"q": {"gpt"}}, "/prices?q=gpt&source=shipped",
		},
	} {
		assert.Equal(t, tt.want, sent(t, tt.at, s.operator().see(tt.at), tt.field, tt.typed), name)
	}
	own := s.user("ann").see("/?metric=cost")
	assert.Equal(t, "/?metric=cost&status=failure", sent(t, "/?metric=cost", own, "status", url.Values{"status": {"failure"}}))
}

func TestTheFormsOfAUserLeadToTheSameUser(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	v := s.operator()
	for id, at := range map[string]string{".": "/users/~?id=.", "..": "/users/~?id=..", "~": "/users/~", "a/b": "/users/a%2Fb", "?id=..": "/users/%3Fid=.."} {
		s.add(fmt.Sprintf(`{"end_user":%q,"model":"gpt-4o"}`, id))
		page := v.see(at)
		for field, typed := range map[string]url.Values{
			"status": {"status": {"success"}}, "from": {"from": {"2026-03-02"}, "to": {"2026-03-30"}},
		} {
			there := sent(t, at, page, field, typed)
			has(t, v.see(there), "<h1><bdi>"+id+"</bdi></h1>", there)
		}
	}
}
