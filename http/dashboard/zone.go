package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/llmtally/llmtally/store"
)

// zones are those that the form offers, from west to east; a browser with
// JavaScript brings its own.
var zones = []string{
	"Pacific/Honolulu", "America/Anchorage", "America/Los_Angeles", "America/Denver", "America/Chicago", "America/New_York",
	"America/Halifax", "America/St_Johns", "America/Sao_Paulo", "Atlantic/Azores", "UTC", "Europe/London", "Europe/Berlin",
	"Africa/Lagos", "Africa/Johannesburg", "Europe/Helsinki", "Europe/Istanbul", "Africa/Nairobi", "Asia/Tehran", "Asia/Dubai",
	"Asia/Karachi", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Dhaka", "Asia/Bangkok", "Asia/Shanghai", "Asia/Singapore",
	"Australia/Perth", "Asia/Tokyo", "Asia/Seoul", "Australia/Adelaide", "Australia/Sydney", "Pacific/Auckland",
}

// zoneCookie names the time zone that a person reads times in.
const zoneCookie = "tz"

// zoneOf returns that zone; UTC when nobody chose one.
func zoneOf(r *http.Request) *time.Location {
	cookie, err := r.Cookie(zoneCookie)
	if err != nil {
		return time.UTC
	}
	name, err := url.QueryUnescape(cookie.Value)
	if err != nil {
		return time.UTC
	}
	return namedZone(name)
}

// zonesWith returns the zones to offer, the one that holds among them.
func zonesWith(zone string) []string {
	if slices.Contains(zones, zone) {
		return zones
	}
	return append([]string{zone}, zones...)
}

// namedZone returns the zone of an IANA name; UTC when there is none.
func namedZone(name string) *time.Location {
	if zone, err := store.ParseZone(name); err == nil && name != "" {
		return zone
	}
	return time.UTC
}

// setZone keeps the zone that was chosen in the form.
func (d *Dashboard) setZone(w http.ResponseWriter, r *http.Request) {
	c := d.cookie(r, zoneCookie, url.QueryEscape(namedZone(r.PostFormValue("zone")).String()))
	c.HttpOnly = false // the page's script asks whether there is one
	c.MaxAge = 365 * 24 * 60 * 60
	http.SetCookie(w, c)
	http.Redirect(w, r, localPath(r.PostFormValue("next")), http.StatusSeeOther)
}
