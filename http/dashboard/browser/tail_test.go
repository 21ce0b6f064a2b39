package browser_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
)

// seeRows waits until the tail has so many rows of the user.
func (b *tab) seeRows(user string, n int) {
	b.t.Helper()
	b.until(fmt.Sprintf("%d rows of %s", n, user), fmt.Sprintf(
		`[...document.querySelectorAll("#activity tbody tr")].filter((row) => row.innerText.includes(%s)).length === %d`, quoted(user), n))
}

func TestTheTailShowsARequestAsItComes(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	b := s.operator(t, desktop)
	b.goTo("/")
	stays := b.stays()
	s.log(t, `{"end_user":"carol","model":"openai/gpt-4o","status":"failure","total_cost":0.25,"response_time":1.5,"prompt_tokens":1200,"completion_tokens":34}`)
	b.seeRows("carol", 1)
	row := b.text("#activity tbody tr:first-child")
	for _, text := range []string{"carol", "openai/gpt-4o", "failure", "1,234", "$0.2500", "1.50 s"} {
		assert.Contains(t, row, text)
	}
	stays(t)
	b.click(`#activity tbody tr:first-child a[href^="/requests/"]`)
	b.until("the request", `location.pathname.startsWith("/requests/")`)
	b.see("main", "carol")
}

// tailRows are the rows of the tail as they are written, each a text.
func (b *tab) tailRows() []string {
	b.t.Helper()
	return value[[]string](b, `[...document.querySelectorAll("#activity tbody tr")].map((row) => [...row.cells].map((cell) => cell.outerHTML).join("\n"))`)
}

// TestARowThatComesIsWrittenAsTheServerWritesIt sends what is hard to write: what
// comes by the stream must be what the page has after a reload.
func TestARowThatComesIsWrittenAsTheServerWritesIt(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "America/St_Johns", "Asia/Kathmandu"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.log(t, `{"end_user":"ann","created_at":"2024-01-01T00:00:00Z"}`)
			b := s.operator(t, desktop)
			b.setCookie("tz", url.QueryEscape(zone))
			for _, logs := range [][]map[string]any{hardToWrite(), costsToWrite(), timesToWrite()} {
				b.goTo("/")
				for _, log := range logs {
					s.log(t, object(t, log))
				}
				b.until("all have come", fmt.Sprintf(`document.querySelectorAll("#activity tr.new").length === %d`, len(logs)))
				live := b.tailRows()
				b.goTo("/")
				assert.Equal(t, b.tailRows(), live)
			}
		})
	}
}

func hardToWrite() []map[string]any {
	return []map[string]any{
		{"created_at": "2025-09-15T12:00:00Z", "end_user": "ann", "status": "failure", "error": map[string]any{"type": "rate_limit_error"}},
		{"created_at": "2026-09-15T12:00:00.123456Z", "model": "\u202Elive", "provider": "p\u2066", "status": "error", "error": "\u202Elive"},
		{"created_at": "2026-09-15T12:00:00.12345Z", "end_user": "\u202Elive/?#.. 100%", "status": "canceled"},
		{"created_at": "2026-03-08T09:30:00Z", "end_user": "<b>\"", "model": "<i>", "status": "initiated"},
		{"created_at": "2026-10-14T00:00:00.9999Z", "end_user": "..", "tokens_used": 10_000_000_000, "total_cost": 0},
		{"created_at": "2026-10-13T23:59:59Z", "tokens_used": 9_999_999_999},
		{"created_at": "2026-01-01T00:00:00Z", "tokens_used": 0, "response_time": 0},
		{"created_at": "2026-01-02T00:00:00Z", "prompt_tokens": 0, "completion_tokens": 0, "model": "m"},
		{"created_at": "2026-01-03T00:00:00Z", "status": "initiated", "model": "gpt-4o"},
		{"created_at": "2026-01-04T00:00:00Z", "tokens_used": 12, "model": "gpt-4o"},
	}
}

