package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/problem"
	"github.com/llmtally/llmtally/http/record"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// A visit is one request of a person who has signed in.
type visit struct {
	*Dashboard
	*http.Request
	w      http.ResponseWriter
	caller policy.Caller
	zone   *time.Location
	now    time.Time // in the zone
}

// person lets those pass who have signed in. The handler's error becomes a page.
func (d *Dashboard) person(handler func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, ok := d.visitOf(w, r)
		if !ok {
			d.toSignIn(w, r)
			return
		}
		if err := handler(v); err != nil {
			v.fail(err)
		}
	}
}

// operator lets the service role pass.
func (d *Dashboard) operator(handler func(*visit) error) http.HandlerFunc {
	return d.person(func(v *visit) error {
		if v.caller.Role != policy.Service {
			return problem.New(http.StatusForbidden, "This page is for the operator, who signs in with the service key.")
		}
		return handler(v)
	})
}

// visitOf finds out who has signed in.
func (d *Dashboard) visitOf(w http.ResponseWriter, r *http.Request) (*visit, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil, false
	}
	caller, err := d.Auth.CallerOf(r.Context(), cookie.Value)
	if err != nil {
		var refused *auth.Error
		if !errors.As(err, &refused) {
			record.Fail(r.Context(), err)
		}
		return nil, false
	}
	record.From(r.Context()).Role = caller.Role
	zone, _ := zoneOf(r)
	return &visit{d, r.WithContext(auth.WithCaller(r.Context(), caller)), w, caller, zone, d.Now().In(zone)}, true
}

// toSignIn sends somebody who has not signed in to where that is done, and then
// back to the page.
func (d *Dashboard) toSignIn(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		// After a link on another site the browser keeps the session back. The
		// same from a page of ours has it.
		d.render(w, r, http.StatusOK, "goon", page{Title: "One moment", GoOn: localPath(r.URL.RequestURI())})
		return
	}
	target := "/signin"
	if r.Method == http.MethodGet && r.URL.Path != "/" {
		target += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
}

// live is the stream of new requests, for who has signed in.
func (d *Dashboard) live(w http.ResponseWriter, r *http.Request) {
	v, ok := d.visitOf(w, r)
	switch {
	case !ok:
		problem.New(http.StatusUnauthorized, "sign in first").Write(w)
	case d.Live == nil:
		problem.New(http.StatusNotFound, "there is nothing to follow here").Write(w)
	default:
		cookie, _ := r.Cookie(sessionCookie) // which has brought us here
		ctx, done := d.Auth.WhileSignedIn(v.Context(), cookie.Value)
		defer done()
		d.Live.ServeHTTP(w, v.WithContext(ctx))
	}
}

// follow returns where what comes from now on can be followed; empty when
// nowhere. A page asks before it reads what it shows, so that no request falls
// between the two.
func (v *visit) follow() (string, error) {
	if v.Dashboard.Live == nil {
		return "", nil
	}
	tail, err := v.DB.Tail(v.Context(), v.caller, "")
	if err != nil {
		return "", err
	}
	return "/live?after=" + url.QueryEscape(tail.Cursor()), nil
}

// isOperator says whether the service role has signed in.
func (v *visit) isOperator() bool { return v.caller.Role == policy.Service }

// fail shows an error as a page.
func (v *visit) fail(err error) {
	if v.Context().Err() != nil {
		return // nobody waits any more: another page was asked for
	}
	p := problem.From(err, v.caller.Role)
	if p.Status >= http.StatusInternalServerError {
		record.Fail(v.Context(), err)
	}
	if p.Status == http.StatusServiceUnavailable {
		v.w.Header().Set("Retry-After", "1")
	}
	text := p.Detail
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	v.message(v.w, v.Request, p.Status, v.heading(p.Status), sentence(text))
}

// headings say what an answer's status means to a person.
var headings = map[int]string{
	http.StatusUnauthorized:        "Sign in first",
	http.StatusForbidden:           "Not open to you",
	http.StatusNotFound:            "Nothing here",
	http.StatusConflict:            "Not now",
	http.StatusServiceUnavailable:  "Not just now",
	http.StatusInsufficientStorage: "No room left",
}

// heading is that of a page that says why there is no other.
func (v *visit) heading(status int) string {
	switch known := headings[status]; {
	case known != "":
		return known
	case status >= http.StatusInternalServerError:
		return "Something went wrong"
	case v.Method == http.MethodPost:
		return "That cannot be done"
	default:
		return "That cannot be shown"
	}
}

// redirect goes on to another page after something was done.
func (v *visit) redirect(target string) error {
	http.Redirect(v.w, v.Request, target, http.StatusSeeOther)
	return nil
}

// param returns a part of the path, which may hold any text. chi matches the
// path as it was sent when that says more than the one decoded.
func (v *visit) param(name string) string {
	value := chi.URLParam(v.Request, name)
	if v.URL.RawPath == "" {
		return value
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}

// number returns a part of the path that is an id.
func (v *visit) number(name string) (int64, error) {
	n, err := strconv.ParseInt(v.param(name), 10, 64)
	if err != nil || n < 1 {
		return 0, store.ErrNotFound
	}
	return n, nil
}
