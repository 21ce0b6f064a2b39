package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/supabase-community/postgrest-go"
)

// speaker asks with supabase-community's postgrest-go.
type speaker struct {
	t testing.TB
	s *server
	*postgrest.Client
}

// speak returns a client that holds a key or token. Headers come in pairs.
func (s *server) speak(t testing.TB, key string, headers ...string) speaker {
	sent := map[string]string{"apikey": key, "Authorization": "Bearer " + key}
	for i := 0; i < len(headers); i += 2 {
		sent[headers[i]] = headers[i+1]
	}
	return speaker{t, s, postgrest.NewClient(s.url+"/rest/v1", "", sent)}
}

// startWithLogs returns a server that holds six logs of ann and one of bob,
// logged by the client itself, and a speaker with the service key.
func startWithLogs(t testing.TB) (*server, speaker) {
	t.Helper()
	s := startServer(t, filepath.Join(t.TempDir(), "a.db"))
	service := s.speak(t, s.key)
	service.run(service.From("user_profiles").Insert([]row{
		{"user_id": "ann", "email": "ann@example.org"}, {"user_id": "bob", "email": "bob@example.org"}, {"user_id": "idle", "email": nil},
	}, false, "", "minimal", ""))
	service.run(service.From("request_logs").Insert([]row{
		logOf("ann", "a", row{"model": "alpha", "provider": "openai", "tokens_used": 10, "total_cost": 0.5, "response": row{"id": 1, "tags": []string{"red", "blue"}}}),
		logOf("ann", "b", row{"model": "Beta", "provider": "openai", "tokens_used": 20, "status": "failure", "error": row{"code": 429}}),
		logOf("ann", "c", row{"model": "gamma, (c)", "provider": "anthropic", "tokens_used": 30, "total_cost": 0.25, "response": row{"id": 2, "tags": []string{"red"}}}),
		logOf("ann", "d", row{"model": `d"e`, "provider": "anthropic", "tokens_used": 40, "total_cost": 0.125, "response": "plain text"}),
		logOf("ann", "e", row{"model": "50%_off", "tokens_used": 50, "status": "error", "messages": []any{"x", row{"y": 1}}}),
		logOf("ann", "f", row{"model": "ünï + plus & amp", "provider": "azure", "tokens_used": nil}),
		logOf("bob", "g", row{"model": "alpha", "provider": "openai", "tokens_used": 70}),
	}, false, "", "minimal", ""))
	return s, service
}

type row map[string]any

// logOf returns a log with every member that the others have: without columns=,
// which this client does not send, all rows must have the same.
func logOf(user, label string, members row) row {
	log := row{
		"user_profile_id": user, "litellm_call_id": label, "provider": "", "status": "success",
		"total_cost": nil, "messages": row{}, "response": row{}, "error": row{},
	}
	for name, value := range members {
		log[name] = value
	}
	return log
}

// run executes what must succeed.
func (p speaker) run(q *postgrest.FilterBuilder) string {
	p.t.Helper()
	text, _, err := q.ExecuteString()
	require.NoError(p.t, err)
	return text
}

// counted executes what must succeed and returns the count as well.
func (p speaker) counted(q *postgrest.FilterBuilder) (string, int64) {
	p.t.Helper()
	text, count, err := q.ExecuteString()
	require.NoError(p.t, err)
	return text, count
}

// refused executes what must fail, as this client words it: (code) message.
func (p speaker) refused(q *postgrest.FilterBuilder, want string) {
	p.t.Helper()
	_, _, err := q.Execute()
	require.ErrorContains(p.t, err, want)
}

// labels reads the call ids of logs.
func (p speaker) labels(q *postgrest.FilterBuilder) string {
	p.t.Helper()
	var logs []struct {
		CallID string `json:"litellm_call_id"`
	}
	_, err := q.ExecuteTo(&logs)
	require.NoError(p.t, err)
	labels := ""
	for _, log := range logs {
		labels += log.CallID
	}
	return labels
}

func (p speaker) logs(columns string) *postgrest.FilterBuilder {
	return p.From("request_logs").Select(columns, "", false)
}

// rpc calls a function; this client returns the body whatever the status.
func (p speaker) rpc(name, count string, args any) (text string) {
	p.t.Helper()
	text = p.Rpc(name, count, args)
	require.NoError(p.t, p.ClientError)
	return text
}

func (p speaker) token(user string) string {
	p.t.Helper()
	return strings.TrimSpace(runProgram(p.t, "token", "--db", p.s.db, "--user", user).stdout)
}

func ascending() *postgrest.OrderOpts { return &postgrest.OrderOpts{Ascending: true} }

