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

// The time zone that a person reads times in: the one that was chosen in the
// form, else the one that the page's script has found the browser in.
const (
	zoneCookie    = "tz"
	browserCookie = "tz_browser"
)

// zoneOf returns that zone, and whether it was chosen; UTC when nobody said.
func zoneOf(r *http.Request) (zone *time.Location, chosen bool) {
	cookie, err := r.Cookie(zoneCookie)
	chosen = err == nil
	if !chosen {
		cookie, err = r.Cookie(browserCookie)
	}
	if err != nil {
		return time.UTC, false
	}
	name, err := url.QueryUnescape(cookie.Value)
	if err != nil {
		return time.UTC, chosen
	}
	return namedZone(name), chosen
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

// setZone keeps the zone that was chosen in the form, or forgets it: then the
// browser's holds again.
func (d *Dashboard) setZone(w http.ResponseWriter, r *http.Request) {
	name := r.PostFormValue("zone")
	c := d.cookie(r, zoneCookie, url.QueryEscape(namedZone(name).String()))
	c.HttpOnly = false // the page's script asks whether there is one
	c.MaxAge = 365 * 24 * 60 * 60
	if name == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
	http.Redirect(w, r, localPath(r.PostFormValue("next")), http.StatusSeeOther)
}
