package browser_test

import (
	"fmt"
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
	for _, text := range []string{"carol", "openai/gpt-4o", "failure", "1,234", "$0.25", "1.50 s"} {
		assert.Contains(t, row, text)
	}
	// What comes by the stream looks as it does when the server writes it.
	live := b.cells("#activity tbody tr:first-child")
	stays(t)
	b.goTo("/")
	b.seeRows("carol", 1)
	assert.Equal(t, b.cells("#activity tbody tr:first-child"), live)

	b.click(`#activity tbody tr:first-child a[href^="/requests/"]`)
	b.until("the request", `location.pathname.startsWith("/requests/")`)
	b.see("main", "carol")
}

// cells are the texts of a row.
func (b *tab) cells(row string) []string {
	b.t.Helper()
	return value[[]string](b, fmt.Sprintf(`[...document.querySelector(%s).cells].map((c) => c.innerText.trim())`, quoted(row)))
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
