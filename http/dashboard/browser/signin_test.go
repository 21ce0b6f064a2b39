package browser_test

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestALinkSignsInOnceAndLeadsToTheOverview(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	link := "/signin?code=" + s.auth.SignInCode()
	b := s.open(t, desktop)
	b.goTo(link)
	b.seeAt("/", "Overview")
	assert.Empty(t, value[string](b, "document.referrer"), "the link's code went on")

	other := s.open(t, desktop)
	other.expect("401")
	other.goTo(link)
	other.see("main", "used already")
	other.goTo("/")
	other.seeAt("/signin", "Sign in")
}

func TestAUsersLinkLeadsToTheirOwnPage(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	token, err := s.auth.UserToken("ann", now, time.Hour)
	require.NoError(t, err)
	b := s.open(t, desktop)
	b.goTo("/signin?token=" + token)
	b.seeAt("/", "My usage")
}

func TestTheFormTakesTheServiceKeyAndGoesOnToThePageThatWasAskedFor(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	key, err := s.auth.Key(policy.Service)
	require.NoError(t, err)
	b := s.open(t, desktop)
	b.goTo("/users?q=ann")
	b.seeAt("/signin?next=%2Fusers%3Fq%3Dann", "Sign in")
	b.enter("[name=key]", key)
	b.press("\r")
	b.seeAt("/users?q=ann", "Users")

	cookies := command(b, network.GetCookies, network.GetCookiesParams{}).Cookies
	var session *network.Cookie
	for _, c := range cookies {
		if c.Name == "llmtally_session" {
			session = c
		}
	}
	require.NotNil(t, session)
	assert.True(t, session.HTTPOnly, "no script may read it")
	assert.Equal(t, network.CookieSameSiteStrict, session.SameSite)
	assert.NotContains(t, value[string](b, "document.cookie"), "llmtally_session")
}

func TestTheFormTakesAUsersToken(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	token, err := s.auth.UserToken("ann", now, time.Hour)
	require.NoError(t, err)
	b := s.open(t, phone)
	b.goTo("/")
	b.enter("[name=key]", token)
	b.click("main button[type=submit]")
	b.seeAt("/", "My usage")
}

func TestTheFormSaysWhyAKeyIsNotTaken(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	anon, err := s.auth.Key(policy.Anon)
	require.NoError(t, err)
	old, err := s.auth.UserToken("ann", now.Add(-2*time.Hour), time.Hour)
	require.NoError(t, err)
	b := s.open(t, desktop)
	b.expect("status of 401")
	b.goTo("/signin")
	for _, c := range []struct{ what, key, says string }{
		{"no key at all", "hello", "no key or token of this server"},
		{"the anon key", anon, "The anon key is for logging only"},
		{"a token that is over", old, "over"},
	} {
		b.enter("[name=key]", c.key)
		b.press("\r")
		b.see("[role=alert]", c.says)
		assert.Equal(t, "/signin", b.address(), c.what)
	}
}

func TestSigningOutEndsTheSession(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	token, _, err := s.auth.Session(policy.System())
	require.NoError(t, err)
	b := s.open(t, desktop)
	b.setCookie("llmtally_session", token)
	b.goTo("/users/ann")
	b.see("h1", "ann")
	b.click("#sign-out")
	b.seeAt("/signin", "Sign in")

	b.back()
	b.seeAt("/signin?next=%2Fusers%2Fann", "Sign in")
	assert.NotContains(t, b.text("body"), "ann", "what was on the page before")

	status, location := s.page(t, "/users/ann", token)
	assert.Equal(t, 303, status, "the cookie, kept by somebody")
	assert.Contains(t, location, "/signin")
}

func TestAUserSeesNobodyElsesPagesAndNoneOfTheOperators(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	b := s.user(t, desktop, "ann")
	b.expect("status of 403")
	b.expect("status of 404")
	b.goTo("/")
	b.seeAt("/", "My usage")
	assert.NotContains(t, b.text("body"), "bob")
	id := s.newestOf(t, "bob")
	for _, path := range []string{
		"/users/bob", "/users/bob/export", "/users/bob/erase", "/requests/" + id,
		"/users", "/models", "/alerts", "/alerts/rules/new", "/prices", "/jobs", "/system",
	} {
		status := b.status(path)
		assert.Contains(t, []int64{403, 404}, status, path)
		assert.NotContains(t, b.text("main"), "claude", path)
		assert.NotEmpty(t, b.text("main h1"), "%s tells so clearly", path)
	}
	b.goTo("/requests?user=bob")
	assert.NotContains(t, b.text("main"), "claude", "a filter opens nothing")
	assert.Equal(t, int64(200), b.status("/users/ann"))
	storetest.RequireClean(t, s.db)
}
