package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/http/record"
	"github.com/llmtally/llmtally/policy"
)

// sessionCookie holds the session's token.
const sessionCookie = "llmtally_session"

// signInPage asks for a key, or takes what a link has brought along: a code,
// good once, or a user's token.
func (d *Dashboard) signInPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	code, token := q.Get("code"), q.Get("token")
	if code == "" && token == "" || onlyLooks(r) {
		d.askForKey(w, r, http.StatusOK, q.Get("next"), "")
		return
	}
	w.Header().Set("Referrer-Policy", "no-referrer") // the address has the token
	caller, err := d.fromLink(code, token)
	if err == nil {
		err = d.begin(w, r, caller)
	}
	if err != nil && !(code != "" && d.isOperators(r)) { // who opens a used link again has what it gave
		d.askForKey(w, r, http.StatusUnauthorized, "", refusal(err))
		return
	}
	// Not a redirect: after a link on another site, a browser would follow it
	// without the new cookie, since that is for our own pages' requests alone.
	d.render(w, r, http.StatusOK, "goon", page{Title: "Signed in", GoOn: "/"})
}

// onlyLooks says whether nobody has followed the link yet: that does not use it
// up.
func onlyLooks(r *http.Request) bool {
	return r.Method == http.MethodHead || strings.HasPrefix(r.Header.Get("Sec-Purpose"), "prefetch") ||
		r.Header.Get("Purpose") == "prefetch" || r.Header.Get("X-Purpose") == "preview"
}

// isOperators says whether the service role has signed in with the browser that
// asks.
func (d *Dashboard) isOperators(r *http.Request) bool {
	session, err := r.Cookie(sessionCookie)
	if err != nil {
		return false
	}
	caller, err := d.Auth.CallerOf(r.Context(), session.Value)
	return err == nil && caller.Role == policy.Service
}

func (d *Dashboard) fromLink(code, token string) (policy.Caller, error) {
	if code != "" {
		return d.Auth.Redeem(code)
	}
	return d.Auth.Verify(token)
}

// signIn takes the key that was typed.
func (d *Dashboard) signIn(w http.ResponseWriter, r *http.Request) {
	key, next := strings.TrimSpace(r.PostFormValue("key")), r.PostFormValue("next")
	if key == "" {
		d.askForKey(w, r, http.StatusUnprocessableEntity, next, "Paste the service key, or a user's token.")
		return
	}
	caller, err := d.Auth.Verify(key)
	if err == nil {
		err = d.begin(w, r, caller)
	}
	if err != nil {
		d.askForKey(w, r, http.StatusUnauthorized, next, refusal(err))
		return
	}
	http.Redirect(w, r, localPath(next), http.StatusSeeOther)
}

// refusal says for a person why a key is not taken.
func refusal(err error) string {
	var refused *auth.Error
	switch {
	case !errors.As(err, &refused):
		return "Signing in failed; the server's log says why."
	case refused.Code == "PGRST303":
		return "This token is over or not yet valid: " + refused.Message + ". Ask for a new one."
	case refused.Code == "PGRST301":
		return "This is no key or token of this server. Paste all of it, from ey… to its end."
	default:
		return strings.ToUpper(refused.Message[:1]) + refused.Message[1:] + "."
	}
}

// begin gives the browser a session.
func (d *Dashboard) begin(w http.ResponseWriter, r *http.Request, caller policy.Caller) error {
	token, until, err := d.Auth.Session(caller)
	if err != nil {
		return err
	}
	c := d.cookie(r, sessionCookie, token)
	c.Expires = until
	c.MaxAge = int(until.Sub(d.Now()).Seconds())
	http.SetCookie(w, c)
	return nil
}

func (d *Dashboard) signOut(w http.ResponseWriter, r *http.Request) {
	if old, err := r.Cookie(sessionCookie); err == nil {
		// The browser forgets the session in any case.
		if err := d.Auth.SignOut(r.Context(), old.Value); err != nil {
			record.Fail(r.Context(), err)
		}
	}
	c := d.cookie(r, sessionCookie, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}

// cookie is one for our own pages alone.
func (d *Dashboard) cookie(r *http.Request, name, value string) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: d.isSecure(r),
	}
}

// isSecure says whether the request came by TLS: to us, or to a proxy at the
// public address that ends it before us, and passes the host on or says so. Who
// says so falsely only keeps the cookie from their own browser.
func (d *Dashboard) isSecure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	public, err := url.Parse(d.PublicURL)
	return err == nil && public.Scheme == "https" &&
		(strings.EqualFold(public.Host, r.Host) || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"))
}

// trustPublic lets forms come from the pages' public address, too: a proxy may
// pass another host on than the browser sees.
func trustPublic(c *http.CrossOriginProtection, address string) {
	public, err := url.Parse(strings.ToLower(address))
	if err != nil || public.Host == "" {
		return
	}
	host := public.Host // browsers leave the usual port out
	if usual := map[string]string{"http": "80", "https": "443"}; public.Port() == usual[public.Scheme] {
		host = strings.TrimSuffix(host, ":"+public.Port())
	}
	_ = c.AddTrustedOrigin(public.Scheme + "://" + host) // which is one
}

// askForKey shows the form.
func (d *Dashboard) askForKey(w http.ResponseWriter, r *http.Request, status int, next, complaint string) {
	if next != "" {
		next = localPath(next)
	}
	d.render(w, r, status, "signin", page{Title: "Sign in", Body: struct{ Next, Complaint string }{next, complaint}})
}

// localPath returns the path if it is one of ours, else the first page's.
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}
