package policy_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The callers whose rights the golden matrix shows. A subject that looks like
// SQL is there to show that it is bound, never written.
var callers = []struct {
	name   string
	caller policy.Caller
}{
	{"nobody", policy.Caller{}},
	{"anon", policy.Caller{Role: policy.Anon}},
	{"anon with a subject", policy.Caller{Role: policy.Anon, Subject: "ann"}},
	{"authenticated", policy.Caller{Role: policy.Authenticated, Subject: "ann"}},
	{"authenticated oddly", policy.Caller{Role: policy.Authenticated, Subject: "' OR 1=1 --"}},
	{"authenticated without a subject", policy.Caller{Role: policy.Authenticated}},
	{"service_role", policy.Caller{Role: policy.Service}},
	{"unknown role", policy.Caller{Role: "supabase_admin", Subject: "ann"}},
	{"role in capitals", policy.Caller{Role: "SERVICE_ROLE", Subject: "ann"}},
}

var relations = []string{
	"request_logs", "tokens_usage", "user_profiles",
	"user_request_analytics", "user_recent_activity", "monthly_token_usage",
	"user_token_breakdown", "usage_by_log", "usage_totals", "usage_monthly", "traffic_hourly",
	"no_such_table", "*", "",
}

// A row's owner stands in user_profile_id or user_id, as the relation has it.
func rowOf(owner string) func(string) string {
	return func(column string) string {
		if column == "user_profile_id" || column == "user_id" {
			return owner
		}
		return "another column"
	}
}

func predicate(compile func(func(any) string) string) string {
	var values []string
	sql := compile(func(v any) string {
		values = append(values, fmt.Sprintf("%#v", v))
		return fmt.Sprintf("$%d", len(values))
	})
	if len(values) > 0 {
		sql += " with " + strings.Join(values, ", ")
	}
	return sql
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "-"
}

// matrix is a table of every caller, relation and action that some rule
// matches. reach and leave say whether the grant reaches, or lets the caller
// leave, a row of their own, of another user, and of nobody. What is not in the
// table must be denied.
func matrix(t *testing.T) string {
	const line = "%-31s %-22s %-6s  %-11s  %-11s  %-42s  %s\n"
	var b strings.Builder
	fmt.Fprintf(&b, line, "caller", "relation", "action", "reach o/f/n", "leave o/f/n", "using", "check")
	for _, c := range callers {
		allowed := false
		for _, relation := range relations {
			for _, action := range policy.Actions() {
				g := policy.For(c.caller, relation, action)
				if !g.Any() {
					requireDenied(t, g, c.caller.Subject)
					continue
				}
				allowed = true
				reach, leave := []string{}, []string{}
				for _, owner := range []string{c.caller.Subject, "bob", ""} {
					reach = append(reach, yes(g.Reaches(rowOf(owner))))
					leave = append(leave, yes(g.Allows(rowOf(owner))))
				}
				fmt.Fprintf(&b, line, c.name, relation, action, strings.Join(reach, " "),
					strings.Join(leave, " "), predicate(g.Using), predicate(g.Check))
			}
		}
		if !allowed {
			fmt.Fprintf(&b, "%-31s nothing\n", c.name)
		}
	}
	return b.String()
}

func requireDenied(t *testing.T, g policy.Grant, subject string) {
	t.Helper()
	require.Equal(t, "FALSE", predicate(g.Using))
	require.Equal(t, "FALSE", predicate(g.Check))
	require.False(t, g.Writable("email"))
	for _, owner := range []string{subject, "bob", ""} {
		require.False(t, g.Reaches(rowOf(owner)))
		require.False(t, g.Allows(rowOf(owner)))
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "go test ./policy -update writes what the rules say now")
}

func TestEveryRoleMayDoWhatTheMatrixSaysAndNothingElse(t *testing.T) {
	t.Parallel()
	golden(t, "matrix.golden", matrix(t))
}

// Columns that some caller may not write, of the tables that clients write.
func TestColumnsAreWritableAsTheTableSays(t *testing.T) {
	t.Parallel()
	columns := map[string][]string{
		"request_logs":  {"id", "user_profile_id", "tokens_used", "status"},
		"tokens_usage":  {"id", "user_profile_id", "total_tokens"},
		"user_profiles": {"user_id", "tokens_used", "subscription_tier", "email", "full_name", "avatar_url", "raw_oauth_details"},
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-15s %-14s %-18s %-7s %s\n", "role", "relation", "column", "insert", "update")
	for _, role := range append(policy.Roles(), "unknown", "") {
		for _, relation := range []string{"request_logs", "tokens_usage", "user_profiles"} {
			for _, column := range columns[relation] {
				c := policy.Caller{Role: role, Subject: "ann"}
				fmt.Fprintf(&b, "%-15s %-14s %-18s %-7s %s\n", fmt.Sprintf("%q", string(role)), relation, column,
					yes(policy.For(c, relation, policy.Insert).Writable(column)),
					yes(policy.For(c, relation, policy.Update).Writable(column)))
			}
		}
	}
	golden(t, "columns.golden", b.String())
}

// The SQL and the Go meaning of a predicate agree on each row, for each cell of
// the matrix: own, foreign, and nobody's.
func TestThePredicatesMeanTheSameInSQLAndInGo(t *testing.T) {
	t.Parallel()
	means := func(sql string, owner, subject string) bool {
		switch sql {
		case "TRUE":
			return true
		case "FALSE":
			return false
		case "user_id = $1", "user_profile_id = $1":
			return owner != "" && owner == subject // null equals nothing
		}
		t.Errorf("a predicate that this test does not know: %s", sql)
		return false
	}
	for _, c := range callers {
		for _, relation := range relations {
			for _, action := range policy.Actions() {
				g := policy.For(c.caller, relation, action)
				for _, owner := range []string{c.caller.Subject, "bob", ""} {
					what := fmt.Sprintf("%s, %s %s, owner %q", c.name, action, relation, owner)
					using, _, _ := strings.Cut(predicate(g.Using), " with ")
					check, _, _ := strings.Cut(predicate(g.Check), " with ")
					assert.Equal(t, means(using, owner, c.caller.Subject), g.Reaches(rowOf(owner)), what)
					assert.Equal(t, means(check, owner, c.caller.Subject), g.Allows(rowOf(owner)), what)
				}
			}
		}
	}
}

func TestOnlyTheServiceRoleReachesAForeignRow(t *testing.T) {
	t.Parallel()
	for _, c := range callers {
		for _, relation := range relations {
			for _, action := range policy.Actions() {
				if policy.For(c.caller, relation, action).Reaches(rowOf("bob")) {
					assert.Equal(t, policy.Service, c.caller.Role, "%s %s", action, relation)
				}
			}
		}
	}
}

func TestTheSystemActsAsTheServiceRole(t *testing.T) {
	t.Parallel()
	assert.Equal(t, policy.Service, policy.System().Role)
	assert.True(t, slices.Contains(policy.Roles(), policy.System().Role))
}
