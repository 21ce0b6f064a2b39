package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

// tour is what both tours print: they log the same requests, the one through
// /v1 and the other through /rest/v1.
const tour = `tour-ann: 4 requests, 1 failed, 1355 tokens, $0.00655
  anthropic/claude-sonnet-4 (anthropic): 980 tokens in 1 requests
  openai/gpt-4o (openai): 375 tokens in 3 requests
  2026-01: 2 requests, $0.00265
  2026-02: 2 requests, $0.00390
  most expensive: anthropic/claude-sonnet-4
`

const tourOfOthers = `2026-02-04 tour-bob: openai/gpt-4o success
2026-02-03 tour-ann: openai/gpt-4o failure
2 of 2 users are active
`

// startForExamples returns a server, and the environment that examples read.
func startForExamples(t testing.TB) (s *server, env []string) {
	t.Helper()
	s = startServer(t, filepath.Join(t.TempDir(), "a.db"))
	return s, []string{"LLMTALLY_URL=" + s.url, "LLMTALLY_KEY=" + s.key, "PYTHONDONTWRITEBYTECODE=1"}
}

func TestThePythonExampleTellsTheTruth(t *testing.T) {
	t.Parallel()
	needCommand(t, "python3")
	folder := filepath.Join("examples", "python")
	s, env := startForExamples(t)

	first := runElsewhere(t, folder, env, "python3", "example.py")
	assert.Contains(t, first, tour)
	assert.Contains(t, first, tourOfOthers)
	assert.Contains(t, first, "claude-sonnet-4 is 60% of the cost")
	assert.Contains(t, first, "tour-nobody: 0 requests, 0 failed, 0 tokens, $0.00000\n  most expensive: None\n")
	assert.Contains(t, first, "  limits exceeded: none\n")
	assert.Contains(t, first, "too few requests to judge by\n")
	assert.Equal(t, first, runElsewhere(t, folder, env, "python3", "example.py"), "a second tour")

	runElsewhere(t, folder, env, "python3", "-W", "error", "-m", "unittest", "test_client")
	assert.Contains(t, runProgram(t, "check", "--db", s.db).stdout, "clean")
}

// askOfNothing asks every question of the Python module.
const askOfNothing = `
import llmtally_client as llmtally
def alert(*what): raise AssertionError(what)
print(llmtally.check_user_usage_limits("nobody", alert), llmtally.monitor_system_health(alert))
print(llmtally.get_recent_user_activity(), llmtally.get_admin_overview()["total_users"])
print(llmtally.get_user_dashboard_data("nobody")["usage_breakdown"], llmtally.analyze_user_costs("nobody"))
health = llmtally.get_system_health(by="model")
print(health["error_rate"], health["p50"], health["status"], health["models"])
`

func TestThePythonExampleAsksAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	needCommand(t, "python3")
	_, env := startForExamples(t)
	assert.Equal(t, `[] None
[] 0
[] {'total_cost': 0, 'most_expensive_model': None, 'cost_by_provider': {}, 'cost_by_model': {}, 'recommendations': []}
None None unknown []
`, runElsewhere(t, filepath.Join("examples", "python"), env, "python3", "-W", "error", "-c", askOfNothing))
}

// judgeUsers compares what the Python module says of users around their limits
// with the server's limits and alerts.
const judgeUsers = `
import llmtally_client as llmtally
client = llmtally.Client()
for user, logs in {
    "at-both": [(0.1, 1000)] * 100,
    "above-cost": [(0.1, 1000)] * 100 + [(0.000000001, 0)],
    "above-tokens": [(10, 99_999), (0, 2)],
    "above-both": [(25, 70_000)] * 2,
    "unpriced": [(None, 5_000)],
}.items():
    client.post("/logs", [{"end_user": user, "total_cost": cost, "prompt_tokens": n, "completion_tokens": 0} for cost, n in logs])
    alerted = []
    exceeded = llmtally.check_user_usage_limits(user, lambda *alert: alerted.append(alert[:2]))
    assert alerted == [(user, metric) for metric in exceeded], alerted
    limits = [limit["metric"] for limit in client.get(f"/users/{user}/limits") if limit["state"] == "exceeded"]
    alerts = [alert["metric"] for alert in client.get("/alerts", user_id=user)]
    print(user, exceeded, sorted(limits), sorted(alerts))
`

func TestThePythonExampleJudgesUsersAsTheServerDoes(t *testing.T) {
	t.Parallel()
	needCommand(t, "python3")
	_, env := startForExamples(t)
	assert.Equal(t, `at-both [] [] []
above-cost ['cost'] ['cost'] ['cost']
above-tokens ['tokens'] ['tokens'] ['tokens']
above-both ['cost', 'tokens'] ['cost', 'tokens'] ['cost', 'tokens']
unpriced [] [] []
`, runElsewhere(t, filepath.Join("examples", "python"), env, "python3", "-W", "error", "-c", judgeUsers))
}

// judgeHealth compares what the Python module says of the newest requests with
// the alert that the server raises or resolves when its job has looked at them.
const judgeHealth = `
import time
import llmtally_client as llmtally
client = llmtally.Client()
def job(): return next(job for job in client.get("/jobs") if job["name"] == "alerts")
def alerts_job():
    before = job()["last_started_at"]
    while True:
        try:
            client.post("/jobs/alerts/run", {})
            break
        except llmtally.LLMTallyError:  # it runs by the clock just now
            time.sleep(0.02)
    while job()["last_result"] == "running" or job()["last_started_at"] == before:
        time.sleep(0.02)
for successes, failures in [(0, 19), (0, 1), (100, 0), (90, 10), (89, 11), (100, 0)]:
    client.post("/logs", [{"status": "success"}] * successes + [{"status": "error"}] * failures)
    alerted = []
    rate = llmtally.monitor_system_health(lambda message, rate: alerted.append(rate))
    alerts_job()
    firing = [alert["metric"] for alert in client.get("/alerts", state="firing")]
    print(rate, bool(alerted), firing)
`

func TestThePythonExampleJudgesHealthAsTheServerDoes(t *testing.T) {
	t.Parallel()
	needCommand(t, "python3")
	_, env := startForExamples(t)
	assert.Equal(t, `None False []
1.0 True ['error_rate']
0.0 False []
0.1 False []
0.11 True ['error_rate']
0.0 False []
`, runElsewhere(t, filepath.Join("examples", "python"), env, "python3", "-W", "error", "-c", judgeHealth))
}

func TestTheJSExampleTellsTheTruth(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("examples", "js")
	needNode(t, folder, "@supabase/supabase-js")
	s, env := startForExamples(t)

	first := runElsewhere(t, folder, env, "node", "tour.js")
	assert.Contains(t, first, tour)
	assert.Contains(t, first, tourOfOthers)
	assert.Contains(t, first, "tour-nobody: 0 requests, 0 failed, 0 tokens, $0.00000\n  most expensive: null\n")
	assert.Equal(t, first, runElsewhere(t, folder, env, "node", "tour.js"), "a second tour")

	out := runElsewhere(t, folder, env, "node", "--test", "--test-reporter=tap")
	assert.GreaterOrEqual(t, tapCount(t, out, "pass"), 5, "tests that ran")
	assert.Contains(t, runProgram(t, "check", "--db", s.db).stdout, "clean")
}
