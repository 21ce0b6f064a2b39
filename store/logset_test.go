package store_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/rawjson"
)

func TestAColumnTakesTheValuesOfItsTypeAndRefusesOthers(t *testing.T) {
	t.Parallel()
	const (
		syntax, outOfRange, tooLong, badText = store.CodeInvalidText, store.CodeOutOfRange, store.CodeTooLong, store.CodeBadCharacter
	)
	tests := []struct{ name, column, value, code string }{
		{"a text", "model", `"gpt-4o"`, ""},
		{"an empty text", "model", `""`, ""},
		{"a text with an emoji, escaped", "model", `"😀"`, ""},
		{"a number in a text column", "end_user", `42`, ""},
		{"null anywhere", "total_cost", `null`, ""},
		{"a boolean in a text column", "model", `true`, syntax},
		{"an object in a text column", "model", `{"a":1}`, syntax},
		{"an array in a text column", "model", `["a"]`, syntax},
		{"a NUL in a text", "model", `"a\u0000b"`, badText},
		{"a NUL in a user id", "user_profile_id", `"\u0000"`, badText},
		{"the longest user id", "user_profile_id", `"` + strings.Repeat("x", 1024) + `"`, ""},
		{"a user id that is too long", "user_profile_id", `"` + strings.Repeat("x", 1025) + `"`, tooLong},
		{"an end user that is too long", "end_user", `"` + strings.Repeat("é", 513) + `"`, tooLong},
		{"a call id that is too long", "litellm_call_id", `"` + strings.Repeat("x", 1025) + `"`, tooLong},
		{"a model that is too long", "model", `"` + strings.Repeat("x", 513) + `"`, tooLong},
		{"a provider that is too long", "provider", `"` + strings.Repeat("x", 257) + `"`, tooLong},
		{"a status that is too long", "status", `"` + strings.Repeat("x", 65) + `"`, tooLong},

		{"a count", "tokens_used", `12`, ""},
		{"no tokens", "prompt_tokens", `0`, ""},
		{"the most tokens", "tokens_used", `1000000000000`, ""},
		{"a count in a text", "tokens_used", `"12"`, ""},
		{"a count with spaces", "tokens_used", `" 12 "`, ""},
		{"a whole number with a fraction", "tokens_used", `12.0`, ""},
		{"a whole number with an exponent", "tokens_used", `1e3`, ""},
		{"a fraction of a token", "tokens_used", `1.5`, syntax},
		{"tokens in words", "tokens_used", `"many"`, syntax},
		{"an empty text for a number", "tokens_used", `""`, syntax},
		{"a boolean for a number", "tokens_used", `false`, syntax},
		{"an object for a number", "completion_tokens", `{}`, syntax},
		{"hexadecimal", "tokens_used", `"0x10"`, syntax},
		{"digits with underscores", "tokens_used", `"1_000"`, syntax},
		{"less than no tokens", "tokens_used", `-1`, outOfRange},
		{"too many tokens", "cache_read_tokens", `1000000000001`, outOfRange},
		{"more than 64 bits", "reasoning_tokens", `9223372036854775808`, outOfRange},
		{"a huge exponent", "reasoning_tokens", `1e400`, syntax},
		{"NaN for a count", "tokens_used", `"NaN"`, syntax},

		{"a cost", "total_cost", `0.0000125`, ""},
		{"a cost in a text", "total_cost", `"0.0000125"`, ""},
		{"a cost with an exponent", "total_cost", `1.25e-5`, ""},
		{"the highest cost", "total_cost", `100000000`, ""},
		{"a cost too small for a number", "total_cost", `1e-400`, ""},
		{"a negative zero", "total_cost", `-0.0`, ""},
		{"a negative cost", "total_cost", `-0.01`, outOfRange},
		{"a cost that is too high", "total_cost", `100000000.01`, outOfRange},
		{"a cost without bound", "total_cost", `1e999`, outOfRange},
		{"NaN", "total_cost", `"NaN"`, outOfRange},
		{"infinity", "total_cost", `"Infinity"`, outOfRange},
		{"minus infinity", "prompt_cost_per_token", `"-inf"`, outOfRange},
		{"a cost in words", "total_cost", `"$5"`, syntax},
		{"a cost in hexadecimal", "total_cost", `"0x1p-2"`, syntax},
		{"a cost with underscores", "completion_cost_per_token", `"1_0"`, syntax},
		{"a boolean cost", "total_cost", `true`, syntax},
		{"a response time", "response_time", `0.25`, ""},
		{"a negative response time", "response_time", `-1`, outOfRange},
		{"an array of times", "response_time", `[1]`, syntax},

		{"a time", "created_at", `"2026-01-31T23:59:59Z"`, ""},
		{"epoch seconds", "created_at", `1769903999.5`, ""},
		{"now", "created_at", `"now()"`, ""},
		{"epoch milliseconds", "created_at", `1769903999500`, store.CodeTimeRange},
		{"a time without bound", "created_at", `1e999`, store.CodeTimeRange},
		{"a time in words", "created_at", `"soon"`, store.CodeBadTime},
		{"a boolean time", "created_at", `true`, syntax},

		{"an object", "messages", `{"role":"user"}`, ""},
		{"an array", "messages", `[1,2]`, ""},
		{"a string of JSON", "response", `"hello"`, ""},
		{"a number of JSON", "error", `5`, ""},
		{"a boolean of JSON", "additional_details", `true`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, length, invalid, err := store.DecodeLog([]byte(`{"` + tt.column + `":` + tt.value + `,"status":"success"} rest`))
			require.NoError(t, err)
			assert.Equal(t, tt.code, codeOf(invalid))
			assert.Equal(t, len(tt.column)+len(tt.value)+len(`{"":,"status":"success"}`), length, "the next object can be read")
			c, _ := store.LogColumnNamed(tt.column)
			assert.Equal(t, tt.code == "", l.Sent(c))
			assert.Equal(t, tt.code == "" && tt.value != "null", l.Has(c))
		})
	}
}

