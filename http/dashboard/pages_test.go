package dashboard_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// has says what is missing, without the whole page.
func has(t testing.TB, page, want string, about ...any) {
	t.Helper()
	assert.True(t, strings.Contains(page, want), "missing: %s %v", want, about)
}

func hasNot(t testing.TB, page, unwanted string, about ...any) {
	t.Helper()
	assert.False(t, strings.Contains(page, unwanted), "there is: %s %v", unwanted, about)
}

func TestTheFirstPageSaysHowToSendTheFirstRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	page := s.operator().see("/")
	for _, want := range []string{
		"<h1>Send your first request</h1>", "export LLMTALLY_URL=" + s.http.URL, s.key(policy.Service), s.key(policy.Anon),
		`data-wait="/live?after=`, `<noscript><meta http-equiv="refresh" content="5"></noscript>`, "LiteLLM", "curl", "Python", "JavaScript", "OpenTelemetry",
	} {
		has(t, page, want)
	}
	empty := s.user("ann").see("/")
	has(t, empty, "No requests yet")
	hasNot(t, empty, s.key(policy.Anon))

	s.add(`{"end_user":"ann","model":"gpt-4o"}`)
	has(t, s.operator().see("/"), "<h1>Overview</h1>")
}

func TestTheOverviewTellsHowItGoes(t *testing.T) {
	t.Parallel()
	s := books(t)
	page := s.operator().see("/")
	for _, want := range []string{
		`id="figure-requests"`, `<span class="value" title="3">3</span>`, `title="$12,345,678.9000012"`, ">$12.3M<", "33.3%", `title="1 of 3 failed"`,
		"rate_limit_error", `href="/users/ann"`, "$0.0000012", `data-live="/live?after=`, "Mon 30 Mar 2026", `id="range-30d" aria-current="true"`,
	} {
		has(t, page, want)
	}
	day := s.operator().see("/?range=24h&metric=cost&by=provider")
	has(t, day, "Tue 31 Mar 2026, 10:00\nTotal\t$0.0000012")
	has(t, day, "Cost in USD by provider")
	assert.Equal(t, 24, strings.Count(day, `<g class="column"`))
	custom := s.operator().see("/?range=custom&from=2026-03-29&to=2026-03-29")
	has(t, custom, "in each hour of 29 March 2026, stacked", "one day is no range")
	has(t, s.operator().see("/models?range=custom&from=2026-03-29&to=2026-03-30"), "1 model · 29 March 2026 to 30 March 2026")
	assert.Equal(t, 24, strings.Count(custom, `<g class="column"`))
	for _, bad := range []string{"?range=1y", "?range=custom&from=2026-02-30", "?from=2026-03-02&to=2026-03-01", "?from=1970-01-01", "?range=%3Cscript%3E"} {
		assert.Equal(t, http.StatusUnprocessableEntity, s.operator().get("/"+bad).status, bad)
	}
}

func TestTimesAreInThePersonsZone(t *testing.T) {
	t.Parallel()
	s := books(t)
	v := s.operator()
	has(t, v.see("/requests"), ">31 Mar 10:00:00<")
	has(t, v.see("/requests", "Cookie", "tz=Asia%2FTokyo"), ">31 Mar 19:00:00<")
	for _, none := range []string{"Nowhere%2FElse", "Local", "..%2F..%2Fetc%2Fpasswd", "%zz", ""} {
		has(t, v.see("/requests", "Cookie", "tz="+none), ">31 Mar 10:00:00<", none)
	}
	page := v.post("/zone", url.Values{"zone": {"Europe/Berlin"}, "next": {"/requests"}})
	page.requireRedirect(t, "/requests")
	cookie := page.cookie(t, "tz")
	assert.Equal(t, "Europe%2FBerlin", cookie.Value)
	has(t, v.see("/requests", "Cookie", "tz="+cookie.Value), `<option selected>Europe/Berlin</option>`, `<option value="">Automatic</option>`)

	here := v.see("/requests", "Cookie", "tz_browser=Asia%2FTokyo")
	has(t, here, ">31 Mar 19:00:00<", `<option value="" selected>Automatic (Asia/Tokyo)</option>`)
	has(t, v.see("/requests", "Cookie", "tz=Europe%2FBerlin; tz_browser=Asia%2FTokyo"), ">31 Mar 12:00:00<")
	assert.Negative(t, v.post("/zone", url.Values{"zone": {""}, "next": {"/"}}).cookie(t, "tz").MaxAge, "the browser's holds again")
}

