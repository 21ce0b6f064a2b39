package dashboard_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	llmhttp "github.com/llmtally/llmtally/http"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/storetest"
)

func (s *server) key(role policy.Role) string {
	s.t.Helper()
	key, err := s.auth.Key(role)
	require.NoError(s.t, err)
	return key
}

func (s *server) token(user string, ttl time.Duration) string {
	s.t.Helper()
	token, err := s.auth.UserToken(user, now, ttl)
	require.NoError(s.t, err)
	return token
}

func TestAKeyOrATokenSignsIn(t *testing.T) {
	t.Parallel()
	s := books(t)
	for name, tt := range map[string]struct {
		key  string
		sees string
		age  time.Duration
	}{
		"the service key": {s.key(policy.Service), "<h1>Overview</h1>", 12 * time.Hour},
		"a user's token":  {s.token("ann", 24*time.Hour), "<h1>My usage</h1>", 12 * time.Hour},
		"a short token":   {s.token("ann", time.Hour), "<h1>My usage</h1>", time.Hour},
		"with spaces":     {" " + s.key(policy.Service) + "\n", "<h1>Overview</h1>", 12 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			v := s.visitor()
			page := v.post("/signin", url.Values{"key": {tt.key}})
			page.requireRedirect(t, "/")
			cookie := page.cookie(t, "llmtally_session")
			assert.True(t, cookie.HttpOnly)
			assert.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
			assert.Equal(t, "/", cookie.Path)
			assert.Equal(t, int(tt.age.Seconds()), cookie.MaxAge)
			assert.False(t, cookie.Secure, "over plain HTTP it would not come back")
			v.session = cookie.Value
			has(t, v.see("/"), tt.sees)
		})
	}
}

func TestWhatDoesNotSignInIsToldWhy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	late, err := authAt(now.Add(-48*time.Hour)).UserToken("ann", now.Add(-48*time.Hour), time.Hour)
	require.NoError(t, err)
	past, err := s.auth.UserToken("ann", now.Add(-time.Hour), time.Hour-10*time.Second)
	require.NoError(t, err)
	for name, tt := range map[string]struct{ key, says string }{
		"nothing":              {"", "Paste the service key"},
		"the anon key":         {s.key(policy.Anon), "The anon key is for logging only"},
		"garbage":              {"garbage", "no key or token of this server"},
		"a token that is over": {late, "JWT expired"},
		"over just now":        {past, "This token is over"},
		"a token of nobody":    {s.token("", time.Hour), "This token names no user"},
		"a session":            {s.operator().session, "no key or token of this server"},
	} {
		page := s.visitor().post("/signin", url.Values{"key": {tt.key}})
		assert.GreaterOrEqual(t, page.status, 400, name)
		has(t, page.body, tt.says, name)
		assert.Empty(t, page.header.Get("Set-Cookie"), name)
		if tt.key != "" {
			hasNot(t, page.body, tt.key, "%s: a key is not shown again", name)
		}
	}
}

func TestALinkSignsInOnce(t *testing.T) {
	t.Parallel()
	s := books(t)
	link := "/signin?code=" + s.auth.SignInCode()
	assert.Equal(t, http.StatusOK, s.visitor().do(http.MethodHead, link, nil).status, "a look does not use it up")
	page := s.visitor().get(link)
	require.Equal(t, http.StatusOK, page.status, "no redirect: a strict cookie would not follow it from elsewhere")
	has(t, page.body, `<meta http-equiv="refresh" content="0;url=/">`)
	has(t, page.body, `<a href="/" id="go-on">`)
	assert.Equal(t, "no-referrer", page.header.Get("Referrer-Policy"))
	v := &visitor{s, page.cookie(t, "llmtally_session").Value}
	has(t, v.see("/"), "<h1>Overview</h1>")

	again := s.visitor().get(link)
	assert.Equal(t, http.StatusUnauthorized, again.status)
	has(t, again.body, "This link was used already, or is too old.")
	log := s.logged()
	has(t, log, "path=/signin status=200")
	hasNot(t, log, "code=", "the log has no codes")
}

func TestAUsersLinkSignsThemIn(t *testing.T) {
	t.Parallel()
	s := books(t)
	token := s.token("ann", time.Hour)
	page := s.visitor().get("/signin?token=" + token)
	require.Equal(t, http.StatusOK, page.status)
	v := &visitor{s, page.cookie(t, "llmtally_session").Value}
	has(t, v.see("/"), "<h1>My usage</h1>")
	assert.Equal(t, http.StatusUnauthorized, s.visitor().get("/signin?token="+s.key(policy.Anon)).status)
	hasNot(t, s.logged(), token)
}

