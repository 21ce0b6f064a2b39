package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/storetest"
)

// marker stands in everything of bob's, and in no request.
const marker = "MARK7f3a"

const markRows = `
UPDATE user_profiles SET email = 'MARK7f3a@example.com', full_name = 'MARK7f3a', raw_oauth_details = '{"MARK7f3a":1}' WHERE user_id = 'bob';
UPDATE request_logs SET end_user = 'MARK7f3a', messages = '"MARK7f3a"', response = '{"k":"MARK7f3a"}', litellm_call_id = 'MARK7f3a' || id WHERE user_profile_id = 'bob';
UPDATE tokens_usage SET model_breakdown = '{"MARK7f3a":1}' WHERE user_profile_id = 'bob'`

// A hostile request; a write rolls back, should it be taken.
type hostileRequest struct {
	method, path, body string
	headers            []string
}

func hostileGet(path string, headers ...string) hostileRequest {
	return hostileRequest{http.MethodGet, path, "", headers}
}

func hostilePost(path, body string, headers ...string) hostileRequest {
	return hostileRequest{http.MethodPost, path, body, append([]string{"Prefer", "tx=rollback, return=representation"}, headers...)}
}

// payloads are what SQL, JSON paths and patterns might choke on.
var payloads = []string{
	`' OR 1=1 --`, `"; DROP TABLE request_logs; --`, `1) UNION SELECT sql FROM sqlite_master --`,
	`bob') OR ('1'='1`, `$1`, `%27%20OR%201=1`, `\`, `"`, `(SELECT messages FROM request_logs)`, "x'y\"z`w",
}

func hostileRequests() (requests []hostileRequest) {
	add := func(r ...hostileRequest) { requests = append(requests, r...) }
	for _, p := range payloads {
		e := url.QueryEscape(p)
		add(
			hostileGet("/user_profiles?user_id=eq."+e),
			hostileGet("/request_logs?model=in.("+e+")"),
			hostileGet("/request_logs?select="+e),
			hostileGet("/request_logs?"+e+"=eq.1"),
			hostileGet("/request_logs?order="+e),
			hostileGet("/request_logs?or=(id.eq.1,"+e+")"),
			hostileGet("/request_logs?select=x:messages->"+e),
			hostileGet(`/request_logs?messages->>"`+url.QueryEscape(strings.ReplaceAll(p, `"`, ""))+`"=eq.`+e),
			hostileGet("/user_profiles?select=user_id::"+e),
			hostileGet(`/user_profiles?select=%22`+url.QueryEscape(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p))+`%22:user_id`),
			hostileGet("/request_logs?select=id,user_profiles!"+e+"(user_id)"),
			hostileGet("/request_logs?select=id,"+e+"(user_id)"),
			hostileGet("/request_logs?model=like."+e),
			hostileGet("/request_logs?limit="+e+"&offset="+e),
			hostileGet("/rpc/get_user_request_history?p_user_id="+e),
			hostileGet("/rpc/get_user_request_history?p_user_id=bob&p_limit="+e),
			hostilePost("/user_profiles?on_conflict="+e, `{"user_id":"z"}`, "Prefer", "tx=rollback, resolution=merge-duplicates"),
			hostilePost("/user_profiles?columns="+e, `{"user_id":"z"}`),
			hostilePost("/rpc/get_user_token_breakdown", fmt.Sprintf(`{"p_user_id":%q}`, p)),
			hostilePost("/request_logs", fmt.Sprintf(`{%q:1}`, p)),
			hostilePost("/request_logs", fmt.Sprintf(`{"model":%q,"messages":%q,"created_at":%[1]q}`, p, p)),
		)
	}
	add(hostileReads()...)
	add(hostileWrites()...)
	add(hostileSizes()...)
	return requests
}

