package dashboard_test

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestANameThatTurnsItsTextIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	id := "\u202Elive"
	s.add(fmt.Sprintf(`{"end_user":%q,"model":"%[1]s-model","provider":"%[1]s-provider","litellm_call_id":"%[1]s-call","tokens_used":5,
			"messages":[{"role":%[1]q,"tool_calls":[{"id":%[1]q,"function":{"name":%[1]q}}]},{"role":"tool","tool_call_id":%[1]q,"content":"ok"}]}`, id),
		fmt.Sprintf(`{"end_user":%q,"model":"%[1]s-model","provider":"%[1]s-provider","status":"failure","error":{"type":"%[1]s-error"}}`, id))
	v := s.operator()
	typed := regexp.MustCompile(` value="[^"]*"`)
	for _, path := range []string{"/", "/users", "/users/" + url.PathEscape(id), "/users/" + url.PathEscape(id) + "/erase", "/requests", "/requests/1", "/models", "/prices", "/users?q=" + url.QueryEscape(id)} {
		page := v.see(path)
		has(t, page, "‹202E›live", path)
		hasNot(t, typed.ReplaceAllString(page, ""), "\u202E", path)
	}
	has(t, v.see("/users"), `href="/users/%E2%80%AElive"`)
	has(t, v.see("/users?format=csv"), id)
	has(t, s.user(id).see("/"), `<bdi title="‹202E›live">‹202E›live</bdi>`)
}

func TestALongIdDoesNotFillThePage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	long := strings.Repeat("customer-", 33)
	s.add(fmt.Sprintf(`{"end_user":%q}`, long), `{"end_user":"ann"}`)
	page := s.operator().see("/users/" + long)
	has(t, page, fmt.Sprintf(`<h1><bdi title="%s">%[1]s</bdi></h1>`, long))
	has(t, page, fmt.Sprintf(`<summary>The whole id</summary><p><bdi>%s</bdi></p>`, long))
	page = s.operator().see("/users/ann")
	has(t, page, "<h1><bdi>ann</bdi></h1>")
	hasNot(t, page, "The whole id")
}

func TestAModelSaysHowManyOfItsRequestsHaveNoPrice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add(`{"model":"house","provider":"ours","total_cost":0.0000024,"tokens_used":5}`, `{"model":"house","provider":"ours","tokens_used":5}`,
		`{"model":"house","provider":"ours","tokens_used":5}`, `{"model":"house","provider":"ours","tokens_used":5,"created_at":"2025-12-01T00:00:00Z"}`,
		`{"model":"never","provider":"ours","tokens_used":5}`, `{"model":"known","provider":"ours","tokens_used":5,"total_cost":1}`)
	const link = `<small title="%s"><a href="/prices?set-model=%s&amp;set-provider=ours#set"><bdi>%[1]s</bdi></a></small>`
	for _, path := range []string{"/", "/models"} {
		page := s.operator().see(path)
		page = page[strings.Index(page, `id="models-heading"`):]
		page = page[:strings.Index(page, "</table>")]
		has(t, page, `<bdi title="$0.0000024">$0.0000024</bdi>`+fmt.Sprintf(strings.ReplaceAll(link, "+", "&#43;"), "&#43; 2 unpriced", "house"), path, "in this time")
		has(t, page, `<bdi title="the price is unknown">–</bdi>`+fmt.Sprintf(link, "1 unpriced", "never"), path)
		assert.Equal(t, 2, strings.Count(page, "unpriced</bdi>"), path)
	}
	sheet := s.operator().see("/models?format=csv")
	has(t, sheet, "house,ours,3,0,15,0.0000024,2,,")
	has(t, sheet, "never,ours,1,0,5,,1,,")
}

