package migrations_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// adopt opens a database with the tables of a file in testdata/adopt, and
// migrates it.
func adopt(t testing.TB, file string) (db *sql.DB, address string) {
	t.Helper()
	address = storetest.PostgresBare(t)
	db = open(t, address)
	script, err := os.ReadFile(filepath.Join("testdata", "adopt", file))
	require.NoError(t, err)
	exec(t, db, string(script), "CREATE TABLE before AS SELECT * FROM request_logs")
	_, err = migrator(t, db).Up(t.Context())
	require.NoError(t, err)
	return db, address
}

// lines returns the first column of a query's answer.
func lines(t testing.TB, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err, query)
	defer rows.Close()
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		all = append(all, line)
	}
	require.NoError(t, rows.Err())
	return all
}

// A database's shape: what the published tables have, line by line.
const (
	columnsSQL = `
		SELECT format('%s.%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
			coalesce(l.collname, ''), coalesce(pg_get_expr(d.adbin, d.adrelid), ''))
		FROM pg_attribute AS a
		JOIN pg_class AS c ON c.oid = a.attrelid
		LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
		LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY 1`
	constraintsSQL = `
		SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
		FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 ORDER BY 1`
	indexesSQL  = `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`
	triggersSQL = `SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1`
	policiesSQL = `SELECT format('%s %s %s %s %s %s', tablename, policyname, roles, cmd, qual, with_check) FROM pg_policies ORDER BY 1`
)

func TestTablesThatAreThereAreTakenOver(t *testing.T) {
	t.Parallel()
	fresh := open(t, storetest.Postgres(t))
	files, err := filepath.Glob("testdata/adopt/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		file := filepath.Base(path)
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			db, address := adopt(t, file)
			for what, query := range map[string]string{
				"columns": columnsSQL, "constraints": constraintsSQL, "indexes": indexesSQL, "triggers": triggersSQL, "policies": policiesSQL,
			} {
				assert.Subset(t, lines(t, db, query), lines(t, fresh, query), what)
			}
			assert.Equal(t, lines(t, fresh, policiesSQL), lines(t, db, policiesSQL), "no other policy is left")
			assert.Equal(t, *answer(t, db, "SELECT count(*) FROM before"), *answer(t, db, "SELECT count(*) FROM request_logs"), "no row is lost")
			requireClean(t, address)
			requireWritable(t, address)
			requireAgain(t, db, address)
		})
	}
}

// requireWritable requires that llmtally and others can write, and are counted once.
func requireWritable(t testing.TB, address string) {
	t.Helper()
	db, err := store.Open(t.Context(), address, store.Options{AutoCreateUsers: true})
	require.NoError(t, err)
	storetest.Append(t, db, policy.System(), `{"user_profile_id":"newcomer","litellm_call_id":"new","tokens_used":3,"status":"initiated"}`,
		`{"litellm_call_id":"new","tokens_used":5,"status":"success","total_cost":0.25}`)
	require.NoError(t, db.Close())
	direct := open(t, address)
	exec(t, direct, "INSERT INTO request_logs (user_profile_id, tokens_used) VALUES ('newcomer', 7)",
		"INSERT INTO tokens_usage (user_profile_id, period_start, period_end) VALUES ('newcomer', now(), now())")
	assert.Equal(t, "12", *answer(t, direct, "SELECT tokens_used FROM user_profiles WHERE user_id = 'newcomer'"))
	requireClean(t, address)
}

// requireAgain requires that the tables outlive a way down and up again.
func requireAgain(t testing.TB, db *sql.DB, address string) {
	t.Helper()
	const all = "SELECT coalesce(string_agg(concat_ws(' ', %[2]s), E'\\n' ORDER BY %[1]s), '') FROM request_logs"
	rows := strings.NewReplacer("%[1]s", "id", "%[2]s", "id, created_at, user_profile_id, model, status, tokens_used, total_cost, additional_details").Replace(all)
	before := answer(t, db, rows)
	m := migrator(t, db)
	_, err := m.DownTo(t.Context(), 0)
	require.NoError(t, err)
	assert.Empty(t, lines(t, db, policiesSQL))
	_, err = m.Up(t.Context())
	require.NoError(t, err)
	assert.Equal(t, *before, *answer(t, db, rows))
	requireClean(t, address)
}

