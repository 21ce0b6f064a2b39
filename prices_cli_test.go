package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
)

// newBooks makes a database file with the logs given, one a line.
func newBooks(t *testing.T, logs ...string) (db string) {
	t.Helper()
	db = filepath.Join(t.TempDir(), "a.db")
	mustRun(t, "import", "--db", db, newFile(t, "a.ndjson", strings.Join(logs, "\n")+"\n"))
	return db
}

// cost returns the sum of a model's costs as the database has it, nil when none
// is known.
func cost(t *testing.T, db, model string) any {
	t.Helper()
	handle, err := store.Open(t.Context(), db, store.Options{})
	require.NoError(t, err)
	defer handle.Close()
	var sum any
	_, err = handle.Run(t.Context(), policy.System(), query.Select{
		From: "request_logs", Columns: []query.Output{{Name: "total_cost", Func: query.Sum}}, Where: query.Is("model", model),
	}, func(r query.Row) error { sum = r[0]; return nil })
	require.NoError(t, err)
	return sum
}

// aMillionOf is a log of a million input tokens, whose cost is the rate.
func aMillionOf(model, day string) string {
	return fmt.Sprintf(`{"end_user":"ann","model":%q,"status":"success","prompt_tokens":1000000,"completion_tokens":0,"created_at":"%sT00:00:00Z"}`, model, day)
}

func TestAPriceThatIsSetHoldsForNewLogsAndByRepriceForOldOnes(t *testing.T) {
	db := newBooks(t, aMillionOf("m", "2026-01-01"), aMillionOf("m", "2026-02-01"))
	assert.Equal(t, "MODEL  PROVIDER  REQUESTS  TOKENS   LAST SEEN\nm                2         2000000  2026-02-01 00:00\n",
		mustRun(t, "prices", "unpriced", "--db", db))
	out := mustRun(t, "prices", "set", "--db", db, "m", "--input", "2.5", "--output", "10", "--cache-read", "1.25", "--cache-write", "3",
		"--rate", "cache_write_1h=6", "--rate", "requests=5", "--effective-from", "2026-02-01")
	assert.Regexp(t, `(?m)^\d+ +override +m +2026-02-01 00:00 +input 2.5, output 10, cache_read 1.25, cache_write 3, cache_write_1h 6, requests 5$`, out)
	assert.Contains(t, out, "`llmtally reprice`")

	out = mustRun(t, "reprice", "--db", db)
	assert.Equal(t, "Logs looked at: 2. With a new cost: 1. Still without one: 1.\n", out)
	assert.Equal(t, 2.505, cost(t, db, "m"), "a million tokens and one request")
	assert.Equal(t, "Logs looked at: 1. With a new cost: 0. Still without one: 0.\n", mustRun(t, "reprice", "--db", db, "--since", "2026-01-15"))
	assert.Equal(t, "Logs looked at: 0. With a new cost: 0. Still without one: 0.\n", mustRun(t, "reprice", "--db", db, "--model", "gpt-4o"))
	mustRun(t, "prices", "set", "--db", db, "m", "--input", `{"base":1,"tiers":[{"above":200000,"price":4}]}`)
	assert.Equal(t, "Logs looked at: 1. With a new cost: 1. Still without one: 0.\n", mustRun(t, "reprice", "--db", db, "--unpriced-only"))
	assert.Equal(t, 6.505, cost(t, db, "m"))
	assert.Equal(t, "every request with tokens has a cost\n", mustRun(t, "prices", "unpriced", "--db", db))
	assert.Contains(t, mustRun(t, "check", "--db", db), "clean")
}

