package store

import (
	"bytes"
	"cmp"
	"time"

	"github.com/llmtally/llmtally/store/price"
	"github.com/llmtally/llmtally/store/usage"
)

// enrich fills what the log lacks, from what it has and from the price table:
// the contract for every door. It never overwrites a value that the sender
// gave.
func (db *DB) enrich(l *Log) {
	prices := db.lookedUp().prices
	t := l.usage()
	l.fillPlain(db.opts.Now())
	if db.engine.distributed {
		l.fillCallID()
	}
	l.fillTokens(t)
	l.fillProvider(prices)
	l.fillCost(prices, t)
}

// usage reads what the response says about its tokens.
func (l *Log) usage() usage.Tokens {
	if len(l.Response) <= 2 || !bytes.Contains(l.Response, []byte("sage")) && !bytes.Contains(l.Response, []byte("billed_units")) {
		return usage.Tokens{}
	}
	if l.Has(ColTotalCost) && !l.lacksTokens() {
		return usage.Tokens{} // nothing to learn
	}
	return usage.FromResponse(l.Response)
}

func (l *Log) fillProvider(prices *priceTable) {
	if l.Provider != "" || l.Model == "" {
		return
	}
	provider := providerOf(l.Model)
	if provider == "" {
		provider = prices.find("", l.Model).provider
	}
	if provider != "" {
		l.Provider = provider
		l.fill(ColProvider)
	}
}

// fillCost prices a finished request whose sender did not. Without a known
// price, or without token counts, the cost stays unknown.
func (l *Log) fillCost(prices *priceTable, t usage.Tokens) {
	if l.Has(ColTotalCost) || !l.finished() || l.Model == "" || !l.knowsTokens() {
		return
	}
	p, ok := prices.priceOf(l.Provider, l.Model, l.CreatedAt.Time())
	if !ok {
		return
	}
	cost, ok := p.Cost(l.priced(t))
	if !ok || cost.USD() > maxCost {
		return
	}
	l.TotalCost = cost.USD()
	l.fill(ColTotalCost)
	l.priceID = cmp.Or(p.ID, withoutRow)
}

// withoutRow is the price id of a cost that llmtally has computed with a price
// that is in no table: a free variant's.
const withoutRow = -1

// knowsTokens says whether both sides of the request were counted. A request
// may have no output, but none is without input.
func (l *Log) knowsTokens() bool {
	return l.Has(ColPromptTokens) && (l.Has(ColCompletionTokens) || l.TokensUsed <= l.PromptTokens)
}

func (t *priceTable) priceOf(provider, model string, at time.Time) (*price.Price, bool) {
	f := t.find(provider, model)
	if f.entry == nil {
		return nil, false
	}
	return f.entry.At(at)
}

// priced is what the log used, in the classes that have prices. The columns
// have the last word over the response, which may be cut short or absent.
func (l *Log) priced(t usage.Tokens) price.Usage {
	return price.Usage{
		Input: l.PromptTokens, Output: l.CompletionTokens,
		CacheRead: l.CacheReadTokens, CacheWrite: l.CacheWriteTokens, CacheWrite1h: known(t.CacheWrite1h),
		InputAudio: known(t.InputAudio), OutputAudio: known(t.OutputAudio), CacheAudioRead: known(t.CacheAudioRead),
		InputImage: known(t.InputImage), OutputImage: known(t.OutputImage), CacheImageRead: known(t.CacheImageRead),
		InputVideo: known(t.InputVideo), OutputVideo: known(t.OutputVideo),
		OutputReasoning: l.ReasoningTokens, OutputCitation: known(t.Citation),
		WebSearches: known(t.WebSearches), Requests: 1,
	}
}

func known(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// pricedBy are the columns that a cost follows from.
const pricedBy columnSet = 1<<ColCreatedAt | 1<<ColProvider | 1<<ColModel | 1<<ColStatus |
	1<<ColPromptTokens | 1<<ColCompletionTokens | 1<<ColCacheReadTokens | 1<<ColCacheWriteTokens |
	1<<ColReasoningTokens | 1<<ColResponse

// unprice takes away a cost that llmtally has computed, to have it computed
// anew.
func (l *Log) unprice() {
	l.clear(ColTotalCost)
	l.priceID = 0
}
