package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// openForTwo opens a database in which ann and bob each have a profile, one
// log, and one row of tokens_usage; and one log belongs to nobody.
func openForTwo(t testing.TB) *store.DB {
	t.Helper()
	db := storetest.Open(t)
	storetest.Append(t, db, policy.System(),
		`{"user_profile_id":"ann","litellm_call_id":"of ann","status":"success","tokens_used":7,"created_at":"2026-01-01T00:00:00Z"}`,
		`{"user_profile_id":"bob","litellm_call_id":"of bob","status":"success","tokens_used":9,"created_at":"2026-01-02T00:00:00Z"}`,
		`{"litellm_call_id":"of nobody","status":"success","created_at":"2026-01-03T00:00:00Z"}`)
	for _, user := range []string{"ann", "bob"} {
		_, err := db.Run(t.Context(), policy.System(), usageRow(user, "2026-01-01T00:00:00.000000Z"), nil)
		require.NoError(t, err)
	}
	return db
}

func usageRow(user, start string) query.Insert {
	return query.Insert{Relation: "tokens_usage", Set: []query.Assignment{
		{Column: "user_profile_id", Value: user}, {Column: "period_type", Value: "mine"},
		{Column: "period_start", Value: start}, {Column: "period_end", Value: "2027-01-01T00:00:00.000000Z"},
	}}
}

// outcome says what a query did: how many rows, or which code.
func outcome(t testing.TB, db *store.DB, caller policy.Caller, q query.Query) string {
	t.Helper()
	n, err := db.Run(t.Context(), caller, q, func(query.Row) error { return nil })
	var refused *store.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	require.NoError(t, err)
	return fmt.Sprint(n, " rows")
}

const refused, view, none, one, all = "42501", "42809", "0 rows", "1 rows", "3 rows"

var accessCallers = map[string]policy.Caller{
	"anon":          {Role: policy.Anon},
	"authenticated": {Role: policy.Authenticated, Subject: "ann"},
	"service_role":  policy.System(),
	"unknown":       {Role: "postgres", Subject: "ann"},
	"nobody":        {},
}

// ownerColumn is the column that names a row's user.
var ownerColumn = map[string]string{
	"request_logs": "user_profile_id", "tokens_usage": "user_profile_id", "user_profiles": "user_id",
	"user_request_analytics": "user_id", "user_recent_activity": "user_id", "monthly_token_usage": "user_profile_id",
}

func TestEachRoleReadsItsRowsAndNoOthers(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	tests := []struct{ relation, caller, everything, own, foreign string }{
		{"request_logs", "authenticated", one, one, none},
		{"request_logs", "service_role", all, one, one},
		{"tokens_usage", "authenticated", one, one, none},
		{"tokens_usage", "service_role", "2 rows", one, one},
		{"user_profiles", "authenticated", one, one, none},
		{"user_profiles", "service_role", "2 rows", one, one},
		{"user_request_analytics", "authenticated", one, one, none},
		{"user_request_analytics", "service_role", "2 rows", one, one},
		{"user_recent_activity", "authenticated", one, one, none},
		{"user_recent_activity", "service_role", all, one, one},
		{"monthly_token_usage", "authenticated", one, one, none},
		{"monthly_token_usage", "service_role", "2 rows", one, one},
	}
	for relation := range ownerColumn {
		for _, caller := range []string{"anon", "unknown", "nobody"} {
			tests = append(tests, struct{ relation, caller, everything, own, foreign string }{relation, caller, none, none, none})
		}
	}
	for _, tt := range tests {
		t.Run(tt.caller+" reads "+tt.relation, func(t *testing.T) {
			t.Parallel()
			caller, owner := accessCallers[tt.caller], ownerColumn[tt.relation]
			read := func(where query.Expr) string {
				return outcome(t, db, caller, query.Select{From: tt.relation, Where: where})
			}
			assert.Equal(t, tt.everything, read(nil))
			assert.Equal(t, tt.own, read(query.Is(owner, "ann")))
			assert.Equal(t, tt.foreign, read(query.Is(owner, "bob")))
			assert.Equal(t, tt.everything, read(query.Or{query.Is(owner, "ann"), query.Not{Expr: query.Is(owner, "ann")}, query.IsNull{Column: owner}}))
		})
	}
}

// A write of each kind to a table or view, aimed at one user's rows.
func writesTo(relation, user string) map[string]query.Query {
	owner := ownerColumn[relation]
	set := map[string]query.Assignment{
		"request_logs":  {Column: "model", Value: "changed"},
		"tokens_usage":  {Column: "total_tokens", Value: int64(1)},
		"user_profiles": {Column: "email", Value: "changed@example.com"},
	}[relation]
	if set.Column == "" {
		set = query.Assignment{Column: owner, Value: user}
	}
	insert := query.Insert{Relation: relation, Set: []query.Assignment{{Column: owner, Value: user}}}
	switch relation {
	case "tokens_usage":
		insert = usageRow(user, "2026-02-01T00:00:00.000000Z")
	case "user_profiles":
		insert.Set[0].Value = "new " + user
	}
	return map[string]query.Query{
		"insert": insert,
		"update": query.Update{Relation: relation, Set: []query.Assignment{set}, Where: query.Is(owner, user)},
		"delete": query.Delete{Relation: relation, Where: query.Is(owner, user)},
	}
}

