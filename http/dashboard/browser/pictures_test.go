package browser_test

import (
	"context"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

var (
	pictures = flag.String("pictures", "", "a folder for the README's pictures, which TestScreenshots makes")
	whole    = flag.String("whole", "", "a folder for pictures of every page from top to end, on every screen")
)

// pages are the operator's pages, as a person goes to them.
func (s *server) pages(t testing.TB, user string) map[string]string {
	t.Helper()
	return map[string]string{
		"overview": "/", "overview-day": "/?range=24h&metric=cost&by=provider", "users": "/users", "user": "/users/" + user,
		"requests": "/requests", "request": "/requests/" + s.newestOf(t, user), "models": "/models", "alerts": "/alerts",
		"rule": "/alerts/rules/" + s.newestRule(t), "prices": "/prices", "jobs": "/jobs", "system": "/system", "erase": "/users/" + user + "/erase",
	}
}

// TestScreenshots makes the pictures that stand in the README, the same each
// time:
//
//	go test ./http/dashboard/browser -run Screenshots -pictures docs/pictures
//
// and with -whole those that somebody looks through who has changed a page.
// Without a folder it only sees that the README's can be made.
func TestScreenshots(t *testing.T) {
	s, empty := demoServer(t), newServer(t)
	if *whole == "" || *pictures != "" {
		folder := t.TempDir()
		if *pictures != "" {
			folder = folderOf(t, *pictures)
		}
		for _, p := range []struct {
			file, path string
			look
		}{
			{"overview", "/", look{"desktop", 1280, 940, false}},
			{"user", "/users/support-chat", look{"desktop", 1280, 1100, false}},
			{"request", "/requests/" + s.newestOf(t, "support-chat"), look{"desktop", 1280, 1000, false}},
			{"phone", "/", look{"phone", 390, 844, true}},
		} {
			s.operator(t, p.look).picture(p.path, filepath.Join(folder, p.file+".png"), chromedp.CaptureScreenshot())
		}
	}
	if *whole == "" {
		return
	}
	folder := folderOf(t, *whole)
	one, hard := oneOfEach(t), unwieldy(t)
	for _, l := range []look{desktop, dark, phone} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			keep := func(b *tab, path, name string) {
				b.picture(path, filepath.Join(folder, name+"-"+l.name+".png"), chromedp.FullScreenshot(100))
			}
			b := s.operator(t, l)
			for name, path := range s.pages(t, "support-chat") {
				keep(b, path, name)
			}
			b = one.operator(t, l)
			for name, path := range one.pages(t, "support-chat") {
				keep(b, path, name+"-one")
			}
			b = hard.operator(t, l)
			for name, path := range hard.pages(t, url.PathEscape(longUser)) {
				keep(b, path, name+"-hard")
			}
			keep(s.user(t, l, "support-chat"), "/", "own")
			keep(empty.operator(t, l), "/", "firstrun")
			keep(empty.open(t, l), "/signin", "signin")
		})
	}
}

// folderOf makes the folder, which is named from the root of the repository:
// go test runs in the package's.
func folderOf(t testing.TB, name string) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join("..", "..", "..", name)
	}
	require.NoError(t, os.MkdirAll(name, 0o755))
	return name
}

// picture keeps what a page looks like.
func (b *tab) picture(path, file string, shoot chromedp.Action[[]byte]) {
	b.t.Helper()
	b.goTo(path)
	b.settled()
	ctx, cancel := context.WithTimeout(b.ctx, *patience)
	defer cancel()
	shot, err := chromedp.Run(ctx, shoot)
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(file, shot, 0o644))
}

// settled waits until the page has come to rest.
func (b *tab) settled() {
	b.t.Helper()
	value[bool](b, `document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))`)
}
