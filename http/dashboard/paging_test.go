package dashboard_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shownIn are the links of a table's rows.
func shownIn(t testing.TB, page, id string) []string {
	t.Helper()
	return regexp.MustCompile(`href="/(?:requests|users)/[^"?]+"`).FindAllString(part(t, page, id), -1)
}

func TestPagesLeadBackTheWayTheyCame(t *testing.T) {
	t.Parallel()
	s := alerted(t, 160, 3)
	var logs []string
	for i := range 330 {
		logs = append(logs, fmt.Sprintf(`{"end_user":"user-%d","model":"m%d"}`, i%2, i%2))
	}
	s.add(logs...)
	v := s.operator()
	for _, list := range []struct{ path, id string }{
		{"/requests", "requests"}, {"/requests?model=m1", "requests"}, {"/users/user-1", "requests"}, {"/alerts", "open"}, {"/users", "users"},
	} {
		var pages []string
		for next := list.path; next != ""; next = hrefOf(pages[len(pages)-1], list.id+"-older") {
			pages = append(pages, v.see(next))
		}
		require.GreaterOrEqual(t, len(pages), 4, list.path)
		at := pages[len(pages)-1]
		for i := len(pages) - 2; i >= 0; i-- {
			at = v.see(hrefOf(at, list.id+"-newer"))
			require.Equal(t, shownIn(t, pages[i], list.id), shownIn(t, at, list.id), "%s, page %d", list.path, i+1)
		}
		assert.Empty(t, hrefOf(at, list.id+"-newer"), list.path)
		assert.Equal(t, shownIn(t, pages[1], list.id), shownIn(t, v.see(hrefOf(at, list.id+"-older")), list.id), list.path)
	}
}

func TestThePageBeforeIsShownFull(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for range 60 {
		s.add(`{"model":"m"}`)
	}
	v := s.operator()
	second := v.see(hrefOf(v.see("/requests"), "requests-older"))
	s.add(`{"model":"newest"}`)
	first := v.see(hrefOf(second, "requests-newer"))
	assert.Len(t, shownIn(t, first, "requests"), 50)
	has(t, first, "m</a>")
	newer := v.see(hrefOf(first, "requests-newer"))
	assert.Len(t, shownIn(t, newer, "requests"), 50, "one alone would be no page")
	has(t, newer, "newest")
	assert.Len(t, shownIn(t, v.see("/requests?after=~"), "requests"), 50)
	for _, path := range []string{"/requests?after=~zz", "/alerts?after=~zz"} {
		assert.Equal(t, http.StatusUnprocessableEntity, v.get(path).status, path)
	}
}