func TestARefusalNamesTheColumnAndCutsALongValue(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`"x"`, `-1`, `"` + strings.Repeat("é", 100_000) + `"`} {
		_, _, invalid, err := store.DecodeLog([]byte(`{"tokens_used":` + value + `}`))
		require.NoError(t, err)
		refused := invalid.(*store.Error)
		assert.Contains(t, refused.Message+refused.Details, "tokens_used")
		assert.Less(t, len(refused.Error()), 400)
	}
}

func TestTheFirstBadValueIsTheOneThatIsTold(t *testing.T) {
	t.Parallel()
	_, _, invalid, err := store.DecodeLog([]byte(`{"total_cost":-1,"tokens_used":"x","created_at":"soon"}`))
	require.NoError(t, err)
	assert.Equal(t, store.CodeOutOfRange, codeOf(invalid))
}

func TestValuesAreKeptAsTheColumnMeansThem(t *testing.T) {
	t.Parallel()
	l, _, invalid, err := store.DecodeLog([]byte(`  {"id":99,"unknown":{"x":[1]},"cost_nano":5,"tokens_used":"1e3","total_cost":-0.0,
		"response_time":0.1,"model":7,"messages":[ 1 ],"end_user":null,"status":"a","status":"b"}`))
	require.NoError(t, err)
	require.NoError(t, invalid)
	assert.Equal(t, int64(1000), l.TokensUsed)
	assert.False(t, math.Signbit(l.TotalCost), "no negative zero")
	assert.Equal(t, 0.1, l.ResponseTime, "single precision, shown by its shortest digits")
	assert.Equal(t, "7", l.Model)
	assert.Equal(t, `[ 1 ]`, string(l.Messages))
	assert.Equal(t, "b", l.Status, "the last of two counts, as in encoding/json")
	assert.True(t, l.Sent(store.ColEndUser))
	assert.False(t, l.Has(store.ColEndUser))
	assert.False(t, l.Sent(store.ColID), "a sender does not choose the id")
	assert.Zero(t, l.ID)
}

// A key may be written with escapes, and means the same.
func TestAKeyMeansWhatItsEscapesStandFor(t *testing.T) {
	t.Parallel()
	l, _, invalid, err := store.DecodeLog([]byte(`{"\u006dodel":"gpt-4o","\u0069d":5}`))
	require.NoError(t, err)
	require.NoError(t, invalid)
	assert.Equal(t, "gpt-4o", l.Model)
	assert.Zero(t, l.ID)
}