func TestPostgrestGoFiltersAndOrders(t *testing.T) {
	t.Parallel()
	_, service := startWithLogs(t)
	type filter = postgrest.FilterBuilder
	cases := map[string]struct {
		build func(*filter) *filter
		want  string
	}{
		"eq":                     {func(f *filter) *filter { return f.Eq("status", "success") }, "acdf"},
		"eq with odd characters": {func(f *filter) *filter { return f.Eq("model", "gamma, (c)") }, "c"},
		"eq with plus and amp":   {func(f *filter) *filter { return f.Eq("model", "ünï + plus & amp") }, "f"},
		"eq of a JSON path":      {func(f *filter) *filter { return f.Eq("response->>id", "2") }, "c"},
		"neq passes over null":   {func(f *filter) *filter { return f.Neq("tokens_used", "10") }, "bcde"},
		"gt":                     {func(f *filter) *filter { return f.Gt("tokens_used", "30") }, "de"},
		"gte":                    {func(f *filter) *filter { return f.Gte("tokens_used", "30") }, "cde"},
		"lt":                     {func(f *filter) *filter { return f.Lt("total_cost", "0.25") }, "d"},
		"lte":                    {func(f *filter) *filter { return f.Lte("total_cost", "0.25") }, "cd"},
		"like":                   {func(f *filter) *filter { return f.Like("model", "%a") }, "ab"},
		"like with stars":        {func(f *filter) *filter { return f.Like("model", "*a") }, "ab"},
		"ilike":                  {func(f *filter) *filter { return f.Ilike("model", "b%") }, "b"},
		"is":                     {func(f *filter) *filter { return f.Is("tokens_used", "null") }, "f"},
		"in":                     {func(f *filter) *filter { return f.In("model", []string{"alpha", "gamma, (c)", `d"e`}) }, "acd"},
		"contains":               {func(f *filter) *filter { return f.ContainsObject("response", row{"tags": []string{"red"}}) }, "ac"},
		"match": {func(f *filter) *filter {
			return f.Match(map[string]string{"status": "success", "provider": "anthropic"})
		}, "cd"},
		"not":         {func(f *filter) *filter { return f.Not("model", "in", `(alpha,"gamma, (c)")`) }, "bdef"},
		"not is null": {func(f *filter) *filter { return f.Not("tokens_used", "is", "null") }, "abcde"},
		"or":          {func(f *filter) *filter { return f.Or("model.eq.alpha,tokens_used.gt.40", "") }, "ae"},
		"or with an and": {func(f *filter) *filter {
			return f.Or("model.eq.alpha,and(provider.eq.anthropic,tokens_used.lt.40)", "")
		}, "ac"},
		"and":                    {func(f *filter) *filter { return f.And("tokens_used.gt.10,tokens_used.lt.40", "") }, "bc"},
		"filter":                 {func(f *filter) *filter { return f.Filter("tokens_used", "gte", "40") }, "de"},
		"descending, nulls last": {func(f *filter) *filter { return f.Order("tokens_used", nil) }, "edcbaf"},
		"ascending, nulls first": {func(f *filter) *filter {
			return f.Order("tokens_used", &postgrest.OrderOpts{Ascending: true, NullsFirst: true})
		}, "fabcde"},
		"two columns":             {func(f *filter) *filter { return f.Order("status", nil).Order("tokens_used", ascending()) }, "acdfbe"},
		"limit":                   {func(f *filter) *filter { return f.Order("id", ascending()).Limit(2, "") }, "ab"},
		"range":                   {func(f *filter) *filter { return f.Order("id", ascending()).Range(1, 3, "") }, "bcd"},
		"range behind the end":    {func(f *filter) *filter { return f.Order("id", ascending()).Range(50, 60, "") }, ""},
		"a filter on a name only": {func(f *filter) *filter { return f.Eq("user_profile_id", "nobody") }, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			query := service.logs("litellm_call_id").Eq("user_profile_id", "ann")
			assert.Equal(t, c.want, service.labels(c.build(query)))
		})
	}
}

