package price_test

import (
	"testing"

	"github.com/llmtally/llmtally/store/price"
)

func BenchmarkShipped(b *testing.B) {
	for b.Loop() {
		price.Shipped()
	}
}

func BenchmarkNewTable(b *testing.B) {
	prices := price.Shipped()
	for b.Loop() {
		price.NewTable(prices)
	}
}

func BenchmarkFind(b *testing.B) {
	for _, s := range []struct{ name, provider, model string }{
		{"exact", "openai", "gpt-4o"},
		{"prefixed", "", "openai/gpt-4o-2024-08-06"},
		{"bedrock", "bedrock", "bedrock/us-east-1/us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
		{"openrouter", "openrouter", "openrouter/anthropic/claude-sonnet-4.5"},
		{"unknown", "openai", "acme-finest-2031-01-01"},
	} {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				shippedTable.Find(s.provider, s.model)
			}
		})
	}
}

func BenchmarkCost(b *testing.B) {
	entry, _ := shippedTable.Find("anthropic", "claude-sonnet-4-5")
	p, _ := entry.At(day(b, "2026-08-25"))
	u := price.Usage{Input: 250_000, Output: 1000, CacheRead: 200_000, CacheWrite: 1000, CacheWrite1h: 500, Requests: 1}
	b.ReportAllocs()
	for b.Loop() {
		amount, _ := p.Cost(u)
		amount.USD()
	}
}

func BenchmarkSimilar(b *testing.B) {
	entry, _ := shippedTable.Find("openai", "gpt-4o")
	at := day(b, "2026-08-25")
	p, _ := entry.At(at)
	for b.Loop() {
		shippedTable.Similar(p, at)
	}
}