func TestUsersAreFoundSortedAndPaged(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var logs []string
	for i := range 120 {
		logs = append(logs, fmt.Sprintf(`{"end_user":"user-%03d","model":"gpt-4o","prompt_tokens":%d,"completion_tokens":0,"total_cost":%d}`, i, 1000+i, i))
	}
	s.add(logs...)
	v := s.operator()
	page := v.see("/users")
	has(t, page, "120 users")
	assert.Equal(t, 50, strings.Count(page, `<td><a href="/users/user-`))
	assert.Less(t, strings.Index(page, "user-119"), strings.Index(page, "user-118"), "most tokens first")
	seen := map[string]bool{}
	for next := "/users?sort=cost&order=ascending"; next != ""; {
		page := v.see(next)
		for _, m := range regexp.MustCompile(`href="/users/(user-\d+)"`).FindAllStringSubmatch(page, -1) {
			assert.False(t, seen[m[1]], "%s comes twice", m[1])
			seen[m[1]] = true
		}
		next = hrefOf(page, `users-older`)
	}
	assert.Len(t, seen, 120)
	found := v.see("/users?q=USER-01")
	has(t, found, "10 users found")
	has(t, v.see("/users?q=nobody"), "No user matches.")
}

// hrefOf returns where the link of that id goes; "" when there is none.
func hrefOf(page, id string) string {
	m := regexp.MustCompile(`<a href="([^"]*)" id="` + id + `"`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func TestAUsersPageHasAllThatIsTheirs(t *testing.T) {
	t.Parallel()
	s := books(t)
	for name, page := range map[string]string{"operator": s.operator().see("/users/ann"), "ann": s.user("ann").see("/")} {
		for _, want := range []string{
			"$12,345,678.90", "gpt-4o", "March 2026", "A user&#39;s cost in total", "over the limit", "rate_limit_error", `id="usage"`, "How to spend less",
		} {
			has(t, page, want, name)
		}
		assert.Equal(t, name == "operator", strings.Contains(page, `id="erase-user"`), name)
	}
	page := s.operator().see("/users/ann?range=24h")
	has(t, page[strings.Index(page, "In all time</h2>"):strings.Index(page, `id="range-24h"`)], `id="figure-requests"`, "the range is the chart's alone")
	has(t, part(t, page, "models"), `<p class="note">in all time</p>`)
	only := s.operator().see("/users/ann?status=failure")
	has(t, only, `href="/requests/2"`)
	hasNot(t, only, `href="/requests/1"`)
}

func TestAUserOfAnyIdHasAPage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, id := range []string{"a/b", "a b", "100%", "%2F", "ü🙂", "?q=1&x", "#top", "..", ".", "~", "a\\b", "+", "a//b", "مستخدم", "new", strings.Repeat("x", 300), "tab\there"} {
		s.add(fmt.Sprintf(`{"end_user":%q,"model":"gpt-4o"}`, id))
	}
	v := s.operator()
	page := v.see("/users?sort=user_id&order=ascending")
	hrefs := regexp.MustCompile(`<td><a href="(/users/[^"]*)" title="([^"]*)"`).FindAllStringSubmatch(page, -1)
	assert.Len(t, hrefs, 17)
	for _, m := range hrefs {
		user := v.see(html.UnescapeString(m[1]))
		has(t, user, ">"+m[2]+"</bdi></h1>", m[1])
		erase := regexp.MustCompile(`href="([^"]*)" id="erase-user"`).FindStringSubmatch(user)
		has(t, v.see(html.UnescapeString(erase[1])), `<p class="subject"><bdi>`+m[2]+"</bdi></p>", m[1])
	}
}

func TestARequestShowsItsConversationAndCost(t *testing.T) {
	t.Parallel()
	s := books(t)
	page := s.operator().see("/requests/1")
	for _, want := range []string{
		"<h1>Request 1</h1>", "Why is the sky blue?", "Scattering.", "As the sender said.", "$12,345,678.90", "1,000", "1.50 s", `href="/users/ann"`, `id="raw-messages"`,
	} {
		has(t, page, want)
	}
	json := s.operator().get("/requests/1?format=json")
	assert.Equal(t, "application/json", json.header.Get("Content-Type"))
	has(t, json.header.Get("Content-Disposition"), "attachment")
	s.add(`{"end_user":"ann","model":"gpt-4o","prompt_tokens":1000000,"completion_tokens":100,"cache_read_tokens":400000}`)
	computed := s.operator().see("/requests/4")
	for _, want := range []string{"Computed by llmtally with the shipped price of gpt-4o", `<th scope="row">Input</th><td class="number">600,000</td>`, `<th scope="row">Cache read</th><td class="number">400,000</td>`} {
		has(t, computed, want)
	}
	failed := s.operator().see("/requests/2")
	has(t, failed, "rate_limit_error")
	has(t, failed, "slow down")
}

func TestALongTextIsCutOnThePageAndWholeInTheJSON(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	long := strings.Repeat("ü", 1<<20)
	s.add(fmt.Sprintf(`{"end_user":"ann","messages":[{"role":"user","content":%q}]}`, long))
	page := s.operator().see("/requests/1")
	assert.Less(t, len(page), 400_000)
	has(t, page, "more)")
	raw := part(t, page, "raw")
	has(t, raw, "all of it is in the JSON")
	hasNot(t, raw, "data-copy", "what is copied would be no JSON")
	has(t, s.operator().see("/requests/1?format=json"), long)
	s.add(`{"end_user":"ann","messages":[{"role":"user","content":"short"}]}`)
	has(t, s.operator().see("/requests/2"), `data-copy="raw-messages"`)
}

func TestEveryRequestIsToBeHadAsJSON(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add(`{"end_user":"ann","model":"gpt-4o"}`)
	for _, v := range []*visitor{s.operator(), s.user("ann")} {
		raw := part(t, v.see("/requests/1"), "raw")
		has(t, raw, `href="?format=json"`)
		has(t, raw, "Neither messages")
	}
}

func TestAnErasedUserIsGoneAndOnlyByTheirOwnName(t *testing.T) {
	t.Parallel()
	s := books(t)
	v := s.operator()
	has(t, v.see("/users/ann/erase"), "It cannot be undone.")
	for _, wrong := range []string{"", "an", "bob", "ANN"} {
		page := v.post("/users/ann/erase", url.Values{"confirm": {wrong}})
		assert.Equal(t, http.StatusUnprocessableEntity, page.status, wrong)
		has(t, page.body, "Nothing was erased.")
	}
	v.post("/users/ann/erase", url.Values{"confirm": {"ann"}}).requireRedirect(t, "/users")
	assert.Equal(t, http.StatusNotFound, v.get("/users/ann").status)
	has(t, v.see("/users"), "bob")
	storetest.RequireClean(t, s.db)
}

func TestAnIdIsConfirmedAsThePageShowsIt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for id, typed := range map[string]string{
		"\u202Elive": "‹202E›live", "\u202Edead": " \u202Edead ", "two  words\n": "two words", "tab\there": "tab here", strings.Repeat("long ", 40) + "id": strings.Repeat("long ", 40) + "id",
	} {
		s.add(fmt.Sprintf(`{"end_user":%q}`, id))
		at := "/users/" + url.PathEscape(id)
		has(t, s.operator().post(at+"/erase", url.Values{"confirm": {strings.Fields(typed)[0] + "x"}}).body, "Nothing was erased.", typed)
		s.operator().post(at+"/erase", url.Values{"confirm": {typed}}).requireRedirect(t, "/users")
		assert.Equal(t, http.StatusNotFound, s.operator().get(at).status, typed)
	}
}

