package dashboard_test

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/storetest"
)

// quotedField is one of CSV, whatever it has.
var quotedField = regexp.MustCompile(`"[^"]*"`)

// records reads CSV as strictly as RFC 4180 is.
func records(t testing.TB, page shown) [][]string {
	t.Helper()
	require.Equal(t, http.StatusOK, page.status)
	assert.Equal(t, "text/csv; charset=utf-8", page.header.Get("Content-Type"))
	assert.Contains(t, page.header.Get("Content-Disposition"), "attachment; filename=")
	lines := quotedField.ReplaceAllString(page.body, "")
	assert.Equal(t, strings.Count(lines, "\r\n"), strings.Count(lines, "\n"), "records end in CR and LF")
	all, err := csv.NewReader(strings.NewReader(page.body)).ReadAll()
	require.NoError(t, err)
	return all
}

func TestEveryTableIsToBeHadAsCSV(t *testing.T) {
	t.Parallel()
	s := books(t)
	v := s.operator()
	for path, want := range map[string]struct {
		head string
		rows int
	}{
		"/?format=csv&table=models":                                     {"model,provider,requests,failures,tokens,cost_usd,unpriced_requests,p50_seconds,p95_seconds", 2},
		"/?format=csv&table=top-users":                                  {"user_id,requests,failures,tokens,cost_usd", 2},
		"/?format=csv&table=errors":                                     {"kind,model,provider,count,last", 1},
		"/?format=csv&table=unpriced":                                   {"model,provider,requests,tokens,last_seen", 0},
		"/?format=csv&table=activity":                                   {"id,time,user_id,model,provider,status,error,prompt_tokens,completion_tokens,tokens,cost_usd,seconds,litellm_call_id", 3},
		"/?format=csv&table=usage&by=provider":                          {"period_start,provider,requests,failures,tokens,cost_usd", 3},
		"/users/ann?format=csv&table=usage":                             {"period_start,model,requests,failures,tokens,cost_usd", 2},
		"/users/ann?format=csv&table=providers":                         {"provider,cost_usd", 1},
		"/users?format=csv":                                             {"user_id,email,full_name,tier,requests,failures,tokens,cost_usd,last_seen", 2},
		"/models?format=csv&q=claude":                                   {"model,provider,requests,failures,tokens,cost_usd,unpriced_requests,p50_seconds,p95_seconds", 1},
		"/requests?format=csv&status=success":                           {"id,time,user_id,model,provider,status,error,prompt_tokens,completion_tokens,tokens,cost_usd,seconds,litellm_call_id", 2},
		"/users/ann?format=csv&table=models":                            {"model,provider,requests,tokens,cost_usd,unpriced_requests,last_used", 1},
		"/users/ann?format=csv&table=months":                            {"month,requests,tokens,cost_usd", 1},
		"/users/ann?format=csv&table=requests":                          {"id,time,user_id,model,provider,status,error,prompt_tokens,completion_tokens,tokens,cost_usd,seconds,litellm_call_id", 2},
		"/alerts?format=csv&table=open":                                 {"id,message,rule,user_id,fired_at,resolved_at,used,limit,threshold_percent", 1},
		"/alerts?format=csv&table=alerts":                               {"id,message,rule,user_id,fired_at,resolved_at,used,limit,threshold_percent", 0},
		"/alerts?format=csv&table=rules":                                {"name,limit,metric,scope,scope_value,window,thresholds,enabled", 3},
		"/prices?format=csv&table=prices&q=gpt-4o-mini&source=override": {"model,provider,source,input,cache_read,cache_write,output,effective_from,rates", 0},
		"/jobs?format=csv":                                              {"name,purpose,schedule,next_run_at,last_started_at,last_seconds,last_result,last_message", 0},
		"/system?format=csv":                                            {"name,value", 12},
	} {
		all := records(t, v.get(path))
		assert.Equal(t, want.head, strings.Join(all[0], ","), path)
		if path == "/system?format=csv" {
			assert.Greater(t, len(all), 8, path)
			continue
		}
		assert.Len(t, all, want.rows+1, path)
	}
	assert.Equal(t, []string{"3", "2026-03-31T10:00:00+00:00", "bob", "claude-sonnet-4", "anthropic", "success", "", "7", "3", "10", "0.0000012", "0.82", ""},
		records(t, v.get("/requests?format=csv"))[1], "numbers as they are, times in UTC")
}

