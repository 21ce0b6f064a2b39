package storetest

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
)

// Postgres returns the address of a migrated, empty PostgreSQL database of the
// test's own. All tests of a process share a server, which is started from the
// installed programs by the first of them and ends with the process, however
// that ends. LLMTALLY_TEST_FSYNC=off makes it faster, and less true.
func Postgres(t testing.TB) string {
	t.Helper()
	server := sharedServer(t)
	require.NoError(t, server.template(), "migrating PostgreSQL's template database")
	return server.create(t, "TEMPLATE "+postgresTemplate)
}

// PostgresBare returns the address of a PostgreSQL database without any tables.
func PostgresBare(t testing.TB) string {
	t.Helper()
	return sharedServer(t).create(t, "TEMPLATE template0")
}

// AsSuperuser returns a database's address for the server's superuser.
func AsSuperuser(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.User(postgresSuperuser)
	return u.String()
}

// startShared starts the server that the tests of this process share.
var startShared = sync.OnceValues(func() (*Server, error) {
	fsync := "on"
	if os.Getenv("LLMTALLY_TEST_FSYNC") == "off" {
		fsync = "off"
	}
	return newServer("fsync=" + fsync)
})

func sharedServer(t testing.TB) *Server {
	t.Helper()
	needPostgres(t)
	server, err := startShared()
	require.NoError(t, err)
	return server
}

// postgresTemplate is the migrated database that others are copied from.
const postgresTemplate = "llmtally_template"

// template makes it, once.
func (s *Server) template() error { return s.migrated() }

func (s *Server) makeTemplate() error {
	err := s.onEach("postgres", "CREATE DATABASE "+postgresTemplate+" OWNER "+postgresOwner+" TEMPLATE template0")
	if err != nil {
		return err
	}
	db, err := store.Open(context.Background(), s.address(postgresTemplate, postgresOwner), store.Options{})
	if err != nil {
		return err
	}
	return db.Close()
}

// create makes a database, and drops it when the test ends.
func (s *Server) create(t testing.TB, like string) string {
	t.Helper()
	name := nextDatabase()
	require.NoError(t, s.onEach("postgres", "CREATE DATABASE "+name+" OWNER "+postgresOwner+" "+like))
	t.Cleanup(func() {
		if s.watchdog != nil {
			require.NoError(t, s.drop(name))
		}
	})
	return s.address(name, postgresOwner)
}

func (s *Server) drop(name string) error {
	return s.onEach("postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

var databases atomic.Int64

func nextDatabase() string { return "test_" + strconv.FormatInt(databases.Add(1), 10) }
