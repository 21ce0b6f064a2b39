package main

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

// traces are real requests of two services on one day: the Azure LLM inference
// trace of 2023.
var traces = []string{"azure-llm-trace-2023-code.csv", "azure-llm-trace-2023-conv.csv"}

func tracePaths(t *testing.T) []string {
	t.Helper()
	paths := make([]string, len(traces))
	for i, name := range traces {
		paths[i] = filepath.Join("..", "shared", "data", name)
		_, err := os.Stat(paths[i])
		storetest.Need(t, err == nil, "the Azure LLM inference trace ("+name+")")
	}
	return paths
}

// sums are computed from the files by themselves, with nothing of llmtally's.
type traceSums struct {
	rows, prompt, completion int64
	last                     time.Time
	byHour                   map[string]int64 // tokens
}

func sumTraces(t *testing.T, paths []string) traceSums {
	t.Helper()
	s := traceSums{byHour: map[string]int64{}}
	for _, path := range paths {
		f, err := os.Open(path)
		require.NoError(t, err)
		rows, err := csv.NewReader(f).ReadAll()
		require.NoError(t, f.Close())
		require.NoError(t, err)
		for _, row := range rows[1:] {
			at, err := time.Parse("2006-01-02 15:04:05", row[0])
			require.NoError(t, err)
			prompt, err := strconv.ParseInt(row[1], 10, 64)
			require.NoError(t, err)
			completion, err := strconv.ParseInt(row[2], 10, 64)
			require.NoError(t, err)
			s.rows++
			s.prompt += prompt
			s.completion += completion
			s.byHour[at.Truncate(time.Hour).Format("2006-01-02T15")] += prompt + completion
			if at.After(s.last) {
				s.last = at
			}
		}
	}
	return s
}

func TestRealTracesAndLiteLLMRequestsAddUp(t *testing.T) {
	t.Parallel()
	paths := tracePaths(t)
	want := sumTraces(t, paths)
	require.Equal(t, int64(28_185), want.rows)
	db := filepath.Join(t.TempDir(), "llmtally.db")
	importAll := append([]string{"import", "--db", db, "--user", "azure", "--model", "azure/gpt-4"}, paths...)

	out := runProgram(t, importAll...)
	assert.Contains(t, out.stdout, "28185 stored, 0 were there already, 0 refused")
	out = runProgram(t, importAll...)
	assert.Contains(t, out.stdout, "0 stored, 28185 were there already", "importing again changes nothing")

	s := startServer(t, db)
	const calls = 40
	for i := range calls {
		start, end := liteLLMCall("azure", i)
		status, answer := s.post(start)
		require.Equal(t, http.StatusCreated, status, answer)
		for range 2 { // LiteLLM may send the end twice
			status, answer = s.post(end)
			require.Equal(t, http.StatusCreated, status, answer)
		}
	}

	var a struct {
		TotalRequests       int64   `json:"total_requests"`
		SuccessfulRequests  int64   `json:"successful_requests"`
		FailedRequests      int64   `json:"failed_requests"`
		TotalTokensFromLogs int64   `json:"total_tokens_from_logs"`
		TotalTokensCounter  int64   `json:"total_tokens_counter"`
		TotalCost           float64 `json:"total_cost"`
		AvgResponseTime     float64 `json:"avg_response_time"`
		MostUsedModel       string  `json:"most_used_model"`
		MostUsedProvider    string  `json:"most_used_provider"`
	}
	require.Equal(t, http.StatusOK, s.get("/v1/users/azure/analytics", &a))
	assert.Equal(t, want.rows+calls, a.TotalRequests)
	assert.Equal(t, int64(10), a.FailedRequests)
	assert.Equal(t, want.rows+calls-10, a.SuccessfulRequests)
	assert.Equal(t, want.prompt+want.completion+30*(120+30), a.TotalTokensFromLogs)
	assert.Equal(t, a.TotalTokensFromLogs, a.TotalTokensCounter)
	// gpt-4 costs 30 and 60 USD a million tokens; the 30 calls say 0.0000041 USD
	// each. In nano-dollars, without the noise of floating point.
	nano := want.prompt*30_000 + want.completion*60_000 + 30*4_100
	assert.Equal(t, float64(nano)/1e9, a.TotalCost)
	assert.InDelta(t, 0.75, a.AvgResponseTime, 1e-9)
	assert.Equal(t, "azure/gpt-4", a.MostUsedModel)
	assert.Equal(t, "azure", a.MostUsedProvider)

	requireHours(t, s, want)
	requireBreakdown(t, s, want)
	requireStoppedClean(t, s)
}

