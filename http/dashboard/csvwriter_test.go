package dashboard

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// records reads CSV as RFC 4180 has it, byte for byte: encoding/csv would change
// line breaks in fields when it reads, too.
func records(t require.TestingT, text string) (all [][]string) {
	for text != "" {
		var record []string
		for end := false; !end; {
			var field string
			if strings.HasPrefix(text, `"`) {
				var b strings.Builder
				for text = text[1:]; ; {
					part, rest, found := strings.Cut(text, `"`)
					require.True(t, found, "an open quote")
					b.WriteString(part)
					if text = rest; !strings.HasPrefix(text, `"`) {
						break
					}
					b.WriteByte('"')
					text = text[1:]
				}
				field = b.String()
			} else {
				n := strings.IndexAny(text, ",\r\n\"")
				require.GreaterOrEqual(t, n, 0, "no end of the record")
				field, text = text[:n], text[n:]
			}
			record = append(record, field)
			switch {
			case strings.HasPrefix(text, ","):
				text = text[1:]
			default:
				require.True(t, strings.HasPrefix(text, "\r\n"), "%.9q", text)
				text, end = text[2:], true
			}
		}
		all = append(all, record)
	}
	return all
}

func TestFieldsOfCSVAreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	field := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("\r\n\", a")), 0, 8, -1))
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.SliceOfN(rapid.SliceOfN(field, 2, 4), 1, 4).Draw(rt, "records")
		var sent bytes.Buffer
		w := newCSVWriter(&sent)
		for _, record := range want {
			require.NoError(rt, w.write(record))
		}
		require.NoError(rt, w.Flush())
		require.Equal(rt, want, records(rt, sent.String()))
	})
}