func TestWhoHasNotSignedInIsSentToDoSoAndBack(t *testing.T) {
	t.Parallel()
	s := books(t)
	s.visitor().get("/").requireRedirect(t, "/signin")
	s.visitor().get("/users?q=a%20b").requireRedirect(t, "/signin?next=%2Fusers%3Fq%3Da%2520b")
	s.visitor().post("/jobs/monthly/run", nil).requireRedirect(t, "/signin")
	page := s.visitor().post("/signin", url.Values{"key": {s.key(policy.Service)}, "next": {"/users?q=a"}})
	page.requireRedirect(t, "/users?q=a")
	for _, elsewhere := range []string{"https://example.com", "//example.com", `/\example.com`, "javascript:alert(1)", "users", "/a\nb"} {
		s.visitor().post("/signin", url.Values{"key": {s.key(policy.Service)}, "next": {elsewhere}}).requireRedirect(t, "/")
	}
	there := s.visitor().get("/users?q=a", "Sec-Fetch-Site", "cross-site")
	has(t, there.body, `<meta http-equiv="refresh" content="0;url=/users?q=a">`, "a strict cookie does not come along with a link on another site")
	assert.Equal(t, http.StatusUnauthorized, s.visitor().get("/live").status, "a stream cannot be sent elsewhere")
}

func TestNoKeyAndNoForgedSessionOpensAPage(t *testing.T) {
	t.Parallel()
	s := books(t)
	old, _, err := authAt(now.Add(-13 * time.Hour)).Session(policy.System())
	require.NoError(t, err)
	good := s.operator().session
	for name, session := range map[string]string{
		"the service key":   s.key(policy.Service),
		"a user's token":    s.token("ann", time.Hour),
		"an old session":    old,
		"a changed session": good[:len(good)-4] + "AAAA",
		"garbage":           "garbage",
		"nothing":           "",
	} {
		page := (&visitor{s, session}).get("/users")
		assert.Equal(t, http.StatusSeeOther, page.status, name)
	}
	page := s.visitor().get("/users", "Authorization", "Bearer "+s.key(policy.Service))
	assert.Equal(t, http.StatusSeeOther, page.status, "a key in a header is for programs")
}

func TestASessionIsNoKey(t *testing.T) {
	t.Parallel()
	s := books(t)
	session := s.operator().session
	for _, headers := range [][]string{{"Authorization", "Bearer " + session}, {"apikey", session}, {"Cookie", "llmtally_session=" + session}} {
		for _, path := range []string{"/v1/overview", "/rest/v1/request_logs", "/v1/activity/stream"} {
			assert.Equal(t, http.StatusUnauthorized, s.visitor().get(path, headers...).status, "%s %s", headers[0], path)
		}
	}
}

func TestSigningOutEndsTheSession(t *testing.T) {
	t.Parallel()
	s := books(t)
	v := s.operator()
	v.see("/")
	page := v.post("/signout", nil)
	page.requireRedirect(t, "/signin")
	assert.Negative(t, page.cookie(t, "llmtally_session").MaxAge)
	assert.Equal(t, http.StatusSeeOther, v.get("/").status, "who kept the cookie is out, too")
}

func TestNothingIsChangedFromAnotherSite(t *testing.T) {
	t.Parallel()
	s := books(t)
	v := s.operator()
	for _, path := range []string{"/signout", "/users/ann/erase", "/jobs/monthly/run", "/prices", "/alerts/rules/1/delete", "/signin", "/zone"} {
		for name, headers := range map[string][]string{
			"another site":          {"Sec-Fetch-Site", "cross-site"},
			"a neighbour":           {"Sec-Fetch-Site", "same-site"},
			"by origin":             {"Origin", "https://example.com"},
			"an origin that hides":  {"Origin", "null"},
			"another port is other": {"Origin", "http://127.0.0.1:1"},
		} {
			page := v.do(http.MethodPost, path, url.Values{"confirm": {"ann"}}, headers...)
			assert.Equal(t, http.StatusForbidden, page.status, "%s from %s", path, name)
		}
	}
	assert.Empty(t, s.started())
	exists, err := s.db.UserExists(t.Context(), policy.System(), "ann")
	require.NoError(t, err)
	assert.True(t, exists)
	page := v.do(http.MethodPost, "/zone", url.Values{"zone": {"Europe/Berlin"}}, "Origin", s.http.URL)
	assert.Equal(t, http.StatusSeeOther, page.status, "over plain HTTP a browser sends the origin alone")
	assert.Equal(t, "same-origin", v.get("/users").header.Get("Referrer-Policy"), "which it would hide with no-referrer")
}

