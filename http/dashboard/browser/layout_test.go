package browser_test

import (
	_ "embed"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/layout.js
var layout string

// Texts that are hard to put into a box.
var (
	longUser  = strings.Repeat("customer-0123456789-abcdefghi", 11)[:300]
	longModel = strings.Repeat("vendor.region/model-", 10)
	emoji     = strings.Repeat("👩‍👩‍👧‍👦🏳️‍🌈 ", 12)
	arabic    = "مستخدم-" + strings.Repeat("كلمةطويلة", 12)
)

// unwieldy returns a server whose texts are long, of other scripts, and without
// places to break, and whose costs are tiny and huge, that of what
// failed, too.
func unwieldy(t testing.TB) *server {
	t.Helper()
	s := newServer(t)
	for i, user := range []string{longUser, emoji, arabic, "a"} {
		for j, cost := range []float64{0.0000012, 0, 12345678.90} {
			s.log(t, object(t, map[string]any{
				"end_user": user, "model": []string{longModel, emoji, arabic, "m"}[(i+j)%4], "provider": []string{"openai", longModel, arabic}[j], "status": []string{"success", "failure"}[j/2],
				"litellm_call_id": fmt.Sprintf("%s-%d-%d", longModel, i, j), "total_cost": cost, "prompt_tokens": 1, "completion_tokens": int64(999_999_999_999),
				"response_time": []float64{0.00001, 86399, 1}[j], "error": map[string]any{"type": longModel, "message": longUser + arabic},
				"messages": []any{
					map[string]any{"role": longModel, "content": longUser + "\n" + arabic + "\n" + emoji},
					map[string]any{"role": "assistant", "tool_calls": []any{map[string]any{"id": longUser, "function": map[string]any{"name": longModel, "arguments": object(t, map[string]any{longModel: longUser})}}}},
					map[string]any{"role": "tool", "tool_call_id": longUser, "content": longUser},
				},
				"response": map[string]any{"choices": []any{map[string]any{"message": map[string]any{"role": "assistant", "content": arabic}}}},
			}))
		}
		s.post(t, "/v1/alert-rules", object(t, map[string]any{
			"name": fmt.Sprintf("%.150s %d", []string{longUser, emoji, arabic, "r"}[i], i), "metric": "cost", "scope": "user", "scope_value": user, "window": "month", "limit": 12345678.9, "enabled": true,
		}))
	}
	_, err := s.db.EvaluateAlerts(t.Context(), true)
	require.NoError(t, err)
	return s
}

// requireLaidOut requires that all of the page can be read.
func (b *tab) requireLaidOut(t testing.TB, path string) {
	t.Helper()
	b.settled()
	assert.Empty(t, value[[]string](b, layout), "%s on %s", path, b.look.name)
}

func TestEverythingCanBeReadOnEveryScreen(t *testing.T) {
	t.Parallel()
	demo, hard, empty := demoServer(t), unwieldy(t), newServer(t)
	for _, l := range []look{desktop, dark, phone} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			b := demo.operator(t, l)
			for _, path := range demo.pages(t, "support-chat") {
				b.goTo(path)
				b.requireLaidOut(t, path)
			}
			for path, b := range map[string]*tab{"/": empty.operator(t, l), "/signin": empty.open(t, l), "/?range=24h": demo.user(t, l, "docs-search")} {
				b.goTo(path)
				b.requireLaidOut(t, path)
			}
		})
	}
	for _, l := range []look{desktop, phone} {
		t.Run("with texts that are hard to place, "+l.name, func(t *testing.T) {
			t.Parallel()
			b := hard.operator(t, l)
			pages := hard.pages(t, url.PathEscape(longUser))
			pages["request"] = "/requests/" + hard.newestOf(t, longUser)
			pages["another user"], pages["a user to read from right to left"] = "/users/"+url.PathEscape(emoji), "/users/"+url.PathEscape(arabic)
			for _, path := range pages {
				b.goTo(path)
				b.requireLaidOut(t, path)
			}
			own := hard.user(t, l, arabic)
			own.goTo("/")
			own.requireLaidOut(t, "/")
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
	b.requireLaidOut(t, "the whole id")
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
	} {
		b.goTo("/")
		value[bool](b, "(() => {"+c.harm+"; return true})()")
		assert.Contains(t, strings.Join(value[[]string](b, layout), "\n"), c.says, c.harm)
	}
}