func TestPostgrestGoReads(t *testing.T) {
	t.Parallel()
	s, service := startWithLogs(t)
	one := func(label, columns string) string {
		return service.run(service.logs(columns).Eq("litellm_call_id", label).Single())
	}

	assert.JSONEq(t, `{"name":"alpha","tokens_used":"10","tags":["red","blue"]}`, one("a", "name:model, tokens_used::text, response->tags"))
	assert.JSONEq(t, `{"response":"plain text","total_cost":0.125}`, one("d", "response,total_cost"))
	assert.JSONEq(t, `{"model":"alpha","user_profiles":{"email":"ann@example.org"}}`, one("a", "model,user_profiles(email)"))
	service.refused(service.logs("model").Single(), "(PGRST116) Cannot coerce the result to a single JSON object")

	for _, kind := range []string{"exact", "planned", "estimated"} {
		text, count := service.counted(service.From("request_logs").Select("model", kind, false).Eq("user_profile_id", "ann").Limit(1, ""))
		assert.Equal(t, int64(6), count, kind)
		assert.NotContains(t, text, "},")
		text, count = service.counted(service.From("request_logs").Select("model", kind, true))
		assert.Equal(t, int64(7), count, kind)
		assert.Empty(t, text)
	}

	var profiles []struct {
		UserID string `json:"user_id"`
		Logs   []struct {
			Model string `json:"model"`
		} `json:"logs"`
	}
	_, err := service.From("user_profiles").Select("user_id,logs:request_logs(model)", "", false).
		Order("user_id", ascending()).Order("tokens_used", &postgrest.OrderOpts{ForeignTable: "logs"}).
		Limit(2, "logs").Or("status.eq.success,status.eq.error", "logs").ExecuteTo(&profiles)
	require.NoError(t, err)
	require.Len(t, profiles, 3)
	assert.Equal(t, []string{"50%_off", `d"e`}, []string{profiles[0].Logs[0].Model, profiles[0].Logs[1].Model})
	assert.Empty(t, profiles[2].Logs)

	inner, count := service.counted(service.From("user_profiles").
		Select("user_id,request_logs!inner(model)", "exact", false).Eq("request_logs.status", "failure"))
	assert.JSONEq(t, `[{"user_id":"ann","request_logs":[{"model":"Beta"}]}]`, inner)
	assert.Equal(t, int64(1), count)

	csv := s.speak(t, s.key, "Accept", "text/csv")
	assert.Equal(t, "model,total_cost\nalpha,0.5\nBeta,", csv.run(csv.logs("model,total_cost").Order("id", ascending()).Limit(2, "")))
	stripped := s.speak(t, s.key, "Accept", "application/vnd.pgrst.array+json;nulls=stripped")
	assert.JSONEq(t, `[{"model":"Beta"}]`, stripped.run(stripped.logs("model,total_cost").Eq("litellm_call_id", "b")))
}

func TestPostgrestGoWrites(t *testing.T) {
	t.Parallel()
	s, service := startWithLogs(t)
	logs, profiles := func() *postgrest.QueryBuilder { return service.From("request_logs") }, func() *postgrest.QueryBuilder { return service.From("user_profiles") }

	inserted, count := service.counted(profiles().Insert(row{"user_id": "cleo", "email": "c"}, false, "", "", "exact"))
	assert.Contains(t, inserted, `"subscription_tier":"free"`)
	assert.Equal(t, int64(1), count)
	service.refused(profiles().Insert(row{"user_id": "cleo"}, false, "", "", ""), "(23505) duplicate key value violates unique constraint")
	service.refused(logs().Insert([]row{{"model": "m"}, {"status": "success"}}, false, "", "", ""), "(PGRST102) All object keys must match")
	service.refused(logs().Insert(row{"colour": "red"}, false, "", "", ""), "(PGRST204)")
	service.refused(logs().Insert(row{"tokens_used": "many"}, false, "", "", ""), "(22P02)")

	service.run(profiles().Insert(row{"user_id": "cleo", "full_name": "Cleo"}, true, "user_id", "minimal", ""))
	assert.JSONEq(t, `[{"email":"c","full_name":"Cleo"}]`, service.run(profiles().Select("email,full_name", "", false).Eq("user_id", "cleo")))
	upserted := service.run(logs().Upsert(row{"litellm_call_id": "a", "tokens_used": 15}, "litellm_call_id", "", ""))
	assert.Contains(t, upserted, `"model":"alpha"`)
	service.refused(logs().Upsert(row{"model": "m"}, "model", "", ""), "(42P10)")
	assert.Equal(t, int64(155), tokensOf(t, service, "ann"), "ann's counter after the upsert")

	updated, count := service.counted(logs().Update(row{"provider": "x"}, "", "exact").Eq("user_profile_id", "ann").Eq("status", "success"))
	assert.Equal(t, 4, strings.Count(updated, `"provider":"x"`))
	assert.Equal(t, int64(4), count)
	assert.Equal(t, "[]", service.run(logs().Update(row{"provider": "x"}, "", "").Eq("litellm_call_id", "nothing")))
	service.refused(logs().Update(row{"litellm_call_id": "a"}, "", "").Eq("litellm_call_id", "b"), "(23505)")

	careful := s.speak(t, s.key, "Prefer", "handling=strict, max-affected=5")
	careful.refused(careful.From("request_logs").Delete("", "").Eq("user_profile_id", "ann"), "(PGRST124)")
	undone := s.speak(t, s.key, "Prefer", "tx=rollback")
	assert.Equal(t, 6, strings.Count(undone.run(undone.From("request_logs").Delete("", "").Eq("user_profile_id", "ann")), `"model"`))
	assert.Equal(t, "abcdef", service.labels(service.logs("litellm_call_id").Eq("user_profile_id", "ann").Order("id", ascending())))

	deleted, count := service.counted(logs().Delete("", "exact").Eq("litellm_call_id", "a"))
	assert.Contains(t, deleted, `"litellm_call_id":"a"`)
	assert.Equal(t, int64(1), count)
	assert.Empty(t, service.run(logs().Delete("minimal", "").Eq("litellm_call_id", "b")))
	service.refused(profiles().Delete("", "").Eq("user_id", "ann"), "(23503)")
	assert.Contains(t, runProgram(t, "check", "--db", s.db).stdout, "clean")
}

