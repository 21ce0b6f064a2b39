package price_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/store/price"
)

// A cell is tokens of one sort, of which no other cell has any. Its price is
// that of the first of its classes that has one.
type cell struct {
	classes []price.Class
	put     func(u *price.Usage, n int64)
}

var inputCells = []cell{
	{[]price.Class{price.Input}, func(u *price.Usage, n int64) {}},
	{[]price.Class{price.CacheRead, price.Input}, func(u *price.Usage, n int64) { u.CacheRead += n }},
	{[]price.Class{price.CacheWrite, price.Input}, func(u *price.Usage, n int64) { u.CacheWrite += n }},
	{[]price.Class{price.CacheWrite1h, price.CacheWrite, price.Input}, func(u *price.Usage, n int64) { u.CacheWrite += n; u.CacheWrite1h += n }},
	{[]price.Class{price.InputAudio, price.Input}, func(u *price.Usage, n int64) { u.InputAudio += n }},
	{[]price.Class{price.CacheAudioRead, price.CacheRead, price.InputAudio, price.Input}, func(u *price.Usage, n int64) {
		u.InputAudio, u.CacheRead, u.CacheAudioRead = u.InputAudio+n, u.CacheRead+n, u.CacheAudioRead+n
	}},
	{[]price.Class{price.InputImage, price.Input}, func(u *price.Usage, n int64) { u.InputImage += n }},
	{[]price.Class{price.CacheImageRead, price.CacheRead, price.InputImage, price.Input}, func(u *price.Usage, n int64) {
		u.InputImage, u.CacheRead, u.CacheImageRead = u.InputImage+n, u.CacheRead+n, u.CacheImageRead+n
	}},
	{[]price.Class{price.InputVideo, price.Input}, func(u *price.Usage, n int64) { u.InputVideo += n }},
}

var outputCells = []cell{
	{[]price.Class{price.Output}, func(u *price.Usage, n int64) {}},
	{[]price.Class{price.OutputReasoning, price.Output}, func(u *price.Usage, n int64) { u.OutputReasoning += n }},
	{[]price.Class{price.OutputCitation, price.Output}, func(u *price.Usage, n int64) { u.OutputCitation += n }},
	{[]price.Class{price.OutputAudio, price.Output}, func(u *price.Usage, n int64) { u.OutputAudio += n }},
	{[]price.Class{price.OutputImage, price.Output}, func(u *price.Usage, n int64) { u.OutputImage += n }},
	{[]price.Class{price.OutputVideo, price.Output}, func(u *price.Usage, n int64) { u.OutputVideo += n }},
}

// tokens fills every cell, and returns what was put where and the usage that
// says so.
func tokens(t *rapid.T, name string) ([]int64, price.Usage) {
	count := rapid.OneOf(rapid.Just[int64](0), rapid.Int64Range(0, 1000), rapid.Int64Range(0, 1_000_000_000))
	var counts []int64
	var u price.Usage
	fill := func(cells []cell, whole *int64) {
		for i, c := range cells {
			n := count.Draw(t, fmt.Sprint(name, i))
			counts = append(counts, n)
			*whole += n
			c.put(&u, n)
		}
	}
	fill(inputCells, &u.Input)
	fill(outputCells, &u.Output)
	u.WebSearches, u.Requests = rapid.Int64Range(0, 100).Draw(t, name+"searches"), rapid.Int64Range(0, 3).Draw(t, name+"requests")
	return counts, u
}

// decimalText is a price as it may be written.
var decimalText = rapid.OneOf(
	rapid.StringMatching(`[0-9]{1,4}`), rapid.StringMatching(`[0-9]{1,3}\.[0-9]{1,6}`), rapid.StringMatching(`0\.0[0-9]{10,16}`),
	rapid.StringMatching(`[1-9]e-[1-9]`),
)

// anyRates have input and output, and any other classes; tiers only when they
// are wanted.
func anyRates(t *rapid.T, tiered bool) price.Rates {
	text := []string{}
	for c := price.Input; c <= price.Requests; c++ {
		if c > price.Output && !rapid.Bool().Draw(t, c.String()) {
			continue
		}
		rate := plainNumber(decimalText.Draw(t, "price of "+c.String()))
		if tiered && rapid.Bool().Draw(t, "tiers of "+c.String()) {
			rate = fmt.Sprintf(`{"base":%s,"tiers":[{"above":%d,"price":%s}]}`, rate,
				rapid.Int64Range(0, 2000).Draw(t, "border"), plainNumber(decimalText.Draw(t, "price of the tier")))
		}
		text = append(text, fmt.Sprintf("%q:%s", c.String(), rate))
	}
	return rates(t, "{"+strings.Join(text, ",")+"}")
}

