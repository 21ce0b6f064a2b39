package browser_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

// axe is where `npm ci --prefix http/dashboard/testdata/axe` puts axe-core
// (MPL-2.0), which is no part of the program.
var axe = filepath.Join("..", "testdata", "axe", "node_modules", "axe-core", "axe.min.js")

// A violation is a rule of accessibility that a page breaks.
type violation struct {
	ID, Impact, Help string
	Where            []string
}

// violations asks axe about what stands on the page: WCAG 2.2 A and AA, and
// what axe itself takes for good practice.
func (b *tab) violations(script string) []violation {
	b.t.Helper()
	b.settled()
	if !value[bool](b, `"axe" in window`) {
		value[bool](b, script+"; true")
	}
	return value[[]violation](b, `axe.run(document, { resultTypes: ["violations"] }).then((result) =>
		result.violations.filter((v) => v.impact !== "minor").map((v) =>
			({ id: v.id, impact: v.impact, help: v.help, where: v.nodes.slice(0, 4).map((n) => n.html + " " + (n.any[0]?.message ?? "")) })))`)
}

func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(axe)
	storetest.Need(t, err == nil, "what `npm ci --prefix http/dashboard/testdata/axe` installs")
	require.NoError(t, err)
	demo, empty := demoServer(t), newServer(t)
	for _, l := range []look{desktop, dark, phone} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			b := demo.operator(t, l)
			for _, path := range demo.pages(t, "support-chat") {
				if path == "/requests" { // more of the same rows
					path += "?status=failure&model=gpt-5"
				}
				b.goTo(path)
				assert.Empty(t, b.violations(string(text)), "%s on %s", path, l.name)
			}
			b.expect("status of 404")
			for path, b := range map[string]*tab{"/": empty.operator(t, l), "/signin": empty.open(t, l), "/?range=24h": demo.user(t, l, "docs-search"), "/nothing": b} {
				b.goTo(path)
				assert.Empty(t, b.violations(string(text)), "%s on %s", path, l.name)
			}
		})
	}
}

func TestWhatIsOpenedIsAccessible(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(axe)
	storetest.Need(t, err == nil, "what `npm ci --prefix http/dashboard/testdata/axe` installs")
	require.NoError(t, err)
	s := demoServer(t)
	b := s.operator(t, dark)
	for _, path := range []string{"/", "/requests/" + s.newestOf(t, "support-chat"), "/alerts/rules/" + s.newestRule(t)} {
		b.goTo(path)
		value[bool](b, `(document.querySelectorAll("details").forEach((d) => d.open = true), true)`)
		assert.Empty(t, b.violations(string(text)), path)
	}
}

func TestAPageThatIsNotAccessibleIsFound(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(axe)
	storetest.Need(t, err == nil, "what `npm ci --prefix http/dashboard/testdata/axe` installs")
	require.NoError(t, err)
	b := booksServer(t).operator(t, desktop)
	b.goTo("/")
	value[bool](b, `(document.querySelector("h1").style.color = "#ddd", document.querySelector("#zone").labels[0].remove(), true)`)
	var found []string
	for _, v := range b.violations(string(text)) {
		found = append(found, v.ID)
	}
	assert.ElementsMatch(t, []string{"color-contrast", "select-name"}, found)
}
