package dashboard

import (
	"fmt"
	"strings"
)

// legible shows the characters that turn the direction of a text by their codes:
// a name that has them would read otherwise than it is written. Links and CSV
// keep the name as it is. app.js does so, too.
func legible(s string) string {
	if !strings.ContainsFunc(s, turnsText) {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if turnsText(c) {
			fmt.Fprintf(&b, "‹%04X›", c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// turnsText says whether a character has no shape, and turns others: Unicode's
// Bidi_Control.
func turnsText(c rune) bool {
	return c == 0x061C || c == 0x200E || c == 0x200F || c >= 0x202A && c <= 0x202E || c >= 0x2066 && c <= 0x2069
}