func TestEachRoleWritesWhatTheTableSays(t *testing.T) {
	t.Parallel()
	// For a row of ann's, and one of bob's. An update or delete that reaches no
	// row is a success; an insert that no rule allows is refused.
	tests := []struct{ relation, caller, action, own, foreign string }{
		{"request_logs", "anon", "insert", one, one},
		{"request_logs", "anon", "update", none, none},
		{"request_logs", "anon", "delete", none, none},
		{"request_logs", "authenticated", "insert", one, refused},
		{"request_logs", "authenticated", "update", none, none},
		{"request_logs", "authenticated", "delete", none, none},
		{"request_logs", "service_role", "insert", one, one},
		{"request_logs", "service_role", "update", one, one},
		{"request_logs", "service_role", "delete", one, one},
		{"tokens_usage", "anon", "insert", refused, refused},
		{"tokens_usage", "anon", "update", none, none},
		{"tokens_usage", "anon", "delete", none, none},
		{"tokens_usage", "authenticated", "insert", one, refused},
		{"tokens_usage", "authenticated", "update", one, none},
		{"tokens_usage", "authenticated", "delete", none, none},
		{"tokens_usage", "service_role", "insert", one, one},
		{"tokens_usage", "service_role", "update", one, one},
		{"tokens_usage", "service_role", "delete", one, one},
		{"user_profiles", "anon", "insert", refused, refused},
		{"user_profiles", "anon", "update", none, none},
		{"user_profiles", "anon", "delete", none, none},
		{"user_profiles", "authenticated", "insert", refused, refused},
		{"user_profiles", "authenticated", "update", one, none},
		{"user_profiles", "authenticated", "delete", none, none},
		{"user_profiles", "service_role", "insert", one, one},
		{"user_profiles", "service_role", "update", one, one},
		{"user_profiles", "service_role", "delete", "23503", "23503"}, // logs refer to it
	}
	for _, relation := range []string{"request_logs", "tokens_usage", "user_profiles"} {
		for _, caller := range []string{"unknown", "nobody"} {
			for _, action := range []string{"update", "delete"} {
				tests = append(tests, struct{ relation, caller, action, own, foreign string }{relation, caller, action, none, none})
			}
			tests = append(tests, struct{ relation, caller, action, own, foreign string }{relation, caller, "insert", refused, refused})
		}
	}
	for _, relation := range []string{"user_request_analytics", "user_recent_activity", "monthly_token_usage"} {
		for caller := range accessCallers {
			for _, action := range []string{"insert", "update", "delete"} {
				tests = append(tests, struct{ relation, caller, action, own, foreign string }{relation, caller, action, view, view})
			}
		}
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %ss %s", tt.caller, tt.action, tt.relation), func(t *testing.T) {
			t.Parallel()
			db := openForTwo(t)
			caller := accessCallers[tt.caller]
			assert.Equal(t, tt.own, outcome(t, db, caller, writesTo(tt.relation, "ann")[tt.action]), "own row")
			assert.Equal(t, tt.foreign, outcome(t, db, caller, writesTo(tt.relation, "bob")[tt.action]), "foreign row")
			storetest.RequireClean(t, db)
		})
	}
}

func TestAppendRefusesEachLogThatItsCallerMayNotWrite(t *testing.T) {
	t.Parallel()
	db := openForTwo(t)
	tests := map[string]struct {
		caller   policy.Caller
		own, foe string
	}{
		"anon":                           {accessCallers["anon"], "", ""},
		"a user":                         {accessCallers["authenticated"], "", refused},
		"a user without a subject":       {policy.Caller{Role: policy.Authenticated}, refused, refused},
		"the service role":               {accessCallers["service_role"], "", ""},
		"a role that nobody knows":       {accessCallers["unknown"], refused, refused},
		"a caller without a role at all": {accessCallers["nobody"], refused, refused},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdicts, err := db.Append(t.Context(), tt.caller,
				storetest.Log(t, `{"user_profile_id":"ann"}`), storetest.Log(t, `{"user_profile_id":"bob"}`))
			require.NoError(t, err)
			assert.Equal(t, tt.own, codeOf(verdicts[0].Err))
			assert.Equal(t, tt.foe, codeOf(verdicts[1].Err))
		})
	}
}

// codeOf returns a refusal's code; "" for no error.
func codeOf(err error) string {
	var refused *store.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return refused.Code
	default:
		return "internal: " + err.Error()
	}
}
