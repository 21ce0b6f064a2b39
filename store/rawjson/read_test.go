package rawjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/rawjson"
)

var texts = []string{
	`""`, `"plain"`, `"\"\\\/\b\f\n\r\t"`, `"\u0041\u00e9\u20AC"`, `"\ud83d\ude00"`, `"é😀"`, `"a\u0000b"`,
	`"\ud800"`, `"\udc00"`, `"\ud800\ud800"`, `"\ud83d\u0041"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ude00\ud83d"`, `"\uD83D\uDE00"`,
	`"tail\\"`,
}

func TestTextIsWhatAStringStandsFor(t *testing.T) {
	t.Parallel()
	for _, raw := range texts {
		var want string
		require.NoError(t, json.Unmarshal([]byte(raw), &want))
		got, ok := rawjson.Text([]byte(raw))
		require.True(t, ok)
		assert.Equal(t, want, got, raw)
		assert.Equal(t, "1", string(rawjson.Get([]byte("{"+raw+":1}"), want)), "as a key")
	}
	for _, raw := range []string{``, `"`, `1`, `null`, `{}`, `[]`, `true`} {
		_, ok := rawjson.Text([]byte(raw))
		assert.False(t, ok, raw)
	}
}

func TestGetReturnsTheLastMemberOfAName(t *testing.T) {
	t.Parallel()
	object := []byte(`{"a":1,"b":{"a":2},"a":[3],"n":null}`)
	assert.Equal(t, `[3]`, string(rawjson.Get(object, "a")))
	assert.Equal(t, `{"a":2}`, string(rawjson.Get(object, "b")))
	assert.True(t, rawjson.IsNull(rawjson.Get(object, "n")))
	assert.False(t, rawjson.IsNull([]byte(`"null"`)))
	for _, text := range []string{``, `[]`, `1`, `{"a":1`, `{"a":1,}`, `{"b":1}`} {
		assert.Nil(t, rawjson.Get([]byte(text), "a"), text)
	}
}

// encoding/json finds a member by what its name stands for.
func TestGetFindsANameThatIsWrittenWithEscapes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `1`, string(rawjson.Get([]byte(`{"\u0061":1}`), "a")))
}

func FuzzText(f *testing.F) {
	for _, raw := range texts {
		f.Add([]byte(raw))
	}
	f.Add([]byte(strings.Repeat(`"\ud83d\ude00`, 3) + `"`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !rawjson.Valid(raw) || len(raw) == 0 || raw[0] != '"' || raw[len(raw)-1] != '"' {
			return
		}
		var want string
		require.NoError(t, json.Unmarshal(raw, &want))
		got, ok := rawjson.Text(raw)
		require.True(t, ok)
		require.Equal(t, want, got)
	})
}
