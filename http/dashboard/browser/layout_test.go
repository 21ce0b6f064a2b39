package browser_test

import (
	_ "embed"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

//go:embed testdata/layout.js
var layout string

// Texts that are hard to put into a box.
var (
	longUser   = strings.Repeat("customer-0123456789-abcdefghi", 11)[:300]
	longModel  = strings.Repeat("vendor.region/model-", 10)
	longStatus = longModel[:64]
	emoji      = strings.Repeat("👩‍👩‍👧‍👦🏳️‍🌈 ", 12)
	arabic     = "مستخدم-" + strings.Repeat("كلمةطويلة", 12)
)

// unwieldy returns a server whose texts are long, of other scripts, and without
// places to break, and whose costs are tiny and huge, that of what
// failed, too.
func unwieldy(t testing.TB) *server {
	t.Helper()
	s := newServer(t)
	for i, user := range []string{longUser, emoji, arabic, "a"} {
		s.post(t, "/rest/v1/user_profiles", object(t, map[string]any{"user_id": user, "email": longUser, "full_name": arabic, "subscription_tier": longModel}))
		for j, cost := range []float64{0.0000012, 0, 12345678.90} {
			s.log(t, unwieldyLog(t, user, []string{longModel, emoji, arabic, "m"}[(i+j)%4], i*3+j, cost))
		}
		s.post(t, "/v1/alert-rules", object(t, map[string]any{
			"name": fmt.Sprintf("%.150s %d", []string{longUser, emoji, arabic, "r"}[i], i), "metric": "cost", "scope": "user", "scope_value": user, "window": "month", "limit": 12345678.9, "enabled": true,
		}))
		s.post(t, "/v1/alert-channels", object(t, map[string]any{"name": fmt.Sprintf("%.150s %d", user, i), "kind": "webhook", "target": "https://example.com/"}))
		s.setPrice(t, fmt.Sprint(i, longModel), 12345.678901)
	}
	_, err := s.db.EvaluateAlerts(t.Context(), true)
	require.NoError(t, err)
	require.NoError(t, s.db.RecordJobs(t.Context(), []store.JobRecord{{Name: "monthly", Purpose: longUser, Schedule: "@hourly"}}))
	require.NoError(t, s.db.RecordJobStart(t.Context(), "monthly", store.At(now), nil))
	require.NoError(t, s.db.RecordJobEnd(t.Context(), "monthly", store.JobFailed, longUser+arabic, 86399*time.Second, nil))
	return s
}

func unwieldyLog(t testing.TB, user, model string, n int, cost float64) string {
	t.Helper()
	return object(t, map[string]any{
		"end_user": user, "model": model, "provider": []string{"openai", longModel, arabic}[n%3], "status": []string{"success", longStatus, "failure"}[n%3],
		"litellm_call_id": fmt.Sprintf("%s-%d", longModel, n), "total_cost": cost, "prompt_tokens": 1, "completion_tokens": int64(999_999_999_999),
		"response_time": []float64{0.00001, 86399, 1}[n%3], "error": map[string]any{"type": longModel, "message": longUser + arabic},
		"messages": []any{
			map[string]any{"role": longModel, "content": longUser + "\n" + arabic + "\n" + emoji},
			map[string]any{"role": "assistant", "tool_calls": []any{map[string]any{"id": longUser, "function": map[string]any{"name": longModel, "arguments": object(t, map[string]any{longModel: longUser})}}}},
			map[string]any{"role": "tool", "tool_call_id": longUser, "content": longUser},
		},
		"response": map[string]any{"choices": []any{map[string]any{"message": map[string]any{"role": "assistant", "content": arabic}}}},
	})
}

// requireLaidOut requires that all of the pages can be read.
func (b *tab) requireLaidOut(t testing.TB, pages map[string]string) {
	t.Helper()
	for name, path := range pages {
		b.goTo(path)
		assert.Empty(t, b.wrongs(), "%s (%.60s) on %s", name, path, b.look.name)
	}
}

// wrongs are what is wrong with how this page is laid out.
func (b *tab) wrongs() []string {
	b.t.Helper()
	b.settled()
	return value[[]string](b, layout)
}

// setPrice makes a price of one's own.
func (s *server) setPrice(t testing.TB, model string, usd float64) {
	t.Helper()
	s.post(t, "/v1/prices", object(t, map[string]any{"model": model, "rates": map[string]any{"input": usd, "output": usd}}))
}

// oneOfEach returns a server that has one of everything.
func oneOfEach(t testing.TB) *server {
	t.Helper()
	s := newServer(t)
	for _, rule := range s.rules(t) {
		require.NoError(t, s.db.DeleteAlertRule(t.Context(), policy.System(), rule.ID))
	}
	s.post(t, "/v1/alert-rules", `{"name":"All that is asked","metric":"requests","scope":"everyone","window":"total","limit":1,"thresholds":[100],"enabled":true}`)
	s.post(t, "/v1/alert-channels", `{"name":"the team's","kind":"webhook","target":"https://example.com/"}`)
	s.setPrice(t, "house", 2.5)
	log := demoConversation()
	log["model"], log["provider"] = "nobody-knows", "ours"
	s.log(t, object(t, log))
	_, err := s.db.EvaluateAlerts(t.Context(), true)
	require.NoError(t, err)
	require.NoError(t, s.db.RecordJobs(t.Context(), []store.JobRecord{{Name: "monthly", Purpose: "brings tokens_usage in line", Schedule: "@hourly"}}))
	return s
}

func TestEverythingCanBeReadOnEveryScreen(t *testing.T) {
	t.Parallel()
	demo, one, hard, empty := demoServer(t), oneOfEach(t), unwieldy(t), newServer(t)
	hardPages := hard.pages(t, url.PathEscape(longUser))
	for _, id := range []string{emoji, arabic} {
		hardPages["the user "+id], hardPages["erasing "+id] = "/users/"+url.PathEscape(id), "/users/"+url.PathEscape(id)+"/erase"
	}
	for _, rule := range hard.rules(t) {
		hardPages["the rule "+rule.Name] = fmt.Sprintf("/alerts/rules/%d", rule.ID)
	}
	hardPages["a long status"] = "/requests?status=" + url.QueryEscape(longStatus)
	hardPages["nothing found"] = "/users?q=" + url.QueryEscape(longUser+emoji)
	own := func(s *server, user string) map[string]string {
		return map[string]string{"own": "/", "a day of one's own": "/?range=24h", "own requests": "/requests", "own request": "/requests/" + s.newestOf(t, user)}
	}
	for _, l := range []look{desktop, dark, phone} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			demo.operator(t, l).requireLaidOut(t, demo.pages(t, "support-chat"))
			demo.user(t, l, "docs-search").requireLaidOut(t, own(demo, "docs-search"))
		})
		t.Run("one of each, "+l.name, func(t *testing.T) {
			t.Parallel()
			one.operator(t, l).requireLaidOut(t, one.pages(t, "support-chat"))
			one.user(t, l, "support-chat").requireLaidOut(t, own(one, "support-chat"))
		})
		t.Run("with texts that are hard to place, "+l.name, func(t *testing.T) {
			t.Parallel()
			hard.operator(t, l).requireLaidOut(t, hardPages)
			hard.user(t, l, arabic).requireLaidOut(t, own(hard, arabic))
			hard.user(t, l, longUser).requireLaidOut(t, own(hard, longUser))
		})
		t.Run("nothing yet, "+l.name, func(t *testing.T) {
			t.Parallel()
			empty.operator(t, l).requireLaidOut(t, map[string]string{
				"overview": "/", "users": "/users", "requests": "/requests", "models": "/models", "alerts": "/alerts", "new rule": "/alerts/rules/new",
				"prices": "/prices?q=nothing-like-it", "jobs": "/jobs", "system": "/system",
			})
			empty.user(t, l, "ann").requireLaidOut(t, map[string]string{"own": "/", "own requests": "/requests"})
			b := empty.open(t, l)
			b.expect("status of 401")
			b.requireLaidOut(t, map[string]string{"sign-in": "/signin", "a link that is over": "/signin?code=over"})
		})
	}
}

