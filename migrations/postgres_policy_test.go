package migrations_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/storetest"
)

// The owners of rows: two users, one whose name looks like SQL, and nobody.
const odd = "' OR 1=1 --"

var owners = []string{"ann", "bob", odd, ""}

// The callers of the policy's golden matrix whose roles a database knows.
var callers = []policy.Caller{
	{Role: policy.Anon},
	{Role: policy.Anon, Subject: "ann"},
	{Role: policy.Authenticated, Subject: "ann"},
	{Role: policy.Authenticated, Subject: odd},
	{Role: policy.Authenticated},
	{Role: policy.Service},
	{Role: policy.Service, Subject: "ann"},
}

// ownerOf names the column that says whose row it is, and whether nobody may.
var ownerOf = map[string]struct {
	column   string
	nullable bool
}{
	"request_logs": {"user_profile_id", true}, "tokens_usage": {"user_profile_id", false}, "user_profiles": {"user_id", false},
	"user_request_analytics": {"user_id", false}, "user_recent_activity": {"user_id", true},
	"monthly_token_usage": {"user_profile_id", false}, "user_token_breakdown": {"user_profile_id", false},
	"usage_by_log": {"user_profile_id", false}, "usage_totals": {"user_profile_id", false}, "usage_monthly": {"user_profile_id", false},
	"totals_by_tier": {"user_profile_id", false},
}

// populated opens a database, as its superuser, with rows of every owner.
func populated(t testing.TB) *sql.DB {
	t.Helper()
	db := open(t, storetest.AsSuperuser(t, storetest.Postgres(t)))
	for _, owner := range owners {
		if owner != "" {
			_, err := db.ExecContext(t.Context(), "INSERT INTO user_profiles (user_id) VALUES ($1)", owner)
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), "INSERT INTO tokens_usage (user_profile_id, period_start, period_end) VALUES ($1, now(), now())", owner)
			require.NoError(t, err)
		}
		_, err := db.ExecContext(t.Context(),
			"INSERT INTO request_logs (user_profile_id, model, tokens_used) VALUES (nullif($1, ''), 'gpt-4o', 5)", owner)
		require.NoError(t, err)
	}
	return db
}

// as runs f in a transaction of the caller, as PostgREST begins one, and undoes it.
func as(t testing.TB, db *sql.DB, c policy.Caller, f func(tx *sql.Tx)) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback() //nolint:errcheck // nothing is to stay
	claims := map[string]any{"role": c.Role}
	if c.Subject != "" {
		claims["sub"] = c.Subject
	}
	text, err := json.Marshal(claims)
	require.NoError(t, err)
	_, err = tx.Exec("SELECT set_config('request.jwt.claims', $1, true), set_config('role', $2, true)", string(text), string(c.Role))
	require.NoError(t, err)
	f(tx)
}

func isDenied(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "42501"
}

// touches says whether a statement reached any row: by its count, or because it
// was refused for another reason than the policy.
func touches(tx *sql.Tx, statement string, args ...any) bool {
	result, err := tx.Exec(statement, args...)
	if err != nil {
		return !isDenied(err)
	}
	n, err := result.RowsAffected()
	return err == nil && n > 0
}

// relations lists the tables and views of the schema.
func relations(t testing.TB, db *sql.DB, kinds string) (names []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `
		SELECT relname FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND position(relkind::text in $1) > 0 AND relname <> 'goose_db_version'
		ORDER BY relname`, kinds)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	require.NotEmpty(t, names)
	return names
}

// whose returns the condition that a row is the owner's.
func whose(relation, owner string) (condition string, possible bool) {
	of, known := ownerOf[relation]
	switch {
	case !known:
		return "TRUE", owner == ""
	case owner == "":
		return of.column + " IS NULL", of.nullable
	default:
		return of.column + " = '" + strings.ReplaceAll(owner, "'", "''") + "'", true
	}
}