func TestGoValuesAreTakenByTheirColumns(t *testing.T) {
	t.Parallel()
	var l store.Log
	at := store.At(clock)
	for c, value := range map[store.LogColumn]any{
		store.ColModel: "m", store.ColTokensUsed: int64(5), store.ColTotalCost: 0.5, store.ColCreatedAt: at,
		store.ColMessages: json.RawMessage(`[1]`), store.ColEndUser: nil, store.ColResponse: "plain text", store.ColError: `{"a":1}`,
		store.ColID: int64(-3),
	} {
		require.NoError(t, l.Set(c, value))
	}
	assert.Equal(t, at, l.CreatedAt)
	assert.Equal(t, `"plain text"`, string(l.Response), "what is no JSON becomes a string")
	assert.Equal(t, `{"a":1}`, string(l.Error))
	assert.Equal(t, store.CodeInvalidText, codeOf(l.Set(store.ColModel, []byte("bytes"))))
	assert.Equal(t, store.CodeBadCharacter, codeOf(l.SetText(store.ColModel, "\xff")))
	assert.Equal(t, store.CodeBadCharacter, codeOf(l.SetText(store.ColModel, "a\x00")))
	assert.Equal(t, store.CodeInvalidText, codeOf(l.SetText(store.ColTotalCost, "")))
	assert.Equal(t, store.CodeOutOfRange, codeOf(l.Set(store.ColTotalCost, math.Inf(1))))
	assert.Equal(t, store.CodeOutOfRange, codeOf(l.Set(store.ColTotalCost, math.NaN())))
	assert.Equal(t, store.CodeOutOfRange, codeOf(l.Set(store.ColTokensUsed, int64(-1))))
	assert.True(t, json.Valid(jsonOf(&l, "\xff\x00")), "a text that is not UTF-8 becomes a JSON string that is")
}

func jsonOf(l *store.Log, text string) []byte {
	if err := l.SetText(store.ColMessages, text); err != nil {
		panic(err)
	}
	return l.Messages
}

func TestColumnsAreFoundByTheirPublishedNames(t *testing.T) {
	t.Parallel()
	for _, column := range store.Schema["request_logs"].Columns {
		_, ok := store.LogColumnNamed(column.Name)
		assert.True(t, ok, column.Name)
		if column.Type == query.JSON {
			assert.Contains(t, []string{"messages", "response", "error", "additional_details"}, column.Name)
		}
	}
	for _, name := range []string{"", "cost_nano", "ID", "model ", `"model"`} {
		_, ok := store.LogColumnNamed(name)
		assert.False(t, ok, name)
	}
}

func FuzzDecodeLog(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` {"model":"m"} {"model":"n"}`, `{"model":`, `{"tokens_used":1e3,"total_cost":"0.5","created_at":1769903999.5}`,
		`{"response":{"usage":{"prompt_tokens":1}},"messages":[{"role":"user","content":"\ud83d\ude00"}]}`,
		`{"status":"initiated","litellm_call_id":"c","end_user":null}`, `{"created_at":"2026-01-31 23:59:59+00"}`,
		`{"model":"\u0000"}`, `{"total_cost":-0}`, `{"total_cost":1e999}`, `[]`, `null`, ``, "{\"a\":\"\xff\"}", `{"model":"a","model":null}`,
		strings.Repeat(`{"messages":`, 1001) + `1` + strings.Repeat(`}`, 1001),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, length, invalid, err := store.DecodeLog(b)
		if err != nil {
			return
		}
		require.LessOrEqual(t, length, len(b))
		require.True(t, rawjson.Valid(b[:length]))
		require.Equal(t, byte('}'), b[length-1])
		again, sameLength, sameInvalid, err := store.DecodeLog(append([]byte(nil), b[:length]...))
		require.NoError(t, err)
		require.Equal(t, length, sameLength)
		require.Equal(t, codeOf(invalid), codeOf(sameInvalid))
		if !strings.Contains(strings.ToLower(string(b)), "now") {
			require.Equal(t, l, again)
		}
		if invalid != nil {
			require.Len(t, codeOf(invalid), 5, "a refusal has a SQLSTATE: %v", invalid)
		}
	})
}