func TestAnExportHasEverythingAboutAUser(t *testing.T) {
	t.Parallel()
	s := books(t)
	page := s.operator().get("/users/ann/export")
	assert.Equal(t, "application/x-ndjson", page.header.Get("Content-Type"))
	lines := strings.Split(strings.TrimSpace(page.body), "\n")
	require.Len(t, lines, 3)
	has(t, lines[0], `{"kind":"user_profiles","row":{"user_id":"ann"`)
	has(t, lines[1], "Why is the sky blue?")
	hasNot(t, page.body, "bob")
	assert.Equal(t, http.StatusNotFound, s.operator().get("/users/nobody/export").status)
}

func TestARuleIsMadeChangedTurnedOffAndDeleted(t *testing.T) {
	t.Parallel()
	s := books(t)
	v := s.operator()
	form := url.Values{
		"name": {"A day's budget"}, "metric": {"cost"}, "scope": {"everyone"}, "per_user": {"true"}, "window": {"day"},
		"time_zone": {"Europe/Berlin"}, "limit": {"$1,250.50"}, "thresholds": {"80%, 100"},
	}
	v.post("/alerts/rules/new", form).requireRedirect(t, "/alerts")
	rules, err := s.db.AlertRules(t.Context(), policy.System())
	require.NoError(t, err)
	made := rules[len(rules)-1]
	assert.Equal(t, 1250.5, made.Limit)
	assert.Equal(t, []float64{80, 100}, made.Thresholds)
	assert.True(t, made.PerUser)
	has(t, v.see("/alerts"), "A day&#39;s budget")

	at := "/alerts/rules/" + itoa(made.ID)
	form.Set("limit", "many")
	refused := v.post(at, form)
	assert.Equal(t, http.StatusUnprocessableEntity, refused.status)
	has(t, refused.body, "The limit must be a number, as in 12.50 or 1,250.")
	has(t, refused.body, `value="many"`, "what was typed stays")
	form.Set("limit", "12,50")
	has(t, v.post(at, form).body, "The limit must be a number, as in 12.50 or 1,250.", "and not 1250")
	form.Set("limit", "5")
	form.Set("name", "")
	has(t, v.post(at, form).body, "Name must have 1 to 200 characters")
	form.Set("name", "Other")
	v.post(at, form).requireRedirect(t, "/alerts")
	v.post(at+"/enable", url.Values{"enabled": {"false"}}).requireRedirect(t, at)
	has(t, v.see(at), "Turn on")
	v.post(at+"/delete", nil).requireRedirect(t, "/alerts")
	assert.Equal(t, http.StatusNotFound, v.get(at).status)
	assert.Equal(t, http.StatusNotFound, v.post(at+"/delete", nil).status)
}

