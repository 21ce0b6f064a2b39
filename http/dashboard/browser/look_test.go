package browser_test

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/stretchr/testify/assert"
)

func TestFiguresLeaveNoPlaceEmpty(t *testing.T) {
	t.Parallel()
	s := booksServer(t)
	for _, width := range []int64{390, 721, 900, 1000, 1104, 1270, 1271, 1500} {
		b := s.operator(t, look{"of some width", width, 900, false})
		for _, path := range []string{"/", "/users/ann"} {
			b.goTo(path)
			empty := value[float64](b, `(() => {
				const area = ({ width, height }) => width * height;
				const all = document.querySelector(".figures");
				const tiles = [...all.children].map((tile) => area(tile.getBoundingClientRect()));
				return 1 - tiles.reduce((sum, tile) => sum + tile, 0) / area(all.getBoundingClientRect());
			})()`)
			assert.Less(t, empty, 0.06, "%s at %d", path, width)
		}
	}
}

func TestForcedColoursTellWhatIsChosen(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, desktop)
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}})
	b.goTo("/")
	for _, links := range []string{".top nav a", ".span .choices a"} {
		alike := value[bool](b, `(() => {
			const looks = (a) => [getComputedStyle(a).backgroundColor, getComputedStyle(a).borderBottomColor].join();
			const [chosen, others] = [true, false].map((is) => [...document.querySelectorAll(`+quoted(links)+`)].filter((a) => a.hasAttribute("aria-current") === is).map(looks));
			return chosen.length !== 1 || others.length === 0 || others.includes(chosen[0]);
		})()`)
		assert.False(t, alike, links)
	}
}

func TestATableThatGoesOnBeyondItsEdgeShowsIt(t *testing.T) {
	t.Parallel()
	b := booksServer(t).operator(t, phone)
	b.goTo("/requests")
	assert.True(t, value[bool](b, `(() => {
		const scroll = document.querySelector(".scroll"), { backgroundImage, backgroundAttachment } = getComputedStyle(scroll);
		return scroll.scrollWidth > scroll.clientWidth && backgroundImage.includes("gradient") && backgroundAttachment === "local, local, scroll, scroll";
	})()`))
}
