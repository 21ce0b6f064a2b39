package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// ndjson writes a file of logs.
func ndjson(t *testing.T, name string, logs int) string {
	t.Helper()
	var lines strings.Builder
	for i := range logs {
		lines.WriteString(storetest.LeanLog(fmt.Sprintf("user-%d", i%9), fmt.Sprintf("%s-%d", name, i),
			time.Date(2026, 1, 1+i%28, i%24, 0, 0, 0, time.UTC), i) + "\n")
	}
	return newFile(t, name+".ndjson", lines.String())
}

func TestCopyMovesADatabaseToPostgreSQLAndBack(t *testing.T) {
	file, server := filepath.Join(t.TempDir(), "a.db"), storetest.PostgresBare(t)
	mustRun(t, "import", "--db", file, ndjson(t, "first", 700))
	out := mustRun(t, "copy", "--db", file, "--to", server)
	assert.Contains(t, out, "700 logs copied in ")
	assert.Contains(t, out, "clean: every aggregate agrees with the logs")

	mustRun(t, "import", "--db", file, ndjson(t, "second", 50))
	out = mustRun(t, "copy", "--db", file, "--to", server, "--last", "--no-check")
	assert.Contains(t, out, "50 logs copied in ")
	assert.NotContains(t, out, "clean")

	back := filepath.Join(t.TempDir(), "back.db")
	out, err := try(t, map[string]string{"LLMTALLY_TO": back}, "copy", "--db", server)
	require.NoError(t, err)
	assert.Contains(t, out, "750 logs copied in ")
	mustRun(t, "check", "--db", back)
	stat, err := os.Stat(back)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), stat.Mode().Perm())

	mustRun(t, "import", "--db", back, ndjson(t, "third", 1))
	_, err = try(t, nil, "copy", "--db", server, "--to", back)
	require.ErrorIs(t, err, store.ErrNotACopy)
	require.ErrorContains(t, err, "written to since the last copy")
	mustRun(t, "copy", "--db", server, "--to", back, "--overwrite")
}

func TestCopyRefusesWhatMakesNoSense(t *testing.T) {
	t.Chdir(t.TempDir())
	mustRun(t, "import", "--db", "a.db", ndjson(t, "first", 3))
	require.NoError(t, os.Symlink("a.db", "link.db"))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no target":                  {nil, "--to"},
		"the same file":              {[]string{"--to", "a.db"}, "the same database"},
		"the same file, otherwise":   {[]string{"--to", "link.db"}, "the same database"},
		"a database of another kind": {[]string{"--to", "mysql://u:secret@h/d"}, "mysql://u:xxxxx@h/d"},
		"no source":                  {[]string{"--db", "nowhere.db", "--to", "b.db"}, "there is no database"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := try(t, nil, append([]string{"copy", "--db", "a.db"}, c.args...)...)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestCopyNeverTellsAPassword(t *testing.T) {
	const password = "hunter2-p@ss"
	file := filepath.Join(t.TempDir(), "a.db")
	mustRun(t, "import", "--db", file, ndjson(t, "first", 3))
	server, err := url.Parse(storetest.PostgresBare(t))
	require.NoError(t, err)
	server.User = url.UserPassword(server.User.Username(), password) // which it does not ask for
	away := "postgres://u:" + url.QueryEscape(password) + "@127.0.0.1:1/d?connect_timeout=1"
	for name, args := range map[string][]string{
		"that works":               {"--db", file, "--to", server.String()},
		"from there":               {"--db", server.String(), "--to", filepath.Join(t.TempDir(), "b.db")},
		"to nowhere":               {"--db", file, "--to", away},
		"from nowhere":             {"--db", away, "--to", file},
		"that cannot be read":      {"--db", file, "--to", "postgres://u:" + password + "@ x:y/d"},
		"of a database of no kind": {"--db", file, "--to", "mysql://u:" + url.QueryEscape(password) + "@h/d"},
	} {
		t.Run(name, func(t *testing.T) {
			out, _ := tryProgram(t, append([]string{"copy", "--log-level", "debug"}, args...)...)
			said := out.stdout + out.stderr
			assert.NotEmpty(t, said)
			for _, secret := range []string{password, url.QueryEscape(password), "hunter2"} {
				assert.NotContains(t, said, secret)
			}
		})
	}
}

// The real program is killed again and again while a server writes to the source.
func TestCopyGoesOnAfterItWasKilledAndCatchesUpWithARunningServer(t *testing.T) {
	file, target := filepath.Join(t.TempDir(), "a.db"), storetest.PostgresBare(t)
	mustRun(t, "import", "--db", file, ndjson(t, "first", 20_000))
	s := startServer(t, file)
	l := startLoad(s)
	path, err := binary()
	require.NoError(t, err)
	killed := 0
	for pause := 100 * time.Millisecond; killed < 4 && pause < 10*time.Second; pause = pause * 3 / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), pause)
		cmd := exec.CommandContext(ctx, path, "copy", "--db", file, "--to", target)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if cmd.Run() != nil {
			require.Error(t, ctx.Err(), said.String())
			killed++
		}
		cancel()
	}
	assert.Positive(t, killed)
	l.until(50)
	runProgram(t, "copy", "--db", file, "--to", target)
	s.signal(os.Interrupt)
	l.wg.Wait()
	require.NoError(t, s.wait())
	out := runProgram(t, "copy", "--db", file, "--to", target, "--last")
	assert.Contains(t, out.stdout, "clean")
	assert.NotContains(t, out.stdout, "every log was compared")
	for table, columns := range map[string]string{
		"request_logs":  "count(*), sum(tokens_used), sum(cost_nano), count(DISTINCT litellm_call_id), max(id)",
		"usage_totals":  "count(*), sum(requests), sum(tokens), sum(cost_nano), sum(response_us)",
		"user_profiles": "count(*), sum(tokens_used), min(user_id), max(user_id), 0",
	} {
		query := fmt.Sprintf("SELECT CAST(concat_ws(' ', %s) AS text) FROM %s", columns, table)
		var here, there string
		require.NoError(t, storetest.SQL(t, file).QueryRow(query).Scan(&here))
		require.NoError(t, storetest.SQL(t, target).QueryRow(query).Scan(&there))
		assert.Equal(t, here, there, table)
	}
}
