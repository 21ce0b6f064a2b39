package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/llmtally/llmtally/http/dashboard/conversation"
	"github.com/llmtally/llmtally/store"
)

// requestBody is everything about one request.
type requestBody struct {
	Log      store.RequestLog
	State    string
	When     stamp
	User     cell
	Facts    []fact
	Tokens   []fact
	Cost     string
	CostIs   string // how it came about, in words
	Bill     []billLine
	BillCSV  table // for its CSV
	Messages []turn
	Answer   []turn
	Error    string
	Raw      []rawJSON
}

type (
	fact     struct{ Name, Value, Title string }
	billLine struct{ Class, Amount, Price, Cost, CostClass, Title string }
	rawJSON  struct {
		ID, Name, Text string
		Clipped        bool // so that it is no JSON to copy
	}
	turn struct {
		Role, Side string
		Parts      []part
	}
	part struct {
		conversation.Part
		Image    bool         // whether it can be shown
		Source   template.URL // a data: URL that DataImage has checked
		Href     string
		ShortURL string
	}
)

// The most that a page shows of a text, in bytes; all of it is in the JSON.
const (
	maxSaid = 40_000
	maxRaw  = 100_000
)

// requestPage shows one request.
func requestPage(v *visit) error {
	id, err := v.number("id")
	if err != nil {
		return err
	}
	log, err := v.DB.RequestLog(v.Context(), v.caller, id)
	if err != nil {
		return err
	}
	if v.query("format") == "json" {
		return v.sendJSON(fmt.Sprintf("request-%d.json", id), log)
	}
	asCSV, err := v.wantsCSV("bill")
	switch {
	case err != nil:
		return err
	case asCSV:
		return sendCSV(v, fmt.Sprintf("request-%d-cost", id), billColumns, each(log.Bill))
	}
	b := requestBody{
		Log: log, State: stateOf(log.Status), When: v.stamp(log.CreatedAt), User: userCell(log.UserID, log.Email, log.FullName),
		Cost: cost(log.TotalCost), CostIs: v.costIs(&log), Bill: billOf(&log), BillCSV: table{Caption: "the cost", CSV: v.csvPath("bill")}, Tokens: tokenFacts(&log), Facts: facts(&log),
		Messages: turns(conversation.Messages(log.Messages)), Answer: turns(conversation.Response(log.Response)),
		Error: clipped(prettyJSON(log.Error), maxSaid),
	}
	for _, raw := range []struct {
		id, name string
		text     json.RawMessage
	}{{"raw-messages", "Messages", log.Messages}, {"raw-response", "Response", log.Response}, {"raw-error", "Error", log.Error}, {"raw-details", "Additional details", log.AdditionalDetails}} {
		if text := prettyJSON(raw.text); text != "" {
			b.Raw = append(b.Raw, rawJSON{raw.id, raw.name, clipped(text, maxRaw), len(text) > maxRaw})
		}
	}
	crumb := link{"Requests", "/requests"}
	if v.isOperator() && log.UserID != "" {
		crumb = link{log.UserID, userPath(log.UserID)}
	}
	return v.show("request", page{Title: fmt.Sprintf("Request %d", id), Crumbs: []link{crumb}, Body: b})
}

func facts(l *store.RequestLog) []fact {
	all := []fact{
		{"Model", named(l.Model), l.Model},
		{"Provider", named(l.Provider), l.Provider},
		{"Took", took(l.ResponseTime), plainOptional(l.ResponseTime)},
	}
	for _, f := range []fact{{"End user", l.EndUser, l.EndUser}, {"Call id", l.CallID, l.CallID}} {
		if f.Value != "" {
			all = append(all, f)
		}
	}
	return all
}

// tokenFacts are the tokens by class. What is a part of another says so.
func tokenFacts(l *store.RequestLog) []fact {
	all := []fact{{"Input", counted(l.PromptTokens), "all input, what came from a cache included"}}
	add := func(name string, n *int64, title string) {
		if n != nil && *n > 0 {
			all = append(all, fact{name, count(*n), title})
		}
	}
	add("of it read from cache", l.CacheReadTokens, "")
	add("of it written to cache", l.CacheWriteTokens, "")
	all = append(all, fact{"Output", counted(l.CompletionTokens), "all output, reasoning included"})
	add("of it reasoning", l.ReasoningTokens, "")
	return append(all, fact{"Total", counted(totalTokens(l.TokensUsed, l.PromptTokens, l.CompletionTokens)), ""})
}

