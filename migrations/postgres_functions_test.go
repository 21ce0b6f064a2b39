package migrations_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

// engines opens an empty database on each engine. SQLite has the functions that
// store registers, and PostgreSQL those of the migrations.
func engines(t testing.TB) (sqlite, postgres *sql.DB) {
	t.Helper()
	sqlite, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sqlite.Close()) })
	return sqlite, open(t, storetest.Postgres(t))
}

// answer asks for one value, as text; nil when it is null.
func answer(t testing.TB, db *sql.DB, query string, args ...any) *string {
	t.Helper()
	var text sql.NullString
	require.NoError(t, db.QueryRowContext(context.Background(), query, args...).Scan(&text), "%s with %q", query, args)
	if !text.Valid {
		return nil
	}
	return &text.String
}

func TestNanoDollarsAreTheSameOnBothEngines(t *testing.T) {
	t.Parallel()
	sqlite, postgres := engines(t)
	amounts := []float64{
		0, 1, 0.1, 0.0000000125, 0.0000000005, 0.00000000049999999999999999, 1e-300, 5e-10, 1.5e-9, 2.5e-9,
		99_999_999.999999999, 1e8, 123_456.7890123455, 0.3, 1.0 / 3, math.SmallestNonzeroFloat64, 1e-7, 12345678.123456789,
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		amounts = append(amounts, random.Float64()*math.Pow(10, float64(random.IntN(18)-9)))
		half := (float64(random.IntN(1_000_000)) + 0.5) / 1e9
		amounts = append(amounts, half, math.Nextafter(half, 0), math.Nextafter(half, 1))
	}
	for _, usd := range amounts {
		assert.Equal(t, answer(t, sqlite, "SELECT nano_usd($1)", usd),
			answer(t, postgres, "SELECT nano_usd($1)", usd), "%v USD", usd)
	}
	assert.Nil(t, answer(t, postgres, "SELECT nano_usd(NULL)"))
	for _, odd := range []string{"'NaN'", "'Infinity'", "1e300"} {
		assert.Equal(t, "9223372036854775807", *answer(t, postgres, "SELECT nano_usd("+odd+")"), odd)
	}
}

// A time comes as the shortest number that stands for a real.
func TestMicrosecondsAndTheirBucketsAreTheSameOnBothEngines(t *testing.T) {
	t.Parallel()
	sqlite, postgres := engines(t)
	times := []float32{0, 1, 0.0000005, 0.00000049, 0.25, 1.234, 999999, 1e6, 16e-6, 31e-6, 32e-6, 33e-6, 0.1, 3600}
	random := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		times = append(times, float32(random.Float64()*math.Pow(10, float64(random.IntN(13)-6))))
	}
	for _, seconds := range times {
		shortest, err := strconv.ParseFloat(strconv.FormatFloat(float64(seconds), 'g', -1, 32), 64)
		require.NoError(t, err)
		assert.Equal(t, answer(t, sqlite, "SELECT micros($1)", shortest),
			answer(t, postgres, "SELECT micros($1)", seconds), "%v s", seconds)
	}
	var us []int64
	for shift := range 63 {
		for d := range int64(4) {
			us = append(us, int64(1)<<shift+d-2)
		}
	}
	for range 300 {
		us = append(us, random.Int64N(1<<uint(random.IntN(40)+1)))
	}
	for _, n := range us {
		// SQLite's takes it as a double, which is exact up to here.
		if n < 1<<53 {
			assert.Equal(t, answer(t, sqlite, "SELECT latency_bucket($1)", n), answer(t, postgres, "SELECT latency_bucket($1)", n), "%d µs", n)
		}
	}
	assert.Equal(t, "959", *answer(t, postgres, "SELECT latency_bucket(9223372036854775807)"))
}

