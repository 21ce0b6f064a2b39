package migrations_test

import (
	"database/sql"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/migrations"
	"github.com/llmtally/llmtally/store/storetest"
)

// open opens a database at its address.
func open(t testing.TB, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// migrator returns what migrates the database.
func migrator(t testing.TB, db *sql.DB) *goose.Provider {
	t.Helper()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Postgres(), goose.WithDisableGlobalRegistry(true))
	require.NoError(t, err)
	return provider
}

func TestPostgresMigratesUpAndDownAndUpAgain(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.PostgresBare(t))
	m := migrator(t, db)
	_, err := m.Up(t.Context())
	require.NoError(t, err)
	_, err = m.DownTo(t.Context(), 0)
	require.NoError(t, err)
	_, err = m.Up(t.Context())
	require.NoError(t, err)
}