func TestARulesFormComplainsInItsOwnWords(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	v := s.operator()
	for _, tt := range []struct{ field, typed, says string }{
		{"scope", "tier", "“Which one” must name a tier."},
		{"window", "last", "“How many last requests” must be a whole number."},
		{"min_requests", "few", "“Fewest requests for an error rate” must be a whole number."},
		{"min_requests", "20000", "“Fewest requests for an error rate” must be from 1 to 10000."},
	} {
		form := url.Values{"name": {"n"}, "metric": {"cost"}, "scope": {"everyone"}, "window": {"day"}, "limit": {"5"}}
		form.Set(tt.field, tt.typed)
		page := v.post("/alerts/rules/new", form)
		assert.Equal(t, http.StatusUnprocessableEntity, page.status, tt)
		has(t, page.body, tt.says)
		label := tt.says[strings.Index(tt.says, "“")+len("“") : strings.Index(tt.says, "”")]
		has(t, page.body, ">"+label+"</label>")
	}
	form := url.Values{"name": {"n"}, "metric": {"error_rate"}, "scope": {"everyone"}, "window": {"last"}, "last_requests": {"0"}, "limit": {"0.5"}}
	has(t, v.post("/alerts/rules/new", form).body, "“The last requests” needs “How many last requests” from 1 to 10000.")
}

