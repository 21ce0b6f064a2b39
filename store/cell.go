package store

import (
	"errors"
	"strconv"
	"time"

	"github.com/llmtally/llmtally/store/query"
)

// cell gives a value that a driver read the Go type that its column has in a
// query.Row. SQLite's driver gives it already; PostgreSQL's gives times as
// time.Time, bytes for JSON, and texts for sums, which are numeric there.
func cell(t query.Type, value any) any {
	switch v := value.(type) {
	case nil, bool:
		return v
	case time.Time:
		return At(v).Stored()
	case []byte:
		return cell(t, string(v))
	case string:
		return numeric(t, v)
	case float64:
		if t == query.Real && float64(float32(v)) == v {
			return single(v) // read from single precision
		}
	case int64:
		if t == query.Real || t == query.Double {
			return float64(v)
		}
	}
	return value
}

// numeric reads a number that came as text. A sum beyond 64 bits is the largest
// number that they hold.
func numeric(t query.Type, s string) any {
	switch t {
	case query.Int:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
			return n
		}
	case query.Real, query.Double:
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
	}
	return s
}
