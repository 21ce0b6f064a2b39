package browser_test

import (
	_ "embed"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/focus.js
var focusScript string

// A focus is what has it.
type focus struct {
	Name         string
	Marked, Seen bool
}

func (b *tab) focus() focus {
	b.t.Helper()
	return value[focus](b, "window.focusTest.now()")
}

func TestEverythingIsReachedByKeyboardInItsOrder(t *testing.T) {
	t.Parallel()
	s := demoServer(t)
	b := s.operator(t, desktop)
	for name, path := range s.pages(t, "support-chat") {
		if name == "requests" || name == "prices" { // more of the same rows
			path += "?model=gpt-5&q=gpt-5-mini&status=failure&provider=openai"
		}
		b.goTo(path)
		value[bool](b, focusScript+"; true")
		all := value[[]string](b, "window.focusTest.all()")
		require.NotEmpty(t, all)
		if len(all) > 60 { // the rows below the first are like it
			all = all[:60]
		}
		var reached []string
		for range len(all) + 20 {
			b.press(kb.Tab)
			f := b.focus()
			if f.Name == "" || len(reached) >= len(all) {
				break
			}
			assert.True(t, f.Marked, "%s: the focus on %q cannot be seen", path, f.Name)
			assert.True(t, f.Seen, "%s: %q has the focus and is out of sight", path, f.Name)
			// A browser adds boxes that scroll, and a date has several parts.
			if slices.Contains(all, f.Name) && (len(reached) == 0 || reached[len(reached)-1] != f.Name) {
				reached = append(reached, f.Name)
			}
		}
		assert.Equal(t, all, reached, path)
	}
}

func TestTabLeavesThePageAtItsEndAndGoesBack(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, desktop)
	b.goTo("/users")
	value[bool](b, focusScript+"; true")
	all := value[[]string](b, "window.focusTest.all()")
	var forth []string
	for range all {
		b.press(kb.Tab)
		forth = append(forth, b.focus().Name)
	}
	assert.Equal(t, all, forth)
	var back []string
	for range len(all) - 1 {
		b.press(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift))
		back = append(back, b.focus().Name)
	}
	slices.Reverse(back)
	assert.Equal(t, all[:len(all)-1], back, "nothing holds the focus")
}

func TestTheSkipLinkLeadsToTheContent(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, desktop)
	b.goTo("/users")
	value[bool](b, focusScript+"; true")
	b.press(kb.Tab)
	first := b.focus()
	assert.Contains(t, first.Name, "Skip to content")
	assert.True(t, first.Seen && first.Marked)
	b.press(kb.Enter)
	b.until("the focus in the content", `location.hash === "#main" && document.activeElement.id === "main"`)
	b.settled() // the browser goes there once more when it draws the page
	b.press(kb.Tab)
	b.until("the focus on the first control", `document.activeElement.id === "users-search"`)
}

func TestAChartsValuesAreReachedByKeyboard(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, desktop)
	b.goTo("/")
	value[bool](b, `(document.querySelector(".column[tabindex='0']").focus(), true)`)
	b.until("what the column shows", `!!document.querySelector(".tip")`)
	b.press(kb.Home)
	first := value[string](b, `document.activeElement.getAttribute("aria-label")`)
	assert.Contains(t, first, "15 Sep 2026")
	b.press(kb.End)
	last := value[string](b, `document.activeElement.getAttribute("aria-label")`)
	assert.Contains(t, last, "14 Oct 2026")
	assert.Contains(t, last, "claude-sonnet-4 1")
	assert.Contains(t, b.text(".tip"), "claude-sonnet-4")
	b.press(kb.ArrowLeft)
	assert.Contains(t, value[string](b, `document.activeElement.getAttribute("aria-label")`), "13 Oct 2026")
	b.press(kb.Escape)
	assert.False(t, b.has(".tip"), "it can be sent away")
	b.press(kb.Tab)
	assert.Equal(t, "summary", value[string](b, `document.activeElement.localName`), "one stop for a whole chart")
	b.press(" ")
	b.until("the table of values", `document.activeElement.parentElement.open`)
	assert.Contains(t, b.text("#usage .values"), "14 Oct 2026")
}

func TestWhatIsNewIsAnnounced(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	b := s.operator(t, desktop)
	b.goTo("/")
	b.click("#range-7d")
	b.until("what changed, said aloud", `document.querySelector("#announce[role=status]").textContent !== ""`)
	s.log(t, `{"end_user":"carol","model":"m"}`)
	b.until("the new request, said aloud", `document.querySelector("#announce").textContent === "1 new request."`)
}
