package browser_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostile are texts that leave a mark where they are not taken for text.
var hostile = []string{
	`<script>__pwned=1</script>`,
	`"><img src=x onerror="__pwned=1">`,
	`' onmouseover='__pwned=1' onfocus='__pwned=1`,
	`javascript:__pwned=1`,
	`</title></svg></script><svg/onload="__pwned=1">`,
	`{{constructor.constructor("__pwned=1")()}}${__pwned=1}`,
	`data:text/html,<script>opener.__pwned=1</script>`,
	"=HYPERLINK(\"https://example.com/\")\t\u2028\u202e]]>-->",
}

// hostileBooks returns a server where such a text stands in every field, put
// there through the API.
func hostileBooks(t testing.TB) *server {
	t.Helper()
	s := newServer(t)
	for i, bad := range hostile {
		s.log(t, hostileLog(t, bad, bad, []string{bad, "failure"}[i%2]))
		s.post(t, "/v1/alert-rules", object(t, map[string]any{
			"name": bad, "metric": "requests", "scope": "model", "scope_value": bad, "window": "total", "limit": 0.5, "enabled": true,
		}))
		s.post(t, "/v1/alert-channels", object(t, map[string]any{"name": bad, "kind": "webhook", "target": "https://example.com/" + url.PathEscape(bad)}))
		s.post(t, "/rest/v1/user_profiles", object(t, map[string]any{"user_id": "of " + bad, "email": bad, "full_name": bad, "subscription_tier": bad}))
	}
	_, err := s.db.EvaluateAlerts(t.Context(), true)
	require.NoError(t, err)
	return s
}

func hostileLog(t testing.TB, bad, user, status string) string {
	content := []any{
		map[string]any{"type": "text", "text": bad},
		map[string]any{"type": "image_url", "image_url": map[string]any{"url": bad}},
		map[string]any{"type": "image_url", "image_url": map[string]any{"url": "https://example.com/" + bad}},
		map[string]any{"type": "image", "source": map[string]any{"type": "base64", "media_type": "image/svg+xml", "data": bad}},
		map[string]any{"type": "image", "source": map[string]any{"type": "base64", "media_type": "image/png\" onload=\"__pwned=1", "data": "iVBORw0="}},
		map[string]any{"type": "tool_use", "id": bad, "name": bad, "input": map[string]any{bad: bad}},
		map[string]any{"type": "tool_result", "tool_use_id": bad, "content": bad},
		map[string]any{"type": "thinking", "thinking": bad},
		map[string]any{"type": "document", "title": bad, "source": map[string]any{"url": bad}},
		map[string]any{"type": bad, bad: bad},
	}
	return object(t, map[string]any{
		"end_user": user, "model": bad, "provider": bad, "status": status, "litellm_call_id": user + bad,
		"prompt_tokens": 10, "completion_tokens": 10, "response_time": 1, "error": map[string]any{"type": bad, "message": bad},
		"messages": []any{map[string]any{"role": bad, "content": content}}, "response": map[string]any{"choices": []any{map[string]any{"message": map[string]any{"role": bad, "content": content}}}},
		"additional_details": map[string]any{bad: bad},
	})
}

func object(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

func TestWhatIsLoggedNeverRuns(t *testing.T) {
	t.Parallel()
	s := hostileBooks(t)
	b := s.operator(t, desktop)
	paths := []string{"/", "/?by=provider&metric=tokens&range=24h", "/users", "/requests", "/models", "/alerts", "/prices", "/jobs", "/system"}
	for i, bad := range hostile {
		id := url.PathEscape(bad)
		paths = append(paths, "/users/"+id, "/users/"+id+"/erase", fmt.Sprintf("/requests/%d", i+1), fmt.Sprintf("/alerts/rules/%d", i+4),
			"/users?q="+url.QueryEscape(bad), "/requests?model="+url.QueryEscape(bad)+"&user="+url.QueryEscape(bad))
	}
	for _, path := range paths {
		assert.Equal(t, int64(200), b.status(path), path)
		b.touchAll()
		b.requireInert(t, path)
	}
}

func TestWhatComesByTheTailNeverRuns(t *testing.T) {
	t.Parallel()
	s := hostileBooks(t)
	b := s.operator(t, desktop)
	b.goTo("/")
	for i, bad := range hostile {
		s.log(t, hostileLog(t, bad, fmt.Sprintf("live %d %s", i, bad), bad))
		b.seeRows(fmt.Sprintf("live %d", i), 1)
	}
	b.touchAll()
	b.requireInert(t, "the tail")
	b.click("#range-24h")
	b.until("another range", `location.search === "?range=24h" && !document.querySelector("[aria-busy]")`)
	b.touchAll()
	b.requireInert(t, "what was put in without a reload")
}

func TestAUsersOwnPagesNeverRunWhatIsLogged(t *testing.T) {
	t.Parallel()
	s := hostileBooks(t)
	b := s.user(t, phone, hostile[0])
	for _, path := range []string{"/", "/requests", "/requests/1"} {
		b.goTo(path)
		b.touchAll()
		b.requireInert(t, path)
	}
}

// touchAll does what people do to a page: it opens what is closed, moves over
// everything, and goes through the charts.
func (b *tab) touchAll() {
	b.t.Helper()
	value[bool](b, `(() => {
		for (const d of document.querySelectorAll("details")) d.open = true;
		for (const e of document.querySelectorAll("body *")) {
			e.dispatchEvent(new PointerEvent("pointerenter"));
			e.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
			e.focus?.({ preventScroll: true });
		}
		return true;
	})()`)
}

// requireInert requires that nothing of what was logged has run, or can.
func (b *tab) requireInert(t testing.TB, where string) {
	t.Helper()
	assert.False(t, value[bool](b, `"__pwned" in window`), "%s: something ran", where)
	assert.Empty(t, value[[]string](b, `[...document.querySelectorAll("[href], [src], [action], [formaction], [data]")].flatMap((e) =>
		["href", "src", "action", "formaction", "data"].map((name) => e.getAttribute(name)).filter((address) => {
			if (address === null || e.localName === "img" && /^data:image\/(png|jpeg|gif|webp);base64,/.test(address)) return false;
			return !["http:", "https:"].includes(new URL(address, location.href).protocol);
		}))`), "%s: an address that is none", where)
	assert.Empty(t, value[[]string](b, `[...document.querySelectorAll("*")].flatMap((e) => [...e.attributes].filter((a) => a.name.startsWith("on") || a.name === "style" && !e.matches(".tip")).map((a) => a.name))`),
		"%s: attributes that run", where)
	assert.Empty(t, value[[]string](b, `[...document.querySelectorAll("script, iframe, object, embed, svg script, base")].map((e) => e.outerHTML).filter((html) => !html.includes("/assets/app.js"))`),
		"%s: elements that run", where)
	assert.Empty(t, b.unexpected(), where)
}