// liteLLMCall is what LiteLLM's Supabase callback sends for one request: its
// start and its end. Every fourth fails.
func liteLLMCall(user string, i int) (start, end string) {
	id := fmt.Sprintf("litellm-%d", i)
	start = fmt.Sprintf(`{"model":"openai/gpt-4o","messages":[{"role":"user","content":"hi"}],
		"end_user":%q,"status":"initiated","litellm_call_id":%q,"created_at":"2023-11-17T00:00:00Z"}`, user, id)
	if i%4 == 3 {
		return start, fmt.Sprintf(`{"model":"openai/gpt-4o","end_user":%q,"litellm_call_id":%q,
			"status":"failure","response_time":0.75,"error":"APIError: overloaded"}`, user, id)
	}
	return start, fmt.Sprintf(`{"model":"openai/gpt-4o","end_user":%q,"litellm_call_id":%q,"status":"success",
		"response_time":0.75,"total_cost":0.0000041,
		"response":{"usage":{"prompt_tokens":120,"completion_tokens":30,"cache_read_input_tokens":100,
		"prompt_tokens_details":{"cached_tokens":100}}}}`, user, id)
}

func requireHours(t *testing.T, s *server, want traceSums) {
	t.Helper()
	var hours []struct {
		PeriodStart string `json:"period_start"`
		Tokens      int64  `json:"tokens"`
	}
	path := "/v1/users/azure/usage?granularity=hour&from=2023-11-16T17:00:00Z&to=2023-11-16T21:00:00Z"
	require.Equal(t, http.StatusOK, s.get(path, &hours))
	require.Len(t, hours, 4)
	seen := 0
	for _, h := range hours {
		assert.Equal(t, want.byHour[h.PeriodStart[:13]], h.Tokens, h.PeriodStart)
		if h.Tokens > 0 {
			seen++
		}
	}
	assert.Equal(t, len(want.byHour), seen)
}

func requireBreakdown(t *testing.T, s *server, want traceSums) {
	t.Helper()
	var rows []struct {
		Model        string  `json:"model"`
		RequestCount int64   `json:"request_count"`
		TotalTokens  int64   `json:"total_tokens"`
		AvgTokens    float64 `json:"avg_tokens_per_request"`
		LastUsed     string  `json:"last_used"`
	}
	require.Equal(t, http.StatusOK, s.get("/v1/users/azure/breakdown", &rows))
	require.Len(t, rows, 2)
	assert.Equal(t, want.rows, rows[0].RequestCount)
	assert.Equal(t, want.prompt+want.completion, rows[0].TotalTokens)
	assert.InEpsilon(t, float64(want.prompt+want.completion)/float64(want.rows), rows[0].AvgTokens, 1e-12)
	assert.Equal(t, want.last.Format("2006-01-02T15:04:05.999999")+"+00:00", rows[0].LastUsed)
	assert.Equal(t, 150.0, rows[1].AvgTokens, "failures have no tokens to average")
}

func requireStoppedClean(t *testing.T, s *server) {
	t.Helper()
	s.signal(os.Interrupt)
	require.NoError(t, s.wait())
	out := runProgram(t, "check", "--db", s.db)
	assert.True(t, strings.HasPrefix(out.stdout, "clean"))
}