func hostileReads() []hostileRequest {
	return []hostileRequest{
		hostileGet("/sqlite_master"), hostileGet("/usage_totals"), hostileGet("/goose_db_version"), hostileGet("/request_logs;x"),
		hostileGet("/request_logs%00"), hostileGet("/..%2Fv1%2Foverview"), hostileGet("/request_logs?select=rowid"),
		hostileGet("/request_logs?select=cost_nano"), hostileGet("/request_logs?cost_nano=gt.0"), hostileGet("/request_logs?order=cost_nano"),
		hostileGet("/request_logs?select=*,user_profiles(*,request_logs(*,user_profiles(*)))"),
		hostileGet("/user_profiles?select=*,request_logs(*),tokens_usage(*)"),
		hostileGet("/user_profiles?select=...request_logs(messages,response)"),
		hostileGet("/request_logs?or=(user_profile_id.eq.bob,id.gt.0)"),
		hostileGet("/request_logs?not.and=(user_profile_id.neq.bob)"),
		hostileGet("/user_profiles?request_logs=not.is.null&select=*,request_logs()"),
		hostileGet("/request_logs?select=id,user_profiles!inner(email)&order=user_profiles(email)"),
		hostileGet("/user_request_analytics"), hostileGet("/user_recent_activity"), hostileGet("/monthly_token_usage"),
		hostileGet("/rpc/get_user_request_history?p_user_id=bob"),
		hostileGet("/rpc/get_user_token_breakdown?p_user_id=bob"),
		hostileGet("/rpc/json_path?a=1"), hostileGet("/rpc/load_extension?path=x"),
		hostileGet("/request_logs", "Accept-Profile", "pg_catalog"), hostileGet("/request_logs", "Accept-Profile", `public"; --`),
		hostileGet("/request_logs", "Accept", `text/csv;x="`), hostileGet("/request_logs", "Accept", "application/vnd.pgrst.plan+json"),
		hostileGet("/request_logs", "Range", "0-99999999999999999999"), hostileGet("/request_logs", "Range", "-1-' OR 1"),
		hostileGet("/request_logs", "Prefer", `count=exact; DROP`), hostileGet("/request_logs", "Prefer", `handling=strict, x="`),
		hostileGet("/request_logs?model=match.(a*)*$"), hostileGet("/request_logs?model=match.%5B"), hostileGet("/request_logs?model=like.%5C"),
		hostileGet("/request_logs?model=eq.%FF%FE"), hostileGet("/request_logs?select=%FF"), hostileGet("/request_logs?%00=eq.1"),
		hostileGet("/request_logs?messages->99999999999999999999=is.null"), hostileGet("/request_logs?select=messages->-9223372036854775808"),
		hostileGet("/request_logs?response=cs.%7B%22k%22:%22%22%7D"), hostileGet("/request_logs?response=cd.[[[[]]]]"),
		hostileGet("/request_logs?created_at=gt.-infinity"), hostileGet("/request_logs?total_cost=eq.NaN"), hostileGet("/request_logs?id=eq.0x10"),
		hostileGet("/request_logs?select=total_cost::int&total_cost=gt.0"), hostileGet("/request_logs?select=model::json"),
		hostileGet("/request_logs?select=id,id,id&order=id,id,id"), hostileGet("/request_logs?select=created_at::timestamp&limit=1"),
		hostileGet("/request_logs?="), hostileGet("/request_logs?&&&"), hostileGet("/request_logs?%"), hostileGet("/request_logs?.=eq.1"),
		hostileGet("/request_logs?a.b.c.d.e=eq.1"), hostileGet("/request_logs?select=*:*"), hostileGet("/request_logs?limit=0&offset=-1"),
	}
}