func TestMonthsAndHoursAreThoseOfUTCOnBothEngines(t *testing.T) {
	t.Parallel()
	sqlite, postgres := engines(t)
	for _, at := range []string{
		"0001-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "2024-02-29T23:59:59.999999Z", "2026-01-31T23:30:00.000000Z",
		"2026-03-29T01:00:00.000000Z", "2026-11-01T06:15:00.000001Z", "9999-12-31T23:59:59.999999Z",
	} {
		for _, function := range []string{"month_of", "hour_of"} {
			assert.Equal(t, answer(t, sqlite, "SELECT "+function+"($1)", at), answer(t, postgres,
				`SELECT to_char(`+function+`($1) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`, at), "%s of %s", function, at)
		}
	}
}

func TestHistogramsAddUpTheSameOnBothEngines(t *testing.T) {
	t.Parallel()
	sqlite, postgres := engines(t)
	random := rand.New(rand.NewPCG(5, 6))
	histogram := func() string {
		counts := map[int]int{}
		for range random.IntN(30) {
			counts[random.IntN(60)] = random.IntN(9) - 4
		}
		return *answer(t, sqlite, "SELECT latency_add('{}', latency_add($1, '{\"1\":0}'))", histogramText(counts))
	}
	for range 200 {
		a, b := histogram(), histogram()
		assert.Equal(t, answer(t, sqlite, "SELECT latency_add($1, $2)", a, b),
			answer(t, postgres, "SELECT latency_add($1, $2)", a, b), "%s and %s", a, b)
	}
	assert.Equal(t, "{}", *answer(t, postgres, `SELECT latency_add('{"7":2}', '{"7":-2}')`))
	assert.Nil(t, answer(t, postgres, "SELECT latency_add('{}', NULL)"))
}

