package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
)

// try runs the program inside the test, with an environment of its own.
func try(t *testing.T, env map[string]string, args ...string) (string, error) {
	t.Helper()
	var stdout bytes.Buffer
	err := run(context.Background(), args, func(name string) string { return env[name] }, &stdout)
	return stdout.String(), err
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := try(t, nil, args...)
	require.NoError(t, err)
	return out
}

func newFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestKeysAreMadeOnceAndKeptForTheirOwnerAlone(t *testing.T) {
	db := filepath.Join(t.TempDir(), "a.db")
	first := mustRun(t, "keys", "--db", db)
	assert.Regexp(t, `^ANON_KEY=ey\S+\nSERVICE_KEY=ey\S+\n$`, first)
	assert.Equal(t, first, mustRun(t, "keys", "--db", db))
	stat, err := os.Stat(db + ".secret")
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), stat.Mode().Perm())
	assert.NotEqual(t, first, mustRun(t, "keys", "--db", db+"2"), "another database has other keys")
}

func TestFlagsBeatVariablesAndVariablesBeatTheFile(t *testing.T) {
	secret := func(c string) string { return strings.Repeat(c, 32) }
	file := newFile(t, "llmtally.yaml", "jwt_secret: "+secret("f")+"\n")
	db := filepath.Join(t.TempDir(), "a.db")
	keys := func(env map[string]string, args ...string) string {
		out, err := try(t, env, append([]string{"keys", "--db", db}, args...)...)
		require.NoError(t, err)
		return out
	}
	byFlag := func(c string) string { return keys(nil, "--jwt-secret", secret(c)) }
	variables := map[string]string{"LLMTALLY_JWT_SECRET": secret("v"), "LLMTALLY_CONFIG": file}

	assert.Equal(t, byFlag("f"), keys(nil, "--config", file))
	assert.Equal(t, byFlag("f"), keys(map[string]string{"LLMTALLY_CONFIG": file}))
	assert.Equal(t, byFlag("v"), keys(variables))
	assert.Equal(t, byFlag("l"), keys(variables, "--jwt-secret", secret("l")))
}

func TestBadSettingsAreToldByName(t *testing.T) {
	cases := []struct {
		name string
		args []string
		want string
	}{
		{"a slip in the file", []string{"keys", "--config", newFile(t, "c.yaml", "jwt-secrte: x\n")}, `there is no setting "jwt-secrte"`},
		{"no such file", []string{"keys", "--config", "nowhere.yaml"}, "nowhere.yaml does not exist"},
		{"a file that is not YAML", []string{"keys", "--config", newFile(t, "c.yaml", "{")}, "reading "},
		{"a short secret", []string{"keys", "--jwt-secret", "short"}, "at least 32 bytes"},
		{"an unknown way to be anonymous", []string{"serve", "--anon", "maybe"}, "--anon must be one of"},
		{"an unknown command", []string{"sevre"}, `unexpected argument sevre`},
		{"a token for nobody", []string{"token"}, "--user"},
		{"a token that is over", []string{"token", "--user", "ann", "--ttl=-1h"}, "--ttl must be above 0"},
		{"a link to nowhere", []string{"token", "--user", "ann", "--link", "--url", "example.com"}, "--url must be an address"},
		{"a database that is not there", []string{"check", "--db", filepath.Join(t.TempDir(), "no.db")}, "there is no database"},
		{"a database of another kind", []string{"serve", "--db", "mysql://u:secret@h/d"}, "mysql://u:xxxxx@h/d"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			_, err := try(t, nil, c.args...)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestALinkSignsAUserIn(t *testing.T) {
	db := filepath.Join(t.TempDir(), "a.db")
	link := mustRun(t, "token", "--db", db, "--user", "a/b", "--link", "--url", "https://llmtally.example.com/")
	assert.Regexp(t, `^https://llmtally\.example\.com/signin\?token=ey[\w.-]+\n$`, link)
	assert.Regexp(t, `^http://127\.0\.0\.1:8787/signin\?token=ey`, mustRun(t, "token", "--db", db, "--user", "ann", "--link"))
}

func TestImportTakesWhatTheFilesSayAndRefusesBadRowsAlone(t *testing.T) {
	db := filepath.Join(t.TempDir(), "a.db")
	ndjson := newFile(t, "a.ndjson", `{"end_user":"ann","model":"gpt-4o","prompt_tokens":1,"completion_tokens":2}
{"end_user":"ann","prompt_tokens":"many"}
{"litellm_call_id":"c1","user_profile_id":"bob","status":"failure"}
`)
	csv := newFile(t, "b.csv", "created_at,model,tokens_used,total_cost,colour\n2026-01-01,m,7,0.25,red\n2026-01-02,,,,\n2026-13-01,m,1,1,\n")
	for range 2 { // the second time changes nothing
		_, err := try(t, nil, "import", "--db", db, "--user", "cleo", "--model", "fallback", ndjson, csv)
		require.ErrorContains(t, err, "2 rows were refused")
	}
	handle, err := store.Open(t.Context(), db, store.Options{})
	require.NoError(t, err)
	defer handle.Close()
	a, err := handle.Analytics(t.Context(), policy.System(), "cleo")
	require.NoError(t, err)
	assert.Equal(t, int64(2), a.TotalRequests)
	assert.Equal(t, int64(7), a.TotalTokensFromLogs)
	assert.Equal(t, 0.25, a.TotalCost)
	var models []string
	_, err = handle.Run(t.Context(), policy.System(), query.Select{
		From: "request_logs", Columns: []query.Output{{Name: "model"}}, Order: []query.Order{{Column: "id"}},
	}, func(r query.Row) error { models = append(models, r[0].(string)); return nil })
	require.NoError(t, err)
	assert.Equal(t, []string{"gpt-4o", "fallback", "m", "fallback"}, models)
}

func TestCheckFindsWhatWasChangedBehindItsBackAndRebuildRepairsIt(t *testing.T) {
	db := filepath.Join(t.TempDir(), "a.db")
	mustRun(t, "import", "--db", db, newFile(t, "a.ndjson", `{"end_user":"ann","model":"m","total_cost":1.5,"response_time":2}`))
	assert.Contains(t, mustRun(t, "check", "--db", db), "clean")
	handle, err := store.Open(t.Context(), db, store.Options{})
	require.NoError(t, err)
	require.NoError(t, handle.Write(t.Context(), func(tx *store.Tx) error {
		for _, tampering := range []string{
			"UPDATE usage_totals SET cost_nano = cost_nano + 1",
			"UPDATE user_profiles SET tokens_used = 99",
			"DELETE FROM traffic_hourly",
			"UPDATE request_logs SET total_cost = 2.5",
		} {
			if _, err := tx.Exec(tampering); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, handle.Close())

	out, err := try(t, nil, "check", "--db", db)
	require.ErrorContains(t, err, "rows differ")
	for _, table := range []string{"request_logs", "user_profiles", "usage_totals", "usage_monthly", "traffic_hourly"} {
		assert.Contains(t, out, table)
	}
	mustRun(t, "rebuild", "--db", db)
	assert.Contains(t, mustRun(t, "check", "--db", db), "clean")
}

func TestVersionAndHelpAnswer(t *testing.T) {
	assert.Regexp(t, `^llmtally \S+`, mustRun(t, "version"))
	assert.Contains(t, mustRun(t, "--help"), "Keeps the books on LLM usage")
}