// totalTokens is tokens_used where it is known: 0 is what the column holds when
// nobody said, unless input and output are known to be nothing.
func totalTokens(used, input, output *int64) *int64 {
	if used != nil && *used == 0 && input == nil && output == nil {
		return nil
	}
	return used
}

// costIs says how the cost came about.
func (v *visit) costIs(l *store.RequestLog) string {
	switch {
	case l.TotalCost == nil:
		return whyNoCost(l)
	case l.CostBy == store.CostBySender:
		return "As the sender said."
	case l.CostBy != store.CostByLLMTally:
		return ""
	case l.Price == nil:
		return "Computed by llmtally, with a price that is no longer listed."
	}
	source := map[string]string{"shipped": "the shipped price", "import": "an imported price", "override": "your own price"}[l.Price.Source]
	words := "Computed by llmtally with " + source + " of " + l.Price.Model
	if l.Price.Provider != "" {
		words += " at " + l.Price.Provider
	}
	if l.Price.From != nil {
		words += ", which holds since " + l.Price.From.Time().In(v.zone).Format("2 January 2006")
	}
	if l.Price.Hours != "" {
		words += ", at " + l.Price.Hours + " UTC"
	}
	return words + "."
}

// whyNoCost names what the store needs for a price, and has not.
func whyNoCost(l *store.RequestLog) string {
	used := totalTokens(l.TokensUsed, l.PromptTokens, l.CompletionTokens)
	switch {
	case used == nil:
		return "The cost is unknown, since the tokens are."
	case l.PromptTokens == nil || l.CompletionTokens == nil && *used > *l.PromptTokens:
		return "The cost is unknown: of the tokens it is not known which are input and which output."
	case l.Status == store.StatusInitiated:
		return "The cost is unknown until the request has ended."
	case l.Model == "":
		return "The cost is unknown, since the model is."
	default:
		return "The cost is unknown: no price was known for this model."
	}
}

// billColumns are those of CSV.
var billColumns = []column[store.BillLine]{
	textColumn("class", "", func(b store.BillLine) string { return b.Class }),
	textColumn("unit", "", func(b store.BillLine) string { return b.Unit }),
	countColumn("count", "", func(b store.BillLine) int64 { return b.Tokens }),
	moneyColumn("usd_per_million", "", func(b store.BillLine) float64 { return b.PricePerMillion }),
	moneyColumn("cost_usd", "", func(b store.BillLine) float64 { return b.Cost }),
}

func billOf(l *store.RequestLog) (lines []billLine) {
	for _, b := range l.Bill {
		many, per := count(b.Tokens), money(b.PricePerMillion)
		if b.Unit != "tokens" { // which have prices of another size
			many, per = many+" "+b.Unit, money(b.PricePerMillion/1000)+" per thousand"
		}
		class := strings.ReplaceAll(b.Class, "_", " ")
		costs := moneyCell(b.Cost)
		lines = append(lines, billLine{strings.ToUpper(class[:1]) + class[1:], many, per, costs.Text, costs.Class, costs.Title})
	}
	return lines
}

// turns says on which side each stands and what of it may be shown.
func turns(said []conversation.Turn) (all []turn) {
	for _, t := range said {
		shown := turn{Role: t.Role, Side: sideOf(t.Role)}
		for _, p := range t.Parts {
			one := part{Part: p, ShortURL: clipped(p.URL, 100)}
			one.Text = clipped(p.Text, maxSaid)
			if image, ok := p.DataImage(); ok {
				one.Image, one.Source = true, template.URL(image)
			}
			one.Href, _ = p.Link()
			shown.Parts = append(shown.Parts, one)
		}
		all = append(all, shown)
	}
	return all
}

func sideOf(role string) string {
	switch role {
	case "assistant", "model", "embedding":
		return "model"
	case "system", "developer":
		return "system"
	case "tool", "function":
		return "tool"
	default:
		return "user"
	}
}

// prettyJSON indents JSON; "" for none, and for what holds nothing.
func prettyJSON(raw json.RawMessage) string {
	switch string(bytes.TrimSpace(raw)) {
	case "", "null", "{}", "[]", `""`:
		return ""
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// clipped is the beginning of a text that is too long.
func clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + fmt.Sprintf("… (%s more)", size(int64(len(s)-most)))
}

// sendJSON sends a thing as a file.
func (v *visit) sendJSON(name string, thing any) error {
	text, err := json.MarshalIndent(thing, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	// An error here is the client's going away.
	_, _ = v.w.Write(text)
	return nil
}
