package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A DistributeStep is one step of turning a PostgreSQL database into one that
// Citus spreads over many servers. Steps go in order; one that is done is seen to
// be, so that they can be gone through again after a failure.
type DistributeStep struct {
	Name string
	Why  string
	SQL  []string // what is left to do, in one transaction; none when it is done
}

// ErrNoCitus says that the extension is not there.
var ErrNoCitus = errors.New("the database has no Citus: install the extension on every server, add it to " +
	"shared_preload_libraries, restart, and say CREATE EXTENSION citus in this database")

// DistributePlan returns every step with what it has left to do. It changes
// nothing. Where Citus itself is missing, it returns the plan and ErrNoCitus.
func (db *DB) DistributePlan(ctx context.Context, shards int) ([]DistributeStep, error) {
	if !db.engine.shared {
		return nil, errors.New("only a PostgreSQL database can be distributed: copy this one there first")
	}
	d := distribution{db: db, ctx: ctx, shards: shards}
	var steps []DistributeStep
	for _, s := range d.steps() {
		var todo []string
		if d.err == nil {
			todo = s.todo()
		}
		steps = append(steps, DistributeStep{s.name, s.why, todo})
	}
	if d.err != nil {
		return nil, fmt.Errorf("looking how far the database is distributed: %w", d.err)
	}
	if !d.has("to_regprocedure('citus_version()') IS NOT NULL") {
		return steps, errors.Join(d.err, ErrNoCitus)
	}
	return steps, d.err
}

