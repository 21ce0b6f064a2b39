package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/advice"
	"github.com/llmtally/llmtally/store/storetest"
)

// A sentPrompt is a request to claude-sonnet-4: input 3, cache read 0.3, cache
// write 3.75 USD a million. Each letter of its messages is a message of 1,000
// tokens, of which a small one has a tenth.
type sentPrompt struct {
	at       string // minutes and seconds after noon
	messages string
	more     string // further columns
}

func (p sentPrompt) log() string {
	var messages []string
	tokens := 0
	for _, c := range p.messages {
		size := 1000
		if c >= 'a' {
			size = 100
		}
		tokens += size
		messages = append(messages, fmt.Sprintf(`{"role":"user","content":%q}`, strings.Repeat(string(c), size-len(`{"role":"user","content":""}`))))
	}
	return fmt.Sprintf(`{"end_user":"ann","created_at":"2026-03-31T12:%sZ","model":"claude-sonnet-4","status":"success",`+
		`"prompt_tokens":%d,"completion_tokens":1,"messages":[%s]%s}`, p.at, tokens, strings.Join(messages, ","), p.more)
}

// cachingAdvice logs the prompts and returns what is advised about caching.
func cachingAdvice(t testing.TB, prompts ...sentPrompt) []advice.Recommendation {
	t.Helper()
	db := storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: func() time.Time { return askedAt }})
	for _, p := range prompts {
		storetest.Append(t, db, policy.System(), p.log())
	}
	costs, err := db.Costs(t.Context(), policy.System(), "ann")
	require.NoError(t, err)
	return advised(costs, "prompt_caching")
}

var askedAt = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

func TestRepeatedInputShouldBeReadFromACache(t *testing.T) {
	t.Parallel()
	const cacheReads = `,"cache_read_tokens":`
	for name, tt := range map[string]struct {
		prompts         []sentPrompt
		repeats, tokens int64
		saving          float64 // 2.7 a million read, less 0.75 a million written; 0: nothing is advised
	}{
		"twice":                         {[]sentPrompt{{"00:00", "ABx", ""}, {"01:00", "ABy", ""}}, 1, 2000, 0.0039},
		"three times, written once":     {[]sentPrompt{{"00:00", "ABx", ""}, {"01:00", "ABy", ""}, {"02:00", "ABz", ""}}, 2, 4000, 0.0093},
		"the very same":                 {[]sentPrompt{{"00:00", "AB", ""}, {"01:00", "AB", ""}}, 1, 2000, 0.0039},
		"after five minutes":            {[]sentPrompt{{"00:00", "ABx", ""}, {"05:00", "ABy", ""}}, 1, 2000, 0.0039},
		"later than that":               {[]sentPrompt{{"00:00", "ABx", ""}, {"05:00.000001", "ABy", ""}}, 0, 0, 0},
		"kept alive by what is between": {[]sentPrompt{{"00:00", "ABx", ""}, {"04:00", "ABy", ""}, {"08:00", "ABz", ""}}, 2, 4000, 0.0093},
		"written again when it was gone": {[]sentPrompt{{"00:00", "ABx", ""}, {"01:00", "ABy", ""}, {"11:00", "ABz", ""}, {"12:00", "ABx", ""}},
			2, 4000, 0.0078},
		"a conversation that grows":      {[]sentPrompt{{"00:00", "AB", ""}, {"01:00", "ABCD", ""}, {"02:00", "ABCDEF", ""}}, 2, 6000, 0.0132},
		"two conversations at once":      {[]sentPrompt{{"00:00", "AB", ""}, {"00:01", "CD", ""}, {"01:00", "ABE", ""}, {"01:01", "CDE", ""}}, 2, 4000, 0.0078},
		"a shared beginning, two ends":   {[]sentPrompt{{"00:00", "ABC", ""}, {"01:00", "ABD", ""}, {"02:00", "ABC", ""}}, 2, 5000, 0.01125},
		"below 1,024 tokens":             {[]sentPrompt{{"00:00", "AB", ""}, {"01:00", "AC", ""}}, 0, 0, 0},
		"just beyond":                    {[]sentPrompt{{"00:00", "AbB", ""}, {"01:00", "AbC", ""}}, 1, 1100, 0.002145},
		"another beginning":              {[]sentPrompt{{"00:00", "xAB", ""}, {"01:00", "yAB", ""}}, 0, 0, 0},
		"read from the cache":            {[]sentPrompt{{"00:00", "ABx", cacheReads + "0"}, {"01:00", "ABy", cacheReads + "2000"}}, 0, 0, 0},
		"looked for there, not found":    {[]sentPrompt{{"00:00", "ABx", cacheReads + "0"}, {"01:00", "ABy", cacheReads + "0"}}, 1, 2000, 0.0039},
		"an answer from a proxy's cache": {[]sentPrompt{{"00:00", "ABx", ""}, {"01:00", "ABx", `,"total_cost":0`}}, 0, 0, 0},
		"another model":                  {[]sentPrompt{{"00:00", "ABx", `,"provider":"anthropic"`}, {"01:00", "ABy", `,"provider":"elsewhere"`}}, 0, 0, 0},
		"messages that are not logged":   {[]sentPrompt{{"00:00", "AB", `,"messages":null`}, {"01:00", "AB", `,"messages":{}`}, {"02:00", "AB", `,"messages":"AB"`}}, 0, 0, 0},
		"no messages":                    {[]sentPrompt{{"00:00", "", `,"prompt_tokens":5000`}, {"01:00", "", `,"prompt_tokens":5000`}}, 0, 0, 0},
		"tokens that are not known":      {[]sentPrompt{{"00:00", "AB", `,"prompt_tokens":null`}, {"01:00", "AB", `,"prompt_tokens":null`}}, 0, 0, 0},
		"one request":                    {[]sentPrompt{{"00:00", "AB", ""}}, 0, 0, 0},
		"at one moment":                  {[]sentPrompt{{"00:00", "AB", ""}, {"00:00", "AB", ""}}, 1, 2000, 0.0039},
		"sent in another order":          {[]sentPrompt{{"01:00", "ABC", ""}, {"00:00", "AB", ""}}, 1, 2000, 0.0039},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := cachingAdvice(t, tt.prompts...)
			if tt.saving == 0 {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			assert.Equal(t, tt.repeats, found[0].Figures["repeating_requests"])
			assert.Equal(t, tt.tokens, found[0].Figures["repeated_tokens"])
			assert.Equal(t, int64(len(tt.prompts)), found[0].Figures["sampled_requests"])
			assert.InDelta(t, tt.saving, *found[0].Amount, 1e-15)
		})
	}
}