func TestLiteLLMsLogsAreLinkedByTheirEndUser(t *testing.T) {
	t.Parallel()
	db, _ := adopt(t, "litellm.sql")
	assert.Equal(t, []string{"ann", "bob", "default"}, lines(t, db, "SELECT user_id FROM user_profiles ORDER BY 1"))
	assert.Equal(t, "0", *answer(t, db, "SELECT count(*) FROM request_logs WHERE user_profile_id IS DISTINCT FROM nullif(end_user, '')"))
	assert.Equal(t, "0.1", *answer(t, db, "SELECT max(total_cost) FROM request_logs WHERE created_at < '2025-01-01' AND total_cost < 0.2"),
		"a real becomes the double of the same digits")
	assert.Equal(t, "100000000", *answer(t, db, "SELECT cost_nano FROM request_logs WHERE total_cost = 0.1 LIMIT 1"))
	assert.Equal(t, `[{"role": "user",  "content": "hello \ud83d\ude00"}]`, *answer(t, db, "SELECT messages FROM request_logs WHERE id = 1"), "byte for byte")
	assert.Equal(t, "0", *answer(t, db, "SELECT count(*) FROM request_logs WHERE status <> lower(status)"))
}

func TestWhatDoesNotFitIsPutAside(t *testing.T) {
	t.Parallel()
	db, _ := adopt(t, "litellm.sql")
	aside := func(id int) string {
		return *answer(t, db, "SELECT additional_details -> 'adopted' FROM request_logs WHERE id = $1", id)
	}
	assert.JSONEq(t, `{"response_time":"-1","total_cost":"-0.5"}`, aside(45))
	assert.Equal(t, "0", *answer(t, db, `SELECT count(*) FROM before AS b JOIN request_logs AS l USING (id)
		WHERE b.total_cost NOT BETWEEN 0 AND 1e8 AND (l.total_cost IS NOT NULL OR l.additional_details #>> '{adopted,total_cost}' <> b.total_cost::text)`))
	assert.Equal(t, "0", *answer(t, db, `SELECT count(*) FROM before AS b JOIN request_logs AS l USING (id)
		WHERE b.response_time NOT BETWEEN 0 AND 1e6 AND (l.response_time IS NOT NULL OR l.additional_details #>> '{adopted,response_time}' <> b.response_time::text)`))
	assert.Equal(t, "0", *answer(t, db, `SELECT count(*) FROM before AS b JOIN request_logs AS l USING (id)
		WHERE octet_length(b.end_user) > 1024 AND (l.end_user IS NOT NULL OR l.additional_details #>> '{adopted,end_user}' <> b.end_user)`))
	assert.JSONEq(t, `{"created_at":"infinity","litellm_call_id":"`+strings.Repeat("c", 2000)+`"}`, aside(422))
	assert.JSONEq(t, `{"created_at":"0044-03-15 12:00:00+00 BC"}`, aside(423))
	assert.Equal(t, *answer(t, db, "SELECT max(created_at) FROM request_logs WHERE id < 421"),
		*answer(t, db, "SELECT min(created_at) FROM request_logs WHERE id >= 421"), "a log without a time has that of the one before")
}

func TestLogsWithoutAStatusGetOne(t *testing.T) {
	t.Parallel()
	db, _ := adopt(t, "litellm-first.sql")
	assert.Equal(t, []string{"failure 120", "success 180"}, lines(t, db, "SELECT status || ' ' || count(*) FROM request_logs GROUP BY status ORDER BY 1"))
}

func TestTokensThatVTaiKeptInTheDetailsAreFound(t *testing.T) {
	t.Parallel()
	db, address := adopt(t, "vtai-jsonb.sql")
	assert.Equal(t, "3 1 2", *answer(t, db, "SELECT concat_ws(' ', tokens_used, prompt_tokens, completion_tokens) FROM request_logs WHERE id = 1"))
	assert.Equal(t, "2 1 1", *answer(t, db, "SELECT concat_ws(' ', tokens_used, prompt_tokens, completion_tokens) FROM request_logs WHERE id = 201"), "from a string")
	assert.Equal(t, strconv.Itoa(3*200*201/2+200*201/2+200), *answer(t, db, "SELECT sum(tokens_used) FROM request_logs"))
	exec(t, db, "INSERT INTO usage_logs (user_id, model_name, total_tokens, cost) VALUES ('user 1', 'late', 7, 0.25)")
	assert.Equal(t, "0.25", *answer(t, db, "SELECT total_cost FROM request_logs WHERE model = 'late'"), "its trigger works on")
	requireClean(t, address)
}

func TestRequestsWithUUIDsAreNumbered(t *testing.T) {
	t.Parallel()
	db, _ := adopt(t, "vtai-uuid.sql")
	assert.Equal(t, "1 250", *answer(t, db, "SELECT min(id) || ' ' || max(id) FROM request_logs"))
	assert.Equal(t, "250", *answer(t, db, "SELECT count(*) FROM before AS b JOIN request_logs AS l ON l.additional_details #>> '{adopted,id}' = b.id::text AND l.request_id = b.request_id"))
	assert.Equal(t, "5", *answer(t, db, "SELECT count(*) FROM user_profiles WHERE user_id IN (SELECT id::text FROM auth.users)"))
	assert.Equal(t, "2025-05-31 23:01:00", *answer(t, db, "SELECT (min(created_at) AT TIME ZONE 'UTC')::text FROM request_logs"), "a time without a zone is UTC")
}

