package dashboard_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// operatorPages are all pages but those that are about one thing.
var operatorPages = []string{"/", "/users", "/requests", "/models", "/alerts", "/alerts/rules/new", "/prices", "/jobs", "/system"}

func TestPagesCanBeUsedByEarAndByKeyboard(t *testing.T) {
	t.Parallel()
	s := books(t)
	require.NoError(t, s.db.RecordJobs(t.Context(), []store.JobRecord{{Name: "monthly", Purpose: "keep months in line", Schedule: "@hourly"}}))
	_, err := s.db.EvaluateAlerts(t.Context(), true)
	require.NoError(t, err)
	pages := map[string]string{"signing in": s.visitor().see("/signin"), "a user's own": s.user("ann").see("/"), "nothing yet": s.user("new").see("/"), "the first": newServer(t).operator().see("/")}
	for _, path := range append([]string{"/users/ann", "/users/ann/erase", "/requests/1", "/requests/2", "/alerts/rules/1"}, operatorPages...) {
		pages[path] = s.operator().see(path)
	}
	for path, page := range pages {
		requireUsable(t, path, page)
	}
}

// requireUsable looks for what people who see no page, or use no mouse, need.
func requireUsable(t testing.TB, path, page string) {
	t.Helper()
	for _, once := range []string{"<main ", "<h1", `<a class="skip" href="#main">`, `<html lang="en">`, `role="status"`, "<title>"} {
		if once == "<title>" || once == `role="status"` {
			assert.Contains(t, page, once, path) // charts have titles, too
			continue
		}
		assert.Equal(t, 1, strings.Count(page, once), "%s: %s", path, once)
	}
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		ids[m[1]]++
	}
	for id, n := range ids {
		assert.Equal(t, 1, n, "%s: the id %s", path, id)
	}
	for _, m := range regexp.MustCompile(`\s(?:for|aria-labelledby|aria-describedby|data-copy)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		for _, id := range strings.Fields(m[1]) {
			assert.Contains(t, ids, id, "%s: what is named there is there", path)
		}
	}
	level := 1
	for _, m := range regexp.MustCompile(`<h([1-6])[ >]`).FindAllStringSubmatch(page, -1) {
		next := int(m[1][0] - '0')
		assert.LessOrEqual(t, next, level+1, "%s: a heading's level is skipped", path)
		level = next
	}
	for _, th := range regexp.MustCompile(`<th[^e>][^>]*>|<th>`).FindAllString(page, -1) {
		assert.Contains(t, th, "scope=", path)
	}
	for _, tag := range regexp.MustCompile(`<(?:input|select)[^>]*>`).FindAllString(page, -1) {
		id := regexp.MustCompile(`\sid="([^"]*)"`).FindStringSubmatch(tag)
		labelled := strings.Contains(tag, `type="hidden"`) ||
			id != nil && strings.Contains(page, `for="`+id[1]+`"`) ||
			regexp.MustCompile(`<label>[^<]*`+regexp.QuoteMeta(tag)).MatchString(page)
		assert.True(t, labelled, "%s: %s has no label", path, tag)
	}
	for _, tag := range regexp.MustCompile(`<img[^>]*>`).FindAllString(page, -1) {
		assert.Contains(t, tag, "alt=", path)
	}
	for _, m := range regexp.MustCompile(`<(?:a|button)\s[^>]*>(.*?)</(?:a|button)>`).FindAllStringSubmatch(page, -1) {
		assert.NotEmpty(t, strings.TrimSpace(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(m[1], "")), "%s: %s says nothing", path, m[0])
	}
}

func TestEveryLinkOfAPageLeadsSomewhere(t *testing.T) {
	t.Parallel()
	s := books(t)
	v := s.operator()
	seen := map[string]bool{}
	var follow func(path string, depth int)
	follow = func(path string, depth int) {
		path, _, _ = strings.Cut(path, "#")
		if path == "" || seen[path] {
			return
		}
		seen[path] = true
		page := v.get(path)
		assert.Equal(t, http.StatusOK, page.status, path)
		if depth == 0 || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") || strings.HasPrefix(path, "/docs") {
			return
		}
		at, err := url.Parse(path)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`<(?:a|link)\s[^>]*href="([^"]*)"`).FindAllStringSubmatch(page.body, -1) {
			to, err := at.Parse(html.UnescapeString(m[1]))
			require.NoError(t, err)
			follow(to.RequestURI(), depth-1)
		}
	}
	follow("/", 2)
	assert.Greater(t, len(seen), 40)
}

func TestNoQuestionBreaksAPage(t *testing.T) {
	t.Parallel()
	s := books(t)
	v := s.operator()
	odd := []string{"x", "-1", "999999999999999999999", "9999-12-31", "%00", "%ff", strings.Repeat("y", 3000), "1.2", "custom"}
	for _, path := range []string{"/", "/users", "/users/ann", "/requests", "/alerts", "/prices"} {
		for _, name := range []string{"range", "from", "to", "since", "until", "after", "q", "user", "model", "status", "sort", "order", "by", "metric", "format", "table", "source", "set-model", "id"} {
			for _, value := range odd {
				page := v.get(path + "?" + name + "=" + value)
				assert.Less(t, page.status, 500, "%s?%s=%.40s", path, name, value)
			}
		}
	}
	for _, path := range []string{"/users/%00", "/users/%ff", "/requests/-1", "/requests/99999999999999999999", "/alerts/rules/x", "/users/%00/erase", "/users/%ff/export", "/assets/%2e%2e", "/?range=custom&from=2030-01-01&to=2031-01-01"} {
		assert.Less(t, v.get(path).status, 500, path)
	}
	for path, form := range map[string]url.Values{
		"/prices": {"model": {"\x00"}, "input": {"1e400"}}, "/alerts/rules/new": {"name": {"\x00"}, "limit": {"NaN"}}, "/alerts/rules/1": {"limit": {"1e999"}}, "/zone": {"zone": {"\x00"}},
		"/signin": {"key": {strings.Repeat("k", 100_000)}}, "/users/ann/erase": {"confirm": {"\xff"}}, "/jobs/x/run": {}, "/prices/x/delete": {}, "/prices/1/delete": {},
	} {
		assert.Less(t, v.post(path, form).status, 500, path)
	}
	_, err := s.db.Analytics(t.Context(), policy.System(), "ann")
	require.NoError(t, err)
}
