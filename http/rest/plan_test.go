package rest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/http/rest/parse"
	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
)

// What a query string becomes: planned against the schema, and compiled under
// the caller's policy. Nothing is run.
func TestAQueryIsPlannedAndCompiled(t *testing.T) {
	t.Parallel()
	ann := policy.Caller{Role: policy.Authenticated, Subject: "ann"}
	tests := []struct {
		name     string
		caller   policy.Caller
		relation string
		query    string
		sql      string
		args     []any
	}{
		{
			"names come from the schema and values are bound", policy.System(), "request_logs", "select=id,m:model&model=eq.x",
			`SELECT t0."id" AS "id", t0."model" AS "model" FROM "request_logs" AS t0 WHERE t0."model" = $1`,
			[]any{"x"},
		},
		{
			"a user reads their own rows alone", ann, "request_logs", "select=id&id=gt.5",
			`SELECT t0."id" AS "id" FROM (SELECT * FROM "request_logs" WHERE user_profile_id = $1) AS t0 WHERE t0."id" > $2`,
			[]any{"ann", int64(5)},
		},
		{
			"anon reads none", policy.Caller{Role: policy.Anon}, "request_logs", "select=id",
			`SELECT t0."id" AS "id" FROM (SELECT * FROM "request_logs" WHERE FALSE) AS t0`,
			nil,
		},
		{
			"a logic tree nests", policy.System(), "request_logs", "select=id&or=(id.eq.1,not.and(id.gt.2,id.lt.9))",
			`SELECT t0."id" AS "id" FROM "request_logs" AS t0 WHERE (t0."id" = $1) OR (NOT ((t0."id" > $2) AND (t0."id" < $3)))`,
			[]any{int64(1), int64(2), int64(9)},
		},
		{
			"a place in JSON is bound too", policy.System(), "request_logs", "select=id&additional_details->a->>b=eq.x",
			`SELECT t0."id" AS "id" FROM "request_logs" AS t0 WHERE json_path_text(t0."additional_details", $1) = $2`,
			[]any{`["a","b"]`, "x"},
		},
		{
			"nulls sort as in PostgreSQL", policy.System(), "request_logs", "select=id&order=model.desc,provider,id.desc",
			`SELECT t0."id" AS "id" FROM "request_logs" AS t0 ORDER BY t0."model" DESC NULLS FIRST, t0."provider" NULLS LAST, t0."id" DESC`,
			nil,
		},
		{
			"an inner embed leaves rows out, as the caller sees the relation", ann, "user_profiles",
			"select=user_id,request_logs!inner(id)&request_logs.status=eq.success",
			`SELECT t0."user_id" AS "user_id" FROM (SELECT * FROM "user_profiles" WHERE user_id = $1) AS t0 ` +
				`WHERE EXISTS (SELECT 1 FROM (SELECT * FROM "request_logs" WHERE user_profile_id = $2) AS t1 ` +
				`WHERE t1."user_profile_id" = t0."user_id" AND (t1."status" = $3))`,
			[]any{"ann", "ann", "success"},
		},
		{
			"a view has an order of its own", policy.System(), "user_recent_activity", "select=request_id",
			`SELECT t0."request_id" AS "request_id" FROM "user_recent_activity" AS t0 ORDER BY t0."request_time" DESC, t0."request_id" DESC`,
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q, err := parse.ParseQuery(tt.query, parse.Options{})
			require.NoError(t, err)
			p, err := newPlan(store.Schema[tt.relation], q.Select)
			require.NoError(t, err)
			require.NoError(t, p.apply(q))
			s, err := query.CompileSelect(store.Schema, tt.caller, p.sel)
			require.NoError(t, err)
			assert.Equal(t, tt.sql, s.SQL)
			assert.Equal(t, tt.args, s.Args)
		})
	}
}

func TestAPlanRefusesWhatTheSchemaDoesNotHave(t *testing.T) {
	t.Parallel()
	for text, code := range map[string]string{
		"select=nope":                  "42703",
		"nope=eq.1":                    "42703",
		"order=nope":                   "42703",
		"select=cost_nano":             "42703",
		"id=eq.x":                      "22P02",
		"id=eq.99999999999999999999":   "22003",
		"created_at=gt.soon":           "22007",
		"messages=eq.1":                "42883",
		"id=like.1*":                   "42883",
		"order=messages":               "42883",
		"model=fts.x":                  "42883",
		"id=is.true":                   "42804",
		"model=match.(":                "2201B",
		"model=eq(any).x":              "22P02",
		"select=id::nope":              "42704",
		"select=id.sum()":              "PGRST123",
		"select=tokens_usage(*)":       "PGRST200",
		"select=usage_totals(*)":       "PGRST200",
		"select=id&user_profiles.x=eq": "PGRST100",
		"user_profiles.email=eq.x":     "PGRST108",
	} {
		q, err := parse.ParseQuery(text, parse.Options{})
		if err == nil {
			var p *plan
			if p, err = newPlan(store.Schema["request_logs"], q.Select); err == nil {
				err = p.apply(q)
			}
		}
		if assert.Error(t, err, text) {
			assert.Equal(t, code, known(err).Code, text)
		}
	}
}

func TestAValueIsShownAsPostgreSQLShowsIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value any
		kind  query.Type
		want  string
	}{
		{nil, query.Text, `null`},
		{int64(-7), query.Int, `-7`},
		{0.1, query.Double, `0.1`},
		{12345678.9, query.Double, `12345678.9`},
		{1e-7, query.Real, `1e-07`},
		{5.0, query.Double, `5`},
		{1e15, query.Double, `1e+15`},
		{"2026-01-31T23:59:59.123456Z", query.Time, `"2026-01-31T23:59:59.123456+00:00"`},
		{"2026-01-31T23:59:50.500000Z", query.Time, `"2026-01-31T23:59:50.5+00:00"`},
		{"2026-01-31T23:59:50.000000Z", query.Time, `"2026-01-31T23:59:50+00:00"`},
		{`{"b":1, "a":2}`, query.JSON, `{"b":1, "a":2}`},
		{`say "<hi>" & ✓` + "\n", query.Text, `"say \"<hi>\" & ✓\n"`},
		{true, query.Text, `true`},
	} {
		assert.Equal(t, tt.want, string(appendValue(nil, tt.value, tt.kind)), fmt.Sprint(tt.value))
	}
}
