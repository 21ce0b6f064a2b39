package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// demo is a database as a small company might have one: the same each time.
var demo = storetest.Filled(options, func(db *store.DB) error {
	logs, err := demoLogs()
	if err != nil {
		return err
	}
	if err := appendAll(db, logs...); err != nil {
		return err
	}
	ctx := context.Background()
	rules, err := db.AlertRules(ctx, policy.System())
	if err != nil {
		return err
	}
	for i := range rules {
		rules[i].Limit = map[store.Metric]float64{store.MetricCost: 500, store.MetricTokens: 100e6, store.MetricErrorRate: 0.1}[rules[i].Metric]
	}
	rules = append(rules, store.AlertRule{
		Name: "Monthly budget of a user", Metric: store.MetricCost, Scope: store.ScopeEveryone, PerUser: true,
		Window: store.WindowMonth, TimeZone: "UTC", Limit: 5, Thresholds: []float64{80, 100}, Enabled: true,
	})
	for _, rule := range rules {
		if _, err := db.SaveAlertRule(ctx, policy.System(), rule); err != nil {
			return err
		}
	}
	if _, err := db.EvaluateAlerts(ctx, true); err != nil {
		return err
	}
	return db.RecordJobs(ctx, []store.JobRecord{
		{Name: "alerts", Purpose: "evaluates the rules that measure many users together", Schedule: "@every 1m"},
		{Name: "monthly", Purpose: "brings tokens_usage in line for the months that changed", Schedule: "@hourly"},
		{Name: "checkpoint", Purpose: "moves the write-ahead log into the database file", Schedule: "@hourly"},
	})
})

// demoServer returns a server with the demo's database.
func demoServer(t testing.TB) *server {
	t.Helper()
	return serverOn(t, demo(t))
}

// demoUsers are whom the requests are for, by how much they ask.
var demoUsers = []string{
	"support-chat", "docs-search", "contract-review", "release-notes", "onboarding-bot", "ticket-triage",
	"sales-digest", "translations", "code-review", "nightly-summaries", "survey-tags", "meeting-notes",
}

var demoModels = []struct {
	name, provider string
	share          int
	seconds        float64
}{
	{"gpt-5-mini", "openai", 34, 1.1}, {"claude-sonnet-4-5", "anthropic", 22, 2.6}, {"gpt-5", "openai", 14, 3.4},
	{"gemini-2.5-flash", "google", 12, 0.8}, {"claude-haiku-4-5", "anthropic", 10, 0.9}, {"mistral-large-latest", "mistral", 5, 1.7},
	{"house/classifier-2", "ollama", 3, 0.2},
}

var demoErrors = []struct{ kind, message string }{
	{"rate_limit_error", "Rate limit reached: try again in 2 s"}, {"rate_limit_error", "Rate limit reached: try again in 6 s"},
	{"overloaded_error", "Overloaded"}, {"timeout", "no answer within 60 s"}, {"context_length_exceeded", "the prompt has 212,044 tokens, at most 200,000 are taken"},
}

// demoLogs are sixty days of requests, fewer at night and on weekends.
func demoLogs() (logs []string, err error) {
	random := rand.New(rand.NewPCG(20, 26))
	users := rand.NewZipf(random, 1.25, 2.2, uint64(len(demoUsers)-1))
	for hour := now.Add(-60 * 24 * time.Hour).Truncate(time.Hour); hour.Before(now); hour = hour.Add(time.Hour) {
		busy := 2.0
		if h := hour.Hour(); h >= 7 && h <= 18 {
			busy = 9
		}
		if day := hour.Weekday(); day == time.Saturday || day == time.Sunday {
			busy /= 4
		}
		busy *= 0.7 + 0.6*float64(60*24-int(now.Sub(hour).Hours()))/(60*24) // it grows
		for range int(busy*(0.6+0.8*random.Float64()) + 0.5) {
			at := hour.Add(time.Duration(random.IntN(3600)) * time.Second)
			if !at.Before(now) {
				continue
			}
			log, err := json.Marshal(demoLog(random, at, demoUsers[users.Uint64()], len(logs)))
			if err != nil {
				return nil, err
			}
			logs = append(logs, string(log))
		}
	}
	last, err := json.Marshal(demoConversation())
	return append(logs, string(last)), err
}

func demoLog(random *rand.Rand, at time.Time, user string, n int) map[string]any {
	pick := random.IntN(100)
	model := demoModels[0]
	for _, m := range demoModels {
		if model = m; pick < m.share {
			break
		}
		pick -= m.share
	}
	log := map[string]any{
		"user_profile_id": user, "litellm_call_id": fmt.Sprintf("demo-%05d", n), "created_at": at, "model": model.name, "provider": model.provider,
		"status": "success", "response_time": model.seconds * (0.4 + 1.4*random.ExpFloat64()*0.6),
		"prompt_tokens": 400 + random.IntN(9000), "completion_tokens": 60 + random.IntN(1400),
	}
	if random.IntN(60) == 0 || at.Day() == 8 && at.Hour() == 14 && random.IntN(3) == 0 {
		failed := demoErrors[random.IntN(len(demoErrors))]
		log["status"], log["error"] = "failure", map[string]any{"type": failed.kind, "message": failed.message}
		delete(log, "prompt_tokens")
		delete(log, "completion_tokens")
	}
	return log
}

// demoConversation is a request to look at: with a tool, an answer and a bill.
func demoConversation() map[string]any {
	text := func(role, content string) map[string]any { return map[string]any{"role": role, "content": content} }
	return map[string]any{
		"user_profile_id": "support-chat", "litellm_call_id": "demo-conversation", "created_at": now.Add(-2 * time.Minute),
		"model": "claude-sonnet-4-5", "provider": "anthropic", "status": "success", "response_time": 3.42,
		"messages": []any{
			text("system", "You answer customers of a shop for bicycle parts. Look an order up before you say where it is."),
			text("user", "Hi! My order 10482 should have been here on Monday. Where is it?"),
			map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{
				"id": "call_1", "type": "function", "function": map[string]any{"name": "find_order", "arguments": `{"order": 10482}`},
			}}},
			map[string]any{"role": "tool", "tool_call_id": "call_1", "content": `{"order": 10482, "status": "in transit", "depot": "Leipzig", "expected": "2026-10-15"}`},
		},
		"response": map[string]any{
			"choices": []any{map[string]any{"message": text("assistant", "Sorry for the wait! Your parcel has reached the depot in Leipzig and will be with you tomorrow, 15 October. "+
				"If it is not there by the evening, write to me again and I will have it traced.")}},
			"usage": map[string]any{
				"prompt_tokens": 2184, "completion_tokens": 96, "total_tokens": 2280,
				"prompt_tokens_details": map[string]any{"cached_tokens": 1536},
			},
		},
	}
}
