package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store"
	"github.com/llmtally/llmtally/store/query"
	"github.com/llmtally/llmtally/store/storetest"
)

// sqlOf returns the SQL of a statement. ref turns a reference to an id (#3) into
// the id.
func sqlOf(s statement, ref func(on, id string) string) string {
	r := store.Schema[s.On]
	var sql strings.Builder
	switch s.Do {
	case "select":
		fmt.Fprintf(&sql, "SELECT %s FROM %s%s", columnList(r), s.On, whereOf(s, ref))
		if len(s.Order) > 0 {
			sql.WriteString(" ORDER BY " + strings.Join(s.Order, ", "))
		}
		if s.Limit != "" {
			sql.WriteString(" LIMIT " + s.Limit)
		}
		return sql.String()
	case "call":
		fmt.Fprintf(&sql, "SELECT * FROM %s(%s)", s.On, strings.Join(literals(s, 0), ", "))
		return sql.String()
	case "update":
		fmt.Fprintf(&sql, "UPDATE %s SET %s%s", s.On, strings.Join(assigned(s), ", "), whereOf(s, ref))
	case "delete":
		fmt.Fprintf(&sql, "DELETE FROM %s%s", s.On, whereOf(s, ref))
	default:
		var rows []string
		for i := range s.Rows {
			rows = append(rows, "("+strings.Join(literals(s, i), ", ")+")")
		}
		fmt.Fprintf(&sql, "INSERT INTO %s (%s) VALUES %s%s", s.On, strings.Join(s.Columns, ", "),
			strings.Join(rows, ", "), onConflict(s))
	}
	if s.Show {
		sql.WriteString(" RETURNING " + columnList(r))
	}
	return sql.String()
}