func TestPricesAreListedMatchedAndRemoved(t *testing.T) {
	db := newBooks(t, aMillionOf("gpt-4o", "2026-01-01"))
	lines := strings.Split(strings.TrimSpace(mustRun(t, "prices", "list", "--db", db)), "\n")
	assert.Greater(t, len(lines), 1000)
	assert.Regexp(t, `^ID +SOURCE +PROVIDER +MODEL +FROM +USD PER MILLION TOKENS$`, lines[0])
	assert.Regexp(t, `(?m)^\d+ +shipped +deepseek +deepseek-chat +00:30-16:30 +input 0.27, output 1.1, cache_read 0.07$`,
		mustRun(t, "prices", "list", "--db", db, "--provider", "deepseek", "--model", "deepseek-chat"))
	assert.Regexp(t, `(?m)^\d+ +shipped +openai +o3 +2025-06-10 00:00 +input 2, output 8, cache_read 0.5$`, mustRun(t, "prices", "match", "--db", db, "o3"))
	assert.Contains(t, mustRun(t, "prices", "match", "--db", db, "o3", "--at", "2025-01-01"), "input 10, output 40")
	assert.Contains(t, mustRun(t, "prices", "match", "--db", db, "--provider", "vertex_ai", "gemini-2.5-flash"), "input 0.3, output 2.5")

	id := strings.Fields(strings.Split(mustRun(t, "prices", "set", "--db", db, "gpt-4o", "--input", "9"), "\n")[1])[0]
	assert.Contains(t, mustRun(t, "prices", "match", "--db", db, "gpt-4o"), "override")
	var p store.ModelPrice
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, "prices", "list", "--db", db, "--source", "override", "--json")), &p))
	assert.Equal(t, id, fmt.Sprint(p.ID))
	assert.JSONEq(t, `{"input":9}`, string(p.Rates))
	assert.Empty(t, mustRun(t, "prices", "remove", "--db", db, id))
	assert.Contains(t, mustRun(t, "prices", "match", "--db", db, "gpt-4o"), "input 2.5, output 10")
	assert.Equal(t, 2.5, cost(t, db, "gpt-4o"))
}

func TestPricesAreImportedFromEitherFile(t *testing.T) {
	genai := newFile(t, "genai.json", `[{"id":"acme","name":"Acme","models":[
		{"id":"acme-1","match":{"starts_with":"acme-1"},"prices":{"input_mtok":4,"output_mtok":8}},
		{"id":"acme-2","match":{"equals":"acme-2"},"prices":[{"prices":{"input_mtok":1}},{"constraint":{"start_date":"2026-02-01"},"prices":{"input_mtok":2}}]},
		{"id":"acme-pages","match":{"equals":"acme-pages"},"prices":{"pages_kcount":2}}]}]`)
	litellm := newFile(t, "litellm.json", `{"sample_spec":{"litellm_provider":"one of"},
		"gpt-4o":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":0.000005,"output_cost_per_token":0.00001},
		"dall-e":{"litellm_provider":"openai","mode":"image_generation","output_cost_per_image":0.04}}`)
	db := newBooks(t, aMillionOf("acme/acme-1-mini", "2026-01-01"), aMillionOf("acme/acme-2", "2026-01-31"), aMillionOf("gpt-4o", "2026-01-01"))
	out := mustRun(t, "prices", "import", "--db", db, genai)
	assert.Contains(t, out, "Prices imported: 3.")
	assert.Contains(t, out, "after your overrides")
	assert.Contains(t, out, "`llmtally reprice`")
	assert.Contains(t, mustRun(t, "prices", "import", "--db", db, litellm), "Prices imported: 1.")
	assert.Equal(t, "Logs looked at: 3. With a new cost: 3. Still without one: 0.\n", mustRun(t, "reprice", "--db", db))
	assert.Equal(t, 4.0, cost(t, db, "acme/acme-1-mini"))
	assert.Equal(t, 1.0, cost(t, db, "acme/acme-2"))
	assert.Equal(t, 5.0, cost(t, db, "gpt-4o"), "an import comes before what is shipped")
	list := mustRun(t, "prices", "list", "--db", db, "--source", "import")
	assert.Equal(t, 5, strings.Count(list, "\n"))
	for range 2 { // once more changes nothing
		mustRun(t, "prices", "import", "--db", db, genai)
		assert.Equal(t, list, mustRun(t, "prices", "list", "--db", db, "--source", "import"))
	}
	assert.Contains(t, mustRun(t, "check", "--db", db), "clean")
}

