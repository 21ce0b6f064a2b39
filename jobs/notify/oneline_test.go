package notify_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/jobs/notify"
)

func TestTextBecomesOneLine(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"a sentence":                    {"ann has used 8 USD.", "ann has used 8 USD."},
		"nothing":                       {"", ""},
		"other scripts":                 {"Ünal 用户 مستخدم 👩", "Ünal 用户 مستخدم 👩"},
		"line breaks":                   {"a\nb\r\nc\vd\fe", "a b c d e"},
		"other line breaks":             {"a\u0085b\u2028c\u2029d", "a b c d"},
		"tabs and spaces":               {"  a\t\tb \u00a0 c  ", "a b c"},
		"control characters":            {"a\x00b\x1b[31mc\x7f", "a�b�[31mc�"},
		"what is no UTF-8":              {"a\xff\xfeb", "a��b"},
		"marks that turn text around":   {"a\u202eb\u2066c\u200fd", "a�b�c�d"},
		"marks without width":           {"ad\u200bmin \ufeffx \u00ady", "ad�min �x �y"},
		"invisible tags":                {"a\U000e0041b", "a�b"},
		"private use":                   {"a\ue000b", "a�b"},
		"9 letters":                     {"abcdefghi", "abcdefghi"},
		"20 letters":                    {"abcdefghijklmnopqrst", "abcdefghijklmnopqrst"},
		"21 letters":                    {"abcdefghijklmnopqrstu", "abcdefghijklmnopqrs…"},
		"21 letters of two bytes":       {strings.Repeat("ä", 21), strings.Repeat("ä", 19) + "…"},
		"a space where it is shortened": {"abcdefghijklmnopqr stuv", "abcdefghijklmnopqr…"},
	} {
		assert.Equal(t, tt.want, notify.OneLine(tt.text, 20), name)
	}
}

// FuzzOneLine holds what every message promises of the text in it, whoever
// wrote that.
func FuzzOneLine(f *testing.F) {
	for _, text := range []string{"", "ann", hostile().Text, "a\u2028\u202e\xff", strings.Repeat("*👩\\", 500), "@everyone <@1> ||x||"} {
		f.Add(text, 40)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = 1 + (limit&0x7fffffff)%2000
		line := notify.OneLine(text, limit)
		require.True(t, utf8.ValidString(line))
		require.LessOrEqual(t, utf8.RuneCountInString(line), limit)
		require.Equal(t, strings.TrimSpace(line), line)
		require.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", line)
		require.Equal(t, line, notify.OneLine(line, limit))

		m := hostile()
		m.Text, m.Rule, m.UserID = text, text, text
		requireSlackInert(t, m)
		requireDiscordInert(t, m)
		subject := notify.SubjectOf(m)
		require.False(t, strings.ContainsFunc(subject, unicode.IsControl), "%q", subject)
		require.NotContains(t, subject, "=?")
		require.Equal(t, strings.Count(notify.LetterText(hostile()), "\n"), strings.Count(notify.LetterText(m), "\n"))
	})
}

func requireSlackInert(t testing.TB, m notify.Message) {
	t.Helper()
	var message struct{ Text string }
	require.NoError(t, json.Unmarshal(notify.SlackBody(m), &message))
	require.NotContains(t, message.Text, "<")
	require.NotContains(t, message.Text, ">")
	first, _, _ := strings.Cut(message.Text, "\n")
	require.NotContains(t, first, "://")
	require.Equal(t, first+"\n"+m.BaseURL, message.Text)
}

func requireDiscordInert(t testing.TB, m notify.Message) {
	t.Helper()
	var message struct {
		Content string
		Allowed struct{ Parse []string } `json:"allowed_mentions"`
	}
	require.NoError(t, json.Unmarshal(notify.DiscordOf(m), &message))
	require.LessOrEqual(t, len(utf16.Encode([]rune(message.Content))), 2000)
	require.NotNil(t, message.Allowed.Parse, "null would allow all")
	require.Empty(t, message.Allowed.Parse)
	first, _, _ := strings.Cut(message.Content, "\n")
	require.Equal(t, first+"\n"+m.BaseURL, message.Content)
	for bare := first; bare != ""; {
		_, size := utf8.DecodeRuneInString(bare)
		if bare[0] == '\\' {
			size = 2 // what follows is ASCII, and only itself
		} else {
			require.NotContains(t, "*_~`|#>[]()<:/@", bare[:size], first)
		}
		bare = bare[size:]
	}
}
