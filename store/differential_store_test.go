package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// A storeSide does statements through the program, as its REST door does.
type storeSide struct {
	db  *store.DB
	raw *sql.DB // past the store
	ids givenIDs
	err error // what no statement should ever meet
}

func openStoreSide(t *testing.T) *storeSide {
	start, err := time.Parse(time.RFC3339Nano, diffStart)
	require.NoError(t, err)
	db := storetest.OpenWith(t, store.Options{Now: func() time.Time { return start }})
	return &storeSide{db: db, raw: storetest.SQL(t, db.Path())}
}

// reset empties the database, but for the profiles that are there from the
// beginning.
func (p *storeSide) reset(t *testing.T) {
	p.ids = givenIDs{}
	require.NoError(t, p.db.Write(t.Context(), func(tx *store.Tx) error {
		for _, table := range emptied {
			if _, err := tx.Exec("DELETE FROM " + table); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, user := range diffProfiles {
		_, err := p.db.Run(t.Context(), policy.System(), query.Insert{Relation: "user_profiles", Set: []query.Assignment{
			{Column: "user_id", Value: user}, {Column: "created_at", Value: diffStart}, {Column: "updated_at", Value: diffStart},
		}}, nil)
		require.NoError(t, err)
	}
}

// do does a statement, and returns the keys of the rows that were written.
func (p *storeSide) do(s statement) (a reply, keys []any) {
	var err error
	switch s.Do {
	case "select":
		a.Rows, err = p.selected(s)
	case "call":
		a.Rows, err = p.called(s)
	default:
		a, keys, err = p.written(s)
	}
	var refused *store.Error
	switch {
	case errors.As(err, &refused):
		return reply{Code: refused.Code}, nil
	case err != nil:
		p.err = err
	}
	return a, keys
}

func (p *storeSide) read(v *store.View, q query.Select) (rows [][]any, err error) {
	_, err = v.Select(q, func(r query.Row) error {
		rows = append(rows, slices.Clone(r))
		return nil
	})
	return rows, err
}

func (p *storeSide) reader(c policy.Caller) *store.View { return p.db.Reader(context.Background(), c) }

func (p *storeSide) selected(s statement) ([][]any, error) {
	where, err := p.where(s)
	if err != nil {
		return nil, err
	}
	q := query.Select{From: s.On, Where: where, Order: orders(s.Order)}
	if s.Limit != "" {
		n, err := strconv.ParseInt(s.Limit, 10, 64)
		if err != nil {
			return nil, err
		}
		q.Limit = &n
	}
	return p.read(p.reader(s.caller()), q)
}

func orders(names []string) (all []query.Order) {
	for _, name := range names {
		column, desc := strings.CutSuffix(name, " desc")
		all = append(all, query.Order{Column: column, Desc: desc})
	}
	return all
}

func (p *storeSide) called(s statement) ([][]any, error) {
	f := store.Functions[s.On]
	args := make([]any, len(f.Params))
	for i, param := range f.Params {
		var err error
		if args[i], err = store.ParseJSONValue(param.Type, []byte(s.Rows[0][i])); err != nil {
			return nil, err
		}
	}
	q, err := f.Select(args)
	if err != nil {
		return nil, err
	}
	return p.read(p.reader(s.caller()), q)
}

func (p *storeSide) where(s statement) (query.Expr, error) {
	var all query.And
	for _, t := range s.Where {
		c, ok := store.Schema[s.On].Column(t.Column)
		values := make([]any, len(t.Values))
		for i, text := range t.Values {
			if strings.HasPrefix(text, "#") {
				text = p.ids.ref(s.On, text)
			}
			values[i] = text
			if !ok && s.writes() { // the door asks before it writes
				return nil, &store.Error{Code: store.CodeUnknownColumn}
			}
			var err error
			if values[i], err = store.ParseValue(c.Type, text); err != nil {
				return nil, err
			}
		}
		switch t.Op {
		case "is null":
			all = append(all, query.IsNull{Column: t.Column})
		case "in":
			all = append(all, query.In{Place: query.Column(t.Column), Values: values})
		default:
			all = append(all, query.Compare{Column: t.Column, Op: query.Op(t.Op), Value: values[0]})
		}
	}
	if all == nil {
		return nil, nil
	}
	return all, nil
}

var diffConflicts = map[string]store.Conflict{"ignore": store.Ignore, "merge": store.Merge}

func (p *storeSide) written(s statement) (a reply, keys []any, err error) {
	m := store.Mutation{Relation: s.On, Action: policy.Action(s.Do), Rollback: s.Undo, Conflict: diffConflicts[s.Do]}
	if s.adds() {
		m.Action = policy.Insert
	}
	if s.Target != "" {
		m.Target = strings.Split(s.Target, ", ")
	}
	if m.Where, err = p.where(s); err != nil {
		return a, nil, err
	}
	for i := range s.Rows {
		row, err := values(s, i)
		if err != nil {
			return a, nil, err
		}
		m.Rows = append(m.Rows, row)
	}
	if m.Action == policy.Update {
		m.Set, m.Rows = m.Rows[0], nil
	}
	show := func(v *store.View, keys []any) (err error) {
		key := store.Schema[s.On].Key[0]
		a.Rows, err = p.read(v, query.Select{From: s.On, Where: query.In{Place: query.Column(key), Values: keys}})
		return err
	}
	// Logs share transactions with others' logs, so they are shown afterwards.
	later := s.Show && s.On == "request_logs" && s.adds() && !s.Undo
	if s.Show && !later {
		m.Show = show
	}
	outcome, err := p.db.Mutate(context.Background(), s.caller(), m)
	if err != nil {
		return a, nil, err
	}
	a.Written = int64(len(outcome.Keys))
	if later {
		err = show(p.reader(s.caller()), outcome.Keys)
	}
	return a, outcome.Keys, err
}

// values types a row as the REST door does.
func values(s statement, row int) (set []query.Assignment, err error) {
	for i, raw := range s.Rows[row] {
		c, ok := store.Schema[s.On].Column(s.Columns[i])
		var value any = raw
		switch {
		case !ok:
		case s.On == "request_logs" && c.Type == query.JSON && raw != "null":
			value = json.RawMessage(raw)
		default:
			if value, err = store.ParseJSONValue(c.Type, []byte(raw)); err != nil {
				return nil, err
			}
		}
		set = append(set, query.Assignment{Column: s.Columns[i], Value: value})
	}
	return set, nil
}

// look reads the rows of these keys past the policy.
func (p *storeSide) look(on string, keys []any) [][]any {
	key := store.Schema[on].Key[0]
	rows, err := p.read(p.reader(policy.System()), query.Select{
		From: on, Where: query.In{Place: query.Column(key), Values: keys}, Order: orders([]string{key}),
	})
	p.err = errors.Join(p.err, err)
	return rows
}

// meet notes the ids that a table has given since it was last asked.
func (p *storeSide) meet(table string) {
	rows, err := p.read(p.reader(policy.System()), query.Select{
		From: table, Columns: []query.Output{{Name: "id"}}, Order: orders([]string{"id"}),
		Where: query.Compare{Column: "id", Op: query.Gt, Value: p.ids.last(table)},
	})
	p.err = errors.Join(p.err, err)
	for _, row := range rows {
		p.ids.add(table, row[0].(int64))
	}
}

func (p *storeSide) changedMonths() (all []string) {
	rows, err := p.raw.Query(changedMonths)
	if err != nil {
		p.err = err
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var month storetest.Stored
		p.err = errors.Join(p.err, rows.Scan(&month))
		all = append(all, string(month))
	}
	p.err = errors.Join(p.err, rows.Err())
	return all
}