func TestTheDatabasesOwnPolicyIsThatOfTheRules(t *testing.T) {
	t.Parallel()
	db := populated(t)
	views := relations(t, db, "v")
	for _, relation := range relations(t, db, "rv") {
		for _, caller := range callers {
			for _, owner := range owners {
				condition, possible := whose(relation, owner)
				if !possible {
					continue
				}
				row := func(string) string { return owner }
				what := fmt.Sprintf("%s %q, %s, owner %q", caller.Role, caller.Subject, relation, owner)
				as(t, db, caller, func(tx *sql.Tx) {
					want := policy.For(caller, relation, policy.Select).Reaches(row)
					if _, owned := ownerOf[relation]; !owned {
						// Some are empty, or nobody's: what counts is the privilege.
						_, err := tx.Exec("SELECT FROM " + relation)
						assert.Equal(t, want, !isDenied(err), "select: %s", what)
						return
					}
					assert.Equal(t, want, touches(tx, "SELECT FROM "+relation+" WHERE "+condition), "select: %s", what)
				})
				if slices.Contains(views, relation) {
					continue
				}
				as(t, db, caller, func(tx *sql.Tx) {
					want := policy.For(caller, relation, policy.Delete).Reaches(row)
					statement := "DELETE FROM " + relation + " WHERE " + condition
					if _, owned := ownerOf[relation]; !owned {
						_, err := tx.Exec(statement)
						assert.Equal(t, want, !isDenied(err), "delete: %s", what)
						return
					}
					assert.Equal(t, want, touches(tx, statement), "delete: %s", what)
				})
			}
		}
	}
}

func TestRolesWriteTheRowsThatTheRulesLetThem(t *testing.T) {
	t.Parallel()
	db := populated(t)
	// What a caller writes in each table: a column that nobody is kept from.
	writable := map[string]string{"request_logs": "status", "tokens_usage": "total_tokens", "user_profiles": "full_name"}
	inserts := map[string]string{
		"request_logs":  "INSERT INTO request_logs (user_profile_id) VALUES (nullif($1, ''))",
		"tokens_usage":  "INSERT INTO tokens_usage (user_profile_id, period_start, period_end) VALUES ($1, '2020-01-01', '2020-02-01')",
		"user_profiles": "INSERT INTO user_profiles (user_id) VALUES ($1)",
	}
	for relation, column := range writable {
		for _, caller := range callers {
			for _, owner := range owners {
				condition, possible := whose(relation, owner)
				if !possible {
					continue
				}
				row := func(string) string { return owner }
				what := fmt.Sprintf("%s %q, %s, owner %q", caller.Role, caller.Subject, relation, owner)
				as(t, db, caller, func(tx *sql.Tx) {
					_, err := tx.Exec(inserts[relation], owner)
					assert.Equal(t, policy.For(caller, relation, policy.Insert).Allows(row), !isDenied(err), "insert: %s: %v", what, err)
				})
				update := policy.For(caller, relation, policy.Update)
				as(t, db, caller, func(tx *sql.Tx) {
					assert.Equal(t, update.Reaches(row),
						touches(tx, fmt.Sprintf("UPDATE %s SET %s = %[2]s WHERE %s", relation, column, condition)), "update: %s", what)
				})
				// A row of the caller's own is given away, or another's taken.
				if !update.Writable(ownerOf[relation].column) || caller.Subject == "" {
					continue
				}
				as(t, db, caller, func(tx *sql.Tx) {
					own, _ := whose(relation, caller.Subject)
					_, err := tx.Exec(fmt.Sprintf("UPDATE %s SET %s = nullif($1, '') WHERE %s", relation, ownerOf[relation].column, own), owner)
					assert.Equal(t, update.Allows(row), !isDenied(err), "give away: %s", what)
				})
			}
		}
	}
}

func TestRolesWriteTheColumnsThatTheRulesLetThem(t *testing.T) {
	t.Parallel()
	db := populated(t)
	internal := map[string]bool{"cost_nano": true, "price_id": true}
	for _, relation := range []string{"request_logs", "tokens_usage", "user_profiles"} {
		rows, err := db.QueryContext(t.Context(),
			"SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped", relation)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var column string
			require.NoError(t, rows.Scan(&column))
			for _, role := range policy.Roles() {
				for _, action := range []policy.Action{policy.Insert, policy.Update} {
					want := policy.For(policy.Caller{Role: role, Subject: "ann"}, relation, action).Writable(column) &&
						(!internal[column] || role == policy.Service)
					got := *answer(t, db, "SELECT has_column_privilege($1::name, $2::text, $3::text, $4::text)", string(role), relation, column, string(action))
					assert.Equal(t, fmt.Sprint(want), got, "%s may %s %s.%s", role, action, relation, column)
				}
			}
		}
		require.NoError(t, rows.Err())
	}
}

