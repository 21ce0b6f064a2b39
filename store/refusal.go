package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/llmtally/llmtally/policy"
	"github.com/llmtally/llmtally/store/query"
)

// refusal gives a constraint's error the words that PostgreSQL has for it. set
// is what was written; details are for the service role alone, since they
// repeat what is stored.
func (c *changer) refusal(err error, set []query.Assignment) error {
	err = translate(err)
	var e *Error
	if !errors.As(err, &e) {
		return fmt.Errorf("writing %s: %w", c.Relation, err)
	}
	switch e.Code {
	case CodeUnique:
		return c.uniqueRefusal(e, set)
	case CodeForeignKey:
		return c.foreignKeyRefusal(set)
	case CodeNotNull:
		_, column, _ := strings.Cut(e.column, ".")
		return errNotNull(c.relation, column, set)
	}
	return err
}

func errNotNull(r *query.Relation, column string, set []query.Assignment) error {
	var row []string
	for _, col := range r.Columns {
		shown := "null"
		for _, a := range set {
			if a.Column == col.Name && a.Value != nil {
				shown = fmt.Sprint(a.Value)
			}
		}
		row = append(row, shown)
	}
	return &Error{
		Code:    CodeNotNull,
		Message: fmt.Sprintf("null value in column %q of relation %q violates not-null constraint", column, r.Name),
		Details: fmt.Sprintf("Failing row contains (%s).", strings.Join(row, ", ")),
	}
}

func (c *changer) uniqueRefusal(e *Error, set []query.Assignment) error {
	columns := strings.Split(strings.ReplaceAll(e.column, c.Relation+".", ""), ", ")
	return errTaken(c.relation, columns, set, c.caller)
}

// errTaken says that a unique key is taken.
func errTaken(r *query.Relation, columns []string, set []query.Assignment, caller policy.Caller) error {
	constraint := r.Name + "_" + strings.Join(columns, "_") + "_key"
	if strings.Join(columns, ",") == strings.Join(r.Key, ",") {
		constraint = r.Name + "_pkey"
	}
	taken := errorf(CodeUnique, "duplicate key value violates unique constraint %q", constraint)
	if caller.Role == policy.Service {
		var values []string
		for _, column := range columns {
			for _, a := range set {
				if a.Column == column {
					values = append(values, fmt.Sprint(a.Value))
				}
			}
		}
		taken.Details = fmt.Sprintf("Key (%s)=(%s) already exists.", strings.Join(columns, ", "), strings.Join(values, ", "))
	}
	return taken
}

// errReferred says that rows of a table still refer to the profile.
func errReferred(table string) error {
	return &Error{
		Code: CodeForeignKey,
		Message: fmt.Sprintf("update or delete on table %q violates foreign key constraint %q on table %q",
			"user_profiles", table+"_user_profile_id_fkey", table),
		Hint: "DELETE /v1/users/{user_id} erases a user with everything that refers to them",
	}
}

func (c *changer) foreignKeyRefusal(set []query.Assignment) error {
	if c.Relation == "user_profiles" {
		return errReferred("tokens_usage") // the logs were looked at before
	}
	return &Error{
		Code: CodeForeignKey,
		Message: fmt.Sprintf("insert or update on table %q violates foreign key constraint %q",
			c.Relation, c.Relation+"_user_profile_id_fkey"),
		Details: fmt.Sprintf(`Key (user_profile_id)=(%s) is not present in table "user_profiles".`, textOf(set, "user_profile_id")),
	}
}
