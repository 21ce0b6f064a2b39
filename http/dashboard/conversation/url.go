package conversation

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// shownImages are the formats that a browser shows and that can hold no script.
var shownImages = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// maxImage bounds, in bytes of its URL, an image that is shown.
const maxImage = 8 << 20

// DataImage returns a part's image as a data: URL that is safe to show, if it is
// one of a known format and whole.
func (p Part) DataImage() (string, bool) {
	rest, ok := strings.CutPrefix(p.URL, "data:")
	if p.Kind != Image || !ok || len(p.URL) > maxImage {
		return "", false
	}
	media, data, ok := strings.Cut(rest, ",")
	media, isBase64 := strings.CutSuffix(media, ";base64")
	if !ok || !isBase64 || !slices.Contains(shownImages, strings.ToLower(media)) {
		return "", false
	}
	if _, err := base64.StdEncoding.DecodeString(data); err != nil {
		return "", false
	}
	return "data:" + strings.ToLower(media) + ";base64," + data, true
}

// Link returns where a part's image or file is, if a person may follow it: an
// address on the web, and nothing that runs.
func (p Part) Link() (string, bool) {
	u, err := url.Parse(p.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", false
	}
	return u.String(), true
}