func TestBadPricesAreToldWithWhatToDo(t *testing.T) {
	db := newBooks(t, aMillionOf("m", "2026-01-01"))
	shipped := strings.Fields(strings.Split(mustRun(t, "prices", "list", "--db", db), "\n")[1])[0]
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no database":              {[]string{"prices", "list", "--db", db + "x"}, "name it with --db"},
		"no rates":                 {[]string{"prices", "set", "m"}, "--input 2.5 --output 10"},
		"a rate that is no number": {[]string{"prices", "set", "m", "--input", "cheap"}, "--input cheap: not a number of USD, such as 2.5"},
		"more than a number":       {[]string{"prices", "set", "m", "--input", `1,"output":2`}, "not a number of USD"},
		"a negative rate":          {[]string{"prices", "set", "m", "--cache-read=-1"}, "--cache-read -1: "},
		"an unknown class":         {[]string{"prices", "set", "m", "--rate", "inputs=1"}, `--rate inputs=1: prices: there is no class "inputs"; the classes are input, output`},
		"a star in the middle":     {[]string{"prices", "set", "a*b", "--input", "1"}, "at its end only"},
		"a bad time":               {[]string{"prices", "set", "m", "--input", "1", "--effective-from", "soon"}, `--effective-from: "soon" is no time: write 2026-01-31`},
		"a bad time to match":      {[]string{"prices", "match", "m", "--at", "soon"}, `--at: "soon" is no time`},
		"a bad time to reprice":    {[]string{"reprice", "--since", "soon"}, `--since: "soon" is no time`},
		"an unknown model":         {[]string{"prices", "match", "m"}, "no price is known for m: set one with `llmtally prices set`"},
		"an unknown source":        {[]string{"prices", "list", "--source", "mine"}, "--source must be one of"},
		"removing nothing":         {[]string{"prices", "remove", "99999999"}, "see `llmtally prices list`"},
		"removing what is shipped": {[]string{"prices", "remove", shipped}, "shipped prices cannot be removed: set an override"},
		"no such file":             {[]string{"prices", "import", "nowhere.json"}, "nowhere.json"},
		"a file of something else": {[]string{"prices", "import", newFile(t, "a.json", "hello")}, "neither genai-prices' nor LiteLLM's format"},
		"an empty list":            {[]string{"prices", "import", newFile(t, "b.json", "[]")}, "there are no prices in"},
		"a bad rate in a file":     {[]string{"prices", "import", newFile(t, "c.json", `{"m":{"litellm_provider":"openai","input_cost_per_token":-1}}`)}, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			args := tt.args
			if name != "no database" {
				args = append(args, "--db", db)
			}
			_, err := try(t, nil, args...)
			require.ErrorContains(t, err, tt.want)
		})
	}
	assert.Equal(t, 1, strings.Count(mustRun(t, "prices", "list", "--db", db, "--source", "override"), "\n"), "the head alone")
}

func TestARunningServerTakesThePricesThatACommandSets(t *testing.T) {
	t.Parallel()
	s := startServer(t, filepath.Join(t.TempDir(), "a.db"))
	total := func(user string) (costs struct {
		Total   float64             `json:"total_cost"`
		ByModel map[string]*float64 `json:"cost_by_model"`
	}) {
		status, answer := s.post(fmt.Sprintf(`{"end_user":%q,"model":"m","prompt_tokens":1000000,"completion_tokens":0}`, user))
		require.Equal(t, 201, status, answer)
		require.Equal(t, 200, s.get("/v1/users/"+user+"/costs", &costs))
		return costs
	}
	assert.Nil(t, total("before").ByModel["m"])
	runProgram(t, "prices", "set", "--db", s.db, "m", "--input", "2.5")
	require.Eventually(t, func() bool { return total("after").Total >= 2.5 }, 10*time.Second, 50*time.Millisecond)
	runProgram(t, "reprice", "--db", s.db)
	var unpriced []any
	s.get("/v1/prices/unpriced", &unpriced)
	assert.Empty(t, unpriced)
	assert.Contains(t, runProgram(t, "check", "--db", s.db).stdout, "clean")
}
