package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store/storetest"
)

// The suite lies in http/rest/testdata/js and goes through what supabase-js can
// do; what each operation must answer stands there.
func TestSupabaseJSWorksUnchanged(t *testing.T) {
	t.Parallel()
	suite := filepath.Join("http", "rest", "testdata", "js")
	needNode(t, suite, "@supabase/supabase-js")
	s := startServer(t, filepath.Join(t.TempDir(), "a.db"))
	keys := runProgram(t, "keys", "--db", s.db)
	secret, err := os.ReadFile(s.db + ".secret")
	require.NoError(t, err)

	out := runElsewhere(t, suite, []string{
		"LLMTALLY_URL=" + s.url,
		"LLMTALLY_ANON_KEY=" + keys.value("ANON_KEY"),
		"LLMTALLY_SERVICE_KEY=" + s.key,
		"LLMTALLY_JWT_SECRET=" + string(bytes.TrimSpace(secret)),
	}, "node", "--test", "--test-reporter=tap")

	assert.GreaterOrEqual(t, tapCount(t, out, "pass"), 200, "tests that ran")
	assert.Zero(t, tapCount(t, out, "skipped")+tapCount(t, out, "todo")+tapCount(t, out, "cancelled"))
	assert.Contains(t, runProgram(t, "check", "--db", s.db).stdout, "clean", "the books after all that")
}

// tapCount returns a number of the summary that node's runner ends with.
func tapCount(t testing.TB, out, of string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^# ` + of + ` (\d+)$`).FindStringSubmatch(out)
	require.NotNil(t, m, "no summary of %s in:\n%s", of, out)
	n, err := strconv.Atoi(m[1])
	require.NoError(t, err)
	return n
}

// needNode skips the test where node, or the package that `npm ci` installs in
// the folder, is not there.
func needNode(t testing.TB, folder, installed string) {
	t.Helper()
	needCommand(t, "node")
	_, err := os.Stat(filepath.Join(folder, "node_modules", filepath.FromSlash(installed)))
	storetest.Need(t, err == nil, "what `npm ci --prefix "+folder+"` installs")
}

func needCommand(t testing.TB, name string) {
	t.Helper()
	_, err := exec.LookPath(name)
	storetest.Need(t, err == nil, name)
}

// runElsewhere runs a program of another language in its folder, requires that
// it succeeds and returns what it printed.
func runElsewhere(t testing.TB, folder string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s %v in %s:\n%s%s", name, args, folder, &stdout, &stderr)
	return stdout.String()
}