// What is added to the schema must not be forgotten.
func TestEveryTableIsProtectedAndEveryViewAsksAsItsReader(t *testing.T) {
	t.Parallel()
	db := populated(t)
	assert.Empty(t, *answer(t, db, `
		SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT relrowsecurity`), "tables without row-level security")
	assert.Empty(t, *answer(t, db, `
		SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' AND NOT 'security_invoker=true' = ANY (coalesce(reloptions, '{}'))`),
		"views that show what their owner sees")
	for _, relation := range append(relations(t, db, "rv"), "goose_db_version") {
		for _, role := range []policy.Role{policy.Anon, policy.Authenticated} {
			if policy.For(policy.Caller{Role: policy.Authenticated, Subject: "ann"}, relation, policy.Select).Any() {
				continue
			}
			for _, privilege := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"} {
				assert.Equal(t, "false", *answer(t, db, "SELECT has_table_privilege($1::name, $2::text, $3::text)", string(role), relation, privilege),
					"%s may %s %s", role, privilege, relation)
			}
		}
	}
}

func TestTheOwnerIsNotSubjectToThePolicy(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Postgres(t))
	exec(t, db, "INSERT INTO user_profiles (user_id) VALUES ('ann')", "INSERT INTO request_logs (user_profile_id) VALUES ('ann')")
	assert.Equal(t, "1", *answer(t, db, "SELECT count(*) FROM request_logs"))
	assert.Equal(t, "1", *answer(t, db, "SELECT count(*) FROM user_request_analytics"))
}

func TestFunctionsShowTheirCallersRows(t *testing.T) {
	t.Parallel()
	db := populated(t)
	for _, function := range []string{"get_user_request_history", "get_user_token_breakdown"} {
		for _, caller := range callers {
			for _, owner := range owners[:3] {
				as(t, db, caller, func(tx *sql.Tx) {
					var n int
					require.NoError(t, tx.QueryRow("SELECT count(*) FROM "+function+"($1)", owner).Scan(&n))
					sees := policy.For(caller, "request_logs", policy.Select).Reaches(func(string) string { return owner })
					assert.Equal(t, sees, n > 0, "%s of %q for %v", function, owner, caller)
				})
			}
		}
	}
}

// A claim that is not there, or empty, is nobody; PostgREST leaves ” behind.
func TestATokenWithoutASubjectIsNobodys(t *testing.T) {
	t.Parallel()
	db := populated(t)
	for _, claims := range []string{"", "{}", `{"sub":""}`, `{"sub":null}`} {
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.Exec("SELECT set_config('request.jwt.claims', $1, true), set_config('role', 'authenticated', true)", claims)
		require.NoError(t, err)
		assert.False(t, touches(tx, "SELECT FROM request_logs"), claims)
		assert.False(t, touches(tx, "SELECT FROM user_profiles"), claims)
		require.NoError(t, tx.Rollback())
	}
}

// A write that reads no column, and so asks no policy for reading, reaches no more.
func TestABlindWriteReachesOnlyWhatTheRulesLetIt(t *testing.T) {
	t.Parallel()
	db := populated(t)
	for relation, writes := range map[string]map[policy.Action]string{
		"request_logs":  {policy.Update: "UPDATE request_logs SET status = 'x'", policy.Delete: "DELETE FROM request_logs"},
		"tokens_usage":  {policy.Update: "UPDATE tokens_usage SET total_tokens = 1", policy.Delete: "DELETE FROM tokens_usage"},
		"user_profiles": {policy.Update: "UPDATE user_profiles SET full_name = 'x'"},
	} {
		for action, statement := range writes {
			for _, caller := range callers {
				as(t, db, caller, func(tx *sql.Tx) {
					want := int64(0)
					for _, owner := range owners {
						_, possible := whose(relation, owner)
						if possible && policy.For(caller, relation, action).Reaches(func(string) string { return owner }) {
							want++
						}
					}
					result, err := tx.Exec(statement)
					if isDenied(err) {
						assert.Zero(t, want, "%v: %s", caller, statement)
						return
					}
					require.NoError(t, err)
					got, err := result.RowsAffected()
					require.NoError(t, err)
					assert.Equal(t, want, got, "%v: %s", caller, statement)
				})
			}
		}
	}
}
