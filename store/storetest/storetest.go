// Package storetest opens databases for tests: real ones, each in a file of its
// own, copied from one that was migrated once.
package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
)

// template is the bytes of a migrated, empty database.
var template = sync.OnceValues(func() ([]byte, error) {
	return filledFile(store.Options{}, func(*store.DB) error { return nil })
})

// OnPostgres says whether the tests run on PostgreSQL: where
// LLMTALLY_TEST_ENGINE=postgres is set.
func OnPostgres() bool { return os.Getenv("LLMTALLY_TEST_ENGINE") == "postgres" }

// Path returns where a migrated, empty database of the test's own is: a SQLite
// file, or the address of one on PostgreSQL.
func Path(t testing.TB) string {
	t.Helper()
	if OnPostgres() {
		return Postgres(t)
	}
	return File(t)
}

// File returns the path of a migrated, empty database file in the test's own
// folder: for tests that are about SQLite.
func File(t testing.TB) string {
	t.Helper()
	data, err := template()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "llmtally.db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// Open opens an empty database that makes users as they come. It is closed when
// the test ends.
func Open(t testing.TB) *store.DB { return OpenWith(t, store.Options{AutoCreateUsers: true}) }

// OpenWith opens an empty database with the options given.
func OpenWith(t testing.TB, opts store.Options) *store.DB {
	t.Helper()
	return openAt(t, Path(t), opts)
}

// OpenFile opens what Open does, in a SQLite file on any engine: for tests that
// are about SQLite.
func OpenFile(t testing.TB) *store.DB {
	t.Helper()
	return openAt(t, File(t), store.Options{AutoCreateUsers: true})
}

func openAt(t testing.TB, path string, opts store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), path, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// Log returns the log that a JSON object describes.
func Log(t testing.TB, object string) store.Log {
	t.Helper()
	l, _, invalid, err := store.DecodeLog([]byte(object))
	require.NoError(t, err)
	require.NoError(t, invalid)
	return l
}

// Append stores logs for the caller and requires that each is taken.
func Append(t testing.TB, db *store.DB, caller policy.Caller, objects ...string) []store.Verdict {
	t.Helper()
	logs := make([]store.Log, len(objects))
	for i, o := range objects {
		logs[i] = Log(t, o)
	}
	verdicts, err := db.Append(t.Context(), caller, logs...)
	require.NoError(t, err)
	for i, v := range verdicts {
		require.NoError(t, v.Err, "log %d", i)
	}
	return verdicts
}

// User returns an authenticated caller.
func User(id string) policy.Caller {
	return policy.Caller{Role: policy.Authenticated, Subject: id}
}

// Anon returns an anonymous caller.
func Anon() policy.Caller { return policy.Caller{Role: policy.Anon} }

// RequireClean requires that every aggregate agrees with the logs.
func RequireClean(t testing.TB, db *store.DB) {
	t.Helper()
	var found []string
	err := db.Check(context.Background(), func(d store.Difference) { found = append(found, fmt.Sprintf("%+v", d)) })
	require.NoError(t, err)
	require.Empty(t, found, "the books differ from the logs")
}
