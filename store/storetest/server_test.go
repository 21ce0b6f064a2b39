package storetest_test

import (
	"bufio"
	"database/sql"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

func count(t testing.TB, address, query string) (n int) {
	t.Helper()
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&n), query)
	return n
}

func run(t testing.TB, address, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err, statement)
}

func TestEachTestHasAPostgresDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	a, b := storetest.Postgres(t), storetest.Postgres(t)
	run(t, a, "INSERT INTO user_profiles (user_id) VALUES ('ann')")
	assert.Equal(t, 1, count(t, a, "SELECT count(*) FROM user_profiles"))
	assert.Zero(t, count(t, b, "SELECT count(*) FROM user_profiles"))
	assert.Zero(t, count(t, storetest.PostgresBare(t), "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"))
	assert.Zero(t, count(t, a, "SELECT count(*) FROM pg_roles WHERE rolname = current_user AND rolsuper"), "a plain owner's")
	assert.Equal(t, 1, count(t, storetest.AsSuperuser(t, a), "SELECT count(*) FROM pg_roles WHERE rolname = current_user AND rolsuper"))
}

func TestAServerKeepsWhatWasCommittedThroughACrash(t *testing.T) {
	t.Parallel()
	server := storetest.PostgresServer(t, "listen_addresses=127.0.0.1", "log_connections=on")
	address := server.Database(t)
	run(t, server.OverTCP(t, address), "CREATE TABLE kept AS SELECT 1 AS n")
	server.Restart(t, true)
	assert.Equal(t, 1, count(t, address, "SELECT count(*) FROM kept"))
	server.Stop(t, false)
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	defer db.Close()
	require.Error(t, db.PingContext(t.Context()))
	server.Start(t)
	assert.Equal(t, 1, count(t, address, "SELECT count(*) FROM kept"))
	assert.Contains(t, server.Log(t), "database system was not properly shut down")
	assert.Contains(t, server.Log(t), "connection authorized: user=llmtally")
}

// A process that starts a server and then hangs, for the test below to kill.
func TestProcessToBeKilled(t *testing.T) {
	if os.Getenv("LLMTALLY_TEST_KILLED") == "" {
		t.Skip("run by the test of what a kill leaves behind")
	}
	_, err := os.Stdout.WriteString("address " + storetest.PostgresBare(t) + "\n")
	require.NoError(t, err)
	select {}
}

func TestAServerDiesWithItsProcessEvenWhenThatIsKilled(t *testing.T) {
	t.Parallel()
	storetest.PostgresBare(t) // skips where PostgreSQL is missing
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestProcessToBeKilled$")
	cmd.Env = append(os.Environ(), "LLMTALLY_TEST_KILLED=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	address := ""
	for lines := bufio.NewScanner(out); address == "" && lines.Scan(); {
		address, _ = strings.CutPrefix(lines.Text(), "address ")
	}
	u, err := url.Parse(address)
	require.NoError(t, err)
	dir := u.Query().Get("host")
	require.DirExists(t, dir)
	require.Equal(t, 1, count(t, address, "SELECT 1"))

	require.NoError(t, cmd.Process.Kill())
	assert.Error(t, cmd.Wait())
	assert.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	}, 20*time.Second, 50*time.Millisecond, "the server and its folder are gone")
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	defer db.Close()
	assert.Error(t, db.PingContext(t.Context()))
}
