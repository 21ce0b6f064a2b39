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
	again    *bool // it was begun anew since another process made a row
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
	if !c.tx.engine.distributed || c.Relation == "user_profiles" {
		compiled.SQL += c.tx.engine.forUpdate // else the logs are locked one by one
	}
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
	for i, key := range keys {
		if err := c.updateRow(key, set); err != nil {
			return err
		}
		keys[i] = c.keyAfter(key, set)
	}
	return nil
}

// keyAfter returns the key of a row that was given the columns of set.
func (c *changer) keyAfter(key any, set []query.Assignment) any {
	for _, a := range set {
		if a.Column == c.relation.Key[0] && a.Value != nil {
			return a.Value
		}
	}
	return key
}

func (c *changer) updateRow(key any, set []query.Assignment) error {
	// The policy comes before any constraint, as in PostgreSQL: what a
	// constraint says may depend on rows that are not the caller's.
	grant := policy.For(c.caller, c.Relation, policy.Update)
	if !grant.Allows(func(column string) string { return textOr(set, column, c.caller.Subject) }) {
		return errRowSecurity(c.Relation)
	}
	if err := c.fits(set); err != nil {
		return err
	}
	if renamed := textOr(set, c.relation.Key[0], ""); renamed != "" && renamed != key {
		if err := c.unreferred(key); err != nil {
			return err
		}
	}
	compiled, err := query.CompileUpdate(Schema, c.caller, query.Update{
		Relation: c.Relation, Set: c.without(set, key), Where: c.keyIs(key),
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
	keys := make([]any, len(c.Rows))
	for _, i := range c.order() {
		key, inserted, err := c.insertOrMerge(c.maintained(c.Rows[i]), touched)
		if err != nil {
			return o, err
		}
		if keys[i] = key; key == nil {
			continue // it is ignored
		}
		touched[key] = true
		if inserted {
			o.Inserted++
		}
	}
	o.Keys = slices.DeleteFunc(keys, func(key any) bool { return key == nil })
	return o, nil
}

// order is the order to insert rows in. With other processes about it goes by
// what their keys are made of, so that they wait for each other in one
// direction.
func (c *changer) order() []int {
	order := make([]int, len(c.Rows))
	for i := range order {
		order[i] = i
	}
	if !c.tx.engine.shared {
		return order
	}
	columns := slices.Concat(append(slices.Clone(c.relation.Unique), c.relation.Key)...)
	keys := make([][]string, len(c.Rows))
	for i, row := range c.Rows {
		for _, column := range columns {
			j := slices.IndexFunc(row, func(a query.Assignment) bool { return a.Column == column })
			if j >= 0 {
				keys[i] = append(keys[i], fmt.Sprint(row[j].Value))
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return slices.Compare(keys[a], keys[b]) })
	return order
}

// insertOrMerge returns the row's key, or nil when it is to be ignored.
func (c *changer) insertOrMerge(set []query.Assignment, touched map[any]bool) (key any, inserted bool, err error) {
	if err := c.mayInsert(set); err != nil {
		return nil, false, err
	}
	if c.Conflict == Fail {
		key, err = c.insertRow(set)
		return key, true, err
	}
	switch key, err = c.taken(set); {
	case err != nil:
		return nil, false, err
	case key == nil:
		key, err = c.insertRow(set)
		return key, true, c.movedOr(err)
	case c.Conflict == Ignore:
		return nil, false, nil
	case touched[key]:
		return nil, false, errTwice()
	}
	return c.keyAfter(key, set), false, c.updateRow(key, c.touched(set))
}

// without leaves out the key that the row has already: to write it, even as it
// is, would lock the row against everybody who refers to it.
func (c *changer) without(set []query.Assignment, key any) []query.Assignment {
	rest := slices.DeleteFunc(slices.Clone(set), func(a query.Assignment) bool {
		return a.Column == c.relation.Key[0] && a.Value == key
	})
	if len(rest) == 0 {
		return set
	}
	return rest
}

// movedOr has the mutation begin anew when a row is there that was not when it
// was looked for: another process made it meanwhile.
func (c *changer) movedOr(err error) error {
	var e *Error
	if !c.tx.engine.shared || *c.again || !errors.As(err, &e) || e.Code != CodeUnique {
		return err
	}
	*c.again = true // if it is there then, it is another row
	return errMoved
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

// keyLimits are the most bytes of texts that keys are made of, so that every
// engine can index them.
var keyLimits = map[string]int{"user_id": maxUserID, "period_type": 256}

func (c *changer) fits(set []query.Assignment) error {
	for _, a := range set {
		text, _ := a.Value.(string)
		if most, ok := keyLimits[a.Column]; ok && len(text) > most {
			return errorf(CodeTooLong, "%s is too long: %d bytes, at most %d are taken", a.Column, len(text), most)
		}
	}
	return nil
}

func (c *changer) insertRow(set []query.Assignment) (any, error) {
	if err := c.fits(set); err != nil {
		return nil, err
	}
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

// maintained leaves out what the database keeps by itself (tokens_used, the id of
// a new row that is null) and, where a column is named twice, all but the last;
// it notes when a row was changed.
func (c *changer) maintained(row []query.Assignment) []query.Assignment {
	var set []query.Assignment
	for i, a := range row {
		again := slices.ContainsFunc(row[i+1:], func(b query.Assignment) bool { return b.Column == a.Column })
		own := c.Relation == "user_profiles" && a.Column == "tokens_used" ||
			c.Action == policy.Insert && a.Column == "id" && a.Value == nil
		if !again && !own {
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
