package policy

// every stands for each relation, or each action, of a rule.
const every = "*"

// rules is the whole access policy. What anon may complete (a log that is
// still `initiated`) is a matter of the log's state, so it stands with the
// writer: see store/complete.go.
var rules = []Rule{
	{Relation: every, Action: every, Roles: []Role{Service}, Using: everyRow(), Check: everyRow()},

	{Relation: "request_logs", Action: Insert, Roles: []Role{Anon}, Check: everyRow()},
	{Relation: "request_logs", Action: Insert, Roles: []Role{Authenticated}, Check: ownRow("user_profile_id")},
	{Relation: "request_logs", Action: Select, Roles: []Role{Authenticated}, Using: ownRow("user_profile_id")},

	{Relation: "tokens_usage", Action: Select, Roles: []Role{Authenticated}, Using: ownRow("user_profile_id")},
	{Relation: "tokens_usage", Action: Insert, Roles: []Role{Authenticated}, Check: ownRow("user_profile_id")},
	{
		Relation: "tokens_usage", Action: Update, Roles: []Role{Authenticated},
		Using: ownRow("user_profile_id"), Check: ownRow("user_profile_id"),
	},

	{Relation: "user_profiles", Action: Select, Roles: []Role{Authenticated}, Using: ownRow("user_id")},
	{
		Relation: "user_profiles", Action: Update, Roles: []Role{Authenticated},
		Using: ownRow("user_id"), Check: ownRow("user_id"),
		Except: []string{"user_id", "tokens_used", "subscription_tier"},
	},

	{Relation: "user_request_analytics", Action: Select, Roles: []Role{Authenticated}, Using: ownRow("user_id")},
	{Relation: "user_recent_activity", Action: Select, Roles: []Role{Authenticated}, Using: ownRow("user_id")},
	{Relation: "monthly_token_usage", Action: Select, Roles: []Role{Authenticated}, Using: ownRow("user_profile_id")},
	{Relation: "user_token_breakdown", Action: Select, Roles: []Role{Authenticated}, Using: ownRow("user_profile_id")},
	{Relation: "usage_by_log", Action: Select, Roles: []Role{Authenticated}, Using: ownRow("user_profile_id")},
	{Relation: "usage_totals", Action: Select, Roles: []Role{Authenticated}, Using: ownRow("user_profile_id")},
	{Relation: "usage_monthly", Action: Select, Roles: []Role{Authenticated}, Using: ownRow("user_profile_id")},
}
