package ingest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// deep is a value nested deeper than any real one.
func deep(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// badRows are rows that are refused alone: each is a line of its own, and its
// brackets and quotes are closed.
var badRows = map[string]string{
	"a value of the wrong type":        `{"model":{"x":1}}`,
	"a negative count":                 `{"model":"x","prompt_tokens":-1}`,
	"a bare NaN":                       `{"model":"x","total_cost":NaN}`,
	"a bare Infinity":                  `{"model":"x","total_cost":-Infinity}`,
	"single quotes":                    `{'model':'x'}`,
	"a trailing comma":                 `{"model":"x",}`,
	"no colon":                         `{"model" "x"}`,
	"no value":                         `{"model":}`,
	"an unknown escape":                `{"model":"\q"}`,
	"bytes that are not UTF-8":         "{\"model\":\"\xff\xfe\"}",
	"bytes that are not UTF-8, nested": "{\"messages\":[{\"content\":\"\xc3(\"}]}",
	"a NUL in a string":                "{\"model\":\"a\x00b\"}",
	"a tab in a string":                "{\"model\":\"a\tb\"}",
	"an escaped NUL in text":           `{"model":"a\u0000b"}`,
	"a number with a leading zero":     `{"prompt_tokens":007}`,
	"nested too deeply":                `{"messages":` + deep(2000) + `}`,
}

func TestABadRowCostsItsNeighboursNothing(t *testing.T) {
	t.Parallel()
	for name, bad := range badRows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := range 3 {
				rows := slices.Insert([]string{`{"model":"a"}`, `{"model":"b"}`}, at, bad)
				want := slices.Insert([]string{"a", "b", "end"}, at, "!")
				assert.Equal(t, want, withoutCodes(readText(strings.Join(rows, "\n"))), "line %d", at)
				assert.Equal(t, want, withoutCodes(readText("["+strings.Join(rows, ",")+"]")), "item %d of an array", at)
			}
		})
	}
}

// withoutCodes leaves of each refusal that it is one.
func withoutCodes(rows []string) []string {
	for i, row := range rows {
		if strings.HasPrefix(row, "!") {
			rows[i] = "!"
		}
	}
	return rows
}

func TestALineThatIsNotWholeCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	whole := `{"model":"x","messages":[{"role":"user","content":"a \"word\" and {"}],"total_cost":1.5e-3}`
	for cut := 1; cut < len(whole); cut++ {
		body := "{\"model\":\"a\"}\n" + whole[:cut] + "\n{\"model\":\"b\"}\n{\"model\":\"c\"}\n"
		assert.Equal(t, []string{"a", "!PGRST102", "b", "c", "end"}, readText(body), "cut at %d: %s", cut, whole[:cut])
		last := "{\"model\":\"a\"}\n" + whole[:cut]
		assert.Equal(t, []string{"a", "!PGRST102", "end"}, readText(last), "cut at %d, at the end", cut)
		array := `[{"model":"a"},` + whole[:cut]
		assert.Equal(t, []string{"a", "400"}, readText(array), "cut at %d, in an array", cut)
	}
}

func TestAPrettyPrintedBadObjectIsOneBadRow(t *testing.T) {
	t.Parallel()
	bad := "{\n  \"model\": oops,\n  \"messages\": [\n    {\n      \"content\": 1\n    }\n  ]\n}\n"
	assert.Equal(t, []string{"a", "!PGRST102", "b", "end"}, readText("{\"model\":\"a\"}\n"+bad+"{\"model\":\"b\"}\n"))
}

func TestARowLargerThanTheLimitCostsItsNeighboursNothing(t *testing.T) {
	t.Parallel()
	const limit = 64
	large := strings.Repeat("x", 10*limit)
	for name, bad := range map[string]string{
		"a long text":             `{"model":"` + large + `"}`,
		"brackets in a text":      `{"model":"` + strings.Repeat(`}]\"`, limit) + `"}`,
		"an unknown member":       `{"unknown":"` + large + `"}`,
		"a long list":             `{"messages":[` + strings.Repeat(`{"a":[1]},`, limit) + `1]}`,
		"a nested list":           `{"messages":` + deep(5*limit) + `}`,
		"a text that is no row":   `"` + large + `"`,
		"a list that is no row":   `[` + strings.Repeat(`"x",`, limit) + `1]`,
		"a number that is no row": strings.Repeat("1", 10*limit),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := range 3 {
				rows := slices.Insert([]string{`{"model":"a"}`, `{"model":"b"}`}, at, bad)
				want := slices.Insert([]string{"a", "b", "end"}, at, "!")
				array := "[" + strings.Join(rows, ",") + "]"
				assert.Equal(t, want, withoutCodes(read(strings.NewReader(array), limit, int64(len(array)))), "item %d, at once", at)
				for _, split := range splitters {
					assert.Equal(t, want, withoutCodes(read(split.of(array), limit, 0)), "item %d, %s", at, split.name)
				}
				if bad[0] != '{' && at == 0 {
					continue // as the first byte of a body of lines it decides that the body is none
				}
				lines := strings.Join(rows, "\n")
				assert.Equal(t, want, withoutCodes(read(strings.NewReader(lines), limit, int64(len(lines)))), "line %d, at once", at)
				for _, split := range splitters {
					assert.Equal(t, want, withoutCodes(read(split.of(lines), limit, 0)), "line %d, %s", at, split.name)
				}
			}
		})
	}
}

func TestTheLimitIsExact(t *testing.T) {
	t.Parallel()
	row := `{"model":"0123456789"}`
	for _, split := range splitters {
		assert.Equal(t, []string{"0123456789", "end"}, read(split.of(row), len(row), 0), split.name)
		assert.Equal(t, []string{"!54000", "end"}, read(split.of(row), len(row)-1, 0), split.name)
	}
}
