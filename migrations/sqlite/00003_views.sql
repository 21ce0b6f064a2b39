-- The published views, and two that only llmtally reads: user_token_breakdown
-- (behind the function get_user_token_breakdown) and usage_by_log (a user's
-- days and hours). All but the last two read the rollups.

-- +goose Up
CREATE VIEW user_request_analytics AS
SELECT
    p.user_id,
    p.email,
    p.full_name,
    p.subscription_tier,
    p.tokens_used                                         AS total_tokens_counter,
    coalesce(sum(t.requests), 0)                          AS total_requests,
    coalesce(sum(t.successes), 0)                         AS successful_requests,
    coalesce(sum(t.failures), 0)                          AS failed_requests,
    coalesce(sum(t.tokens), 0)                            AS total_tokens_from_logs,
    -- To nine places, since the two parts add up in floating point.
    round(coalesce(sum(t.cost_usd) + sum(t.cost_nano) / 1e9, 0), 9) AS total_cost,
    sum(t.response_us) / 1e6 / nullif(sum(t.timed_requests), 0) AS avg_response_time,
    (
        SELECT m.model
        FROM usage_totals AS m
        WHERE m.user_profile_id = p.user_id AND m.model <> ''
        GROUP BY m.model
        ORDER BY sum(m.requests) DESC, max(m.last_at) DESC, m.model
        LIMIT 1
    )                                                     AS most_used_model,
    (
        SELECT m.provider
        FROM usage_totals AS m
        WHERE m.user_profile_id = p.user_id AND m.provider <> ''
        GROUP BY m.provider
        ORDER BY sum(m.requests) DESC, max(m.last_at) DESC, m.provider
        LIMIT 1
    )                                                     AS most_used_provider,
    max(t.last_at)                                        AS last_request_time
FROM user_profiles AS p
LEFT JOIN usage_totals AS t ON t.user_profile_id = p.user_id
GROUP BY p.user_id;

CREATE VIEW monthly_token_usage AS
SELECT
    u.user_profile_id,
    (SELECT p.email FROM user_profiles AS p WHERE p.user_id = u.user_profile_id) AS email,
    u.month                                               AS period_start,
    coalesce(strftime('%Y-%m-%dT00:00:00.000000Z', u.month, '+1 month'), '9999-12-31T23:59:59.999999Z') AS period_end,
    sum(u.requests)                                       AS request_count,
    sum(u.tokens)                                         AS total_tokens,
    round(sum(u.cost_usd) + sum(u.cost_nano) / 1e9, 9)    AS total_cost,
    (
        SELECT json_group_object(b.model, b.tokens)
        FROM (
            SELECT m.model, sum(m.tokens) AS tokens
            FROM usage_monthly AS m
            WHERE m.user_profile_id = u.user_profile_id AND m.month = u.month
            GROUP BY m.model
            ORDER BY m.model
        ) AS b
    )                                                     AS model_breakdown,
    (
        SELECT json_group_object(b.provider, b.tokens)
        FROM (
            SELECT m.provider, sum(m.tokens) AS tokens
            FROM usage_monthly AS m
            WHERE m.user_profile_id = u.user_profile_id AND m.month = u.month
            GROUP BY m.provider
            ORDER BY m.provider
        ) AS b
    )                                                     AS provider_breakdown
FROM usage_monthly AS u
GROUP BY u.user_profile_id, u.month;

CREATE VIEW user_token_breakdown AS
SELECT
    user_profile_id,
    model,
    provider,
    requests                                              AS request_count,
    tokens                                                AS total_tokens,
    round(cost_usd + cost_nano / 1e9, 9)                  AS total_cost,
    tokens * 1.0 / nullif(token_requests, 0)              AS avg_tokens_per_request,
    last_at                                               AS last_used
FROM usage_totals;

CREATE VIEW user_recent_activity AS
SELECT
    l.id                                                  AS request_id,
    l.created_at                                          AS request_time,
    p.user_id,
    p.email,
    p.full_name,
    p.subscription_tier,
    l.model,
    l.provider,
    l.status,
    l.tokens_used,
    l.total_cost,
    l.response_time
FROM request_logs AS l
LEFT JOIN user_profiles AS p ON p.user_id = l.user_profile_id;

CREATE VIEW usage_by_log AS
SELECT
    user_profile_id,
    created_at,
    coalesce(provider, '')                                AS provider,
    coalesce(model, '')                                   AS model,
    1                                                     AS requests,
    coalesce(status IN ('failure', 'error'), 0)           AS failures,
    tokens_used                                           AS tokens,
    cost_nano / 1000000000                                AS cost_usd,
    cost_nano % 1000000000                                AS cost_nano
FROM request_logs
WHERE user_profile_id IS NOT NULL;

-- +goose Down
DROP VIEW usage_by_log;
DROP VIEW user_recent_activity;
DROP VIEW user_token_breakdown;
DROP VIEW monthly_token_usage;
DROP VIEW user_request_analytics;