// csvOf returns where the CSV of a page's section is had; "" when there is no link.
func csvOf(t testing.TB, page, id string) string {
	t.Helper()
	m := regexp.MustCompile(`<a class="csv" href="([^"]*)"`).FindStringSubmatch(part(t, page, id))
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func TestYourOwnPricesAreToBeHadAsCSV(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	v := s.operator()
	assert.Empty(t, csvOf(t, v.see("/prices"), "overrides"))
	for _, model := range []string{"our/model", "our/other"} {
		v.post("/prices", url.Values{"model": {model}, "input": {"2.5"}, "output": {"10"}}).requireRedirect(t, "/prices#overrides")
	}
	rows := records(t, v.get(csvOf(t, v.see("/prices?q=gpt&source=shipped"), "overrides")))
	assert.Equal(t, "model,provider,source,input,cache_read,cache_write,output,effective_from,rates", strings.Join(rows[0], ","))
	require.Len(t, rows, 3, "whatever the price list was searched for")
	assert.Equal(t, []string{"our/model", "", "override", "2.5", "", "", "10"}, rows[1][:7])

	var many []price.Price
	rate, err := price.ParseRate("1")
	require.NoError(t, err)
	for i := range 199 {
		p, err := price.NewOverride("", fmt.Sprintf("m-%d", i), time.Time{}, price.Rates{price.Input: rate})
		require.NoError(t, err)
		many = append(many, p)
	}
	require.NoError(t, s.db.SavePrices(t.Context(), policy.System(), many))
	page := part(t, v.see("/prices"), "overrides")
	has(t, page, "the first 200, CSV has all")
	assert.Equal(t, 200, strings.Count(page, "<li>"))
	assert.Len(t, records(t, v.get("/prices?format=csv&table=overrides")), 202)
}

func TestTheCostOfARequestIsToBeHadAsCSV(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add(
		`{"end_user":"ann","model":"gpt-4o","provider":"openai","prompt_tokens":1000000,"completion_tokens":100,"cache_read_tokens":400000}`,
		`{"end_user":"ann","model":"gpt-4o","total_cost":1}`,
	)
	v := s.user("ann")
	rows := records(t, v.get(csvOf(t, v.see("/requests/1"), "cost")))
	require.Len(t, rows, 4)
	assert.Equal(t, "class,unit,count,usd_per_million,cost_usd", strings.Join(rows[0], ","))
	assert.Contains(t, rows, []string{"input", "tokens", "600000", "2.5", "1.5"})
	assert.Contains(t, rows, []string{"cache_read", "tokens", "400000", "1.25", "0.5"})
	assert.Empty(t, csvOf(t, v.see("/requests/2"), "cost"), "the sender says no more than the sum")
	assert.Equal(t, http.StatusNotFound, s.user("bob").get("/requests/1?format=csv&table=bill").status)
}

func TestNoPageHasCSVOfATableItHasNot(t *testing.T) {
	t.Parallel()
	s := books(t)
	for _, path := range []string{"/", "/users", "/users/ann", "/requests", "/requests/1", "/models", "/alerts", "/prices", "/jobs", "/system"} {
		page := s.operator().get(path + "?format=csv&table=zz")
		assert.Equal(t, http.StatusNotFound, page.status, path)
		has(t, page.body, "This page has no such table.", path)
	}
}

func TestBeforeTheFirstRequestCSVHasNoRows(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, table := range []string{"usage", "models", "top-users", "errors", "unpriced", "activity"} {
		rows := records(t, s.operator().get("/?format=csv&table="+table))
		assert.Len(t, rows, 1, table)
	}
	for _, table := range []string{"usage", "models", "months", "providers", "requests"} {
		rows := records(t, s.user("ann").get("/?format=csv&table="+table))
		assert.Len(t, rows, 1, table)
	}
}

func TestAnUnknownCostIsNotNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add(`{"end_user":"ann","model":"our/model","created_at":"2026-03-30T00:00:00Z","prompt_tokens":10,"completion_tokens":10}`)
	for path, column := range map[string]int{
		"/users/ann?format=csv&table=models": 4, "/users/ann?format=csv&table=providers": 1, "/models?format=csv": 5, "/requests?format=csv": 10,
	} {
		rows := records(t, s.operator().get(path))
		require.Len(t, rows, 2, path)
		assert.Contains(t, rows[0][column], "cost_usd", path)
		assert.Empty(t, rows[1][column], path)
	}
}

