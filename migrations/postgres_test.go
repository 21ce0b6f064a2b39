package migrations_test

import (
	"database/sql"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/assert"
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
	const functionsSQL = `SELECT p.oid::regprocedure::text FROM pg_proc AS p WHERE pronamespace = 'public'::regnamespace ORDER BY 1`
	shape := func() (all [][]string) {
		for _, query := range []string{columnsSQL, constraintsSQL, indexesSQL, triggersSQL, policiesSQL, functionsSQL} {
			all = append(all, lines(t, db, query))
		}
		return all
	}
	m := migrator(t, db)
	_, err := m.Up(t.Context())
	require.NoError(t, err)
	first := shape()
	_, err = m.DownTo(t.Context(), 0)
	require.NoError(t, err)
	assert.Equal(t, []string{"goose_db_version"}, relationsLeft(t, db), "nothing of ours is left")
	assert.Empty(t, lines(t, db, functionsSQL))
	_, err = m.Up(t.Context())
	require.NoError(t, err)
	assert.Equal(t, first, shape())
}

func relationsLeft(t testing.TB, db *sql.DB) []string {
	t.Helper()
	return lines(t, db, `SELECT relname FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S') AND relname NOT LIKE 'goose_db_version_%' ORDER BY 1`)
}

// The same version number means the same tables, columns, views and indexes.
func TestBothEnginesHaveTheSameSchemaAtEachVersion(t *testing.T) {
	t.Parallel()
	sqlite, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	defer sqlite.Close()
	sqlite.SetMaxOpenConns(1)
	ours, err := goose.NewProvider(goose.DialectSQLite3, sqlite, migrations.SQLite(), goose.WithDisableGlobalRegistry(true))
	require.NoError(t, err)
	postgres := open(t, storetest.PostgresBare(t))
	theirs := migrator(t, postgres)
	require.Len(t, theirs.ListSources(), len(ours.ListSources()))
	for i, source := range ours.ListSources() {
		assert.Equal(t, source.Version, theirs.ListSources()[i].Version)
		_, err := ours.UpByOne(t.Context())
		require.NoError(t, err)
		_, err = theirs.UpByOne(t.Context())
		require.NoError(t, err)
		assert.Equal(t, lines(t, sqlite, `
			SELECT m.name || ': ' || (SELECT group_concat(c.name, ' ' ORDER BY c.cid) FROM pragma_table_info(m.name) AS c)
			FROM sqlite_master AS m
			WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite%' AND m.name <> 'goose_db_version'
			ORDER BY 1`),
			lines(t, postgres, `
			SELECT c.relname || ': ' || string_agg(a.attname, ' ' ORDER BY a.attnum)
			FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname <> 'goose_db_version'
			GROUP BY c.relname
			ORDER BY c.relname || ': ' COLLATE "C"`), "version %d", source.Version)
		assert.Equal(t, lines(t, sqlite, "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE '%_idx' ORDER BY 1"),
			lines(t, postgres, `SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE '%\_idx' ORDER BY indexname COLLATE "C"`),
			"indexes of version %d", source.Version)
	}
}
