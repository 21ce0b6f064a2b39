package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
)

// Roles of the test servers. Databases belong to one that is no superuser, as
// in most people's hands.
const (
	postgresOwner     = "llmtally"
	postgresSuperuser = "postgres"
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

var (
	shared struct {
		sync.Once
		server *Server
		err    error
	}
	databases atomic.Int64
)

func sharedServer(t testing.TB) *Server {
	t.Helper()
	needPostgres(t)
	shared.Do(func() {
		fsync := "on"
		if os.Getenv("LLMTALLY_TEST_FSYNC") == "off" {
			fsync = "off"
		}
		shared.server, shared.err = newServer("fsync=" + fsync)
	})
	require.NoError(t, shared.err)
	return shared.server
}

// PostgresServer starts a server for this test alone, with settings such as
// `max_connections=10` beside the usual ones. It is stopped when the test ends.
func PostgresServer(t testing.TB, settings ...string) *Server {
	t.Helper()
	needPostgres(t)
	s, err := newServer(settings...)
	require.NoError(t, err)
	t.Cleanup(func() {
		if s.watchdog != nil {
			require.NoError(t, s.stop("fast"))
		}
		require.NoError(t, os.RemoveAll(s.dir))
	})
	return s
}

// A Server is a PostgreSQL server in a temporary folder. It listens on a Unix
// socket there, which only this machine's users can reach.
type Server struct {
	bin, dir string
	settings []string
	account  *syscall.Credential // whom it runs as; nil: as we do

	migrated func() error
	watchdog *exec.Cmd
	lifeline io.WriteCloser // the watchdog's input: when it ends, so does the server
}

func needPostgres(t testing.TB) {
	t.Helper()
	Need(t, postgresPrograms() != "", "the PostgreSQL server (postgres, initdb)")
}

// postgresPrograms returns the folder of the newest installed server programs.
var postgresPrograms = sync.OnceValue(func() string {
	var folders []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	packaged, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is right
	slices.SortFunc(packaged, func(a, b string) int { return majorOf(b) - majorOf(a) })
	for _, folder := range append(folders, packaged...) {
		_, errServer := os.Stat(filepath.Join(folder, "postgres"))
		_, errInit := os.Stat(filepath.Join(folder, "initdb"))
		if errServer == nil && errInit == nil {
			return folder
		}
	}
	return ""
})

// majorOf returns the version in /usr/lib/postgresql/15/bin.
func majorOf(folder string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return n
}

func newServer(settings ...string) (s *Server, err error) {
	s = &Server{bin: postgresPrograms(), settings: settings}
	s.migrated = sync.OnceValue(s.makeTemplate)
	if s.account, err = unprivileged(); err != nil {
		return nil, err
	}
	// A socket's path may have 107 bytes: a long TMPDIR is too long.
	if s.dir, err = os.MkdirTemp("/tmp", "llmtally-postgres-*"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(s.dir)
		}
	}()
	if s.account != nil {
		if err := os.Chown(s.dir, int(s.account.Uid), int(s.account.Gid)); err != nil {
			return nil, err
		}
	}
	if err := s.initialise(); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, s.onEach("postgres",
		"CREATE ROLE "+postgresOwner+" LOGIN CREATEDB CREATEROLE")
}

// unprivileged returns another account when we are root, as whom the server
// refuses to run.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var errs []error
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(errUID, errGID)
	}
	return nil, errors.Join(errs...)
}

// initialise makes the folder of the data. The order of texts is that of a
// language where it can be, so that a query which needs the order of bytes has
// to say so.
func (s *Server) initialise() error {
	var failed error
	for _, order := range [][]string{{"--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"}, {"--locale=C.UTF-8"}, {"--no-locale"}} {
		args := append([]string{"-D", "data", "-U", postgresSuperuser, "-A", "trust", "-E", "UTF8", "--no-sync"}, order...)
		cmd := s.command(filepath.Join(s.bin, "initdb"), args...)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		failed = errors.Join(failed, fmt.Errorf("initdb: %w: %s", err, out))
		if err := os.RemoveAll(filepath.Join(s.dir, "data")); err != nil {
			return err
		}
	}
	return failed
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: s.account}
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+s.dir)
	return cmd
}