// Distribute does the steps that are left, and tells each before it begins. No
// other process may use the database meanwhile, and this one is to be opened anew
// afterwards: logs are stored otherwise then.
func (db *DB) Distribute(ctx context.Context, shards int, begin func(DistributeStep)) error {
	plan, err := db.DistributePlan(ctx, shards)
	if err != nil {
		return err
	}
	for i := range plan {
		// Anew, since what a step finds may come from the one before it.
		now, err := db.DistributePlan(ctx, shards)
		if err != nil {
			return err
		}
		step := now[i]
		if len(step.SQL) == 0 {
			continue
		}
		begin(step)
		err = db.Write(ctx, func(tx *Tx) error {
			for _, statement := range step.SQL {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return fmt.Errorf("%s: %w", clip(statement), err)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w; the same command goes on from here", step.Name, err)
		}
	}
	return nil
}

// A distribution looks what is left to do. Its first error stays.
type distribution struct {
	db     *DB
	ctx    context.Context //nolint:containedctx // as long as the plan is made
	shards int
	err    error
}

type distributeStep struct {
	name, why string
	todo      func() []string
}

// spreadTables are the tables that do not stay on one server, and the column
// that says on which server a row is.
var spreadTables = []struct{ name, by, with string }{
	{"request_logs", "litellm_call_id", "none"},
	{"usage_totals", "user_profile_id", "none"},
	{"usage_monthly", "user_profile_id", "usage_totals"},
	{"tokens_usage", "user_profile_id", "usage_totals"},
}

func (d *distribution) steps() []distributeStep {
	return []distributeStep{
		{
			"call ids for all logs", "a log's server is that of its call id, which must not be null",
			d.callIDs,
		},
		{
			"no triggers", "Citus has none on tables that are spread: sums are llmtally's own to keep from now on",
			d.triggers,
		},
		{
			"no row-level security", "policies that look things up cannot be spread; so nobody but the owner may read or write past llmtally",
			d.policies,
		},
		{
			"foreign keys aside", "they come back when both sides are where they belong",
			d.foreignKeysAside,
		},
		{
			"primary keys", "a unique key must contain the column that says where a row is",
			d.primaryKeys,
		},
		{
			"user_profiles on every server", "so that logs and rollups may refer to it wherever they are",
			d.reference,
		},
		{
			"logs, rollups and tokens_usage spread", "logs by call id, which spreads heavy users too; the rest by user, whose answers come from one server",
			d.spread,
		},
		{
			"foreign keys back", "as they were",
			d.foreignKeysBack,
		},
		{
			"functions on every server", "what queries call must be where the rows are",
			d.functions,
		},
	}
}

// has asks the database a question.
func (d *distribution) has(condition string, args ...any) (found bool) {
	if d.err == nil {
		d.err = d.db.readers.QueryRowContext(d.ctx, "SELECT "+condition, args...).Scan(&found)
	}
	return found
}

func (d *distribution) list(query string, args ...any) (texts []string) {
	if d.err == nil {
		texts, d.err = readTexts(d.db.readers.QueryContext(d.ctx, query, args...))
	}
	return texts
}

func (d *distribution) callIDs() []string {
	if d.has("(" + distributedSQL + ")") {
		return nil
	}
	return []string{
		"UPDATE request_logs SET litellm_call_id = '" + madeCallID + "' || gen_random_uuid() WHERE litellm_call_id IS NULL",
		"ALTER TABLE request_logs ALTER COLUMN litellm_call_id SET NOT NULL",
	}
}

// spreadNames are all tables that leave the first server, as an SQL array.
func spreadNames() string {
	names := []string{"user_profiles"}
	for _, t := range spreadTables {
		names = append(names, t.name)
	}
	return "CAST('{" + strings.Join(names, ",") + "}' AS regclass[])"
}

func (d *distribution) triggers() []string {
	return d.list(`
		SELECT format('DROP TRIGGER %I ON %s', tgname, CAST(tgrelid AS regclass))
		FROM pg_trigger
		WHERE tgrelid = ANY (` + spreadNames() + `) AND NOT tgisinternal
		ORDER BY 1`)
}

func (d *distribution) policies() []string {
	return d.list(`
		SELECT statement
		FROM (
			SELECT 1 AS place, format('REVOKE ALL ON %s FROM %I', t.tab, r.rolname) AS statement
			FROM unnest(` + spreadNames() + `) AS t (tab)
			JOIN pg_roles AS r ON r.rolname IN ('anon', 'authenticated', 'service_role')
			WHERE has_table_privilege(r.oid, t.tab, 'SELECT, INSERT, UPDATE, DELETE')
				OR has_any_column_privilege(r.oid, t.tab, 'SELECT, INSERT, UPDATE')
			UNION ALL
			SELECT 2, format('DROP POLICY %I ON %s', polname, CAST(polrelid AS regclass))
			FROM pg_policy
			WHERE polrelid = ANY (` + spreadNames() + `)
			UNION ALL
			SELECT 3, format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', CAST(oid AS regclass))
			FROM pg_class
			WHERE oid = ANY (` + spreadNames() + `) AND relrowsecurity
		) AS s
		ORDER BY place, statement`)
}

// foreignKeys are those between the tables, as they are made.
var foreignKeys = []struct{ table, name, options string }{
	{"request_logs", "request_logs_user_profile_id_fkey", " DEFERRABLE INITIALLY DEFERRED"},
	{"tokens_usage", "tokens_usage_user_profile_id_fkey", ""},
}

// isSpread says whether Citus has a table.
func (d *distribution) isSpread(table string) bool {
	return d.has("to_regclass('citus_tables') IS NOT NULL") &&
		d.has("EXISTS (SELECT FROM citus_tables WHERE table_name = CAST($1 AS regclass))", table)
}

func (d *distribution) hasConstraint(table, name string) bool {
	return d.has("EXISTS (SELECT FROM pg_constraint WHERE conrelid = CAST($1 AS regclass) AND conname = $2)", table, name)
}

func (d *distribution) foreignKeysAside() (todo []string) {
	for _, k := range foreignKeys {
		if !d.isSpread(k.table) && d.hasConstraint(k.table, k.name) {
			todo = append(todo, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", k.table, k.name))
		}
	}
	return todo
}

func (d *distribution) foreignKeysBack() (todo []string) {
	for _, k := range foreignKeys {
		if !d.isSpread(k.table) || !d.hasConstraint(k.table, k.name) {
			todo = append(todo, fmt.Sprintf(
				"ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (user_profile_id) REFERENCES user_profiles (user_id)%s",
				k.table, k.name, k.options))
		}
	}
	return todo
}

func (d *distribution) primaryKeys() (todo []string) {
	for _, t := range spreadTables {
		missing := d.has(`EXISTS (
			SELECT FROM pg_constraint AS k
			JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attname = $2
			WHERE k.conrelid = CAST($1 AS regclass) AND k.contype = 'p' AND NOT a.attnum = ANY (k.conkey)
		)`, t.name, t.by)
		if missing {
			todo = append(todo, fmt.Sprintf("ALTER TABLE %[1]s DROP CONSTRAINT %[1]s_pkey, ADD CONSTRAINT %[1]s_pkey PRIMARY KEY (id, %[2]s)",
				t.name, t.by))
		}
	}
	return todo
}

func (d *distribution) reference() []string {
	if d.isSpread("user_profiles") {
		return nil
	}
	return []string{"SELECT create_reference_table('user_profiles')"}
}

func (d *distribution) spread() (todo []string) {
	for _, t := range spreadTables {
		if d.isSpread(t.name) {
			continue
		}
		shards := ""
		if t.with == "none" {
			shards = fmt.Sprintf(", shard_count => %d", d.shards)
		}
		todo = append(todo,
			fmt.Sprintf("SELECT create_distributed_table('%s', '%s', colocate_with => '%s'%s)", t.name, t.by, t.with, shards),
			fmt.Sprintf("SELECT truncate_local_data_after_distributing_table('%s')", t.name))
	}
	return todo
}

// clusterFunctions are what queries call for rows.
var clusterFunctions = []string{
	"nano_usd", "micros", "month_of", "next_month", "hour_of", "latency_bucket", "latency_add",
	"json_readable", "json_path", "json_path_text", "json_contains", "like_text", "ilike_text", "match_text", "imatch_text",
}

func (d *distribution) functions() []string {
	known := d.list("SELECT CAST(CAST(oid AS regprocedure) AS text) FROM pg_proc WHERE pronamespace = CAST(current_schema() AS regnamespace)"+
		" AND proname = ANY ($1) ORDER BY 1", clusterFunctions)
	if d.has("to_regclass('pg_dist_object') IS NOT NULL") {
		spread := d.list("SELECT CAST(CAST(objid AS regprocedure) AS text) FROM pg_dist_object WHERE classid = CAST('pg_proc' AS regclass)")
		known = slices.DeleteFunc(known, func(name string) bool { return slices.Contains(spread, name) })
	}
	for i, name := range known {
		known[i] = "SELECT create_distributed_function('" + strings.ReplaceAll(name, "'", "''") + "')"
	}
	return known
}
