package browser_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A watch notices what must never happen in a tab: an error or a warning on the
// console, an exception, something that the content policy stops, a dialog, a
// window that opens, a request to another host.
type watch struct {
	host    string
	dismiss func() // closes a dialog, which would stop all

	mu         sync.Mutex
	complaints []string
	expected   []string
}

func newWatch(server string) *watch {
	u, err := url.Parse(server)
	if err != nil {
		panic(err) // it is httptest's
	}
	return &watch{host: u.Host}
}

// expect lets a complaint pass that has the text in it: for tests that provoke
// it.
func (w *watch) expect(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expected = append(w.expected, text)
}

// notice gets all that happens in the tab.
func (w *watch) notice(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		switch e.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning, runtime.ConsoleAPICalledTypeAssert:
			w.complain("the console says %s: %s", e.Type, argumentsOf(e.Args))
		}
	case *runtime.EventExceptionThrown:
		w.complain("an exception: %s", exceptionText(e.ExceptionDetails))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			w.complain("the browser says: %s (%s %s)", e.Entry.Text, e.Entry.Source, e.Entry.URL)
		}
	case *page.EventJavascriptDialogOpening:
		w.complain("a dialog: %s %q", e.Type, e.Message)
		go w.dismiss()
	case *page.EventWindowOpen:
		w.complain("a window opens at %s", e.URL)
	case *network.EventRequestWillBeSent:
		w.noticeRequest(e.Request.URL)
	case *network.EventWebSocketCreated:
		w.noticeRequest(e.URL)
	case *network.EventLoadingFailed:
		if e.BlockedReason != "" {
			w.complain("a request was blocked: %s", e.BlockedReason)
		}
	}
}

func (w *watch) noticeRequest(address string) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		w.complain("a request to %q", address)
	case u.Scheme == "data", u.Scheme == "blob", u.Scheme == "about":
	case u.Host != w.host:
		w.complain("a request to another host: %s", address)
	}
}

func (w *watch) complain(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complaints = append(w.complaints, fmt.Sprintf(format, args...))
}

// unexpected returns the complaints that no test expects.
func (w *watch) unexpected() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.complaints {
		known := false
		for _, e := range w.expected {
			known = known || strings.Contains(c, e)
		}
		if !known {
			all = append(all, c)
		}
	}
	return all
}

// requireQuiet fails the test when something was amiss.
func (b *tab) requireQuiet(t testing.TB) {
	t.Helper()
	// What the page did before this answer was noticed before it, too.
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[int]("1")); err != nil && !t.Failed() {
		require.NoError(t, err, "asking the tab whether it is well")
	}
	assert.Empty(t, b.unexpected(), "what must never happen in a tab")
}

// dismiss closes a dialog.
func (b *tab) dismiss() {
	// An error is a tab that is closing.
	_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: false})
}

func argumentsOf(args []*runtime.RemoteObject) string {
	var b strings.Builder
	for _, a := range args {
		fmt.Fprintf(&b, "%s%s ", a.Value, a.Description)
	}
	return b.String()
}

func exceptionText(d *runtime.ExceptionDetails) string {
	text := d.Text
	if d.Exception != nil {
		text += " " + d.Exception.Description
	}
	return text
}
