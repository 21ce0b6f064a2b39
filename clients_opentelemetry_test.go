package main

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpenTelemetrysExportersReachTheBooks(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("http", "ingest", "testdata", "js")
	needNode(t, folder, "@opentelemetry/sdk-trace-base")
	s := startServer(t, filepath.Join(t.TempDir(), "a.db"))
	env := []string{"LLMTALLY_URL=" + s.url, "LLMTALLY_KEY=" + s.key}

	out := runElsewhere(t, folder, env, "node", "send.js")
	runElsewhere(t, folder, env, "node", "send.js") // the same response again, in another trace
	for _, encoding := range []string{"json", "protobuf"} {
		assert.Contains(t, out, encoding+": 4 spans, sent\n")
	}
	assert.Contains(t, out, `warning: Received Partial Success response: {"rejectedSpans":`)
	assert.Contains(t, out, "total_cost must not be negative")

	type request struct {
		Model, Provider, Status string
		TokensUsed              int64   `json:"tokens_used"`
		TotalCost               float64 `json:"total_cost"`
		ResponseTime            float64 `json:"response_time"`
	}
	failed := request{"gpt-4o", "openai", "failure", 0, 0, 0.25}
	for _, user := range []string{"json-ann", "protobuf-ann"} {
		var requests []request
		require.Equal(t, http.StatusOK, s.get("/v1/users/"+user+"/requests", &requests))
		assert.ElementsMatch(t, []request{failed, failed, {"gpt-4o", "openai", "success", 1200, 0.004, 1.5}}, requests)
	}

	out = runElsewhere(t, folder, []string{"LLMTALLY_URL=" + s.url, "LLMTALLY_KEY=garbage"}, "node", "send.js")
	assert.Contains(t, out, "json: 4 spans, failed: ")
	assert.Contains(t, out, "protobuf: 4 spans, failed: ")
	assert.Contains(t, runProgram(t, "check", "--db", s.db).stdout, "clean")
}
