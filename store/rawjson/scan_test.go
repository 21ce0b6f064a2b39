package rawjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/rawjson"
)

var valid = []string{
	`{}`, `[]`, `""`, `0`, `-0`, `1.5e+10`, `1E5`, `-12.25`, `true`, `false`, `null`,
	` { "a" : [ 1 , 2 , { } , [ ] ] , "b" : null } `, "\t\n\r 1 \t\n\r",
	`"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, `"é😀"`, `"\ud800"`, `"` + "\x7f" + `"`, "\"\u2028\"",
	`{"a":1,"a":2}`, `{"":{"":""}}`, `123456789012345678901234567890`, `1e999`,
}

var invalid = map[string]string{
	"nothing": "", "white space": " ", "a word": "nul", "a word too long": "nulll", "capitals": "True", "NaN": "NaN",
	"a plus": "+1", "a leading zero": "01", "a dot alone": ".5", "no digit after the dot": "1.", "no exponent": "1e", "a bare sign": "-",
	"hexadecimal": "0x1", "two values": "1 2", "single quotes": `'a'`, "an open string": `"a`, "a tab in a string": "\"\t\"",
	"a newline in a string": "\"\n\"", "a NUL in a string": "\"\x00\"", "an unknown escape": `"\x41"`, "a short escape": `"\u12"`,
	"no hexadecimal digit": `"\u12g4"`, "an open object": `{`, "an open array": `[`, "a comma at the end": `[1,]`,
	"a comma at the end of an object": `{"a":1,}`, "no comma": `[1 2]`, "no colon": `{"a" 1}`, "no value": `{"a":}`, "no key": `{:1}`,
	"a bare key": `{a:1}`, "a number as a key": `{1:1}`, "the wrong bracket": `[1}`, "a comment": "1//", "another space": "\u00a01",
	"a byte order mark": "\ufeff1", "a form feed": "\f1",
}

func TestValidJSONIsRecognised(t *testing.T) {
	t.Parallel()
	for _, text := range valid {
		assert.True(t, rawjson.Valid([]byte(text)), text)
		assert.True(t, json.Valid([]byte(text)), "encoding/json agrees on %s", text)
	}
	for name, text := range invalid {
		assert.False(t, rawjson.Valid([]byte(text)), name)
		assert.False(t, json.Valid([]byte(text)), "encoding/json agrees on %s", name)
	}
}

func TestTextThatIsNotUTF8IsNoJSON(t *testing.T) {
	t.Parallel()
	for _, b := range []string{"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x28\xa1"} {
		assert.False(t, rawjson.Valid([]byte(`"`+b+`"`)), "%x", b)
		assert.False(t, rawjson.Valid([]byte(`{"`+b+`":1}`)), "%x in a key", b)
	}
}

func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	nested := func(open, inside, shut string, depth int) []byte {
		return []byte(strings.Repeat(open, depth) + inside + strings.Repeat(shut, depth))
	}
	assert.True(t, rawjson.Valid(nested("[", "", "]", rawjson.MaxDepth)))
	assert.False(t, rawjson.Valid(nested("[", "", "]", rawjson.MaxDepth+1)))
	assert.True(t, rawjson.Valid(nested(`{"a":`, "1", "}", rawjson.MaxDepth)))
	assert.False(t, rawjson.Valid(nested(`{"a":`, "1", "}", rawjson.MaxDepth+1)))
	_, err := rawjson.Object(nested(`{"a":`, "1", "}", rawjson.MaxDepth+1), 0, nil)
	var syntax *rawjson.SyntaxError
	require.ErrorAs(t, err, &syntax)
	assert.Contains(t, syntax.Reason, "1000 deep")
	assert.False(t, rawjson.Valid(nested("[", "", "", 10_000_000)), "no stack is used up")
}

func TestObjectHandsOutEachMemberInOrder(t *testing.T) {
	t.Parallel()
	input := []byte(` {"a" : 1 , "b\n": {"c":[1,2]},"":"x", "a":null} tail`)
	var members [][2]string
	end, err := rawjson.Object(input, 0, func(key, value []byte) {
		members = append(members, [2]string{string(key), string(value)})
	})
	require.NoError(t, err)
	assert.Equal(t, " tail", string(input[end:]))
	assert.Equal(t, [][2]string{{"a", "1"}, {"b\n", `{"c":[1,2]}`}, {"", `"x"`}, {"a", "null"}}, members)
	for _, text := range []string{`[1]`, `1`, `"a"`, `}`} {
		_, err := rawjson.Object([]byte(text), 0, nil)
		var syntax *rawjson.SyntaxError
		require.ErrorAs(t, err, &syntax, text)
	}
}

func TestAMemberCannotBeGrownIntoWhatFollowsIt(t *testing.T) {
	t.Parallel()
	input := []byte(`{"a":1,"b":2}`)
	_, err := rawjson.Object(input, 0, func(_, value []byte) { _ = append(value, "overwritten"...) })
	require.NoError(t, err)
	assert.Equal(t, `{"a":1,"b":2}`, string(input))
}

func TestValueSaysWhereAValueBeginsAndEnds(t *testing.T) {
	t.Parallel()
	input := []byte(` 12 "a" [1] `)
	var found []string
	for i := 0; rawjson.Space(input, i) < len(input); {
		start, end, err := rawjson.Value(input, i)
		require.NoError(t, err)
		found = append(found, string(input[start:end]))
		i = end
	}
	assert.Equal(t, []string{"12", `"a"`, "[1]"}, found)
}

func TestASyntaxErrorSaysWhere(t *testing.T) {
	t.Parallel()
	_, err := rawjson.Object([]byte(`{"a":1,"b":x}`), 0, nil)
	var syntax *rawjson.SyntaxError
	require.ErrorAs(t, err, &syntax)
	assert.Equal(t, 11, syntax.Offset)
	assert.Contains(t, err.Error(), "byte 11")
}

// More input may make a prefix whole: that is what ErrShort says, of each one.
func TestEveryPrefixOfAnObjectIsShort(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, ` {"a":1.5e-10,"b":[true,false,null,{"c":"\u00e9\ud83d\ude00é😀"}],"d":-0.25 , "e":{}}`,
		`{"a":12345}`, `{"messages":[{"role":"user","content":"\"quoted\" \\ text"}]}`,
	} {
		requireShortPrefixes(t, []byte(text))
	}
}

func requireShortPrefixes(t *testing.T, object []byte) {
	t.Helper()
	for n := range object {
		_, err := rawjson.Object(object[:n], 0, nil)
		require.ErrorIs(t, err, rawjson.ErrShort, "%q", object[:n])
	}
}

func FuzzValid(f *testing.F) {
	for _, text := range valid {
		f.Add([]byte(text))
	}
	for _, text := range invalid {
		f.Add([]byte(text))
	}
	f.Add([]byte("\"\xff\""))
	f.Add([]byte(strings.Repeat("[", 1001) + strings.Repeat("]", 1001)))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := rawjson.Valid(b)
		if got != json.Valid(b) {
			// encoding/json takes any bytes in strings, and nests deeper.
			deep := strings.Count(string(b), "[")+strings.Count(string(b), "{") > rawjson.MaxDepth
			require.False(t, got, "%q", b)
			require.True(t, deep || !utf8.Valid(b), "%q", b)
		}
		end, err := rawjson.Object(b, 0, nil)
		switch {
		case err == nil && len(b) < 256:
			requireShortPrefixes(t, b[:end])
		case errors.Is(err, rawjson.ErrShort):
			require.False(t, got && b[rawjson.Space(b, 0)] == '{')
		}
	})
}
