package store

// A Relationship is a foreign key: many rows of Table refer to one of Target.
type Relationship struct {
	Constraint     string
	Table, Column  string
	Target, Unique string // the column that Column refers to
}

// Relationships lists the foreign keys.
var Relationships = []Relationship{
	{"request_logs_user_profile_id_fkey", "request_logs", "user_profile_id", "user_profiles", "user_id"},
	{"tokens_usage_user_profile_id_fkey", "tokens_usage", "user_profile_id", "user_profiles", "user_id"},
}