func TestAUsersModelSaysHowManyOfItsRequestsHaveNoPrice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add(`{"end_user":"ann","model":"house","provider":"ours","total_cost":0.0000024,"tokens_used":5}`, `{"end_user":"ann","model":"house","provider":"ours","tokens_used":5}`,
		`{"end_user":"ann","model":"house","provider":"theirs","tokens_used":5}`, `{"end_user":"bob","model":"house","provider":"ours","tokens_used":5}`,
		`{"end_user":"ann","model":"free","provider":"ours","total_cost":0,"tokens_used":5}`)
	rows := func(page string) string {
		page = page[strings.Index(page, `id="models-heading"`):]
		return page[:strings.Index(page, "</table>")]
	}
	page := rows(s.operator().see("/users/ann"))
	const link = `<a href="/prices?set-model=house&amp;set-provider=%s#set"><bdi>%s</bdi></a></small>`
	has(t, page, `<bdi title="$0.0000024">$0.0000024</bdi><small title="&#43; 1 unpriced">`+fmt.Sprintf(link, "ours", "&#43; 1 unpriced"))
	has(t, page, `<bdi title="the price is unknown">–</bdi><small title="1 unpriced">`+fmt.Sprintf(link, "theirs", "1 unpriced"))
	assert.Equal(t, 2, strings.Count(page, "unpriced</bdi>"))
	own := rows(s.user("ann").see("/"))
	has(t, own, `<bdi title="$0.0000024">$0.0000024</bdi><small title="&#43; 1 unpriced"><bdi>&#43; 1 unpriced</bdi></small>`)
	hasNot(t, own, "/prices", "which is the operator's")
	sheet := s.operator().see("/users/ann?format=csv&table=models")
	has(t, sheet, "house,ours,2,10,0.0000024,1,")
	has(t, sheet, "house,theirs,1,5,,1,")
	has(t, sheet, "free,ours,1,5,0,0,")
}

func TestPercentilesSayHowExactTheyAre(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add(`{"model":"m","response_time":0.82}`)
	page := s.operator().see("/")
	has(t, page, `<dt>Median time</dt><dd><span class="value" title="from a histogram, within 3.2 %">840 ms</span>`)
	has(t, page, `<dt>95th percentile</dt><dd><span class="value" title="from a histogram, within 3.2 %">840 ms</span>`)
	has(t, page, `<bdi>820 ms</bdi>`, "what one took is known")
	page = s.operator().see("/models")
	assert.Equal(t, 2, strings.Count(page, `<bdi title="from a histogram, within 3.2 %">840 ms</bdi>`))
	assert.Regexp(t, `,0\.83\d+,0\.83\d+\r\n`, s.operator().see("/models?format=csv"))
}

func TestTheDayOnWhichClocksGoBackNamesEachHourOnce(t *testing.T) {
	t.Parallel()
	page := books(t).operator().see("/?range=custom&from=2025-11-02&to=2025-11-02", "Cookie", "tz=America%2FNew_York")
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`<title>([^<\n]*)\nTotal`).FindAllStringSubmatch(page, -1) {
		assert.False(t, names[m[1]], m[1])
		names[m[1]] = true
	}
	assert.Len(t, names, 25)
	assert.Contains(t, names, "Sun 2 Nov 2025, 01:00 EST")
}

func TestANameWithSpacesAtItsEndsIsFound(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.add(`{"user_profile_id":"  lead user ","model":"  lead model ","provider":" p ","tokens_used":5}`, `{"end_user":"ann","model":"lead model","provider":"p","tokens_used":5}`)
	v := s.operator()
	page := part(t, v.see("/models"), "models")
	hrefs := regexp.MustCompile(`<a href="(/requests[^"]*)" title="  lead model "`).FindStringSubmatch(page)
	require.Len(t, hrefs, 2)
	for _, path := range []string{html.UnescapeString(hrefs[1]), "/requests?user=++lead+user+", "/requests?provider=+p+"} {
		list := v.see(path)
		has(t, list, `href="/requests/1"`, path)
		hasNot(t, list, `href="/requests/2"`, path)
	}
	has(t, v.see("/users?q=%20lead%20user%20"), "1 user found")
	has(t, v.see("/users?q=%20ann%20"), "1 user found")
}