func TestTheCookieIsSecureWhereThePublicAddressIs(t *testing.T) {
	t.Parallel()
	s := newServerWith(t, llmhttp.Config{PublicURL: "https://llmtally.example.com"})
	form := url.Values{"key": {s.key(policy.Service)}}
	assert.False(t, s.visitor().post("/signin", form).cookie(t, "llmtally_session").Secure)
	there := s.visitor().post("/signin", form, "Host", "llmtally.example.com")
	assert.True(t, there.cookie(t, "llmtally_session").Secure)
	has(t, s.operator().see("/", "Host", "llmtally.example.com"), "export LLMTALLY_URL=https://llmtally.example.com\n")
	has(t, s.operator().see("/"), "export LLMTALLY_URL=https://llmtally.example.com\n")
	forwarded := s.visitor().post("/signin", form, "X-Forwarded-Proto", "https")
	assert.True(t, forwarded.cookie(t, "llmtally_session").Secure, "by a proxy that passes its own host on")
	bare := newServer(t).visitor().post("/signin", form, "X-Forwarded-Proto", "https")
	assert.False(t, bare.cookie(t, "llmtally_session").Secure, "without a public address nobody stands before us")
}

// A proxy may ask us under another name than the browser knows.
func TestFormsMayComeFromThePublicAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"https://llmtally.example.com", "https://LLMtally.example.com:443/"} {
		v := newServerWith(t, llmhttp.Config{PublicURL: address}).operator()
		zone := url.Values{"zone": {"Europe/Berlin"}}
		assert.Equal(t, http.StatusSeeOther, v.do(http.MethodPost, "/zone", zone, "Origin", "https://llmtally.example.com").status)
		assert.Equal(t, http.StatusForbidden, v.do(http.MethodPost, "/zone", zone, "Origin", "https://example.com").status)
		assert.Equal(t, http.StatusForbidden, v.do(http.MethodPost, "/zone", zone, "Origin", "http://llmtally.example.com").status)
	}
}

func TestAUserSeesTheirOwnPagesAlone(t *testing.T) {
	t.Parallel()
	s := books(t)
	logs, err := s.db.Activity(t.Context(), policy.System(), 10)
	require.NoError(t, err)
	own := map[string]string{}
	for _, l := range logs {
		own[*l.UserID] = "/requests/" + itoa(l.RequestID)
	}
	operator, ann := http.StatusOK, http.StatusForbidden
	for path, want := range map[string][2]int{
		"/":                    {operator, 200},
		"/requests":            {operator, 200},
		"/users/ann":           {operator, 200},
		"/users/bob":           {operator, ann},
		"/users/nobody":        {404, ann},
		own["ann"]:             {operator, 200},
		own["bob"]:             {operator, 404},
		"/requests/999":        {404, 404},
		"/requests/x":          {404, 404},
		"/requests/0":          {404, 404},
		"/users":               {operator, ann},
		"/users/ann/erase":     {operator, ann},
		"/users/ann/export":    {operator, ann},
		"/models":              {operator, ann},
		"/alerts":              {operator, ann},
		"/alerts/rules/new":    {operator, ann},
		"/alerts/rules/1":      {operator, ann},
		"/prices":              {operator, ann},
		"/jobs":                {operator, ann},
		"/system":              {operator, ann},
		"/nowhere":             {404, 404},
		"/assets/nothing.js":   {404, 404},
		"/alerts/rules/999":    {404, ann},
		"/users?format=csv":    {operator, ann},
		"/models?format=csv":   {operator, ann},
		"/requests?format=csv": {operator, 200},
	} {
		assert.Equal(t, want[0], s.operator().get(path).status, "operator: %s", path)
		page := s.user("ann").get(path)
		assert.Equal(t, want[1], page.status, "ann: %s", path)
		hasNot(t, page.body, "bob</", "ann: %s", path)
		hasNot(t, page.body, "claude-sonnet-4", "ann: %s", path)
	}
	for _, path := range []string{"/users/ann/erase", "/jobs/monthly/run", "/prices", "/alerts/rules/new", "/alerts/rules/1", "/alerts/rules/1/delete", "/alerts/rules/1/enable", "/prices/1/delete"} {
		assert.Equal(t, http.StatusForbidden, s.user("ann").post(path, url.Values{"confirm": {"ann"}}).status, path)
	}
	storetest.RequireClean(t, s.db)
}

func TestALinkIsUsedUpByWhoFollowsIt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	link := "/signin?code=" + s.auth.SignInCode()
	for _, header := range []string{"Sec-Purpose", "Purpose"} {
		look := s.visitor().get(link, header, "prefetch")
		assert.Equal(t, http.StatusOK, look.status)
		assert.Empty(t, look.header.Get("Set-Cookie"))
	}
	assert.Equal(t, http.StatusOK, s.visitor().get(link).status)
	assert.Equal(t, http.StatusUnauthorized, s.visitor().get(link).status)
	assert.Equal(t, http.StatusUnauthorized, s.user("ann").get(link).status, "whom it did not sign in")
	again := s.operator().get(link)
	assert.Equal(t, http.StatusOK, again.status, "who has signed in goes on")
	assert.Empty(t, again.header.Get("Set-Cookie"))
}
