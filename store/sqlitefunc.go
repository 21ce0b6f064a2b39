package store

import (
	"database/sql/driver"
	"errors"

	"modernc.org/sqlite"

	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/rawjson"
)

// The functions that our SQL calls beside SQLite's own. They are deterministic,
// and no table or view depends on them, so that any SQLite tool reads the file.
// A null argument gives null, as PostgreSQL's strict functions do.
func init() {
	number := func(f func(float64) int64) func([]driver.Value) (driver.Value, error) {
		return func(args []driver.Value) (driver.Value, error) {
			switch v := args[0].(type) {
			case float64:
				return f(v), nil
			case int64:
				return f(float64(v)), nil
			}
			return nil, nil
		}
	}
	define("nano_usd", 1, number(NanoUSD))
	define("micros", 1, number(micros))
	define("latency_bucket", 1, number(func(us float64) int64 { return int64(latencyBucket(int64(us))) }))
	define("latency_add", 2, texts(func(a, b string) (driver.Value, error) { return addLatency(a, b), nil }))
	define("month_of", 1, cut(len("2026-01"), "-01T00:00:00.000000Z"))
	define("hour_of", 1, cut(len("2026-01-02T03"), ":00:00.000000Z"))
	define("next_month", 1, func(args []driver.Value) (driver.Value, error) {
		s, _ := args[0].(string)
		t, err := parseStored(s)
		return min(t.nextMonth(), maxTimestamp).Stored(), err
	})
	define("json_path", 2, texts(func(doc, path string) (driver.Value, error) {
		value, err := valueAt(doc, path)
		if value == nil {
			return nil, err
		}
		return string(value), err
	}))
	define("json_path_text", 2, texts(func(doc, path string) (driver.Value, error) {
		value, err := valueAt(doc, path)
		text, known := rawjson.AsText(value)
		if !known {
			return nil, err
		}
		return text, err
	}))
	define("json_contains", 2, texts(func(value, part string) (driver.Value, error) {
		return rawjson.Contains([]byte(value), []byte(part))
	}))
	for _, kind := range []query.PatternKind{query.Like, query.ILike, query.Match, query.IMatch} {
		define(string(kind), 2, texts(func(text, pattern string) (driver.Value, error) {
			re, err := CompilePattern(kind, pattern)
			if err != nil {
				return nil, err
			}
			return re.MatchString(text), nil
		}))
	}
}

func define(name string, args int32, f func([]driver.Value) (driver.Value, error)) {
	sqlite.MustRegisterDeterministicScalarFunction(name, args,
		func(_ *sqlite.FunctionContext, values []driver.Value) (driver.Value, error) { return f(values) })
}

// cut makes a function of a stored time, which keeps so much of it.
func cut(length int, rest string) func([]driver.Value) (driver.Value, error) {
	return func(args []driver.Value) (driver.Value, error) {
		if s, ok := args[0].(string); ok && len(s) > length {
			return s[:length] + rest, nil
		}
		return nil, nil
	}
}

// texts makes a function of two texts.
func texts(f func(a, b string) (driver.Value, error)) func([]driver.Value) (driver.Value, error) {
	return func(args []driver.Value) (driver.Value, error) {
		if args[0] == nil || args[1] == nil {
			return nil, nil
		}
		a, okA := args[0].(string)
		b, okB := args[1].(string)
		if !okA || !okB {
			return nil, errors.New("the function takes texts")
		}
		return f(a, b)
	}
}

func valueAt(doc, path string) ([]byte, error) {
	steps, err := rawjson.ParseSteps(path)
	if err != nil {
		return nil, err
	}
	return rawjson.At([]byte(doc), steps), nil
}
