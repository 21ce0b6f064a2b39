package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// A changer makes one mutation in a transaction. Inserts of logs are not its
// business: see insertLogs.
type changer struct {
	Mutation
	db       *DB
	tx       *Tx
	caller   policy.Caller
	relation *query.Relation
}

func (c *changer) run(ctx context.Context) (o Outcome, err error) {
	if c.Action == policy.Insert {
		o, err = c.insertRows()
	} else {
		o.Keys, err = c.reached()
	}
	if err != nil {
		return o, err
	}
	if err := c.accept(len(o.Keys)); err != nil {
		return o, err
	}
	if c.Action == policy.Delete {
		// What is to be deleted can only be shown before.
		return o, errors.Join(c.show(ctx, o.Keys), c.deleteRows(o.Keys))
	}
	if c.Action == policy.Update {
		if err := c.updateRows(o.Keys); err != nil {
			return o, err
		}
	}
	return o, c.show(ctx, o.Keys)
}

func (c *changer) show(ctx context.Context, keys []any) error {
	if c.Show == nil {
		return nil
	}
	return c.Show(&View{ctx: ctx, db: c.db, caller: c.caller, tx: c.tx.Tx}, keys)
}

// reached returns the keys of the rows that the mutation is about.
func (c *changer) reached() ([]any, error) {
	compiled, err := query.CompileKeys(Schema, c.caller, c.Relation, c.Action, c.Where)
	if err != nil {
		return nil, nameError(err)
	}
	// In the order of the keys, so that processes wait for each other in one
	// direction: what another one changes meanwhile is looked at again.
	compiled.SQL += c.tx.engine.forUpdate
	keys, err := selectKeys(c.tx.Tx, compiled)
	if err != nil {
		return nil, fmt.Errorf("finding the rows to change: %w", translate(err))
	}
	return keys, nil
}

