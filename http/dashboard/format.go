package dashboard

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/llmtally/llmtally/http/dashboard/chart"
	"github.com/llmtally/llmtally/store"
)

// none stands where there is no value.
const none = "–"

// count writes a whole number with its thousands apart: 1,234,567.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	return sign + grouped(digits)
}

func grouped(digits string) string {
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// counted writes a number that may be unknown.
func counted(n *int64) string {
	if n == nil {
		return none
	}
	return count(*n)
}

// short writes a number in a few characters: 12.3M.
func short(n int64) string {
	if n < 100_000 {
		return count(n)
	}
	return chart.Short(float64(n), chart.Count)
}

// money writes USD for a text: cents from a dollar on, below up to four
// decimals, and below a cent as many as two significant digits take, so that
// nothing that costs something reads as 0.
func money(usd float64) string {
	s := listedMoney(usd)
	whole, fraction, _ := strings.Cut(s, ".")
	if len(fraction) <= 2 {
		return s
	}
	fraction = strings.TrimRight(fraction, "0")
	return whole + "." + fraction + strings.Repeat("0", max(0, 2-len(fraction)))
}

// listedMoney writes USD for a list: the same, with the zeros at the end, so
// that amounts of one size have as many decimals. app.js does so, too.
func listedMoney(usd float64) string {
	switch a := math.Abs(usd); {
	case usd == 0:
		return "$0"
	case math.IsNaN(usd) || math.IsInf(usd, 0):
		return none
	case a >= 0.995:
		return dollars(usd, fixed(a, 2))
	case a >= 0.00995:
		return dollars(usd, fixed(a, 4))
	default:
		return dollars(usd, fixed(a, 1-magnitude(a)))
	}
}

// dollars adds what belongs to an amount to its digits.
func dollars(usd float64, digits string) string {
	whole, fraction, _ := strings.Cut(digits, ".")
	sign := ""
	if usd < 0 {
		sign = "-"
	}
	if fraction == "" {
		return sign + "$" + grouped(whole)
	}
	return sign + "$" + grouped(whole) + "." + fraction
}

// cost writes USD that may be unknown.
func cost(usd *float64) string {
	if usd == nil {
		return none
	}
	return money(*usd)
}

// exact writes USD with all its digits, for a title.
func exact(usd float64) string { return dollars(usd, strconv.FormatFloat(math.Abs(usd), 'f', -1, 64)) }

// shortMoney writes USD in a few characters.
func shortMoney(usd float64) string {
	if math.Abs(usd) < 100_000 {
		return money(usd)
	}
	return chart.Short(usd, chart.USD)
}

// seconds writes a time that something took: 820 ms, 1.23 s, 2 min 5 s.
func seconds(s float64) string {
	switch {
	case s < 0 || math.IsNaN(s) || math.IsInf(s, 0):
		return none
	case s == 0:
		return "0 ms"
	case s < 0.0095:
		return trimmed(fixed(s*1000, 1-magnitude(s*1000))) + " ms"
	case s < 0.9995:
		return fixed(s*1000, 0) + " ms"
	case s < 9.995:
		return fixed(s, 2) + " s"
	case s < 99.95:
		return fixed(s, 1) + " s"
	case s < 2*60*60:
		whole := int64(math.Round(s))
		return fmt.Sprintf("%d min %d s", whole/60, whole%60)
	default:
		return strings.TrimSuffix(time.Duration(s*float64(time.Second)).Round(time.Minute).String(), "0s")
	}
}

// took writes a time that may be unknown.
func took(s *float64) string {
	if s == nil {
		return none
	}
	return seconds(*s)
}

// withinPercent says how exact a percentile of response times is: the store takes
// it from a histogram.
const (
	percentileError = 0.032
	withinPercent   = "from a histogram, within 3.2 %"
)

// about writes a time that something took with the two digits that an estimate
// has: 840 ms, 5.6 s.
func about(s *float64) string {
	if s == nil || !(*s > 0) || math.IsInf(*s, 0) {
		return took(s)
	}
	switch power := magnitude(*s); power {
	case 0, 1:
		return fixed(*s, 1-power) + " s"
	case -1:
		return fixed(*s*100, 0) + "0 ms"
	default:
		if power < 0 {
			return fixed(*s*1000, -2-power) + " ms"
		}
		unit := math.Pow(10, float64(power-1))
		return strings.TrimSuffix(seconds(math.Round(*s/unit)*unit), " 0 s")
	}
}

// share writes a part of a whole for a text: 12.3%, 2%.
func share(part, whole float64) string {
	return strings.Replace(listedShare(part, whole), ".0%", "%", 1)
}

// listedShare writes it for a list: 12.3%, 2.0%, so that the digits stand below each
// other.
func listedShare(part, whole float64) string {
	if !(whole > 0) {
		return none
	}
	switch p := 100 * part / whole; {
	case p == 0:
		return "0%"
	case p < 0.05:
		return "<0.1%"
	case p < 99.95 || part == whole:
		return strconv.FormatFloat(p, 'f', 1, 64) + "%"
	case p < 100:
		return ">99.9%"
	case p >= 999.5:
		return ">999%"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + "%"
	}
}

// size writes bytes: 1.2 MB.
func size(bytes int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	v, i := float64(bytes), 0
	for v >= 999.5 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	if i == 0 || v >= 99.95 {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	return strings.Replace(fmt.Sprintf("%.1f %s", v, units[i]), ".0 ", " ", 1)
}

// A stamp is a moment, as it is shown in a zone.
type stamp struct {
	ISO   string // for programs
	Text  string // to the second
	Short string // to the minute
	Title string // in full
}

// stamp writes a moment in the person's zone, without the year when that is
// this year.
func (v *visit) stamp(t store.Timestamp) stamp {
	local := t.Time().In(v.zone)
	s := stamp{
		ISO:  t.Time().Format(time.RFC3339Nano),
		Text: local.Format("2 Jan 15:04:05"), Short: local.Format("2 Jan 15:04"),
		Title: local.Format("Monday 2 January 2006, 15:04:05.000 ") + offset(local),
	}
	if local.Year() != v.now.Year() {
		s.Text, s.Short = local.Format("2 Jan 2006 15:04"), local.Format("2 Jan 2006")
	}
	return s
}

// offset names a zone by what its clocks are ahead. Abbreviations stand for
// several zones, and browsers do not know them all.
func offset(t time.Time) string {
	if _, ahead := t.Zone(); ahead == 0 {
		return "UTC"
	}
	return "UTC" + t.Format("-07:00")
}

func (v *visit) stampOf(t *store.Timestamp) stamp {
	if t == nil {
		return stamp{Text: none, Short: none}
	}
	return v.stamp(*t)
}

// userPath is where a user's page is. Browsers take a path of dots for a way
// up, so such an id stands in the query.
func userPath(id string) string {
	if id == "." || id == ".." {
		return "/users/~?id=" + id
	}
	return "/users/" + url.PathEscape(id)
}

// named is a name, or that there is none.
func named(name string) string {
	if name == "" {
		return "(unknown)"
	}
	return name
}