// watchdog runs the server and waits on its own input. A line there names the
// signal to stop with, and the data stays; when the input ends, our process is
// gone, and everything goes.
const watchdogScript = `
"$@" >>server.log 2>&1 </dev/null &
server=$!
if read -r signal; then
	kill -s "$signal" $server
	wait $server
	exit 0
fi
kill -s QUIT $server
wait $server
cd / && rm -rf "$LLMTALLY_SERVER_DIR"
`

// Start starts a server that was stopped.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	require.NoError(t, s.start())
}

func (s *Server) start() error {
	args := []string{"-c", watchdogScript, "sh", filepath.Join(s.bin, "postgres"), "-D", "data"}
	for _, setting := range append([]string{
		"listen_addresses=", "unix_socket_directories=" + s.dir, "shared_buffers=64MB", "max_connections=300",
		"log_statement=none", "logging_collector=off", "TimeZone=America/New_York", "log_timezone=UTC",
	}, s.settings...) {
		args = append(args, "-c", setting)
	}
	cmd := s.command("/bin/sh", args...)
	cmd.Env = append(cmd.Env, "LLMTALLY_SERVER_DIR="+s.dir)
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.watchdog, s.lifeline = cmd, lifeline
	if err := s.await(30 * time.Second); err != nil {
		log, _ := os.ReadFile(s.LogFile())
		return fmt.Errorf("starting PostgreSQL: %w\n%s", errors.Join(err, s.stop("immediate")), log)
	}
	return nil
}

// await waits until the server takes connections.
func (s *Server) await(most time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	for {
		err := s.onEach("postgres", "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop stops the server, and keeps its data. With immediate set it stops as in
// a crash: what was committed is recovered by the next start.
func (s *Server) Stop(t testing.TB, immediate bool) {
	t.Helper()
	require.NoError(t, s.stop(mode(immediate)))
}

// Restart stops the server and starts it again.
func (s *Server) Restart(t testing.TB, immediate bool) {
	t.Helper()
	s.Stop(t, immediate)
	s.Start(t)
}

func mode(immediate bool) string {
	if immediate {
		return "immediate"
	}
	return "fast"
}

func (s *Server) stop(mode string) error {
	if s.watchdog == nil {
		return errors.New("the server is stopped already")
	}
	signal := map[string]string{"fast": "INT", "immediate": "QUIT"}[mode]
	_, err := io.WriteString(s.lifeline, signal+"\n")
	err = errors.Join(err, s.watchdog.Wait())
	s.watchdog = nil
	return err
}

// LogFile returns the path of the server's log.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "server.log") }

// Log returns what the server has logged.
func (s *Server) Log(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(s.LogFile())
	require.NoError(t, err)
	return string(bytes.ToValidUTF8(text, []byte("?")))
}

// Database makes a database without tables and returns its address.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := nextDatabase()
	require.NoError(t, s.onEach("postgres", "CREATE DATABASE "+name+" TEMPLATE template0 OWNER "+postgresOwner))
	return s.address(name, postgresOwner)
}

// address returns a database's address for a role.
func (s *Server) address(database, role string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User(role), Path: "/" + database,
		RawQuery: url.Values{"host": {s.dir}}.Encode(),
	}
	return u.String()
}

// create makes a database for the test, and drops it when the test ends.
func (s *Server) create(t testing.TB, like string) string {
	t.Helper()
	name := nextDatabase()
	require.NoError(t, s.onEach("postgres", "CREATE DATABASE "+name+" OWNER "+postgresOwner+" "+like))
	t.Cleanup(func() { require.NoError(t, s.drop(name)) })
	return s.address(name, postgresOwner)
}

func (s *Server) drop(name string) error {
	return s.onEach("postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

func nextDatabase() string { return "test_" + strconv.FormatInt(databases.Add(1), 10) }

const postgresTemplate = "llmtally_template"

// template makes the migrated database that others are copied from.
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

// onEach runs statements in a database as the superuser.
func (s *Server) onEach(database string, statements ...string) error {
	db, err := sql.Open("pgx", s.address(database, postgresSuperuser))
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// FreePort returns a TCP port of this machine that nothing listens on, for the
// settings `listen_addresses=127.0.0.1` and `port=…`.
func FreePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