func costsToWrite() (logs []map[string]any) {
	for _, cost := range []float64{1e-12, 0.0000012, 0.000010, 0.00041, 0.0099, 0.00999, 0.03125, 0.068, 0.99499, 1.005, 1234.5, 12345678.9} {
		logs = append(logs, map[string]any{"end_user": "ann", "total_cost": cost})
	}
	return logs
}

func timesToWrite() (logs []map[string]any) {
	for _, seconds := range []float64{0.0000001, 0.0000423, 0.0042, 0.0095, 0.8205, 0.9996, 1.005, 9.996, 12.25, 125.5, 7199.7, 35999} {
		logs = append(logs, map[string]any{"end_user": "ann", "response_time": seconds})
	}
	return logs
}

func TestALogOfThePastComesToItsPlace(t *testing.T) {
	t.Parallel()
	s := booksServer(t) // which has five
	b := s.operator(t, desktop)
	b.goTo("/")
	stays := b.stays()
	s.log(t, `{"end_user":"carol","created_at":"2026-10-12T00:00:00Z"}`)
	b.seeRows("carol", 1)
	assert.Contains(t, b.text("#activity tbody tr:nth-child(4)"), "carol", "after three of October")
	for i := range 8 {
		s.log(t, fmt.Sprintf(`{"end_user":"dave","created_at":"2026-10-14T12:00:0%dZ"}`, i))
	}
	b.seeRows("dave", 8)
	s.log(t, `{"end_user":"old","created_at":"2020-01-01T00:00:00Z"}`, `{"end_user":"last"}`)
	b.seeRows("last", 1)
	live := b.tailRows()
	assert.Len(t, live, 12)
	stays(t)
	b.seeRows("old", 0)
	b.goTo("/")
	assert.Equal(t, b.tailRows(), live)
}

func TestTheTailCanBePaused(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	b := s.operator(t, phone)
	b.goTo("/")
	s.log(t, `{"end_user":"carol","model":"m"}`)
	b.seeRows("carol", 1)
	b.click("#activity-pause")
	b.until("it is paused", `document.querySelector("#activity-pause").getAttribute("aria-pressed") === "true"`)
	s.log(t, `{"end_user":"dave","model":"m"}`)
	b.see("#activity-pause", "(1)")
	b.seeRows("dave", 0)
	b.click("#activity-pause")
	b.seeRows("dave", 1)
}

func TestARequestThatEndsChangesItsRow(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	b := s.operator(t, desktop)
	b.goTo("/")
	s.log(t, `{"end_user":"carol","litellm_call_id":"c-1","model":"m","status":"initiated"}`)
	b.seeRows("carol", 1)
	b.see("#activity tbody tr:first-child", "initiated")
	s.log(t, `{"end_user":"carol","litellm_call_id":"c-1","model":"m","status":"success","total_cost":0.5}`)
	b.see("#activity tbody tr:first-child", "success")
	b.seeRows("carol", 1)
}

func TestSigningOutEndsTheTailsOfOtherTabs(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	token, _, err := s.auth.Session(policy.System())
	require.NoError(t, err)
	left, b := s.open(t, desktop), s.open(t, desktop)
	left.expect("status of 401")
	for _, tab := range []*tab{left, b} {
		tab.setCookie("llmtally_session", token)
		tab.goTo("/")
	}
	s.log(t, `{"end_user":"carol","model":"m"}`)
	left.seeRows("carol", 1)
	b.click("#sign-out")
	b.seeAt("/signin", "Sign in")
	left.seeAt("/signin", "Sign in")
}

func TestWhatIsLoggedWhileThePageLoadsIsNotMissed(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	b := s.operator(t, desktop)
	b.goTo("/users")
	// The page is read here and the stream opened later, as on a slow line.
	value[bool](b, `fetch("/").then((a) => a.text()).then((text) => window.late = new DOMParser().parseFromString(text, "text/html")).then(() => true)`)
	s.log(t, `{"end_user":"carol","model":"m"}`)
	came := value[string](b, `new Promise((seen) => {
		const source = new EventSource(window.late.querySelector("[data-live]").dataset.live);
		source.addEventListener("request", (e) => { source.close(); seen(JSON.parse(e.data).user_id); });
	})`)
	assert.Equal(t, "carol", came)
}
