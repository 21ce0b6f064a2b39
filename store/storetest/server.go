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
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"
)

// Roles of the test servers. Databases belong to one that is no superuser, as
// in most people's hands.
const (
	postgresOwner     = "llmtally"
	postgresSuperuser = "postgres"
)

// A Server is a PostgreSQL server in a temporary folder. It listens on a Unix
// socket there, and on no network unless a setting says so.
type Server struct {
	dir      string
	port     int
	settings []string
	account  *account // whom it runs as

	migrated func() error // makes the template database, once
	watchdog *exec.Cmd
	lifeline io.WriteCloser // the watchdog's input: when it ends, so does the server
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
			require.NoError(t, s.stop("INT"))
		}
		require.NoError(t, os.RemoveAll(s.dir))
	})
	return s
}

// Database makes a database without tables and returns its address.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := nextDatabase()
	require.NoError(t, s.onEach("postgres", "CREATE DATABASE "+name+" OWNER "+postgresOwner+" TEMPLATE template0"))
	return s.address(name, postgresOwner)
}

// OverTCP returns a database's address on the loopback network, where the server
// listens with the setting `listen_addresses=127.0.0.1`.
func (s *Server) OverTCP(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.Host, u.RawQuery = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), "sslmode=disable"
	return u.String()
}

// Start starts a server that was stopped.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	require.NoError(t, s.start())
}

// Stop stops the server, and keeps its data. With immediate set it stops as in
// a crash: what was committed is recovered by the next start.
func (s *Server) Stop(t testing.TB, immediate bool) {
	t.Helper()
	signal := "INT"
	if immediate {
		signal = "QUIT"
	}
	require.NoError(t, s.stop(signal))
}

// Restart stops the server and starts it again.
func (s *Server) Restart(t testing.TB, immediate bool) {
	t.Helper()
	s.Stop(t, immediate)
	s.Start(t)
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

func needPostgres(t testing.TB) {
	t.Helper()
	Need(t, postgresPrograms() != "", "the PostgreSQL server (postgres, initdb)")
}

// postgresPrograms returns the folder of the installed server programs, the
// newest where there are several, or "".
var postgresPrograms = sync.OnceValue(func() string {
	var folders []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	packaged, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is right
	major := func(folder string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		return n
	}
	slices.SortFunc(packaged, func(a, b string) int { return major(b) - major(a) })
	for _, folder := range append(folders, packaged...) {
		_, errServer := os.Stat(filepath.Join(folder, "postgres"))
		_, errInit := os.Stat(filepath.Join(folder, "initdb"))
		if errServer == nil && errInit == nil {
			return folder
		}
	}
	return ""
})

func newServer(settings ...string) (s *Server, err error) {
	s = &Server{port: 5432, settings: settings}
	s.migrated = sync.OnceValue(s.makeTemplate)
	if slices.ContainsFunc(settings, func(setting string) bool { return strings.HasPrefix(setting, "listen_addresses=") }) {
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
	}
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
	if err := s.account.give(s.dir); err != nil {
		return nil, err
	}
	if err := s.initialise(); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, s.onEach("postgres", "CREATE ROLE "+postgresOwner+" LOGIN CREATEDB CREATEROLE")
}

// freePort returns a TCP port of this machine that nothing listens on.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// initialise makes the folder of the data. The order of texts is that of a
// language where it can be, so that a query which needs the order of bytes has
// to say so.
func (s *Server) initialise() error {
	var failed error
	for _, order := range [][]string{
		{"--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"}, {"--locale=C.UTF-8"}, {"--no-locale"},
	} {
		args := append([]string{"-D", "data", "-U", postgresSuperuser, "-A", "trust", "-E", "UTF8", "--no-sync"}, order...)
		out, err := s.command(filepath.Join(postgresPrograms(), "initdb"), args...).CombinedOutput()
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
	cmd.SysProcAttr = s.account.apart()
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+s.dir, "LLMTALLY_SERVER_DIR="+s.dir)
	return cmd
}

// watchdog runs the server and waits on its own input. A line there names the
// signal to stop with, and the data stays; when the input ends, our process is
// gone, and everything goes.
const watchdog = `
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

func (s *Server) start() error {
	args := []string{"-c", watchdog, "sh", filepath.Join(postgresPrograms(), "postgres"), "-D", "data"}
	for _, setting := range append([]string{
		"listen_addresses=", "port=" + strconv.Itoa(s.port), "unix_socket_directories=" + s.dir,
		"shared_buffers=64MB", "max_connections=300", "log_statement=none", "logging_collector=off",
		"TimeZone=America/New_York", "log_timezone=UTC", // what needs another zone has to say so
	}, s.settings...) {
		args = append(args, "-c", setting)
	}
	cmd := s.command("/bin/sh", args...)
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
		return fmt.Errorf("starting PostgreSQL: %w\n%s", errors.Join(err, s.stop("QUIT")), log)
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

func (s *Server) stop(signal string) error {
	if s.watchdog == nil {
		return errors.New("the server is stopped already")
	}
	_, err := io.WriteString(s.lifeline, signal+"\n")
	err = errors.Join(err, s.watchdog.Wait())
	s.watchdog = nil
	return err
}

// address returns a database's address for a role.
func (s *Server) address(database, role string) string {
	query := url.Values{"host": {s.dir}, "port": {strconv.Itoa(s.port)}}
	u := url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
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
