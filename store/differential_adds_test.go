package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/llmtally/llmtally/policy"
)

// What the program adds to what PostgreSQL does by itself, and where the two say
// no in other words. Everything else must be the same; so statements are either
// drawn such that none of the rest comes into play, or rewritten here before they
// go to PostgreSQL.
//
//   - Enrichment: times that are missing, a status in lower case, providers from
//     the names of models, tokens from responses, costs from prices. Drawn
//     statements tell all of these, of models that nobody sells.
//   - The ids of logs are the database's, whoever names one. Only the service role
//     draws one.
//   - A log is linked to the user that it names, or else to its end_user if that
//     is somebody's id; '' names nobody; a user who logs need not say who they are;
//     of anon an unknown user becomes the end_user. See linked.
//   - A log of an unknown user is refused, also where its id or call id is taken and
//     it would be ignored. See insertLogs.
//   - An insert with the call id of a log that is still initiated completes it.
//     See insertLogs.
//   - Anon may send a call id again, with a conflict to be ignored or merged, and
//     nothing changes. PostgreSQL wants it to see the rows for that. See blindly.
//   - A user may send a merge, which the program refuses only if there is such a
//     log: users never change logs, and have no right to try. Not drawn.
//   - A merge neither takes a log from its user nor empties its end_user. See
//     merged.
//   - Who has no rule to update or delete reaches no rows. In SQL they have no
//     privilege either, and are told. See sameRefusal.
//   - In SQL an insert on conflict is refused for a null where there may be none,
//     also if there is such a row. Not drawn.
//   - A number that no column takes is out of range to the program, and fails a
//     check of the table's in SQL. Not drawn.

// insertLogs inserts logs as the program does. A log that completes another one
// goes into it, by the hand of the tables' owner.
func (p *sqlSide) insertLogs(s statement) reply {
	s, unknown := p.linked(s)
	if unknown && s.Do == "ignore" {
		s.Undo = true // whatever else the log may meet
	}
	open := map[string]string{} // whose the log is that is still initiated
	for _, row := range p.column(`SELECT json_build_array(litellm_call_id, coalesce(user_profile_id, ''))
		FROM request_logs WHERE status = 'initiated' AND litellm_call_id IS NOT NULL`) {
		var pair [2]string
		if p.err = json.Unmarshal([]byte(row), &pair); p.err != nil {
			return reply{}
		}
		open[pair[0]] = pair[1]
	}
	completing := s.Do == "insert" || s.Target == "" || s.Do == "merge" && blind(s)
	var parts []string
	plain := s
	plain.Rows = nil
	flush := func() {
		if len(plain.Rows) > 0 {
			parts = append(parts, sqlOf(plain, p.ids.ref))
			plain.Rows = nil
		}
	}
	for i, row := range s.Rows {
		id, named := s.value(i, "litellm_call_id")
		owner, begun := open[textOfJSON(id)]
		if completing && named && id != "null" && begun && s.mayComplete(i, owner) {
			flush()
			parts = append(parts, "RESET ROLE", s.completion(i, owner), "SET LOCAL ROLE "+string(s.caller().Role))
			continue
		}
		plain.Rows = append(plain.Rows, row)
	}
	flush()
	results, err := p.run(become(s.caller()) + strings.Join(parts, "; ") + finish(s.Undo))
	r := p.reply(s, results, err)
	if r.Code == "" && unknown && s.Do == "ignore" {
		return reply{Code: "23503"}
	}
	return r
}

