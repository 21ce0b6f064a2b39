package ingest_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/ingest"
	"github.com/llmtally/llmtally/http/problem"
)

const roomy = 1 << 20

// read returns what the reader makes of a stream, an entry a row: the log's
// model, or `!` and the code of a refusal; the last one is `end`, or what ended
// the stream.
func read(r io.Reader, maxRow int, sizeHint int64) (rows []string) {
	reader := ingest.NewRows(r, maxRow, sizeHint)
	for {
		log, err := reader.Next()
		var refused *ingest.Refused
		var malformed *problem.Problem
		switch {
		case err == nil:
			rows = append(rows, log.Model)
		case errors.As(err, &refused):
			rows = append(rows, "!"+refused.Reason.Code)
		case err == io.EOF:
			return append(rows, "end")
		case errors.As(err, &malformed):
			return append(rows, fmt.Sprint(malformed.Status))
		default:
			return append(rows, err.Error())
		}
	}
}

func readText(text string) []string { return read(strings.NewReader(text), roomy, int64(len(text))) }

func TestTheFirstByteDecidesWhatABodyIs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body string
		rows []string
	}{
		"an object":                      {`{"model":"a"}`, []string{"a", "end"}},
		"an object with a newline":       {"{\"model\":\"a\"}\n", []string{"a", "end"}},
		"a pretty-printed object":        {"{\n  \"model\": \"a\",\n  \"messages\": [\n    {\n      \"x\": 1\n    }\n  ]\n}\n", []string{"a", "end"}},
		"several pretty-printed objects": {"{\n  \"model\": \"a\"\n}\n{\n  \"model\": \"b\"\n}\n", []string{"a", "b", "end"}},
		"an array":                       {`[{"model":"a"},{"model":"b"}]`, []string{"a", "b", "end"}},
		"an array of one":                {`[{"model":"a"}]`, []string{"a", "end"}},
		"an empty array":                 {`[]`, []string{"end"}},
		"an empty array with space":      {" [ \r\n ] \n", []string{"end"}},
		"NDJSON":                         {"{\"model\":\"a\"}\n{\"model\":\"b\"}\n", []string{"a", "b", "end"}},
		"NDJSON without a last newline":  {"{\"model\":\"a\"}\n{\"model\":\"b\"}", []string{"a", "b", "end"}},
		"NDJSON with CRLF":               {"{\"model\":\"a\"}\r\n{\"model\":\"b\"}\r\n", []string{"a", "b", "end"}},
		"NDJSON with empty lines":        {"\n\n{\"model\":\"a\"}\n\n \t\n{\"model\":\"b\"}\n\n", []string{"a", "b", "end"}},
		"objects without anything between": {
			`{"model":"a"}{"model":"b"}{"model":"c"}`, []string{"a", "b", "c", "end"},
		},
		"objects with spaces between": {`{"model":"a"} {"model":"b"}`, []string{"a", "b", "end"}},
		"an object without members":   {`{}`, []string{"", "end"}},
		"a member of another name":    {`{"model":"a","unknown":{"model":"x"}}`, []string{"a", "end"}},
		"a byte order mark first":     {"\ufeff{\"model\":\"a\"}", []string{"a", "end"}},
		"a byte order mark and an array": {
			"\ufeff[{\"model\":\"a\"}]", []string{"a", "end"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.rows, readText(tt.body))
		})
	}
}

func TestNullItemsAreNoRows(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body string
		rows []string
	}{
		"in an array":          {`[null,{"model":"a"},null, null ,{"model":"b"},null]`, []string{"a", "b", "end"}},
		"alone in an array":    {`[null]`, []string{"end"}},
		"on lines":             {"{\"model\":\"a\"}\nnull\n{\"model\":\"b\"}\nnull\n", []string{"a", "b", "end"}},
		"beginning with null":  {`[null,{"model":"a"}]`, []string{"a", "end"}},
		"cut off in an array":  {`[{"model":"a"},nul`, []string{"a", "400"}},
		"misspelt in an array": {`[{"model":"a"},nil,{"model":"b"}]`, []string{"a", "400"}},
		"misspelt on a line":   {"{\"model\":\"a\"}\nnil\n{\"model\":\"b\"}", []string{"a", "!PGRST102", "b", "end"}},
		"cut off on a line":    {"{\"model\":\"a\"}\nnul", []string{"a", "!PGRST102", "end"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.rows, readText(tt.body))
		})
	}
}

func TestAScalarIsARefusedRow(t *testing.T) {
	t.Parallel()
	for _, scalar := range []string{`1`, `-1.5e3`, `"text"`, `"te,]xt"`, `"a\"]"`, `true`, `false`, `[]`, `[{"model":"x"}]`} {
		t.Run(scalar, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, []string{"!PGRST102", "b", "end"}, readText(`[`+scalar+`,{"model":"b"}]`), "first in an array")
			assert.Equal(t, []string{"a", "!PGRST102", "b", "end"}, readText(`[{"model":"a"}, `+scalar+` ,{"model":"b"}]`))
			assert.Equal(t, []string{"a", "!PGRST102", "end"}, readText(`[{"model":"a"},`+scalar+`]`), "last in an array")
			assert.Equal(t, []string{"a", "!PGRST102", "b", "end"}, readText("{\"model\":\"a\"}\n"+scalar+"\n{\"model\":\"b\"}"))
			assert.Equal(t, []string{"a", "!PGRST102", "end"}, readText("{\"model\":\"a\"}\n"+scalar))
		})
	}
}

func TestABodyThatIsNoJSONIsRefusedWhole(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":          "",
		"white space":    " \r\n\t ",
		"text":           "hello",
		"a form":         "model=a&status=success",
		"CSV":            "model,status\na,success\n",
		"a string":       `"{}"`,
		"a number":       `1`,
		"a NUL":          "\x00",
		"a closing mark": "]",
		"UTF-16":         "{\x00}\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := readText(body)
			require.Len(t, rows, min(len(rows), 2))
			assert.NotContains(t, rows, "", "no row may come of it")
			assert.Subset(t, []string{"400", "!PGRST102", "end"}, rows)
			assert.NotEqual(t, []string{"end"}, rows, "the sender must learn of it")
		})
	}
}

func TestAnArrayThatIsNotOneEndsTheStream(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a comma too many at the end":   `[{"model":"a"},]`,
		"a comma too many in between":   `[{"model":"a"},,{"model":"b"}]`,
		"no comma":                      `[{"model":"a"}{"model":"b"}]`,
		"more after its end":            `[{"model":"a"}]{"model":"b"}`,
		"closed twice":                  `[{"model":"a"}]]`,
		"closed as an object":           `[{"model":"a"}}`,
		"cut off after a row":           `[{"model":"a"}`,
		"cut off after a comma":         `[{"model":"a"},`,
		"cut off in a row":              `[{"model":"a"},{"model":"b`,
		"cut off in a string of scalar": `[{"model":"a"},"b`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, []string{"a", "400"}, readText(body))
		})
	}
	assert.Equal(t, []string{"400"}, readText("["))
	assert.Equal(t, []string{"400"}, readText("[,]"))
}

func TestTheTextOfARowIsAtHand(t *testing.T) {
	t.Parallel()
	reader := ingest.NewRows(strings.NewReader(` [ {"model": "a"} , {"x":1}]`), roomy, 0)
	for _, want := range []string{`{"model": "a"}`, `{"x":1}`} {
		_, err := reader.Next()
		require.NoError(t, err)
		assert.Equal(t, want, string(reader.Raw()))
	}
}
