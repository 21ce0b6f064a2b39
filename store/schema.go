package store

import "github.com/llmtally/llmtally/store/query"

// Schema lists what can be queried: the published tables and views, and those
// that only llmtally's own functions read. Columns that a table has beside
// these (cost_nano) are nobody's to ask for.
var Schema = query.Schema{}

func relation(r query.Relation, columns ...query.ColumnSpec) {
	r.Columns = columns
	Schema[r.Name] = &r
}

func col(t query.Type, names ...string) []query.ColumnSpec {
	columns := make([]query.ColumnSpec, len(names))
	for i, name := range names {
		columns[i] = query.ColumnSpec{Name: name, Type: t}
	}
	return columns
}

func columns(groups ...[]query.ColumnSpec) (all []query.ColumnSpec) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func newestFirst(at, id string) []query.Order {
	return []query.Order{{Column: at, Desc: true}, {Column: id, Desc: true}}
}

func init() {
	const (
		text, integer, double, moment, js = query.Text, query.Int, query.Double, query.Time, query.JSON
	)
	relation(query.Relation{Name: "user_profiles", Key: []string{"user_id"}}, columns(
		col(text, "user_id", "email", "full_name", "avatar_url", "provider", "provider_user_id"),
		col(js, "raw_oauth_details"), col(text, "subscription_tier"), col(integer, "tokens_used"),
		col(moment, "created_at", "updated_at"))...)
	relation(query.Relation{
		Name: "request_logs", Key: []string{"id"}, Unique: [][]string{{"litellm_call_id"}},
	}, logColumns()...)
	relation(query.Relation{
		Name: "tokens_usage", Key: []string{"id"},
		Unique: [][]string{{"user_profile_id", "period_type", "period_start"}},
	}, columns(
		col(integer, "id"), col(text, "user_profile_id", "period_type"), col(moment, "period_start", "period_end"),
		col(integer, "total_tokens"), col(double, "total_cost"), col(integer, "request_count"),
		col(js, "model_breakdown", "provider_breakdown"), col(moment, "created_at", "updated_at"))...)

	relation(query.Relation{Name: "user_request_analytics"}, columns(
		col(text, "user_id", "email", "full_name", "subscription_tier"),
		col(integer, "total_tokens_counter", "total_requests", "successful_requests", "failed_requests",
			"total_tokens_from_logs"),
		col(double, "total_cost", "avg_response_time"), col(text, "most_used_model", "most_used_provider"),
		col(moment, "last_request_time"))...)
	relation(query.Relation{Name: "user_recent_activity", Order: newestFirst("request_time", "request_id")}, columns(
		col(integer, "request_id"), col(moment, "request_time"),
		col(text, "user_id", "email", "full_name", "subscription_tier", "model", "provider", "status"),
		col(integer, "tokens_used"), col(double, "total_cost"), col(query.Real, "response_time"))...)
	relation(query.Relation{Name: "monthly_token_usage"}, columns(
		col(text, "user_profile_id", "email"), col(moment, "period_start", "period_end"),
		col(integer, "request_count", "total_tokens"), col(double, "total_cost"),
		col(js, "model_breakdown", "provider_breakdown"))...)

	relation(query.Relation{
		Name: "user_token_breakdown", Private: true,
		Order: []query.Order{{Column: "total_tokens", Desc: true}, {Column: "model"}, {Column: "provider"}},
	}, columns(
		col(text, "user_profile_id", "model", "provider"), col(integer, "request_count", "total_tokens"),
		col(double, "total_cost", "avg_tokens_per_request"), col(moment, "last_used"))...)
	relation(query.Relation{Name: "usage_by_log", Private: true}, columns(
		col(integer, "id"), col(text, "user_profile_id"), col(moment, "created_at"), col(text, "provider", "model"),
		col(integer, "requests", "failures", "tokens", "cost_usd", "cost_nano"))...)
	relation(query.Relation{Name: "traffic_by_log", Private: true}, columns(
		col(integer, "id"), col(moment, "created_at"), col(text, "provider", "model"),
		col(integer, "requests", "failures", "tokens", "cost_usd", "cost_nano"))...)
	relation(query.Relation{Name: "usage_by_tier", Private: true}, columns(
		col(text, "subscription_tier"), col(integer, "id"), col(moment, "created_at"),
		col(integer, "requests", "failures", "tokens", "cost_usd", "cost_nano"))...)
	relation(query.Relation{Name: "totals_by_tier", Private: true}, columns(
		col(text, "user_profile_id", "subscription_tier", "provider", "model"), col(moment, "last_at"),
		col(integer, "requests", "failures", "tokens", "cost_usd", "cost_nano"))...)
	relation(query.Relation{Name: "usage_totals", Private: true}, columns(
		col(text, "user_profile_id", "model", "provider"), col(integer, sumColumns...), col(moment, "last_at"))...)
	relation(query.Relation{Name: "usage_monthly", Private: true}, columns(
		col(text, "user_profile_id"), col(moment, "month"), col(text, "model", "provider"), col(integer, sumColumns...),
		col(moment, "last_at"))...)
	relation(query.Relation{Name: "traffic_hourly", Key: []string{"hour", "model", "provider"}, Private: true}, columns(
		col(moment, "hour"), col(text, "model", "provider"), col(integer, sumColumns...), col(moment, "last_at"),
		col(text, "latency"))...)
	relation(query.Relation{Name: "price_list", Private: true}, columns(
		col(integer, "id"), col(text, "source", "provider", "model"), col(moment, "effective_from"), col(text, "hours"),
		col(js, "rates", "match"), col(integer, "context_window", "deprecated", "rank"))...)
}