// plainNumber takes zeros from the front, which JSON does not allow.
func plainNumber(s string) string {
	s = strings.TrimLeft(s, "0")
	if s == "" || s[0] == '.' {
		return "0" + s
	}
	return s
}

func TestProperty_ACostIsThatOfEachCellAtItsMostSpecificPrice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := anyRates(t, true)
		counts, u := tokens(t, "n")
		want := new(big.Rat)
		charge := func(c price.Class, n int64, per int64) {
			rate, ok := new(big.Rat).SetString(rateAt(t, r[c], u.Input))
			require.True(t, ok)
			want.Add(want, rate.Mul(rate, big.NewRat(n, per)))
		}
		for i, c := range append(append([]cell{}, inputCells...), outputCells...) {
			for _, class := range c.classes {
				if _, priced := r[class]; priced {
					charge(class, counts[i], 1_000_000)
					break
				}
			}
		}
		charge(price.WebSearches, u.WebSearches, 1000)
		charge(price.Requests, u.Requests, 1000)

		p := price.Price{Rates: r}
		amount, ok := p.Cost(u)
		require.True(t, ok)
		require.Equal(t, strings.TrimSuffix(strings.TrimRight(want.FloatString(24), "0"), "."), amount.String())
	})
}

// rateAt is the price that a rate's JSON says holds for so many input tokens,
// "0" for none.
func rateAt(t *rapid.T, rate price.Rate, input int64) string {
	text, err := json.Marshal(rate)
	require.NoError(t, err)
	var tiered struct {
		Base  json.Number
		Tiers []struct {
			Above int64
			Price json.Number
		}
	}
	if text[0] != '{' {
		return string(text)
	}
	require.NoError(t, json.Unmarshal(text, &tiered))
	price := tiered.Base
	for _, tier := range tiered.Tiers {
		if input > tier.Above {
			price = tier.Price
		}
	}
	return price.String()
}

func TestProperty_PartsAddUpAndHaveEachTokenOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := price.Price{Rates: anyRates(t, true)}
		u := anyUsage(t)
		amount, ok := p.Cost(u)
		require.True(t, ok)
		var in, out int64
		var sum price.Amount
		for _, part := range p.Parts(u) {
			require.Positive(t, part.Units)
			sum = sum.Add(part.Amount)
			switch name := part.Class.String(); {
			case part.Class.PerThousand():
			case strings.HasPrefix(name, "output"):
				out += part.Units
			default:
				in += part.Units
			}
		}
		require.Equal(t, amount, sum)
		require.GreaterOrEqual(t, in, u.Input)
		require.LessOrEqual(t, in, u.Input+u.CacheRead+u.CacheWrite+u.CacheWrite1h+u.InputAudio+u.InputImage+u.InputVideo+u.CacheAudioRead+u.CacheImageRead)
		if u.CacheRead+u.CacheWrite <= u.Input && u.InputAudio+u.InputImage+u.InputVideo <= u.Input && u.CacheWrite1h <= u.CacheWrite &&
			u.CacheAudioRead <= u.InputAudio && u.CacheImageRead <= u.InputImage && u.CacheAudioRead+u.CacheImageRead <= u.CacheRead {
			require.Equal(t, u.Input, in, "no token is in two parts")
		}
		if u.OutputReasoning+u.OutputCitation <= u.Output && u.OutputAudio+u.OutputImage+u.OutputVideo <= u.Output {
			require.Equal(t, u.Output, out)
		}
	})
}

// anyUsage has counts that may contradict each other.
func anyUsage(t *rapid.T) price.Usage {
	n := rapid.OneOf(rapid.Int64Range(0, 10), rapid.Int64Range(0, 1000))
	draw := func(name string) int64 { return n.Draw(t, name) }
	return price.Usage{
		Input: draw("Input"), Output: draw("Output"), CacheRead: draw("CacheRead"), CacheWrite: draw("CacheWrite"), CacheWrite1h: draw("CacheWrite1h"),
		InputAudio: draw("InputAudio"), OutputAudio: draw("OutputAudio"), CacheAudioRead: draw("CacheAudioRead"),
		InputImage: draw("InputImage"), OutputImage: draw("OutputImage"), CacheImageRead: draw("CacheImageRead"),
		InputVideo: draw("InputVideo"), OutputVideo: draw("OutputVideo"), OutputReasoning: draw("OutputReasoning"), OutputCitation: draw("OutputCitation"),
		WebSearches: draw("WebSearches"), Requests: draw("Requests"),
	}
}

