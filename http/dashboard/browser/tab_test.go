package browser_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/storetest"
)

// A tab is what a person sits at: a browser that has never been here.
type tab struct {
	*server
	*watch
	t    testing.TB
	ctx  context.Context
	look look
}

// A look is the screen that a tab has.
type look struct {
	name          string
	width, height int64
	dark          bool
}

var (
	desktop = look{"desktop", 1280, 900, false}
	dark    = look{"dark", 1280, 900, true}
	phone   = look{"phone", 390, 844, false}
)

// patience is how long a tab waits for what shall be seen. It is seen at once,
// unless the machine is very busy, or the page is wrong.
var patience = flag.Duration("patience", 90*time.Second, "how long a tab waits for what shall be seen")

// open opens a tab of somebody who has not signed in. It fails the test at its
// end when something was amiss that nobody sees: see watch.
func (s *server) open(t testing.TB, l look) *tab {
	t.Helper()
	browser := needChromium(t)
	takePlace(t)
	b := &tab{server: s, t: t, look: l, watch: newWatch(s.http.URL)}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.notice))
	b.ctx = ctx
	b.watch.dismiss = b.dismiss
	t.Cleanup(func() {
		b.requireQuiet(t)
		cancel()
	})
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	// The first Do makes the tab; a deadline there would be the tab's.
	require.NoError(t, chromedp.Do(ctx))
	var screen []chromedp.EmulateViewportOption
	if l.width < 600 {
		screen = append(screen, chromedp.EmulateMobile, chromedp.EmulatePortrait)
	}
	b.do(chromedp.EmulateViewport(l.width, l.height, screen...))
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	command(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "UTC"})
	return b
}

// operator opens a tab where the service role has signed in.
func (s *server) operator(t testing.TB, l look) *tab { return s.signedIn(t, l, policy.System()) }

// user opens a tab where a user has signed in.
func (s *server) user(t testing.TB, l look, id string) *tab {
	return s.signedIn(t, l, storetest.User(id))
}

func (s *server) signedIn(t testing.TB, l look, c policy.Caller) *tab {
	t.Helper()
	token, _, err := s.auth.Session(c)
	require.NoError(t, err)
	b := s.open(t, l)
	b.setCookie("llmtally_session", token)
	return b
}

func (b *tab) setCookie(name, value string) {
	b.t.Helper()
	yes := true
	command(b, network.SetCookie, network.SetCookieParams{
		Name: name, Value: value, URL: b.http.URL, HTTPOnly: &yes, SameSite: network.CookieSameSiteStrict,
	})
}

// command sends the browser a command of its protocol.
func command[P, R any](b *tab, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, *patience)
	defer cancel()
	result, err := chromedp.Call(ctx, c, params)
	require.NoError(b.t, err, "%s", c.Method)
	return result
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, *patience)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, steps...))
}

// goTo types an address of the server, and waits until the page is there.
func (b *tab) goTo(path string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, *patience)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, chromedp.Navigate(b.http.URL+path)), "going to %s", path)
}

// status goes to an address and returns the status of the answer.
func (b *tab) status(path string) int64 {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, *patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.NavigateResponse(b.http.URL+path))
	require.NoError(b.t, err, "going to %s", path)
	return answer.Status
}

// click clicks at the middle of an element. One that vanishes before, because
// another page is coming, is looked for again there.
func (b *tab) click(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, *patience)
	defer cancel()
	for {
		err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(selector)))
		if !hasVanished(err) {
			require.NoError(b.t, err, "clicking %s", selector)
			return
		}
	}
}

// hasVanished says whether an element is no more that the browser was to find.
// It is asked so where the element is, before anything is pressed; what presses
// names a place and no element, so a click that was made is never made again.
func hasVanished(err error) bool {
	var said *cdproto.Error
	return errors.As(err, &said) && said.Message == "Could not find node with given id"
}

// clickToReload clicks at what loads this page anew, and waits until it is there:
// the page before may show all that this one shall.
func (b *tab) clickToReload(selector string) {
	b.t.Helper()
	value[bool](b, "window.before = true")
	b.click(selector)
	b.until("the page, loaded anew", `document.readyState === "complete" && !window.before`)
}

// enter replaces what stands in a field.
func (b *tab) enter(selector, text string) {
	b.t.Helper()
	b.until("there is "+selector, fmt.Sprintf(`!!document.querySelector(%s)`, quoted(selector)))
	value[bool](b, fmt.Sprintf(`(document.querySelector(%s).select(), true)`, quoted(selector)))
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// press presses keys, wherever the focus is.
func (b *tab) press(keys string, options ...chromedp.KeyOption) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, options...))
}

// value returns what an expression is in the page.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, *patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, expression)
	return v
}

// until waits until an expression is true in the page, be it this page or one
// that is coming.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	deadline, cancel := context.WithTimeout(b.ctx, *patience)
	defer cancel()
	again := time.NewTicker(25 * time.Millisecond)
	defer again.Stop()
	for {
		// An error is a page that is going.
		if ok, err := chromedp.Run(deadline, chromedp.Evaluate[bool]("!!("+expression+")")); err == nil && ok {
			return
		}
		select {
		case <-again.C:
		case <-deadline.Done():
			require.FailNow(b.t, "never seen: "+what, "%s\nat %s stands:\n%s", expression, b.address(), b.text("main"))
		}
	}
}

// seeAt waits until the page at the address has a heading.
func (b *tab) seeAt(path, heading string) {
	b.t.Helper()
	b.until(heading+" at "+path, fmt.Sprintf(`document.readyState === "complete" && location.pathname + location.search === %s && document.querySelector("h1")?.textContent.trim() === %s`,
		quoted(path), quoted(heading)))
}

// see waits until an element has a text in it.
func (b *tab) see(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("%q in %s", text, selector), fmt.Sprintf(`document.querySelector(%s)?.innerText.includes(%s)`, quoted(selector), quoted(text)))
}

// text returns what can be read in an element.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return value[string](b, fmt.Sprintf(`document.querySelector(%s)?.innerText ?? ""`, quoted(selector)))
}

// has says whether there is such an element.
func (b *tab) has(selector string) bool {
	b.t.Helper()
	return value[bool](b, fmt.Sprintf(`!!document.querySelector(%s)`, quoted(selector)))
}

// address is where the tab is: the path and the query.
func (b *tab) address() string {
	b.t.Helper()
	u, err := url.Parse(value[string](b, "location.href"))
	require.NoError(b.t, err)
	return u.RequestURI()
}

// quoted is a text in JavaScript.
func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always is JSON
	}
	return strings.NewReplacer("\u2028", `\u2028`, "\u2029", `\u2029`).Replace(string(text))
}

// back presses the browser's button.
func (b *tab) back() {
	b.t.Helper()
	value[bool](b, "(history.back(), true)")
}