func selectKeys(tx *sql.Tx, s query.Statement) (keys []any, err error) {
	rows, err := tx.Query(s.SQL, s.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var key any
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}

func (c *changer) keyIs(key any) query.Expr { return query.Is(c.relation.Key[0], key) }

func (c *changer) updateRows(keys []any) error {
	if c.Relation == "request_logs" {
		return c.db.updateLogs(c.tx, c.caller, c.Set, keys)
	}
	set := c.maintained(c.Set)
	if len(set) == 0 {
		return nil
	}
	for _, key := range keys {
		if err := c.updateRow(key, set); err != nil {
			return err
		}
	}
	return nil
}

func (c *changer) updateRow(key any, set []query.Assignment) error {
	// The policy comes before any constraint, as in PostgreSQL: what a
	// constraint says may depend on rows that are not the caller's.
	grant := policy.For(c.caller, c.Relation, policy.Update)
	if !grant.Allows(func(column string) string { return textOr(set, column, c.caller.Subject) }) {
		return errRowSecurity(c.Relation)
	}
	if renamed := textOr(set, c.relation.Key[0], ""); renamed != "" && renamed != key {
		if err := c.unreferred(key); err != nil {
			return err
		}
	}
	compiled, err := query.CompileUpdate(Schema, c.caller, query.Update{
		Relation: c.Relation, Set: set, Where: c.keyIs(key),
	})
	if err != nil {
		return nameError(err)
	}
	var allowed bool
	err = c.tx.QueryRow(compiled.SQL, compiled.Args...).Scan(&allowed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errorf(CodePrivilege, "new row violates row-level security policy (USING expression) for table %q", c.Relation)
	case err != nil:
		return c.refusal(err, set)
	case !allowed:
		return errRowSecurity(c.Relation)
	}
	return nil
}

func (c *changer) deleteRows(keys []any) error {
	if c.Relation == "request_logs" {
		return c.db.deleteLogs(c.tx, keys)
	}
	for _, key := range keys {
		if err := c.unreferred(key); err != nil {
			return err
		}
		compiled, err := query.CompileDelete(Schema, c.caller, query.Delete{Relation: c.Relation, Where: c.keyIs(key)})
		if err != nil {
			return nameError(err)
		}
		if _, err := c.tx.Exec(compiled.SQL, compiled.Args...); err != nil {
			return c.refusal(err, nil)
		}
	}
	return nil
}

// unreferred refuses to take a profile away from its logs: their foreign key is
// deferred, and would speak up only at the commit.
func (c *changer) unreferred(key any) error {
	if c.Relation != "user_profiles" {
		return nil
	}
	var found bool
	err := c.tx.QueryRow("SELECT EXISTS (SELECT 1 FROM request_logs WHERE user_profile_id = $1)", key).Scan(&found)
	if err == nil && found {
		err = errReferred("request_logs")
	}
	return err
}

// insertRows inserts row by row, since a row that is there already asks the
// policy for more than a new one: to update it, too.
func (c *changer) insertRows() (o Outcome, err error) {
	touched := map[any]bool{}
	for _, row := range c.Rows {
		set := c.maintained(row)
		if err := c.mayInsert(set); err != nil {
			return o, err
		}
		if c.Conflict != Fail {
			key, err := c.taken(set)
			if err != nil {
				return o, err
			}
			if key != nil {
				if c.Conflict == Ignore {
					continue
				}
				if touched[key] {
					return o, errTwice()
				}
				if err := c.updateRow(key, c.touched(set)); err != nil {
					return o, err
				}
				touched[key] = true
				o.Keys = append(o.Keys, key)
				continue
			}
		}
		key, err := c.insertRow(set)
		if err != nil {
			return o, err
		}
		touched[key] = true
		o.Keys = append(o.Keys, key)
		o.Inserted++
	}
	return o, nil
}

func errTwice() error {
	return &Error{
		Code: "21000", Message: "ON CONFLICT DO UPDATE command cannot affect row a second time",
		Hint: "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
	}
}

// taken returns the key of the row that has the values of the conflict target,
// whoever may see it.
func (c *changer) taken(set []query.Assignment) (any, error) {
	target := c.Target
	if target == nil {
		target = c.relation.Key
	}
	var where query.And
	for _, column := range target {
		i := slices.IndexFunc(set, func(a query.Assignment) bool { return a.Column == column })
		switch {
		case i >= 0 && set[i].Value != nil:
			where = append(where, query.Is(column, set[i].Value))
		case i < 0 && column == "period_type":
			where = append(where, query.Is(column, "monthly")) // its default
		default:
			return nil, nil // null, or a value that the database makes
		}
	}
	compiled, err := query.CompileSelect(Schema, policy.System(), query.Select{
		From: c.Relation, Columns: []query.Output{{Name: c.relation.Key[0]}}, Where: where,
	})
	if err != nil {
		return nil, nameError(err)
	}
	keys, err := selectKeys(c.tx.Tx, compiled)
	if err != nil || len(keys) == 0 {
		return nil, translate(err)
	}
	return keys[0], nil
}

func textOf(set []query.Assignment, column string) string { return textOr(set, column, "") }

// textOr returns the text that a column is given, or what it is taken to have
// when it is given none.
func textOr(set []query.Assignment, column, absent string) string {
	for _, a := range set {
		if a.Column == column {
			s, _ := a.Value.(string)
			return s
		}
	}
	return absent
}

// mayInsert asks the policy before any constraint is looked at, as PostgreSQL
// does.
func (c *changer) mayInsert(set []query.Assignment) error {
	grant := policy.For(c.caller, c.Relation, policy.Insert)
	if !grant.Allows(func(column string) string { return textOf(set, column) }) {
		return errRowSecurity(c.Relation)
	}
	return nil
}

func (c *changer) insertRow(set []query.Assignment) (any, error) {
	compiled, err := query.CompileInsert(Schema, c.caller, query.Insert{Relation: c.Relation, Set: set})
	if err != nil {
		return nil, nameError(err)
	}
	var key any
	var allowed bool
	if err := c.tx.QueryRow(compiled.SQL, compiled.Args...).Scan(&key, &allowed); err != nil {
		return nil, c.refusal(err, set)
	}
	if !allowed {
		return nil, errRowSecurity(c.Relation)
	}
	return key, nil
}

// maintained leaves out what the database keeps by itself (tokens_used) and,
// where a column is named twice, all but the last; it notes when a row was
// changed.
func (c *changer) maintained(row []query.Assignment) []query.Assignment {
	var set []query.Assignment
	for i, a := range row {
		again := slices.ContainsFunc(row[i+1:], func(b query.Assignment) bool { return b.Column == a.Column })
		if !again && (c.Relation != "user_profiles" || a.Column != "tokens_used") {
			set = append(set, a)
		}
	}
	if c.Action == policy.Update {
		return c.touched(set)
	}
	return set
}

func (c *changer) touched(set []query.Assignment) []query.Assignment {
	named := slices.ContainsFunc(set, func(a query.Assignment) bool { return a.Column == "updated_at" })
	if len(set) == 0 || named {
		return set
	}
	return append(set, query.Assignment{Column: "updated_at", Value: c.tx.now()})
}