func TestAPriceIsSetAndRemoved(t *testing.T) {
	t.Parallel()
	s := books(t)
	s.add(`{"end_user":"ann","model":"our/model","prompt_tokens":10,"completion_tokens":10}`)
	v := s.operator()
	page := v.see("/prices")
	has(t, page, "Models without a price")
	has(t, page, `href="/prices?set-model=our%2Fmodel&amp;set-provider=our#set"`)
	has(t, v.see("/prices?set-model=our%2Fmodel&set-provider=our"), `name="model" value="our/model"`)
	form := url.Values{"model": {"our/model"}, "input": {"$2.50"}, "output": {"10"}, "from": {"2026-01-01"}}
	v.post("/prices", form).requireRedirect(t, "/prices#overrides")
	prices, err := s.db.Prices(t.Context(), policy.System(), store.PriceFilter{Source: "override", Limit: 10})
	require.NoError(t, err)
	require.Len(t, prices, 1)
	assert.JSONEq(t, `{"input":2.5,"output":10}`, string(prices[0].Rates))
	has(t, v.see("/prices"), "input $2.50, output $10.00")
	for field, says := range map[string]string{"input": "price", "from": "The date must be", "model": "A price needs a model."} {
		bad := url.Values{"model": {"m"}, "input": {"1"}, field: {map[string]string{"input": "much", "from": "soon", "model": ""}[field]}}
		refused := v.post("/prices", bad)
		assert.Equal(t, http.StatusUnprocessableEntity, refused.status, field)
		has(t, refused.body, says, field)
	}
	comma := v.post("/prices", url.Values{"model": {"m"}, "input": {"2,50"}})
	assert.Equal(t, http.StatusUnprocessableEntity, comma.status)
	has(t, comma.body, "The price of input must be a number, as in 12.50 or 1,250.")
	v.post(fmt.Sprintf("/prices/%d/delete", prices[0].ID), nil).requireRedirect(t, "/prices#overrides")
	has(t, v.see("/prices?q=gpt-4o&source=shipped"), "gpt-4o-mini")
	has(t, v.see("/prices?q=no-such-model"), "No price matches.")
}

func TestAJobIsStarted(t *testing.T) {
	t.Parallel()
	s := books(t)
	require.NoError(t, s.db.RecordJobs(t.Context(), []store.JobRecord{{Name: "monthly", Purpose: "keep months in line", Schedule: "@hourly"}}))
	v := s.operator()
	has(t, v.see("/jobs"), "keep months in line")
	v.post("/jobs/monthly/run", nil).requireRedirect(t, "/jobs")
	assert.Equal(t, []string{"monthly"}, s.started())
}

func TestTheSystemPageTellsOfProgramAndDatabase(t *testing.T) {
	t.Parallel()
	page := books(t).operator().see("/system")
	for _, want := range []string{"v1.2.3", "Engine", "none yet", "Go"} {
		has(t, page, want)
	}
}

func TestFilesAreKeptByTheirVersion(t *testing.T) {
	t.Parallel()
	v := newServer(t).visitor()
	page := v.see("/signin")
	m := regexp.MustCompile(`href="(/assets/app\.css\?v=[0-9a-f]+)"`).FindStringSubmatch(page)
	require.NotNil(t, m)
	css := v.get(m[1])
	assert.Equal(t, "text/css; charset=utf-8", css.header.Get("Content-Type"))
	has(t, css.header.Get("Cache-Control"), "immutable")
	has(t, css.body, ".s0{fill:")
	hasNot(t, v.get("/assets/app.js").header.Get("Cache-Control"), "immutable")
	hasNot(t, css.body, "http:")
	hasNot(t, css.body, "@import")
}

func TestAProgramIsToldInItsOwnWordsThatNothingIsThere(t *testing.T) {
	t.Parallel()
	v := newServer(t).visitor()
	assert.Equal(t, "application/problem+json", v.get("/nowhere", "Accept", "*/*").header.Get("Content-Type"))
	page := v.get("/nowhere")
	assert.Equal(t, http.StatusNotFound, page.status)
	has(t, page.header.Get("Content-Type"), "text/html")
	has(t, page.header.Get("Content-Security-Policy"), "default-src 'self'")
}

func TestAnAddressThatOnlyTakesFormsSaysSo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{"/signout", "/zone", "/prices/5/delete", "/alerts/rules/5/enable", "/jobs/monthly/run"} {
		for _, v := range []*visitor{s.operator(), s.visitor()} {
			page := v.get(path)
			assert.Equal(t, http.StatusMethodNotAllowed, page.status, path)
			has(t, page.header.Get("Content-Type"), "text/html", path)
			has(t, page.body, "This address takes what a form sends", path)
			assert.Equal(t, "POST", page.header.Get("Allow"), path)
		}
		assert.Equal(t, "application/problem+json", s.operator().get(path, "Accept", "*/*").header.Get("Content-Type"), path)
	}
}
