package dashboard_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// rowsOf counts the requests that a page shows.
func rowsOf(page string) int { return strings.Count(page, `<td><a href="/requests/`) }

func TestRequestsAreFilteredByAnyStatusThatOccurs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	turned := "\u202Ecanceled"
	s.add(`{"end_user":"ann","model":"m","status":"success"}`, `{"end_user":"ann","model":"m","status":"Content filter & co."}`,
		fmt.Sprintf(`{"end_user":"ann","model":"m","status":%q}`, turned))
	v := s.operator()
	for _, path := range []string{"/requests", "/users/ann"} {
		for status, n := range map[string]int{"": 3, "success": 1, "failure": 0, "content filter & co.": 1, turned: 1, "nobody's": 0, "\x00": 0, "\xff": 0} {
			at := path + "?status=" + url.QueryEscape(status)
			page := v.see(at)
			assert.Equal(t, n, rowsOf(page), "%q at %s", status, path)
			assert.Equal(t, n == 0, strings.Contains(page, "No request matches."), at)
			assert.Equal(t, n, strings.Count(v.see(at+"&format=csv&table=requests"), "\r\n")-1, at)
		}
		page := v.see(path + "?status=" + url.QueryEscape("content filter & co."))
		has(t, page, `<option value="content filter &amp; co." selected>content filter &amp; co.</option></select>`, "after the usual ones")
		has(t, page, `<option value="initiated">initiated</option>`)
		has(t, v.see(path+"?status="+url.QueryEscape(turned)), `<option value="`+turned+`" selected>‹202E›canceled</option>`)
		hasNot(t, v.see(path+"?status=success"), "canceled</option>")
	}
}
