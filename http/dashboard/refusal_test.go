package dashboard_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAnAddressThatSaysWhatNobodyOffersIsToldWhatIsOffered(t *testing.T) {
	t.Parallel()
	s := books(t)
	const (
		metric  = "This metric is unknown: it is requests, tokens or cost."
		by      = "This way to stack is unknown: it is model or provider."
		place   = "This place in the list is unknown: it is a whole number from 0 to "
		reverse = "The range ends before it begins."
		dates   = "Dates are taken from 1970-01-01 to 9000-12-31."
	)
	for path, says := range map[string]string{
		"/?metric=zz":                                  metric,
		"/users/ann?metric=zz":                         metric,
		"/?by=zz":                                      by,
		"/?by=zz&format=csv&table=usage":               by,
		"/users?order=zz":                              "This order is unknown: it is ascending or descending.",
		"/users?order=zz&format=csv":                   "This order is unknown: it is ascending or descending.",
		"/users?sort=zz":                               "Unknown sort",
		"/users?after=zz":                              "This is no place in this list of users.",
		"/requests?after=zz":                           "Invalid cursor",
		"/alerts?after=zz":                             place,
		"/alerts?after=-1":                             place,
		"/alerts?open-after=zz":                        place,
		"/prices?after=zz":                             place,
		"/prices?after=99999999999999999999999":        place,
		"/prices?source=zz":                            "This source is unknown: it is override, import or shipped.",
		"/requests?since=2026-11-20&until=2026-11-01":  reverse,
		"/users/ann?since=2026-11-20&until=2026-11-19": reverse,
		"/?from=2026-11-20&to=2026-11-01":              reverse,
		"/?from=1900-01-01":                            dates,
		"/requests?since=1900-01-01":                   dates,
		"/requests?until=9001-01-01":                   dates,
		"/requests?until=2026-02-30":                   "A date is year-month-day, as in 2026-01-31.",
	} {
		page := s.operator().get(path)
		assert.Equal(t, http.StatusUnprocessableEntity, page.status, path)
		has(t, page.body, says, path)
		has(t, page.body, "<h1>That cannot be shown</h1>", path)
		has(t, page.body, "<small>Status 422</small>", path)
		hasNot(t, page.body, "Unprocessable", path)
	}
	for _, path := range []string{
		"/?metric=", "/?metric=cost&by=provider", "/requests?status=", "/requests?status=initiated", "/users?order=descending", "/alerts?after=0&open-after=7",
		"/prices?after=0", "/prices?source=import", "/requests?since=2026-11-20&until=2026-11-20", "/requests?since=1970-01-01&until=9000-12-31",
	} {
		s.operator().see(path)
	}
}

func TestARefusalIsHeadedInWords(t *testing.T) {
	t.Parallel()
	s := books(t)
	for path, heading := range map[string]string{
		"/users/nobody": "Nothing here", "/requests/999": "Nothing here", "/nowhere": "Nothing here", "/alerts/rules/999": "Nothing here",
	} {
		page := s.operator().get(path)
		has(t, page.body, "<h1>"+heading+"</h1>", path)
		has(t, page.body, "<small>Status 404</small>", path)
	}
	has(t, s.user("ann").get("/users").body, "<h1>Not open to you</h1>")
	has(t, s.operator().post("/users/nobody/erase", url.Values{"confirm": {"nobody"}}).body, "<h1>Nothing here</h1>")
}
