// Package dashboard is the pages where people look: the operator at everything,
// each user at what is theirs. Pages are HTML that works without JavaScript;
// nothing comes from elsewhere. All that a page shows is read through the store
// with the caller who has signed in, so the policy decides here, too.
package dashboard

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/store"
)

// Settings are what the dashboard needs.
type Settings struct {
	DB        *store.DB
	Auth      *auth.Authenticator
	Version   string
	PublicURL string           // where people reach the server; empty when nobody said
	Now       func() time.Time // nil means time.Now
	// RunJob starts a job in the background; nil: there are no jobs here.
	RunJob func(ctx context.Context, name string) error
	// Live streams new requests to its caller as events; nil: there is no tail.
	Live http.Handler
	// Log receives what went wrong while a page was sent; nil means
	// slog.Default.
	Log *slog.Logger
}

// A Dashboard answers for the pages.
type Dashboard struct {
	Settings
	crossOrigin *http.CrossOriginProtection
}

// New returns the dashboard.
func New(s Settings) *Dashboard {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	d := &Dashboard{Settings: s, crossOrigin: http.NewCrossOriginProtection()}
	trustPublic(d.crossOrigin, s.PublicURL)
	return d
}

// maxForm bounds what a form may send, in bytes.
const maxForm = 64 << 10

// Register adds the pages to the router.
func (d *Dashboard) Register(r chi.Router) {
	r = r.With(d.guard)
	r.Get("/assets/{file}", d.asset)
	r.Get("/signin", d.signInPage)
	r.Post("/signin", d.signIn)
	r.Post("/signout", d.signOut)
	r.Post("/zone", d.setZone)

	r.Get("/", d.person(home))
	r.Get("/users/{user}", d.person(userPage))
	r.Get("/requests", d.person(requestsPage))
	r.Get("/requests/{id}", d.person(requestPage))
	r.Get("/live", d.live)

	r.Get("/users", d.operator(usersPage))
	r.Get("/users/{user}/erase", d.operator(erasePage))
	r.Post("/users/{user}/erase", d.operator(eraseUser))
	r.Get("/users/{user}/export", d.operator(exportUser))
	r.Get("/models", d.operator(modelsPage))
	r.Get("/alerts", d.operator(alertsPage))
	r.Get("/alerts/rules/{id}", d.operator(rulePage))
	r.Post("/alerts/rules/{id}", d.operator(saveRule))
	r.Post("/alerts/rules/{id}/enable", d.operator(enableRule))
	r.Post("/alerts/rules/{id}/delete", d.operator(deleteRule))
	r.Get("/prices", d.operator(pricesPage))
	r.Post("/prices", d.operator(savePrice))
	r.Post("/prices/{id}/delete", d.operator(deletePrice))
	r.Get("/jobs", d.operator(jobsPage))
	r.Post("/jobs/{name}/run", d.operator(runJob))
	r.Get("/system", d.operator(systemPage))
}

// contentPolicy lets a page use its own files and nothing else, and images that
// stand in the page itself.
const contentPolicy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// guard stands before all pages: what a browser is told, and that what changes
// something was sent from a page of ours.
func (d *Dashboard) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		// Not no-referrer: a browser would then send forms without their origin,
		// which is all that tells over plain HTTP where they come from.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if err := d.crossOrigin.Check(r); err != nil {
			d.message(w, r, http.StatusForbidden, "Not from here", "This was sent by a page of another site. Go back to the dashboard and try again.")
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		}
		next.ServeHTTP(w, r)
	})
}

// NotFound answers for a path that does not exist, when a browser asks: it says
// whether it has.
func (d *Dashboard) NotFound(w http.ResponseWriter, r *http.Request) bool {
	return d.refuse(w, r, http.StatusNotFound, "Nothing here", "There is no page at this address.")
}

// WrongMethod does so for a path that takes only what a form sends, as when
// somebody reloads it from the browser's bar.
func (d *Dashboard) WrongMethod(w http.ResponseWriter, r *http.Request) bool {
	return d.refuse(w, r, http.StatusMethodNotAllowed, "Nothing to see here", "This address takes what a form sends, and shows nothing by itself.")
}

func (d *Dashboard) refuse(w http.ResponseWriter, r *http.Request, status int, title, text string) bool {
	if !wantsPage(r) {
		return false
	}
	d.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.message(w, r, status, title, text)
	})).ServeHTTP(w, r)
	return true
}

// wantsPage says whether a page is asked for, not an answer for a program.
func wantsPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html")
}
