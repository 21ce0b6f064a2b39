package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/llmtally/llmtally/http/auth"
	"github.com/llmtally/llmtally/store"
)

// databaseFlags say where the data is.
type databaseFlags struct {
	DB string `name:"db" help:"The database: a file, or postgres://user:password@host/name." default:"llmtally.db" placeholder:"FILE"`
}

// AfterApply is called by kong when the flags are read.
func (f databaseFlags) AfterApply() error { return store.CheckPath(f.DB) }

func (f databaseFlags) open(p *process, autoCreateUsers bool) (*store.DB, error) {
	return store.Open(p.ctx, f.DB, store.Options{AutoCreateUsers: autoCreateUsers})
}

// existing opens a database that must be there already: a command that only
// looks should not make one.
func (f databaseFlags) existing(p *process) (*store.DB, error) {
	return f.existingWith(p, store.Options{})
}

func (f databaseFlags) existingWith(p *process, opts store.Options) (*store.DB, error) {
	if _, err := os.Stat(f.DB); errors.Is(err, fs.ErrNotExist) && !store.IsServer(f.DB) {
		return nil, fmt.Errorf("there is no database %s: name it with --db", f.DB)
	}
	return store.Open(p.ctx, f.DB, opts)
}

// with runs a command on a database that must be there already.
func (f databaseFlags) with(p *process, fn func(*store.DB) error) (err error) {
	db, err := f.existing(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return fn(db)
}

// secretFlags say what signs the tokens.
type secretFlags struct {
	JWTSecret string `name:"jwt-secret" help:"Secret that signs the tokens, at least 32 bytes. Default: made once and kept beside the database." placeholder:"TEXT"`
}

const minSecret = 32

// secret returns the secret, made and kept if there is none. made says that it
// is new.
func (f secretFlags) secret(dbPath string) (secret []byte, made bool, err error) {
	if f.JWTSecret != "" {
		if len(f.JWTSecret) < minSecret {
			return nil, false, fmt.Errorf("--jwt-secret must have at least %d bytes", minSecret)
		}
		return []byte(f.JWTSecret), false, nil
	}
	if store.IsServer(dbPath) {
		return nil, false, errors.New("--jwt-secret is needed with PostgreSQL: all processes must share it (a Supabase project's JWT secret will do)")
	}
	path := dbPath + ".secret"
	kept, err := os.ReadFile(path)
	if err == nil {
		if kept = bytes.TrimSpace(kept); len(kept) < minSecret {
			return nil, false, fmt.Errorf("the secret in %s is too short: remove the file to have a new one made", path)
		}
		return kept, false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("reading the secret: %w", err)
	}
	return makeSecret(path)
}

func makeSecret(path string) ([]byte, bool, error) {
	secret := []byte(base64.RawURLEncoding.EncodeToString(randomBytes(minSecret)))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("keeping the secret: %w", err)
	}
	_, err = f.Write(append(secret, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, false, fmt.Errorf("keeping the secret: %w", err)
	}
	return secret, true, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return b
}

// authenticator returns what signs and verifies the tokens.
func (f secretFlags) authenticator(dbPath string, anon auth.Anon) (a *auth.Authenticator, made bool, err error) {
	secret, made, err := f.secret(dbPath)
	if err != nil {
		return nil, false, err
	}
	return auth.New(secret, anon, nil), made, nil
}

// setLogger makes the program's log: coloured for a person at a terminal, JSON
// for everything else.
func setLogger(w io.Writer, level string) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo // the command line takes no other text
	}
	if isTerminal(w) {
		slog.SetDefault(slog.New(tint.NewTextHandler(w, &tint.Options{Level: l, TimeFormat: "15:04:05"})))
		return
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l})))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
