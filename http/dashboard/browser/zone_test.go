package browser_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// inZone waits until the page's times are in a zone.
func (b *tab) inZone(zone string) {
	b.t.Helper()
	b.until("times are in "+zone, fmt.Sprintf(`document.readyState === "complete" && document.body.dataset.zone === %s`, quoted(zone)))
}

func (b *tab) travel(zone string) {
	b.t.Helper()
	command(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone})
	b.goTo("/")
}

func (b *tab) chooseZone(zone string) {
	b.t.Helper()
	value[bool](b, fmt.Sprintf(`document.querySelector("#zone").value = %s, document.querySelector("#zone-form").requestSubmit(), true`, quoted(zone)))
}

func TestTheBrowsersZoneIsFollowedUnlessAnotherIsChosen(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.log(t, `{"end_user":"ann"}`)
	b := s.operator(t, desktop)
	for _, zone := range []string{"Asia/Tokyo", "America/New_York"} {
		b.travel(zone)
		b.inZone(zone)
	}
	b.chooseZone("Africa/Lagos")
	b.inZone("Africa/Lagos")
	b.travel("Europe/Berlin")
	b.inZone("Africa/Lagos")
	b.chooseZone("")
	b.inZone("Europe/Berlin")
}