func tokensOf(t testing.TB, p speaker, user string) int64 {
	t.Helper()
	var totals struct {
		Counter int64 `json:"total_tokens_counter"`
		Logs    int64 `json:"total_tokens_from_logs"`
	}
	text := p.run(p.From("user_request_analytics").Select("*", "", false).Eq("user_id", user).Single())
	require.NoError(t, json.Unmarshal([]byte(text), &totals))
	assert.Equal(t, totals.Logs, totals.Counter)
	return totals.Counter
}

func TestPostgrestGoCallsFunctions(t *testing.T) {
	t.Parallel()
	s, service := startWithLogs(t)
	var history []struct{ Model, Status string }
	text := service.rpc("get_user_request_history", "exact", row{"p_user_id": "ann", "p_limit": 2, "p_offset": 4})
	require.NoError(t, json.Unmarshal([]byte(text), &history))
	assert.Equal(t, []struct{ Model, Status string }{{"Beta", "failure"}, {"alpha", "success"}}, history)
	assert.Contains(t, service.rpc("get_user_token_breakdown", "", row{"p_user_id": "bob"}), `"total_tokens":70`)
	assert.Equal(t, "[]", service.rpc("get_user_token_breakdown", "", row{"p_user_id": "nobody"}))
	assert.Contains(t, service.rpc("nothing", "", nil), `"code":"PGRST202"`)
	assert.Contains(t, service.rpc("get_user_token_breakdown", "", row{}), `"code":"PGRST202"`)

	ann := s.speak(t, service.token("ann"))
	assert.Equal(t, "[]", ann.rpc("get_user_request_history", "", row{"p_user_id": "bob"}))
}

func TestPostgrestGoSeesWhatItsKeyMay(t *testing.T) {
	t.Parallel()
	s, service := startWithLogs(t)
	anon := s.speak(t, runProgram(t, "keys", "--db", s.db).value("ANON_KEY"))
	ann := s.speak(t, service.token("ann"))

	for _, relation := range []string{"request_logs", "user_profiles", "tokens_usage", "user_request_analytics", "user_recent_activity", "monthly_token_usage"} {
		assert.Equal(t, "[]", anon.run(anon.From(relation).Select("", "", false)), relation)
		assert.NotContains(t, ann.run(ann.From(relation).Select("", "", false)), "bob", relation)
	}
	assert.Equal(t, "abcdef", ann.labels(ann.logs("litellm_call_id").Order("id", ascending())))

	echoed := anon.run(anon.From("request_logs").Insert(row{"model": "m", "litellm_call_id": "h", "status": "initiated"}, false, "", "", ""))
	assert.JSONEq(t, `[{"model":"m","litellm_call_id":"h","status":"initiated"}]`, echoed)
	anon.run(anon.From("request_logs").Upsert(row{"litellm_call_id": "h", "status": "success", "total_cost": 0.5}, "litellm_call_id", "", ""))
	assert.JSONEq(t, `{"model":"m","status":"success","total_cost":0.5}`,
		service.run(service.logs("model,status,total_cost").Eq("litellm_call_id", "h").Single()))
	anon.refused(anon.From("user_profiles").Insert(row{"user_id": "x"}, false, "", "", ""), "(42501)")
	ann.refused(ann.From("request_logs").Insert(row{"user_profile_id": "bob"}, false, "", "", ""), "(42501)")
	assert.Equal(t, "[]", ann.run(ann.From("request_logs").Delete("", "").Eq("user_profile_id", "ann")))

	bad := s.speak(t, "not.a.token")
	bad.refused(bad.logs("*"), "(PGRST301)")
	service.refused(service.From("nothing").Select("", "", false), "(PGRST205) Could not find the table 'public.nothing' in the schema cache")
	service.refused(service.logs("colour"), "(42703) column request_logs.colour does not exist")
	elsewhere := s.speak(t, s.key)
	elsewhere.ChangeSchema("private")
	elsewhere.refused(elsewhere.logs("*"), "(PGRST106)")
}
