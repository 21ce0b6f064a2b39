package dashboard_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// hostile are texts that would do something where they are not taken for text.
var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onmouseover='alert(1)`,
	`" autofocus onfocus="alert(1)`,
	`javascript:alert(1)`,
	`</title></svg><svg/onload=alert(1)>`,
	`{{.Body}}${alert(1)}`,
	`data:text/html,<script>alert(1)</script>`,
	"]]><!--<script>",
	`&lt;script&gt;alert(1)&lt;/script&gt;`,
}

// hostileBooks returns a server whose every field holds such a text.
func hostileBooks(t testing.TB) *server {
	t.Helper()
	s := newServer(t)
	for i, bad := range hostile {
		content := []any{
			map[string]any{"type": "text", "text": bad},
			map[string]any{"type": "image_url", "image_url": map[string]any{"url": bad}},
			map[string]any{"type": "image_url", "image_url": map[string]any{"url": "https://example.com/" + bad}},
			map[string]any{"type": "image", "source": map[string]any{"type": "base64", "media_type": "image/svg+xml", "data": bad}},
			map[string]any{"type": "image", "source": map[string]any{"type": "base64", "media_type": "image/png", "data": bad}},
			map[string]any{"type": "image", "source": map[string]any{"type": "base64", "media_type": "image/png\" onload=\"alert(1)", "data": "iVBORw0="}},
			map[string]any{"type": "tool_use", "id": bad, "name": bad, "input": map[string]any{bad: bad}},
			map[string]any{"type": "tool_result", "tool_use_id": bad, "content": bad},
			map[string]any{"type": "thinking", "thinking": bad},
			map[string]any{"type": "document", "title": bad, "source": map[string]any{"url": bad}},
			map[string]any{"type": bad, bad: bad},
		}
		log, err := json.Marshal(map[string]any{
			"end_user": bad, "model": bad, "provider": bad, "status": []string{bad, "failure"}[i%2], "litellm_call_id": bad,
			"prompt_tokens": 10, "completion_tokens": 10, "response_time": 1, "error": map[string]any{"type": bad, "message": bad},
			"messages": []any{map[string]any{"role": bad, "content": content}}, "response": map[string]any{"choices": []any{map[string]any{"message": map[string]any{"role": bad, "content": content}}}},
			"additional_details": map[string]any{bad: bad},
		})
		require.NoError(t, err)
		s.add(string(log))
		rule := store.AlertRule{Name: bad, Metric: store.MetricRequests, Scope: store.ScopeModel, ScopeValue: bad, Window: store.WindowTotal, Limit: 0.5, Enabled: true}
		_, err = s.db.SaveAlertRule(t.Context(), policy.System(), rule)
		require.NoError(t, err)
		require.NoError(t, s.db.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec("UPDATE user_profiles SET email = $1, full_name = $1, subscription_tier = $1 WHERE user_id = $2", bad+" ", bad)
			return err
		}))
	}
	_, err := s.db.EvaluateAlerts(t.Context(), true)
	require.NoError(t, err)
	jobs := make([]store.JobRecord, len(hostile))
	for i, bad := range hostile {
		jobs[i] = store.JobRecord{Name: bad, Purpose: bad, Schedule: bad}
	}
	require.NoError(t, s.db.RecordJobs(t.Context(), jobs))
	return s
}

func TestWhatIsLoggedStaysText(t *testing.T) {
	t.Parallel()
	s := hostileBooks(t)
	v := s.operator()
	paths := []string{"/", "/?by=provider&metric=tokens&range=24h", "/users", "/requests", "/models", "/alerts", "/prices", "/jobs", "/system"}
	for i, bad := range hostile {
		id := url.PathEscape(bad)
		paths = append(paths, "/users/"+id, "/users/"+id+"/erase", fmt.Sprintf("/requests/%d", i+1), fmt.Sprintf("/alerts/rules/%d", i+4))
	}
	for _, path := range paths {
		requireInert(t, path, v.see(path))
	}
	own := s.user(hostile[0])
	requireInert(t, "their own page", own.see("/"))
	requireInert(t, "their own request", own.see("/requests/1"))
}

func TestWhatIsAskedForStaysText(t *testing.T) {
	t.Parallel()
	s := books(t)
	v := s.operator()
	for _, bad := range hostile {
		q := url.QueryEscape(bad)
		for _, path := range []string{
			"/users?q=" + q + "&sort=" + q, "/requests?model=" + q + "&user=" + q + "&provider=" + q + "&status=" + q, "/models?q=" + q, "/prices?q=" + q + "&source=" + q + "&set-model=" + q,
			"/?by=" + q + "&metric=" + q, "/?range=" + q, "/?from=" + q, "/signin?next=" + q, "/signin?code=" + q, "/requests?after=" + q, "/users?after=" + q, "/users/" + url.PathEscape(bad), "/alerts?after=" + q,
		} {
			requireInert(t, path, v.get(path).body)
		}
		requireInert(t, "a rule", v.post("/alerts/rules/new", url.Values{"name": {bad}, "limit": {bad}, "scope_value": {bad}, "time_zone": {bad}, "metric": {bad}}).body)
		requireInert(t, "a price", v.post("/prices", url.Values{"model": {bad}, "input": {bad}, "provider": {bad}}).body)
		requireInert(t, "a key", s.visitor().post("/signin", url.Values{"key": {bad}, "next": {bad}}).body)
	}
}

var (
	tags       = regexp.MustCompile(`<[a-zA-Z][^>]*>`)
	attributes = regexp.MustCompile(`\s([^\s"'>/=]+)(?:="([^"]*)"|='([^']*)'|=([^\s"'>]+))?`)
	ourScript  = regexp.MustCompile(`^<script type="module" src="/assets/app\.js\?v=[0-9a-f]+">$`)
)

// requireInert looks at every tag of a page. Templates write < and > in values
// as character references, so a tag ends where it seems to.
func requireInert(t testing.TB, about, page string) {
	t.Helper()
	require.NotEmpty(t, page, about)
	scripts := 0
	for _, tag := range tags.FindAllString(page, -1) {
		name := strings.ToLower(regexp.MustCompile(`^<([a-zA-Z0-9]+)`).FindStringSubmatch(tag)[1])
		switch name {
		case "script":
			scripts++
			assert.Regexp(t, ourScript, tag, about)
		case "iframe", "object", "embed", "base", "style":
			assert.Fail(t, "a tag that is not ours", "%s: %s", about, tag)
		}
		for _, m := range attributes.FindAllStringSubmatch(tag[len(name)+1:], -1) {
			key, value := strings.ToLower(m[1]), html.UnescapeString(m[2]+m[3]+m[4])
			assert.False(t, strings.HasPrefix(key, "on"), "%s: %s", about, tag)
			assert.NotEqual(t, "style", key, "%s: %s", about, tag)
			switch key {
			case "href", "action", "src":
				assert.Regexp(t, `^(/[^/\\]|/$|\?|#|data:image/png;base64,[A-Za-z0-9+/=]*$)|^https://example\.com/`, value, "%s: %s", about, tag)
				if strings.HasPrefix(value, "https:") {
					assert.Contains(t, tag, `rel="noopener noreferrer"`, about)
					assert.Equal(t, "a", name, "%s: nothing is fetched from elsewhere", about)
				}
			}
		}
	}
	assert.Equal(t, 1, scripts, about)
}
