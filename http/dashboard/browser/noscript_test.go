package browser_test

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
)

// withoutScripts opens a tab that runs no script of the pages.
func (s *server) withoutScripts(t testing.TB, l look) *tab {
	t.Helper()
	b := s.open(t, l)
	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	return b
}

func TestThePagesWorkWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	key, err := s.auth.Key(policy.Service)
	require.NoError(t, err)
	b := s.withoutScripts(t, desktop)
	b.goTo("/")
	b.enter("[name=key]", key)
	b.press("\r")
	b.seeAt("/", "Overview")
	b.seeFigure("requests", "4")
	assert.False(t, value[bool](b, `!!document.querySelector("[data-chart] [aria-label]")`), "a script ran")
	assert.True(t, value[bool](b, `document.querySelector("#activity-pause")?.hidden ?? true`), "a button that does nothing")

	b.click("#range-24h")
	b.seeFigure("requests", "2")
	assert.Equal(t, "/?range=24h", b.address())

	b.goTo("/users")
	b.enter("#users-search", "ann")
	b.click("main form button[type=submit]")
	b.seeCount("#users", 1)
	b.click("#users tbody a")
	b.seeAt("/users/ann", "ann")
	b.click("#requests tbody tr:nth-child(2) a")
	b.see("main", "Because air scatters blue light most.")

	b.clickToReload("#zone-form button") // UTC, as it stands
	b.see("main", "Because air scatters blue light most.")
	b.click("#sign-out")
	b.seeAt("/signin", "Sign in")
}

func TestTheFirstPageAsksAgainWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := s.withoutScripts(t, phone)
	b.goTo("/signin?code=" + s.auth.SignInCode())
	b.seeAt("/", "Send your first request")
	s.log(t, `{"end_user":"ann","model":"m"}`)
	b.seeAt("/", "Overview") // the page asks every few seconds
}