func columnList(r *query.Relation) string {
	names := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

func onConflict(s statement) string {
	if s.Do == "insert" {
		return ""
	}
	if blind(s) {
		return blindly(s)
	}
	target := s.Target
	if target == "" {
		target = strings.Join(store.Schema[s.On].Key, ", ")
	}
	if s.Do == "ignore" {
		return " ON CONFLICT (" + target + ") DO NOTHING"
	}
	var sets []string
	for _, column := range s.Columns {
		sets = append(sets, column+" = "+merged(s, column))
	}
	return " ON CONFLICT (" + target + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

func assigned(s statement) []string {
	values := literals(s, 0)
	sets := make([]string, len(values))
	for i, v := range values {
		sets[i] = s.Columns[i] + " = " + v
	}
	return sets
}

func whereOf(s statement, ref func(on, id string) string) string {
	if len(s.Where) == 0 {
		return ""
	}
	var terms []string
	for _, t := range s.Where {
		values := make([]string, len(t.Values))
		for i, v := range t.Values {
			if values[i] = quote(v); strings.HasPrefix(v, "#") {
				values[i] = ref(s.On, v)
			}
		}
		switch t.Op {
		case "is null":
			terms = append(terms, t.Column+" IS NULL")
		case "in":
			terms = append(terms, t.Column+" IN ("+strings.Join(values, ", ")+")")
		default:
			terms = append(terms, t.Column+" "+t.Op+" "+values[0])
		}
	}
	return " WHERE " + strings.Join(terms, " AND ")
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// literals returns a row's values as SQL, each without a type, as a client's
// texts are.
func literals(s statement, row int) []string {
	all := make([]string, len(s.Rows[row]))
	for i, raw := range s.Rows[row] {
		js := false
		if r := store.Schema[s.On]; r != nil {
			c, _ := r.Column(s.Columns[i])
			js = c.Type == query.JSON
		}
		var text string
		switch {
		case raw == "null":
			all[i] = "NULL"
		case !js && json.Unmarshal([]byte(raw), &text) == nil:
			all[i] = quote(text)
		default:
			all[i] = quote(raw)
		}
	}
	return all
}

// A sqlSide does statements as somebody does who reaches PostgreSQL past the
// program: in a transaction with the role and the claims of a token, as
// PostgREST does it.
type sqlSide struct {
	conn *pgconn.PgConn
	ids  givenIDs
	err  error // what no statement should ever meet
}

func newSQLSide(t testing.TB, address string) *sqlSide {
	config, err := pgconn.ParseConfig(storetest.AsSuperuser(t, address))
	require.NoError(t, err)
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["synchronous_commit"] = "off"
	conn, err := pgconn.ConnectConfig(context.Background(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return &sqlSide{conn: conn}
}

// reset empties the database, but for the profiles that are there from the
// beginning.
func (p *sqlSide) reset(t testing.TB) {
	p.ids = givenIDs{}
	sql := "BEGIN; SET LOCAL llmtally.writer = on; DELETE FROM " + strings.Join(emptied, "; DELETE FROM ")
	for _, user := range diffProfiles {
		sql += fmt.Sprintf("; INSERT INTO user_profiles (user_id, created_at, updated_at) VALUES (%s, '%[2]s', '%[2]s')",
			quote(user), diffStart)
	}
	_, err := p.run(sql + "; COMMIT")
	require.NoError(t, err)
}

// run runs statements, parted by semicolons, and returns the answer of each.
func (p *sqlSide) run(sql string) (answers []*pgconn.Result, err error) {
	results := p.conn.Exec(context.Background(), sql)
	for results.NextResult() {
		answers = append(answers, results.ResultReader().Read())
	}
	if err = results.Close(); err != nil && p.conn.TxStatus() != 'I' {
		_, undo := p.run("ROLLBACK")
		err = errors.Join(err, undo)
	}
	return answers, err
}

// become returns the SQL that begins a transaction as a caller.
func become(c policy.Caller) string {
	claims := map[string]string{"role": string(c.Role)}
	if c.Subject != "" {
		claims["sub"] = c.Subject
	}
	text, _ := json.Marshal(claims)
	return fmt.Sprintf("BEGIN; SET LOCAL ROLE %s; SELECT set_config('request.jwt.claims', %s, true); ", c.Role, quote(string(text)))
}

const becomes = 3 // statements

func finish(undo bool) string {
	if undo {
		// So does PostgREST, that deferred constraints have their say.
		return "; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK"
	}
	return "; COMMIT"
}

func (p *sqlSide) do(s statement) reply {
	if s.On == "request_logs" && s.adds() {
		return p.insertLogs(s)
	}
	results, err := p.run(become(s.caller()) + sqlOf(s, p.ids.ref) + finish(s.Undo))
	return p.reply(s, results, err)
}

// reply reads what the statements between become and finish answered.
func (p *sqlSide) reply(s statement, results []*pgconn.Result, err error) (a reply) {
	if err != nil {
		var refused *pgconn.PgError
		if !errors.As(err, &refused) {
			p.err = err
			return a
		}
		return reply{Code: refused.Code}
	}
	for _, r := range results[becomes:] {
		if r.CommandTag.Insert() || r.CommandTag.Update() || r.CommandTag.Delete() {
			a.Written += r.CommandTag.RowsAffected()
		}
		a.Rows = append(a.Rows, p.rows(s.On, r)...)
	}
	return a
}

func (p *sqlSide) rows(on string, r *pgconn.Result) (rows [][]any) {
	columns := columnsOf(on)
	for _, values := range r.Rows {
		row := make([]any, len(values))
		for i, v := range values {
			if v != nil {
				row[i] = p.cell(columns[i].Type, string(v))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// cell reads a value that PostgreSQL shows as a text.
func (p *sqlSide) cell(t query.Type, text string) (v any) {
	var err error
	switch t {
	case query.Int:
		v, err = strconv.ParseInt(text, 10, 64)
	case query.Real, query.Double:
		v, err = strconv.ParseFloat(text, 64)
	case query.Time:
		var at time.Time
		at, err = time.Parse("2006-01-02 15:04:05.999999-07", text)
		v = store.At(at).Stored()
	default:
		v = text
	}
	if err != nil {
		p.err = err
	}
	return v
}

// look reads as the superuser: the rows of these keys, or all.
func (p *sqlSide) look(on string, keys []string) [][]any {
	key := relationKeys[on]
	where := ""
	if keys != nil {
		list := make([]string, len(keys))
		for i, k := range keys {
			list[i] = quote(k)
		}
		where = " WHERE " + key[0] + " IN (" + strings.Join(list, ", ") + ")"
	}
	results, err := p.run(fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %s", columnList(store.Schema[on]), on, where, strings.Join(key, ", ")))
	if err != nil {
		p.err = err
		return nil
	}
	return p.rows(on, results[0])
}

// see does statements that read, as a caller.
func (p *sqlSide) see(c policy.Caller, reads []statement) (all [][][]any) {
	sql := become(c)
	for i, s := range reads {
		if i > 0 {
			sql += "; "
		}
		sql += sqlOf(s, p.ids.ref)
	}
	results, err := p.run(sql + finish(false))
	if err != nil {
		p.err = err
		return make([][][]any, len(reads))
	}
	for i, s := range reads {
		all = append(all, p.rows(s.On, results[becomes+i]))
	}
	return all
}

// meet notes the ids that a table has given since it was last asked.
func (p *sqlSide) meet(table string) {
	results, err := p.run(fmt.Sprintf("SELECT id FROM %s WHERE id > %d ORDER BY id", table, p.ids.last(table)))
	if err != nil {
		p.err = err
		return
	}
	for _, row := range results[0].Rows {
		p.ids.add(table, p.cell(query.Int, string(row[0])).(int64))
	}
}

func (p *sqlSide) column(sql string) (all []string) {
	results, err := p.run(sql)
	if err != nil {
		p.err = err
		return nil
	}
	for _, row := range results[0].Rows {
		all = append(all, string(slices.Concat(row...)))
	}
	return all
}

func (p *sqlSide) changedMonths() []string {
	all := p.column(changedMonths)
	for i, month := range all {
		all[i] = p.cell(query.Time, month).(string)
	}
	return all
}
