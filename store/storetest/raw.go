package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
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

// Remove removes a database before its test ends: for tests that use many.
func Remove(t testing.TB, path string) {
	t.Helper()
	if !store.IsServer(path) {
		require.NoError(t, os.Remove(path))
		return
	}
	u, err := url.Parse(path)
	require.NoError(t, err)
	require.NoError(t, sharedServer(t).drop(strings.TrimPrefix(u.Path, "/")))
}

// Refuse makes the database refuse a kind of write to a table ("UPDATE",
// "request_logs") where the condition holds of the row as new; "" for every row.
// The function that it returns ends that.
func Refuse(t testing.TB, db *store.DB, write, table, condition string) (allow func()) {
	t.Helper()
	run := func(statements ...string) {
		t.Helper()
		require.NoError(t, db.Write(context.Background(), func(tx *store.Tx) error {
			for _, statement := range statements {
				if _, err := tx.Exec(statement); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	when := ""
	if condition != "" {
		when = "WHEN (" + condition + ")"
	}
	if !store.IsServer(db.Path()) {
		run(fmt.Sprintf("CREATE TRIGGER refuse BEFORE %s ON %s %s BEGIN SELECT RAISE(ABORT, 'refused'); END", write, table, when))
		return func() { run("DROP TRIGGER refuse") }
	}
	run("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$",
		fmt.Sprintf("CREATE TRIGGER refuse BEFORE %s ON %s FOR EACH ROW %s EXECUTE FUNCTION refuse()", write, table, when))
	return func() { run("DROP TRIGGER refuse ON "+table, "DROP FUNCTION refuse()") }
}