func TestALongIdLeavesRoomForThePage(t *testing.T) {
	t.Parallel()
	b := unwieldy(t).operator(t, phone)
	b.goTo("/users/" + url.PathEscape(longUser))
	assert.LessOrEqual(t, value[float64](b, `document.querySelector("h1").getBoundingClientRect().height / parseFloat(getComputedStyle(document.querySelector("h1")).lineHeight)`), 3.1)
	b.click(".whole summary")
	b.see(".whole", longUser)
	assert.Empty(t, b.wrongs())
}

func TestDecimalPointsStandBelowEachOther(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, cost := range []float64{0.0000012, 0.00041, 0.0041, 0.068, 0.529, 0.9609, 5, 12345678.9} {
		s.log(t, object(t, map[string]any{"end_user": "ann", "model": fmt.Sprint("m-", cost), "total_cost": cost}))
	}
	b := s.operator(t, desktop)
	for _, path := range []string{"/requests", "/models", "/?metric=cost", "/users/ann"} {
		b.goTo(path)
		b.settled()
		widths := value[[]float64](b, `(() => {
			document.querySelectorAll("details").forEach((d) => (d.open = true));
			return [...document.querySelectorAll("tbody")].map((body) => {
				const points = [...body.querySelectorAll("td.money > bdi")].filter((e) => e.textContent.includes(".")).map((e) => {
					const range = document.createRange();
					const at = e.textContent.indexOf(".");
					range.setStart(e.firstChild, at);
					range.setEnd(e.firstChild, at + 1);
					return [e.parentElement.cellIndex, range.getBoundingClientRect().left];
				});
				return Math.max(0, ...points.flatMap(([column, x]) => points.filter(([other]) => other === column).map(([, y]) => Math.abs(x - y))));
			});
		})()`)
		for _, width := range widths {
			assert.Less(t, width, 0.6, "%s: the points of a column lie apart by %v", path, widths)
		}
	}
}

func TestAPageThatIsLaidOutBadlyIsFound(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, desktop)
	for _, c := range []struct{ harm, says string }{
		{`document.querySelector("main").style.minWidth = "1500px"`, "scrolls sideways"},
		{`Object.assign(document.querySelector("h1").style, {width: "10px", overflow: "hidden", flex: "none"})`, "is cut off"},
		{`Object.assign(document.querySelector("h1").style, {width: "10px", whiteSpace: "nowrap", flex: "none"})`, "sticks out of"},
		{`Object.assign(document.querySelector("h1").style, {position: "relative", top: "80px"})`, "lie on each other"},
		{`Object.assign(document.querySelector("#figure-cost .value").style, {width: "30px", flex: "none"})`, "breaks in its middle"},
		{`Object.assign(document.querySelector("#sign-out").style, {width: "50px", whiteSpace: "normal"})`, "breaks in its button"},
	} {
		b.goTo("/")
		value[bool](b, "(() => {"+c.harm+"; return true})()")
		assert.Contains(t, strings.Join(b.wrongs(), "\n"), c.says, c.harm)
	}
}