func TestVTaisTablesAreExtended(t *testing.T) {
	t.Parallel()
	db, _ := adopt(t, "vtai.sql")
	assert.Equal(t, "13", *answer(t, db, "SELECT count(*) FROM user_profiles"), "the twelve, and one that logs named")
	assert.Equal(t, `{"a": [1, 2], "z": 1}`, *answer(t, db, "SELECT raw_oauth_details FROM user_profiles LIMIT 1"))
	assert.Equal(t, "100", *answer(t, db, "SELECT daily_credits FROM user_profiles WHERE user_id = 'gone'"), "other columns stay")
	assert.Equal(t, "false", *answer(t, db, "SELECT has_column_privilege('authenticated', 'user_profiles', 'daily_credits', 'UPDATE')"))
	assert.Equal(t, "11", *answer(t, db, "SELECT tokens_used FROM user_profiles WHERE user_id = 'gone'"))
	assert.Equal(t, []string{"touched"}, lines(t, db, "SELECT tgname FROM pg_trigger WHERE tgname IN ('touched', 'update_user_tokens')"))
	assert.Equal(t, "success 9", *answer(t, db, "SELECT status || ' ' || tokens_used FROM request_logs WHERE litellm_call_id = 'call-twice'"),
		"the finished request keeps its call id")
	assert.Equal(t, "150", *answer(t, db, `SELECT count(*) FROM request_logs
		WHERE litellm_call_id IS NULL AND additional_details #>> '{adopted,litellm_call_id}' ~ '^call-[0-9]+$'`))
	assert.Equal(t, []string{` {"nested" : {"a" : 1}} `}, lines(t, db, "SELECT DISTINCT additional_details::text FROM request_logs WHERE id % 6 = 5 AND id <= 350"))
	assert.JSONEq(t, `{"nested":{"a":1},"adopted":{"litellm_call_id":"call-3"}}`, *answer(t, db, "SELECT additional_details FROM request_logs WHERE id = 353"))
	assert.JSONEq(t, `{"additional_details":[1],"adopted":{"litellm_call_id":"call-6"}}`, *answer(t, db, "SELECT additional_details FROM request_logs WHERE id = 356"))
	assert.Equal(t, "38", *answer(t, db, "SELECT count(*) FROM tokens_usage"))
	assert.Equal(t, "36", *answer(t, db, `SELECT count(*) FROM tokens_usage
		WHERE period_end = (period_start AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC' AND period_start < '2025-06-01'`))
	assert.Equal(t, "2", *answer(t, db, "SELECT count(DISTINCT period_type) FROM tokens_usage"), "two rows for one month are told apart")
}

func TestStrangersTablesAreTakenOverToo(t *testing.T) {
	t.Parallel()
	db, _ := adopt(t, "strangers.sql")
	assert.Equal(t, "8", *answer(t, db, "SELECT count(*) FROM user_profiles WHERE is_admin IS NOT NULL"))
	assert.Equal(t, "2", *answer(t, db, "SELECT count(*) FROM user_profiles WHERE user_id ~ '^8'  AND user_id IN ('8', '8 (2)')"))
	assert.Equal(t, "180", *answer(t, db, "SELECT count(*) FROM request_logs WHERE additional_details #>> '{adopted,id}' LIKE 'req\\_%'"), "ids are numbered all anew")
	assert.Equal(t, []string{"2024-03-04 00:00:00", "2024-03-04 00:00:00.123", "2024-03-10 02:30:00", "2024-05-31 22:00:00"},
		lines(t, db, "SELECT DISTINCT (created_at AT TIME ZONE 'UTC')::text FROM request_logs ORDER BY 1"))
	assert.Equal(t, `["{a,b}"]`, *answer(t, db, "SELECT json_agg(DISTINCT error #>> '{}') FROM request_logs"))
	assert.Equal(t, "1", *answer(t, db, "SELECT count(*) FROM request_logs WHERE litellm_call_id = '00000000-0000-0000-0000-000000000000'"))
	assert.Equal(t, []string{"12", "13"}, lines(t, db, "SELECT DISTINCT prompt_tokens::text FROM request_logs WHERE prompt_tokens IS NOT NULL ORDER BY 1"))
}

func TestAViewOfTheNameCannotBeTakenOver(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.PostgresBare(t))
	exec(t, db, "CREATE VIEW request_logs AS SELECT 1 AS id")
	_, err := migrator(t, db).Up(t.Context())
	assert.ErrorContains(t, err, "request_logs is no plain table")
	assert.Equal(t, "1", *answer(t, db, "SELECT id FROM request_logs"))
}
