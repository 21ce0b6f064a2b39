package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

func TestDistributeShowsItsSQLAndNeedsCitus(t *testing.T) {
	server := storetest.PostgresBare(t)
	file := filepath.Join(t.TempDir(), "a.db")
	mustRun(t, "import", "--db", server, ndjson(t, "first", 3))
	mustRun(t, "import", "--db", file, ndjson(t, "first", 3))

	out := mustRun(t, "distribute", "--db", server, "--dry-run", "--shards", "48")
	for _, statement := range []string{
		"ALTER TABLE request_logs ALTER COLUMN litellm_call_id SET NOT NULL;\n",
		"ALTER TABLE request_logs DROP CONSTRAINT request_logs_pkey, ADD CONSTRAINT request_logs_pkey PRIMARY KEY (id, litellm_call_id);\n",
		"SELECT create_reference_table('user_profiles');\n",
		"SELECT create_distributed_table('request_logs', 'litellm_call_id', colocate_with => 'none', shard_count => 48);\n",
		"SELECT create_distributed_table('usage_monthly', 'user_profile_id', colocate_with => 'usage_totals');\n",
	} {
		assert.Contains(t, out, statement)
	}
	_, err := try(t, nil, "distribute", "--db", server)
	require.ErrorIs(t, err, store.ErrNoCitus)
	require.ErrorContains(t, err, "CREATE EXTENSION citus")
	_, err = try(t, nil, "distribute", "--db", file)
	require.ErrorContains(t, err, "copy this one there first")
	_, err = try(t, nil, "distribute", "--db", server, "--shards", "0")
	require.ErrorContains(t, err, "--shards")
	assert.Contains(t, mustRun(t, "check", "--db", server), "clean", "nothing was changed")
}