func TestCSVHasTheWholeTableNotThePage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const rows = 2345
	var logs []string
	for i := range rows {
		logs = append(logs, fmt.Sprintf(`{"end_user":"user-%04d","model":"m","created_at":"2026-03-30T%02d:00:00Z"}`, i, i%24))
	}
	s.add(logs...)
	for path, name := range map[string]int{"/requests?format=csv&after=x": 2, "/users?format=csv": 0} {
		seen := map[string]bool{}
		for _, r := range records(t, s.operator().get(path))[1:] {
			seen[r[name]] = true
		}
		assert.Len(t, seen, rows, path)
	}
	mine := records(t, s.user("user-0007").get("/requests?format=csv"))
	assert.Len(t, mine, 2, "a user's own alone")
}

func TestASpreadsheetTakesNothingForAFormula(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i, bad := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "=HYPERLINK(\"http://example.com\")", "a,b\"c\nd"} {
		s.add(fmt.Sprintf(`{"end_user":%q,"model":"m%d","created_at":"2026-03-30T00:00:0%dZ"}`, bad, i, i))
	}
	var users []string
	for _, r := range records(t, s.operator().get("/requests?format=csv"))[1:] {
		users = append(users, r[2])
	}
	assert.Equal(t, []string{"a,b\"c\nd", "'=HYPERLINK(\"http://example.com\")", "'\t=1", "'@SUM(A1)", "'-1", "'+1", "'=1+1"}, users)
}

func TestThePagesStaySmall(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	long := strings.Repeat("a-model-with-a-long-name-", 8)
	var logs []string
	for i := range 600 {
		logs = append(logs, fmt.Sprintf(`{"end_user":"user-%03d","model":"%s%d","provider":"p%d","created_at":"2026-03-%02dT%02d:00:00Z","status":"failure","error":{"type":"error_%d"},"prompt_tokens":%d,"completion_tokens":5,"total_cost":0.01}`,
			i%200, long, i%40, i%5, 2+i%29, i%24, i%30, 1000+i))
	}
	s.add(logs...)
	page := s.operator().see("/")
	from, to := strings.Index(page, "<figure"), strings.Index(page, "</figure>")
	assert.Less(t, len(page)-(to-from), 60_000, "the overview without its chart")
	assert.Less(t, len(page), 200_000)
	assert.Less(t, len(s.operator().see("/models")), 200_000)
}

func TestTheStreamKnowsWhoHasSignedIn(t *testing.T) {
	t.Parallel()
	s := books(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.http.URL+"/live", nil)
	require.NoError(t, err)
	r.AddCookie(&http.Cookie{Name: "llmtally_session", Value: s.user("ann").session})
	response, err := s.http.Client().Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	lines := bufio.NewScanner(response.Body)
	require.True(t, lines.Scan(), "the stream has begun")
	storetest.Append(t, s.db, policy.System(), `{"end_user":"bob","model":"for-bob"}`, `{"end_user":"ann","model":"for-ann"}`)
	for lines.Scan() {
		assert.NotContains(t, lines.Text(), "for-bob")
		if strings.Contains(lines.Text(), "for-ann") {
			return
		}
	}
	require.NoError(t, lines.Err())
	assert.Fail(t, "the stream ended without ann's request")
}