func hostileWrites() []hostileRequest {
	forget := []string{"Prefer", "tx=rollback, return=representation"}
	merge := []string{"Prefer", "tx=rollback, return=representation, resolution=merge-duplicates"}
	return []hostileRequest{
		{http.MethodPatch, "/user_profiles?user_id=eq.bob", `{"full_name":"x"}`, forget},
		{http.MethodPatch, "/user_profiles", `{"user_id":"x"}`, forget},
		{http.MethodPatch, "/request_logs", `{"id":1}`, forget},
		{http.MethodPatch, "/request_logs", `{"litellm_call_id":"same"}`, forget},
		{http.MethodPatch, "/tokens_usage", `{"user_profile_id":"cy"}`, forget},
		{http.MethodPatch, "/request_logs?select=*,user_profiles(*)", `{"user_profile_id":"cy"}`, forget},
		{http.MethodPatch, "/request_logs?id=eq.3", `[{"model":"a"},{"model":"b"}]`, forget},
		{http.MethodPatch, "/user_request_analytics", `{"email":"x"}`, forget},
		{http.MethodPatch, "/user_profiles", `{"tokens_used":0}`, forget},
		{http.MethodDelete, "/user_profiles", ``, forget},
		{http.MethodDelete, "/request_logs?select=*,user_profiles(*)", ``, forget},
		{http.MethodDelete, "/tokens_usage?select=*,user_profiles(*,request_logs(*))", ``, forget},
		{http.MethodDelete, "/user_recent_activity", ``, forget},
		{http.MethodPut, "/user_profiles?user_id=eq.bob", `{"user_id":"bob","email":"x"}`, forget},
		{http.MethodPut, "/tokens_usage?id=eq.2", `{"id":2,"user_profile_id":"cy","period_start":"2026-01-01","period_end":"2026-02-01"}`, forget},
		{http.MethodPost, "/user_profiles", `{"user_id":"bob"}`, forget},
		{http.MethodPost, "/user_profiles", `{"user_id":"bob","email":"x"}`, merge},
		{http.MethodPost, "/request_logs", `{"id":3,"model":"x"}`, merge},
		{http.MethodPost, "/request_logs?on_conflict=id", `{"id":3,"user_profile_id":"cy"}`, merge},
		{http.MethodPost, "/request_logs?select=*,user_profiles(*)", `{"model":"x","user_profile_id":"bob"}`, forget},
		{http.MethodPost, "/request_logs", `{"model":"x","end_user":"bob"}`, forget},
		{http.MethodPost, "/tokens_usage", `{"user_profile_id":"bob","period_start":"2026-02-01","period_end":"2026-03-01"}`, forget},
		{http.MethodPost, "/tokens_usage?on_conflict=user_profile_id,period_type,period_start", `{"user_profile_id":"bob","period_start":"2026-02-01","period_end":"2026-03-01"}`, merge},
		{http.MethodPost, "/request_logs?columns=id,cost_nano", `{"cost_nano":1}`, forget},
		{http.MethodPost, "/request_logs", `{"tokens_used":-1}`, forget},
		{http.MethodPost, "/request_logs", `{"total_cost":1e308}`, forget},
		{http.MethodPost, "/request_logs", `{"model":"` + "\xff" + `"}`, forget},
		{http.MethodPost, "/request_logs", `{"model":"\ud800"}`, forget},
		{http.MethodPost, "/request_logs", `{"model":"` + strings.Repeat("x", 5000) + `"}`, forget},
		{http.MethodPost, "/request_logs", strings.Repeat("[", 100_000), forget},
		{http.MethodPost, "/request_logs", `{"messages":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, forget},
		{http.MethodPost, "/request_logs", "model\nx,y\n", append([]string{"Content-Type", "text/csv"}, forget...)},
		{http.MethodPost, "/request_logs", "model,model\nx,y\n", append([]string{"Content-Type", "text/csv"}, forget...)},
		{http.MethodPost, "/request_logs", "%zz", append([]string{"Content-Type", "application/x-www-form-urlencoded"}, forget...)},
		{http.MethodPost, "/request_logs", "{}", append([]string{"Content-Encoding", "gzip"}, forget...)},
		{http.MethodPost, "/request_logs", "{}", append([]string{"Content-Encoding", "x"}, forget...)},
		{http.MethodPost, "/rpc/get_user_request_history", `{"p_user_id":{"a":1},"p_limit":1e400}`, forget},
		{http.MethodPost, "/rpc/get_user_request_history", `{"p_user_id":"bob","p_offset":-1}`, forget},
	}
}

// hostileSizes are requests that are too much of something.
func hostileSizes() []hostileRequest {
	many := func(n int, text, separator string) string {
		return strings.TrimSuffix(strings.Repeat(text+separator, n), separator)
	}
	return []hostileRequest{
		hostileGet("/request_logs?or=(" + many(3000, "id.eq.1", ",") + ")"),
		hostileGet("/request_logs?" + many(3000, "id=gt.0", "&")),
		hostileGet("/request_logs?" + many(500, "or=(id.gt.0,id.lt.9)", "&")),
		hostileGet("/request_logs?or=" + strings.Repeat("(or", 2000) + strings.Repeat(")", 2000)),
		hostileGet("/request_logs?or=" + strings.Repeat("(not.or", 90) + "(id.gt.0)" + strings.Repeat(")", 90)),
		hostileGet("/request_logs?id=in.(" + many(9000, "1", ",") + ")"),
		hostileGet("/request_logs?" + many(5, "id=in.("+many(9000, "1", ",")+")", "&")),
		hostileGet("/request_logs?id=in.(" + many(20_000, "1", ",") + ")"),
		hostileGet("/request_logs?model=like(any).{" + many(3000, "a*", ",") + "}"),
		hostileGet("/request_logs?id=eq(all).{" + many(9000, "1", ",") + "}"),
		hostileGet("/request_logs?select=" + many(5000, "id", ",")),
		hostileGet("/request_logs?select=" + many(3000, "user_profiles()", ",")),
		hostileGet("/request_logs?select=" + many(3000, "user_profiles!inner()", ",")),
		hostileGet("/request_logs?order=" + many(3000, "id", ",")),
		hostileGet("/request_logs?select=messages" + strings.Repeat("->a", 3000)),
		hostileGet("/request_logs?messages" + strings.Repeat("->a", 3000) + "=is.null"),
		hostileGet("/user_profiles?select=" + strings.Repeat("request_logs(user_profiles(", 60) + "user_id" + strings.Repeat("))", 60) + "&limit=0"),
		hostileGet("/user_profiles?select=" + strings.Repeat("request_logs!inner(user_profiles!inner(", 40) + "user_id" + strings.Repeat("))", 40) + "&limit=0"),
		hostileGet("/" + strings.Repeat("x", 5000)),
		hostileGet("/request_logs?model=like." + strings.Repeat("*a", 5000)),
		hostileGet("/request_logs?model=match." + strings.Repeat("(a{1,100}){1,9}", 50)),
	}
}

func TestAHostileRequestBreaksChangesAndRevealsNothing(t *testing.T) {
	t.Parallel()
	requests := hostileRequests()
	require.Greater(t, len(requests), 100)
	for _, who := range []string{"service", "ann", "anon"} {
		t.Run("as "+who, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			require.NoError(t, s.db.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(markRows)
				return err
			}))
			before := s.dump(t)
			for _, r := range requests {
				s.requireHarmless(t, who, r)
			}
			assert.Equal(t, before, s.dump(t), "something changed")
			storetest.RequireClean(t, s.db)
		})
	}
}

func (s *server) requireHarmless(t *testing.T, who string, r hostileRequest) {
	t.Helper()
	got := s.do(t, who, r.method, r.path, r.body, r.headers...)
	what := fmt.Sprintf("%s %.200s %.100s", r.method, r.path, r.body)
	assert.Less(t, got.status, http.StatusInternalServerError, "%s: %.300s", what, got.body)
	if got.status >= http.StatusBadRequest {
		assert.Regexp(t, `^\{"code":"\w{5,8}","message":".+","details":(null|".*"),"hint":(null|".*")\}\n$`, got.body, what)
		assert.NotContains(t, got.body, "SQLITE", what)
		assert.NotContains(t, got.body, "no such", what)
	}
	if who != "service" {
		assert.NotContains(t, fmt.Sprint(got.header, got.body), marker, what)
	}
}

// dump returns every row of every table, as text.
func (s *server) dump(t *testing.T) (rows []string) {
	t.Helper()
	tables := "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
	row := "SELECT 'SELECT ' || group_concat('quote(\"' || name || '\")', '||'',''||') || ' FROM ' || $1 FROM pragma_table_info($1)"
	if storetest.OnPostgres() {
		tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY relname"
		row = "SELECT format('SELECT CAST(r AS text) FROM %I AS r', $1::text)"
	}
	require.NoError(t, s.db.Write(t.Context(), func(tx *store.Tx) error {
		names, err := texts(tx, tables)
		if err != nil {
			return err
		}
		for _, name := range names {
			selection, err := texts(tx, row, name)
			if err != nil {
				return err
			}
			lines, err := texts(tx, selection[0])
			if err != nil {
				return err
			}
			rows = append(append(rows, name), lines...)
		}
		return nil
	}))
	return rows
}

func texts(tx *store.Tx, query string, args ...any) (list []string, err error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}
