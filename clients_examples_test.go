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
	assert.Equal(t, first, runElsewhere(t, folder, env, "python3", "example.py"), "a second tour")

	runElsewhere(t, folder, env, "python3", "-W", "error", "-m", "unittest", "test_client")
	assert.Contains(t, runProgram(t, "check", "--db", s.db).stdout, "clean")
}

func TestTheJSExampleTellsTheTruth(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("examples", "js")
	needNode(t, folder)
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
