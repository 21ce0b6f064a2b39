// Package browser_test looks at the dashboard with a real browser: what its
// handler's tests cannot see, since it takes a browser to run scripts, to lay
// out pages, to move the focus and to keep cookies. It stands on the whole
// handler and a real store, not on the binary: only so can the clock stand
// still, so that pages and pictures are the same each time; how `serve` wires
// the same handler is tested where the binary is.
package browser_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/llmtally/llmtally/store/storetest"
)

// chromium is the one browser of all tests; each test has a context of its own
// in it, without cookies or memory.
var chromium = sync.OnceValues(startChromium)

var closeChromium = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	closeChromium()
	os.Exit(code)
}

// programs are the names that Chromium goes by.
var programs = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

var errNoChromium = errors.New("no Chromium is installed")

func startChromium() (context.Context, error) {
	program := ""
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		return nil, errNoChromium
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], // among them: headless, no first run, no networking in the background
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		// Nothing but the test's own server is to be found.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		// Letters of the same shape wherever the pictures are made.
		chromedp.Flag("font-render-hinting", "none"), chromedp.Flag("disable-lcd-text", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en-US"),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	closeChromium = func() { cancel(); stop() }
	return ctx, chromedp.Do(ctx) // starts it
}

// atOnce bounds how many tests use the browser at the same time: the machines
// that run them have two cores.
var atOnce = make(chan struct{}, 2)

// placed are the tests that have a place among them.
var placed sync.Map

// takePlace waits until the test may use the browser, with as many tabs as it
// wants, and gives its place back when it ends.
func takePlace(t testing.TB) {
	if _, has := placed.LoadOrStore(t, true); !has {
		atOnce <- struct{}{}
		t.Cleanup(func() { <-atOnce })
	}
}

// needChromium returns the browser, or skips the test where there is none.
func needChromium(t testing.TB) context.Context {
	t.Helper()
	ctx, err := chromium()
	storetest.Need(t, !errors.Is(err, errNoChromium), "Chromium")
	if err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return ctx
}
