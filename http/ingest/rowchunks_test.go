package ingest_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/llmtally/llmtally/http/ingest"
)

// A splitter hands out a text in pieces.
type splitter struct {
	name string
	of   func(text string) io.Reader
}

var splitters = []splitter{
	{"a byte at a time", func(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) }},
	{"half of what is asked for", func(s string) io.Reader { return iotest.HalfReader(strings.NewReader(s)) }},
	{"the last piece together with its end", func(s string) io.Reader { return iotest.DataErrReader(strings.NewReader(s)) }},
	{"three bytes at a time", func(s string) io.Reader { return &pieces{text: s, sizes: []int{3}} }},
	{"nothing now and then", func(s string) io.Reader { return &pieces{text: s, sizes: []int{0, 1, 0, 0, 7}} }},
}

// pieces hands out a text in pieces of the sizes given, in turn.
type pieces struct {
	text  string
	sizes []int
	turn  int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	n := min(p.sizes[p.turn%len(p.sizes)], len(p.text), len(b))
	p.turn++
	copy(b, p.text[:n])
	p.text = p.text[n:]
	return n, nil
}

func TestWhereABodyIsCutIntoPiecesMakesNoDifference(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"an array":           `[{"model":"a"}, null, 7,"s", {"model":"ü🙂\u00e9"} ,{"prompt_tokens":-1},{"model":"b"}]`,
		"lines":              "{\"model\":\"a\"}\r\nnull\n{bad}\n7\n{\"model\":\"ü🙂\"}\n{\"model\"",
		"a broken array":     `[{"model":"a"},{"model":oops},{"model":"b"}]`,
		"an array cut short": `[{"model":"a"},{"model":"b"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := readText(body)
			for _, split := range splitters {
				assert.Equal(t, want, read(split.of(body), roomy, 0), split.name)
			}
		})
	}
}

func TestARowThatIsBothTooLargeAndBrokenReadsTheSameWhateverItsPieces(t *testing.T) {
	t.Parallel()
	bad := `{"model":"` + strings.Repeat("x", 100) + `" oops}`
	for _, body := range []string{`[{"model":"a"},` + bad + `,{"model":"b"}]`, "{\"model\":\"a\"}\n" + bad + "\n{\"model\":\"b\"}"} {
		want := read(strings.NewReader(body), 32, int64(len(body)))
		for _, split := range splitters {
			assert.Equal(t, want, read(split.of(body), 32, 0), split.name)
		}
	}
}

func TestAnErrorOfTheStreamComesThrough(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line is dead")
	for _, body := range []string{"", "{", `{"model":"a"}`, `[{"model":"a"},`, `[{"model":"a"}]`, "{bad}\n", "[nul", `["x`} {
		reader := ingest.NewRows(io.MultiReader(strings.NewReader(body), iotest.ErrReader(broken)), roomy, 0)
		var err error
		for range len(body) + 2 {
			var refused *ingest.Refused
			if _, err = reader.Next(); err != nil && !errors.As(err, &refused) {
				break
			}
		}
		assert.ErrorIs(t, err, broken, "after %q", body)
	}
}

// fragments are what bodies are made of: whole rows and splinters of them.
var fragments = []string{
	`{"model":"a"}`, `{"model":"b","messages":[{"content":"x\ny"}]}`, `{}`, `{"prompt_tokens":-1}`, `{"model":7}`,
	`null`, `7`, `"text"`, `true`, `[1,{"a":2}]`, `{bad}`, `{"model":`, `{"model":"ü🙂"}`, "{\"model\":\"\xff\"}",
	`{"model":"0123456789012345678901234567890123456789"}`, `"`, `\`, `}`, `]`, `[`, `{`, ",", ":", "\n", "\n", "\r\n", " ",
	"\t", "\x00", "nul", "tru", "-", "1e", `\u00`, "\ufeff",
}

func TestAnyBodyReadsTheSameWhateverItsPieces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom(fragments), 0, 12).Draw(t, "parts")
		body := rapid.SampledFrom([]string{"", "[", "{\"model\":\"first\"}\n"}).Draw(t, "beginning") +
			strings.Join(parts, rapid.SampledFrom([]string{"", ",", "\n"}).Draw(t, "separator")) +
			rapid.SampledFrom([]string{"", "]", "\n"}).Draw(t, "ending")
		maxRow := rapid.SampledFrom([]int{16, 40, roomy}).Draw(t, "maxRow")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 30), 1, 8).Draw(t, "sizes")
		hint := rapid.Int64Range(-1, 2*int64(len(body))+1).Draw(t, "hint")

		whole := read(strings.NewReader(body), maxRow, int64(len(body)))
		inPieces := read(&pieces{text: body, sizes: sizes}, maxRow, hint)
		require.Equal(t, whole, inPieces, "body %q", body)
		require.LessOrEqual(t, len(whole), len(body)+1, "each row takes at least a byte")
	})
}

// FuzzRows looks for a body that makes the reader panic, go on for ever, or
// depend on how the body was cut into pieces. Bodies with rows beyond the limit
// are TestAnyBodyReadsTheSameWhateverItsPieces's.
func FuzzRows(f *testing.F) {
	for _, bad := range badRows {
		f.Add([]byte("{\"model\":\"a\"}\n"+bad+"\n{\"model\":\"b\"}\n"), uint8(3))
		f.Add([]byte(`[{"model":"a"},`+bad+`,{"model":"b"}]`), uint8(1))
	}
	for _, part := range fragments {
		f.Add([]byte(part), uint8(2))
		f.Add([]byte("["+part+"]"), uint8(5))
	}
	f.Fuzz(func(t *testing.T, body []byte, size uint8) {
		text := string(body)
		whole := readText(text)
		inPieces := read(&pieces{text: text, sizes: []int{int(size)%32 + 1}}, roomy, 0)
		require.Equal(t, whole, inPieces)
		require.LessOrEqual(t, len(whole), len(text)+1)
		read(&pieces{text: text, sizes: []int{int(size)%32 + 1}}, 8, 0)
	})
}
