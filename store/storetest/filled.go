package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
)

// Filled returns a function that gives each test the path of a database of its
// own, copied from one that fill filled once.
func Filled(opts store.Options, fill func(*store.DB) error) func(testing.TB) string {
	file := sync.OnceValues(func() ([]byte, error) { return filledFile(opts, fill) })
	var once sync.Once
	var name string
	var failed error
	return func(t testing.TB) string {
		t.Helper()
		if OnPostgres() {
			server := sharedServer(t)
			once.Do(func() { name, failed = server.filled(opts, fill) })
			require.NoError(t, failed)
			return server.create(t, "TEMPLATE "+name)
		}
		data, err := file()
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "llmtally.db")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
}

func filledFile(opts store.Options, fill func(*store.DB) error) ([]byte, error) {
	dir, err := os.MkdirTemp("", "llmtally-template-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template.db")
	if err := filled(path, opts, fill); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// filled makes a database to copy others from.
func (s *Server) filled(opts store.Options, fill func(*store.DB) error) (name string, err error) {
	name = nextDatabase()
	if err := s.template(); err != nil {
		return "", err
	}
	err = s.onEach("postgres", "CREATE DATABASE "+name+" OWNER "+postgresOwner+" TEMPLATE "+postgresTemplate)
	if err != nil {
		return "", err
	}
	return name, filled(s.address(name, postgresOwner), opts, fill)
}

func filled(path string, opts store.Options, fill func(*store.DB) error) error {
	db, err := store.Open(context.Background(), path, opts)
	if err != nil {
		return err
	}
	return errors.Join(fill(db), db.Close())
}
