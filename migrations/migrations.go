// Package migrations holds the database schema as goose files, one folder per
// engine. The same version number means the same tables, columns and views on
// every engine.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// SQLite returns the migrations for SQLite, ready for a goose provider.
func SQLite() fs.FS {
	sub, err := fs.Sub(files, "sqlite")
	if err != nil {
		panic(err) // the folder is embedded at build time
	}
	return sub
}

// Postgres returns the migrations for PostgreSQL, ready for a goose provider.
func Postgres() fs.FS {
	sub, err := fs.Sub(files, "postgres")
	if err != nil {
		panic(err) // the folder is embedded at build time
	}
	return sub
}