func TestOnlyTheNewestRequestsAreLookedAtForRepeats(t *testing.T) {
	t.Parallel()
	db := storetest.OpenWith(t, store.Options{AutoCreateUsers: true, Now: func() time.Time { return askedAt }})
	logs := []string{sentPrompt{"00:00", "AB", ""}.log(), sentPrompt{"00:01", "AB", ""}.log()}
	for i := range 500 {
		logs = append(logs, fmt.Sprintf(`{"end_user":"ann","created_at":"2026-03-31T12:%02d:%02dZ","model":"claude-sonnet-4","status":"success"}`, 1+i/60, i%60))
	}
	storetest.Append(t, db, policy.System(), logs...)
	costs, err := db.Costs(t.Context(), policy.System(), "ann")
	require.NoError(t, err)
	assert.Empty(t, advised(costs, "prompt_caching"))
}

func TestHugeMessagesAreReadAsFarAsTheyAreFew(t *testing.T) {
	t.Parallel()
	db := openAtNoon(t)
	huge := strings.Repeat("x", 3<<20)
	for i := range 4 { // the newest two are within 8 MiB
		storetest.Append(t, db, policy.System(), fmt.Sprintf(`{"end_user":"ann","created_at":"2026-03-31T12:%02d:00Z","model":"claude-sonnet-4",
			"status":"success","prompt_tokens":100000,"completion_tokens":1,"messages":[{"content":%q}]}`, i, huge))
	}
	found := advised(costsOf(t, db, "ann"), "prompt_caching")
	require.Len(t, found, 1)
	assert.Equal(t, int64(2), found[0].Figures["sampled_requests"])
	assert.Equal(t, int64(1), found[0].Figures["repeating_requests"])
	assert.Contains(t, found[0].Message, "1 of the last 2 requests")
}
