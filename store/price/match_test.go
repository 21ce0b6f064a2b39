package price_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/price"
)

func TestMatchersLookAtTheNameInAnyCase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		match, name string
		want        bool
	}{
		{`{"equals":"gpt-4o"}`, "gpt-4o", true},
		{`{"equals":"GPT-4o"}`, "gpt-4O", true},
		{`{"equals":"gpt-4o"}`, "gpt-4o-mini", false},
		{`{"starts_with":"Claude-3"}`, "CLAUDE-3-haiku", true},
		{`{"starts_with":"claude-3"}`, "anthropic.claude-3", false},
		{`{"ends_with":"-flash"}`, "gemini-2.0-Flash", true},
		{`{"ends_with":"-flash"}`, "gemini-2.0-flash-lite", false},
		{`{"contains":"Sonnet"}`, "claude-sonnet-4", true},
		{`{"contains":"opus"}`, "claude-sonnet-4", false},
		{`{"regex":"^o[134]"}`, "O3-mini", true},
		{`{"regex":"^o[134]"}`, "gpt-o3", false},
		{`{"regex":"mini$"}`, "o3-mini", true},
		{`{"regex":"GPT"}`, "gpt-4", false}, // the name is in lower case, and the expression means what it says
		{`{"or":[{"equals":"a"},{"equals":"b"}]}`, "b", true},
		{`{"or":[{"equals":"a"},{"equals":"b"}]}`, "c", false},
		{`{"or":[]}`, "a", false},
		{`{"and":[{"starts_with":"a"},{"ends_with":"b"}]}`, "acb", true},
		{`{"and":[{"starts_with":"a"},{"ends_with":"b"}]}`, "ab c", false},
		{`{"and":[{"or":[{"equals":"ab"},{"equals":"cb"}]},{"ends_with":"b"}]}`, "cb", true},
		{`{"equals":"größe\u0021\n"}`, "GRÖSSE!", false},
		{`{"equals":"gr\u00f6\u00dfe"}`, "Größe", true},
		{`null`, "", false},
	} {
		var m price.Match
		require.NoError(t, json.Unmarshal([]byte(tt.match), &m), tt.match)
		assert.Equal(t, tt.want, m.Matches(tt.name), "%s %s", tt.match, tt.name)

		written, err := json.Marshal(m)
		require.NoError(t, err)
		assert.JSONEq(t, tt.match, string(written), "it is written as it was read")
	}
}

func TestWhatIsNoMatcherIsRefused(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		`{}`:                              "it needs a clause",
		`{"equal":"a"}`:                   `there is no clause "equal"`,
		`{"equals":"a","contains":"b"}`:   "one clause only",
		`{"equals":5}`:                    "expected a text",
		`{"equals":null}`:                 "expected a text",
		`{"regex":"("}`:                   "regex: error parsing regexp",
		`{"or":{"equals":"a"}}`:           "expected [",
		`{"or":[null]}`:                   "null among the clauses of or",
		`{"and":[{"or":[{"equals":1}]}]}`: "expected a text",
		`"gpt-4o"`:                        "expected {",
		`[]`:                              "expected {",
	} {
		var m price.Match
		assert.ErrorContains(t, json.Unmarshal([]byte(text), &m), reason, text)
		assert.True(t, m.IsZero(), text)
	}
	var m price.Match
	for _, text := range []string{``, `{`, `{"equals"`, `{"equals":"a`, `{"equals":"a"`, `{"equals":"a"} x`, `{"equals":"a\`, `nil`, `{"or":[`, `{"or":[{"equals":"a"}`, `{"equals":"\x"}`} {
		assert.Error(t, m.UnmarshalJSON([]byte(text)), text)
	}
}

func TestEqualsMatchesAnyOfTheNames(t *testing.T) {
	t.Parallel()
	assert.True(t, price.Equals("a", "B").Matches("b"))
	assert.True(t, price.Equals("a").Matches("A"))
	assert.False(t, price.Equals().Matches(""))
}