func histogramText(counts map[int]int) string {
	var parts []string
	for bucket := range 60 {
		if n := counts[bucket]; n != 0 {
			parts = append(parts, fmt.Sprintf("%q:%d", strconv.Itoa(bucket), n))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

var documents = []string{
	`null`, `true`, `-1.50e2`, `"text"`, `""`, `[]`, `{}`, ` { "a" : [ 1 , 2 ] } `,
	`{"a":1,"b":{"c":[10,20,{"d":null}]},"a":{"last":true}}`,
	`{"0":"member","-1":"other","":"empty"}`, `[["x","y"],{"a":"é😀"},null,"\"quoted\"\n"]`,
	`{"a\"b":1,"c\\d":2,"\u0061":3}`, `{"emoji":"\ud83d\ude00","pair":["\uD83D\uDE00"]}`,
	`{"a":"\\ud800","b":"\\\\u0000"}`,
}

var paths = []string{
	`[]`, `["a"]`, `["b","c"]`, `["b","c",0]`, `["b","c",-1]`, `["b","c",-1,"d"]`, `["b","c",5]`, `["b","c",-4]`, `[0]`, `[-1]`, `[0,1]`,
	`["0"]`, `["-1"]`, `[""]`, `["a","last"]`, `["a",0]`, `["emoji"]`, `["pair",0]`, `["a\"b"]`, `["c\\d"]`, `[1,"a"]`, `[3]`, `["é"]`, `["b"]`,
}

func TestPlacesInJSONAreTheSameOnBothEngines(t *testing.T) {
	t.Parallel()
	sqlite, postgres := engines(t)
	for _, document := range documents {
		for _, path := range paths {
			for _, function := range []string{"json_path", "json_path_text"} {
				query := "SELECT " + function + "($1, $2)"
				want, got := answer(t, sqlite, query, document, path), answer(t, postgres, query, document, path)
				if path == "[]" && want != nil && got != nil { // white space around the whole document is left
					*want, *got = strings.TrimSpace(*want), strings.TrimSpace(*got)
				}
				assert.Equal(t, want, got, "%s(%s, %s)", function, document, path)
			}
		}
	}
	assert.Nil(t, answer(t, postgres, `SELECT json_path(NULL, '["a"]')`))
}

// PostgreSQL cannot take apart what these hold. llmtally reads it all the same.
func TestHalfACharacterInJSONIsNoObstacle(t *testing.T) {
	t.Parallel()
	sqlite, postgres := engines(t)
	for _, broken := range []string{
		`"\ud83d"`, `"\ude00"`, `"\ud83d\ud83d\ude00"`, `"x\ud83dx\ude00x"`, `"\ud83d\n\ud83d"`, `"\\\ud83d"`, `"\\\\ud83d\ude00"`,
		`"\ud83d\u0041\ud83d\ude00"`, `"\udFFF\uD800\u00e9"`,
	} {
		document := `{"broken":` + broken + `,"whole":["yes"],"key` + strings.Trim(broken, `"`) + `":1}`
		require.True(t, json.Valid([]byte(document)))
		for _, path := range []string{`["broken"]`, `["whole",0]`, `["missing"]`} {
			assert.Equal(t, answer(t, sqlite, "SELECT json_path_text($1, $2)", document, path),
				answer(t, postgres, "SELECT json_path_text($1, $2)", document, path), "%s in %s", path, document)
		}
		assert.Equal(t, "true", *answer(t, postgres, `SELECT json_contains($1, '{"whole":["yes"]}')`, document), document)
	}
	assert.Equal(t, "a\ufffdb", *answer(t, postgres, `SELECT json_path_text('{"x":"a\u0000b"}', '["x"]')`),
		"a text cannot hold NUL on PostgreSQL")
}

func TestWhatJSONContainsIsTheSameOnBothEngines(t *testing.T) {
	t.Parallel()
	sqlite, postgres := engines(t)
	values := append([]string{
		`[1,2,[3]]`, `[1]`, `1`, `1.0`, `"1"`, `[[3]]`, `{"a":{"last":true}}`, `{"b":{"c":[20]}}`, `{"b":{}}`, `[{"a":"é😀"}]`, `["x"]`, `[["x"]]`,
		`{"a":[1]}`, `[null]`, `false`, `[1,1]`,
	}, documents...)
	for _, value := range values {
		for _, part := range values {
			want := map[string]string{"0": "false", "1": "true"}[*answer(t, sqlite, "SELECT json_contains($1, $2)", value, part)]
			assert.Equal(t, want, *answer(t, postgres, "SELECT json_contains($1, $2)", value, part), "%s @> %s", value, part)
		}
	}
}

func TestPatternsMatchTheSameOnBothEngines(t *testing.T) {
	t.Parallel()
	sqlite, postgres := engines(t)
	texts := []string{"", "a", "A", "abc", "ABC", "a%c", "a_c", `a\c`, "line\nbreak", "Straße", "ÉCOLE", "école", "gpt-4o-mini", "a+b"}
	patterns := map[string][]string{
		"like":  {"", "%", "_", "a%", "A%", "%c", "a_c", `a\%c`, `a\_c`, `a\\c`, "%b%", "stra_e", "école", "gpt%", "line%break", "a+b"},
		"match": {"", "a", "^a", "c$", "^a.c$", "[A-Z]+", "gpt-[0-9]o", "é", "a|b", `a\+b`, "(abc)?$", "^$"},
	}
	for kind, list := range patterns {
		for _, pattern := range list {
			for _, text := range texts {
				for _, prefix := range []string{"", "i"} {
					query := "SELECT " + prefix + kind + "_text($1, $2)"
					want := map[string]string{"0": "false", "1": "true"}[*answer(t, sqlite, query, text, pattern)]
					assert.Equal(t, want, *answer(t, postgres, query, text, pattern), "%s%s: %q and %q", prefix, kind, text, pattern)
				}
			}
		}
	}
	_, err := postgres.ExecContext(t.Context(), `SELECT like_text('ab', 'a\')`)
	assert.ErrorContains(t, err, "22025")
	_, err = postgres.ExecContext(t.Context(), `SELECT match_text('a', '(')`)
	assert.ErrorContains(t, err, "2201B")
}
