package browser_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/stretchr/testify/assert"

	"github.com/llmtally/llmtally/policy"
)

func TestTheFirstRequestTurnsThePageIntoTheOverview(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := s.operator(t, desktop)
	b.goTo("/")
	b.seeAt("/", "Send your first request")
	key, err := s.auth.Key(policy.Service)
	assert.NoError(t, err)
	b.see("#keys", "SERVICE_KEY="+key)
	b.see("#keys", "LLMTALLY_URL="+s.http.URL)
	s.log(t, `{"end_user":"ann","model":"openai/gpt-4o"}`)
	b.seeAt("/", "Overview")
	b.see("#activity", "ann")
}

func TestAUsersFirstRequestFillsTheirPage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := s.user(t, phone, "ann")
	b.goTo("/")
	b.seeAt("/", "My usage")
	assert.False(t, b.has("#figure-requests"))
	s.log(t, `{"end_user":"ann","model":"openai/gpt-4o"}`)
	b.until("the figures", `document.querySelector("#figure-requests .value")?.textContent === "1"`)
}

// stays marks the document, so that a reload would be seen.
func (b *tab) stays() func(t testing.TB) {
	b.t.Helper()
	value[bool](b, "window.stays = true")
	return func(t testing.TB) {
		t.Helper()
		assert.True(t, value[bool](b, "window.stays === true"), "the page was loaded anew")
	}
}

func (b *tab) seeFigure(name, text string) {
	b.t.Helper()
	b.until(name+" is "+text, fmt.Sprintf(`document.querySelector("#figure-%s .value")?.textContent === %s`, name, quoted(text)))
}

func TestAnotherRangeComesWithoutAReloadAndHasAnAddress(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, desktop)
	b.goTo("/")
	b.seeFigure("requests", "4")
	stays := b.stays()

	b.click("#range-24h")
	b.seeFigure("requests", "2")
	assert.Equal(t, "/?range=24h", b.address())
	assert.Equal(t, "range-24h", value[string](b, "document.activeElement.id"), "the focus stays where it was")
	b.click("#range-90d")
	b.seeFigure("requests", "5")
	b.click("#show-Cost")
	b.until("the chart of costs", `document.querySelector("#usage-caption").textContent.startsWith("Cost")`)
	b.back()
	b.until("the chart of requests", `document.querySelector("#usage-caption").textContent.startsWith("Requests")`)
	b.back()
	b.seeFigure("requests", "2")
	stays(t)

	b.goTo("/?range=90d")
	b.seeFigure("requests", "5")
	assert.Equal(t, "range-90d", value[string](b, `document.querySelector("[aria-current=true]").id`))
	b.goTo("/?from=2026-10-10&to=2026-10-10")
	b.seeFigure("requests", "1")
}

func TestTheRangeCanBeTyped(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, desktop)
	b.goTo("/")
	stays := b.stays()
	b.click(".dates summary")
	for name, day := range map[string]string{"from": "2026-08-01", "to": "2026-08-31"} {
		value[bool](b, fmt.Sprintf(`(document.querySelector("[name=%s]").value = %q, true)`, name, day))
	}
	b.click(".dates button")
	b.seeFigure("requests", "1")
	assert.Contains(t, b.address(), "from=2026-08-01")
	stays(t)
}

func TestClicksLeadFromTheOverviewToAUserAndToARequest(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	b := s.operator(t, desktop)
	b.goTo("/")
	b.click(`#top-users a[href="/users/ann"]`)
	b.seeAt("/users/ann", "ann")
	b.seeFigure("requests", "3")
	b.click(`#requests tbody tr:nth-child(2) a`)
	b.until("the request", `location.pathname.startsWith("/requests/")`)
	b.see("main", "Because air scatters blue light most.")
	b.see("main", "Why is the sky blue?")
	b.see("main", "gpt-4o")
	b.back()
	b.seeAt("/users/ann", "ann")
	b.back()
	b.seeAt("/", "Overview")
}

func TestTheBrowsersTimeZoneIsTheirs(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, desktop)
	command(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Tehran"})
	b.goTo("/")
	b.until("times in the browser's zone", `document.body.dataset.zone === "Asia/Tehran"`)
	b.see("#activity", "14:30") // 11:00 in UTC
	b.until("the zone to choose", `document.querySelector("#zone")?.selectedOptions[0].text === "Automatic (Asia/Tehran)"`)
}

func TestTheLinkOfThePageIsInSightOnAPhone(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, phone)
	b.goTo("/system")
	b.until("the link of this page", `(() => {
		const box = document.querySelector(".top [aria-current]").getBoundingClientRect();
		return box.left >= 0 && box.right <= innerWidth;
	})()`)
	assert.Zero(t, value[float64](b, "scrollY"), "the page itself stays at its top")
}
