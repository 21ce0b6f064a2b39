package browser_test

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

func TestAColumnThatIsScrolledIntoSightShowsItsValue(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, look{"low", 1280, 420, false})
	b.goTo("/?range=7d")
	value[bool](b, `(addEventListener("scroll", () => window.scrolled = true), document.querySelector(".usage .csv").focus({ preventScroll: true }), true)`)
	b.press(kb.Tab)
	b.until("the page is scrolled", `window.scrolled && document.activeElement.matches(".column")`)
	assert.True(t, b.has(".column.on:focus"), "the column is marked")
	beside := value[bool](b, `(() => {
		const tip = document.querySelector(".tip")?.getBoundingClientRect(), column = document.activeElement.getBoundingClientRect();
		return !!tip && tip.top >= 0 && tip.bottom <= innerHeight && Math.abs(tip.left - column.right) < 12;
	})()`)
	assert.True(t, beside, "what it shows stands beside it")
	b.press(kb.Escape)
	b.until("it is sent away", `!document.querySelector(".tip")`)
	value[bool](b, `(window.scrolled = false, scrollTo(0, 0), true)`)
	b.until("the page is back", `window.scrolled`)
	assert.False(t, b.has(".tip"), "and stays away")
}
