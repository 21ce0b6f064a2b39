package browser_test

import (
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

var (
	paintRows  = flag.Int("paint-rows", 100_000, "how many logs the overview is painted from")
	paintUsers = flag.Int("paint-users", 1000, "whose logs they are")
	paintKeep  = flag.String("paint-keep", "", "a folder to keep the generated database in")
)

// BenchmarkFirstPaint measures the overview of many logs from the moment that
// somebody goes there: until its first byte, and until something is seen.
func BenchmarkFirstPaint(b *testing.B) {
	db := storetest.Generated(b, *paintRows, *paintUsers, *paintKeep)
	s := serve(b, db, func() time.Time { return storetest.GeneratedEnd })
	tab := s.operator(b, desktop)
	var first, paint float64
	rounds := 0
	for b.Loop() {
		tab.goTo("/")
		at := value[[]float64](tab, `new Promise((done) => {
			const look = () => {
				const paint = performance.getEntriesByName("first-contentful-paint")[0];
				if (!paint) return requestAnimationFrame(look);
				done([performance.getEntriesByType("navigation")[0].responseStart, paint.startTime]);
			};
			look();
		})`)
		require.Len(b, at, 2)
		first, paint = first+at[0], paint+at[1]
		rounds++
	}
	b.ReportMetric(first/float64(rounds), "ms/first-byte")
	b.ReportMetric(paint/float64(rounds), "ms/first-paint")
}