// linked returns the statement with the users that the program finds, and whether
// it names one that is unknown.
func (p *sqlSide) linked(s statement) (_ statement, unknown bool) {
	profiles := p.column("SELECT user_id FROM user_profiles")
	known := func(user string) bool { return slices.Contains(profiles, user) }
	s.Columns = slices.Clone(s.Columns)
	s.Rows = slices.Clone(s.Rows)
	for _, column := range []string{"user_profile_id", "end_user"} {
		if s.names(column) {
			continue
		}
		s.Columns = append(s.Columns, column)
		for i := range s.Rows {
			absent := map[string]string{"user_profile_id": "null", "end_user": `""`}[column]
			s.Rows[i] = append(slices.Clone(s.Rows[i]), absent)
		}
	}
	user, end := slices.Index(s.Columns, "user_profile_id"), slices.Index(s.Columns, "end_user")
	c := s.caller()
	for i := range s.Rows {
		row := slices.Clone(s.Rows[i])
		if textOfJSON(row[user]) == "" {
			row[user] = "null"
		}
		if row[user] == "null" && c.Role == policy.Authenticated && c.Subject != "" {
			row[user] = quoted(c.Subject)
		}
		switch endUser := textOfJSON(row[end]); {
		case row[user] == "null" && known(endUser):
			row[user] = row[end]
		case c.Role == policy.Anon && row[user] != "null" && !known(textOfJSON(row[user])):
			row[end], row[user] = row[user], "null"
		}
		unknown = unknown || row[user] != "null" && !known(textOfJSON(row[user]))
		s.Rows[i] = row
	}
	return s, unknown
}

func textOfJSON(raw string) (text string) {
	if json.Unmarshal([]byte(raw), &text) != nil {
		return ""
	}
	return text
}

// mayComplete says whether a row is the end of a log that was begun. A user
// completes what is theirs or nobody's.
func (s statement) mayComplete(row int, owner string) bool {
	status, _ := s.value(row, "status")
	user, _ := s.value(row, "user_profile_id")
	c := s.caller()
	return textOfJSON(status) != "initiated" && (c.Role != policy.Authenticated ||
		c.Subject != "" && textOfJSON(user) == c.Subject && (owner == "" || owner == c.Subject))
}

// completion is the update of a log that was begun.
func (s statement) completion(row int, owner string) string {
	change := statement{Do: "update", On: s.On, Show: s.Show, Rows: [][]string{nil}}
	for i, column := range s.Columns {
		value := s.Rows[row][i]
		switch {
		case column == "id", column == "litellm_call_id", column == "end_user" && textOfJSON(value) == "":
		case column == "user_profile_id" && (value == "null" || owner != "" && s.caller().Role != policy.Service):
		default:
			change.Columns = append(change.Columns, column)
			change.Rows[0] = append(change.Rows[0], value)
		}
	}
	id, _ := s.value(row, "litellm_call_id")
	change.Where = []term{{"litellm_call_id", "=", []string{textOfJSON(id)}}}
	return sqlOf(change, nil)
}

// blind says whether an insert on conflict is one of logs by anon, who sees none.
func blind(s statement) bool { return s.On == "request_logs" && s.caller().Role == policy.Anon }

// blindly is what such an insert says of conflicts. As anon names no ids, only a
// call id can be taken.
func blindly(s statement) string {
	if s.Target == "litellm_call_id" {
		return " ON CONFLICT DO NOTHING"
	}
	return ""
}

// merged is what a row that is there already gets from one that is merged into it.
func merged(s statement, column string) string {
	taken := "excluded." + column
	switch {
	case s.On != "request_logs":
	case column == "user_profile_id":
		return fmt.Sprintf("coalesce(%s, request_logs.user_profile_id)", taken)
	case column == "end_user":
		return fmt.Sprintf("coalesce(nullif(%s, ''), request_logs.end_user)", taken)
	}
	return taken
}

// sameRefusal says whether the answers to a statement are the same but for the
// words.
func sameRefusal(s statement, program, sql reply) bool {
	never := !policy.For(s.caller(), s.On, policy.Action(s.Do)).Any()
	switch {
	case (s.Do == "update" || s.Do == "delete") && never && sql.Code == "42501":
		return program.Code == "" && program.Written == 0 // reached no rows
	case s.writes() && program.Code == "23503" && sql.Code != "":
		return true // another constraint is violated, too: PostgreSQL looks at foreign keys last
	case program.Code == "42501" && sql.Code == "23505" && len(s.Rows) > 1:
		return true // the program looks at the policy for all rows first
	case program.Code == "22007" && sql.Code == "22008":
		return true // a date that no calendar has is no time to the program
	}
	return false
}