func TestProperty_MoreNeverCostsLess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := price.Price{Rates: anyRates(t, false)}
		u := anyUsage(t)
		less, _ := p.Cost(u)
		for _, count := range []*int64{&u.Input, &u.Output, &u.WebSearches, &u.Requests} {
			*count += rapid.Int64Range(0, 100).Draw(t, "more")
			more, _ := p.Cost(u)
			require.GreaterOrEqual(t, more.Cmp(less), 0)
			less = more
		}
	})
}

func TestProperty_TwoRequestsCostWhatEachCosts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := price.Price{Rates: anyRates(t, false)}
		countsA, a := tokens(t, "a")
		countsB, b := tokens(t, "b")
		both := price.Usage{WebSearches: a.WebSearches + b.WebSearches, Requests: a.Requests + b.Requests}
		for i, c := range inputCells {
			both.Input += countsA[i] + countsB[i]
			c.put(&both, countsA[i]+countsB[i])
		}
		for i, c := range outputCells {
			n := countsA[len(inputCells)+i] + countsB[len(inputCells)+i]
			both.Output += n
			c.put(&both, n)
		}
		costA, _ := p.Cost(a)
		costB, _ := p.Cost(b)
		costBoth, _ := p.Cost(both)
		require.Equal(t, costBoth, costA.Add(costB))
	})
}

func TestProperty_PricesComeBackFromJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := price.Price{
			ID: rapid.Int64Range(0, 9).Draw(t, "id"), Source: rapid.SampledFrom([]string{"shipped", "import", "override"}).Draw(t, "source"),
			Provider: rapid.String().Draw(t, "provider"), Model: rapid.String().Draw(t, "model"),
			Match: anyMatch(t, 3), Rates: anyRates(t, true), ContextWindow: rapid.Int64Range(0, 9).Draw(t, "window"),
			Deprecated: rapid.Bool().Draw(t, "deprecated"),
		}
		if rapid.Bool().Draw(t, "dated") {
			p.From = time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "from"), 0).UTC()
		}
		if rapid.Bool().Draw(t, "of the day") {
			minutes := rapid.IntRange(0, 24*60-1)
			p.Hours = &price.Hours{
				From: time.Duration(minutes.Draw(t, "begin")) * time.Minute, To: time.Duration(minutes.Draw(t, "end")) * time.Minute,
			}
		}
		text, err := json.Marshal(p)
		require.NoError(t, err)
		var back price.Price
		require.NoError(t, json.Unmarshal(text, &back), "%s", text)
		require.Equal(t, p, back)
	})
}

func anyMatch(t *rapid.T, depth int) (m price.Match) {
	kinds := []string{"equals", "starts_with", "ends_with", "contains", "regex", "or", "and"}
	if depth == 0 {
		kinds = kinds[:5]
	}
	kind := rapid.SampledFrom(kinds).Draw(t, "clause")
	var clause any
	switch kind {
	case "or", "and":
		clauses := make([]price.Match, rapid.IntRange(1, 3).Draw(t, "clauses"))
		for i := range clauses {
			clauses[i] = anyMatch(t, depth-1)
		}
		clause = clauses
	case "regex":
		clause = rapid.SampledFrom([]string{`^gpt-\d`, `mini$`, `(?:a|b)+`, ``}).Draw(t, "expression")
	default:
		clause = rapid.String().Draw(t, "text")
	}
	text, err := json.Marshal(map[string]any{kind: clause})
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &m), "%s", text)
	return m
}

func TestProperty_LetterCaseNeverMatters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(spellings).Draw(t, "spelling")
		a, okA := shippedTable.Find(s.provider, s.model)
		b, okB := shippedTable.Find(strings.ToUpper(s.provider), strings.ToUpper(s.model))
		require.Equal(t, okA, okB)
		if okA {
			assert.Equal(t, a, b)
		}
	})
}
