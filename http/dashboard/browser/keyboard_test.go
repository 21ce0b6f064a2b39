package browser_test

import (
	"cmp"
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
	Keys         []string // that do something to it
}

func (b *tab) focus() focus {
	b.t.Helper()
	return value[focus](b, "window.focusTest.now()")
}

// walk goes on through the page with the Tab key, until the focus leaves it or is
// back where it began.
func (b *tab) walk(each func(focus)) {
	b.t.Helper()
	const parts = 4 // of a date, each of which the key stops at
	seen := map[string]int{}
	first, last := "", ""
	for {
		b.press(kb.Tab)
		f := b.focus()
		if f.Name == "" || f.Name == first && last != first {
			return
		}
		seen[f.Name]++
		require.True(b.t, seen[f.Name] == 1 || f.Name == last && seen[f.Name] <= parts, "the focus does not go on from %q", last)
		if f.Name != last {
			first, last = cmp.Or(first, f.Name), f.Name
			each(f)
		}
	}
}

// keys are what a test presses for the names that a browser has for them.
var keys = map[string]string{"Enter": kb.Enter, " ": " ", "ArrowDown": kb.ArrowDown, "ArrowUp": kb.ArrowUp}

// requireWorked presses each key that something is worked with.
func (b *tab) requireWorked(t testing.TB, f focus, path string) {
	t.Helper()
	for _, key := range f.Keys {
		b.press(keys[key])
		assert.Equal(t, f.Name, value[string](b, "window.focusTest.done()"), "%s on %s: who has done something when %q was pressed", path, b.look.name, key)
	}
}

func TestEverythingIsReachedAndWorkedByKeyboardInItsOrder(t *testing.T) {
	t.Parallel()
	s := unwieldy(t) // few rows of each kind
	operators := s.pages(t, arabic)
	operators["no user found"], operators["new rule"] = "/users?q=nobody", "/alerts/rules/new"
	users := map[string]string{"own": "/", "own requests": "/requests?model=m", "own request": "/requests/" + s.newestOf(t, arabic)}
	for _, l := range []look{desktop, phone} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			s.operator(t, l).requireKeyboard(t, operators)
			s.user(t, l, arabic).requireKeyboard(t, users)
			s.open(t, l).requireKeyboard(t, map[string]string{"sign-in": "/signin"})
		})
	}
}

// requireKeyboard requires that the Tab key comes to all of each page, in its
// order, where it can be seen, and that what is there is worked by keys.
func (b *tab) requireKeyboard(t testing.TB, pages map[string]string) {
	t.Helper()
	for _, path := range pages {
		b.goTo(path)
		value[bool](b, focusScript+"; focusTest.note(); true")
		if b.focus().Name != "" { // the page put it there
			b.walk(func(focus) {})
		}
		all := value[[]string](b, "window.focusTest.all()")
		require.NotEmpty(t, all)
		var reached []string
		b.walk(func(f focus) {
			assert.True(t, f.Marked, "%s on %s: the focus on %q cannot be seen", path, b.look.name, f.Name)
			assert.True(t, f.Seen, "%s on %s: %q has the focus and is out of sight", path, b.look.name, f.Name)
			b.requireWorked(t, f, path)
			if slices.Contains(all, f.Name) { // a browser adds boxes that scroll
				reached = append(reached, f.Name)
			}
		})
		assert.Equal(t, all, reached, "%s on %s", path, b.look.name)
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
