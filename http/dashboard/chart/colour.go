package chart

import (
	"fmt"
	"strings"
)

// The colours of the series, on a light and on a dark background. Each stands
// out from its background by 3 to 1 at least (WCAG 2.2, 1.4.11), and from each
// other also for people who see no red, no green or no blue: the tests compute
// it.
var (
	Light = []string{"#476cfe", "#bb8a0b", "#076d6f", "#9f4a1b", "#8861ab", "#382e94", "#781359", "#573d14"}
	Dark  = []string{"#6986ff", "#f2d2a4", "#35bcf6", "#cc9887", "#a531bb", "#da4b21", "#03edff", "#a5c811"}
)

// The colours of what is together with others, and the backgrounds.
const (
	LightRest, LightGround = "#8c939c", "#ffffff"
	DarkRest, DarkGround   = "#747c86", "#181b20"
)

// CSS gives the classes of the drawing their colours.
func CSS() string {
	var b strings.Builder
	rules := func(colours []string, rest string) {
		for i, c := range colours {
			fmt.Fprintf(&b, ".s%d{fill:%s}\n", i, c)
		}
		fmt.Fprintf(&b, ".rest{fill:%s}\n", rest)
	}
	rules(Light, LightRest)
	b.WriteString("@media (prefers-color-scheme: dark){\n")
	rules(Dark, DarkRest)
	b.WriteString("}\n")
	return b.String()
}
