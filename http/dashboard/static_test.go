package dashboard

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Which text stands on which ground.
var readable = map[string][]string{
	"--text":      {"--ground", "--surface", "--sunken", "--accent-ground", "--bad-ground", "--warning-ground"},
	"--muted":     {"--ground", "--surface", "--sunken", "--accent-ground", "--bad-ground", "--warning-ground"},
	"--accent":    {"--ground", "--surface", "--sunken", "--bad-ground", "--warning-ground"},
	"--bad":       {"--surface", "--bad-ground"},
	"--ok":        {"--surface"},
	"--on-accent": {"--accent"},
}

// Which marks stand on which ground: no text, so less will do.
var visible = map[string][]string{
	"--ok": {"--surface"}, "--warning": {"--surface", "--warning-ground"}, "--bad": {"--surface"}, "--off": {"--surface"}, "--bar": {"--surface"},
}

func TestEveryTextCanBeReadAndEveryMarkSeen(t *testing.T) {
	t.Parallel()
	css := string(assets["app.css"].content)
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(css, -1)
	require.Len(t, blocks, 2, "light and dark")
	for i, scheme := range []string{"light", "dark"} {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`(--[a-z-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(blocks[i][1], -1) {
			colours[m[1]] = m[2]
		}
		for least, pairs := range map[float64]map[string][]string{4.5: readable, 3: visible} {
			for front, grounds := range pairs {
				for _, ground := range grounds {
					c := contrast(t, colours[front], colours[ground])
					assert.GreaterOrEqual(t, c, least, "%s on %s, %s", front, ground, scheme)
				}
			}
		}
	}
}

// contrast is WCAG's ratio of two colours.
func contrast(t testing.TB, a, b string) float64 {
	t.Helper()
	luminance := func(hex string) float64 {
		require.Len(t, hex, 7)
		sum := 0.05
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
			require.NoError(t, err)
			v := float64(n) / 255
			if v > 0.04045 {
				sum += weight * math.Pow((v+0.055)/1.055, 2.4)
				continue
			}
			sum += weight * v / 12.92
		}
		return sum
	}
	r := luminance(a) / luminance(b)
	return max(r, 1/r)
}

func TestNothingComesFromElsewhere(t *testing.T) {
	t.Parallel()
	for name, a := range assets {
		text := strings.ReplaceAll(string(a.content), "http://www.w3.org/", "")
		assert.NotRegexp(t, `https?://|@import|@font-face`, text, name)
		assert.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`, text, name)
		assert.NotEmpty(t, a.contentType, name)
	}
}
