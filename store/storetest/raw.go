package storetest

import (
	"database/sql"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/llmtally/llmtally/store"
)

// SQL opens a plain connection to the database at path, past everything that
// the store does: to look at what it wrote, or to do behind its back what it
// never would. It is closed when the test ends, if it was not before.
func SQL(t testing.TB, path string) *sql.DB {
	t.Helper()
	driver, name := "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_txlock=immediate"
	if store.IsServer(path) {
		driver, name = "pgx", asWriter(t, path)
	}
	db, err := sql.Open(driver, name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// asWriter returns a database's address for the superuser. What it writes to
// request_logs does not change the rollups, just as with the store's writer.
func asWriter(t testing.TB, path string) string {
	t.Helper()
	u, err := url.Parse(AsSuperuser(t, path))
	require.NoError(t, err)
	settings := u.Query()
	settings.Set("llmtally.writer", "on")
	settings.Set("timezone", "UTC")
	u.RawQuery = settings.Encode()
	return u.String()
}

// Stored scans a time as any engine keeps it: it is the text that SQLite has,
// or "" for null.
type Stored string

// Scan reads a text or a time.
func (s *Stored) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*s = ""
	case string:
		*s = Stored(v)
	case time.Time:
		*s = Stored(store.At(v).Stored())
	default:
		return fmt.Errorf("%T is no time", value)
	}
	return nil
}
