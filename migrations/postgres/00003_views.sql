-- The published views and functions, and what only llmtally reads:
-- user_token_breakdown (behind the function get_user_token_breakdown) and
-- usage_by_log (a user's days and hours). All but usage_by_log and
-- user_recent_activity read the rollups.

-- +goose Up
CREATE VIEW user_request_analytics WITH (security_invoker = true) AS
SELECT
    p.user_id,
    p.email,
    p.full_name,
    p.subscription_tier,
    p.tokens_used                                         AS total_tokens_counter,
    coalesce(sum(t.requests), 0)::bigint                  AS total_requests,
    coalesce(sum(t.successes), 0)::bigint                 AS successful_requests,
    coalesce(sum(t.failures), 0)::bigint                  AS failed_requests,
    coalesce(sum(t.tokens), 0)::bigint                    AS total_tokens_from_logs,
    -- Summed exactly, and rounded once.
    coalesce(sum(t.cost_usd) + sum(t.cost_nano) * 0.000000001, 0)::double precision AS total_cost,
    sum(t.response_us)::double precision / 1000000
        / nullif(sum(t.timed_requests), 0)::double precision AS avg_response_time,
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

CREATE VIEW monthly_token_usage WITH (security_invoker = true) AS
SELECT
    u.user_profile_id,
    (SELECT p.email FROM user_profiles AS p WHERE p.user_id = u.user_profile_id) AS email,
    u.month                                               AS period_start,
    next_month(u.month)                                   AS period_end,
    sum(u.requests)::bigint                               AS request_count,
    sum(u.tokens)::bigint                                 AS total_tokens,
    (sum(u.cost_usd) + sum(u.cost_nano) * 0.000000001)::double precision AS total_cost,
    (
        SELECT ('{' || string_agg(to_json(b.model) || ':' || b.tokens, ',' ORDER BY b.model) || '}')::json
        FROM (
            SELECT m.model, sum(m.tokens) AS tokens
            FROM usage_monthly AS m
            WHERE m.user_profile_id = u.user_profile_id AND m.month = u.month
            GROUP BY m.model
        ) AS b
    )                                                     AS model_breakdown,
    (
        SELECT ('{' || string_agg(to_json(b.provider) || ':' || b.tokens, ',' ORDER BY b.provider) || '}')::json
        FROM (
            SELECT m.provider, sum(m.tokens) AS tokens
            FROM usage_monthly AS m
            WHERE m.user_profile_id = u.user_profile_id AND m.month = u.month
            GROUP BY m.provider
        ) AS b
    )                                                     AS provider_breakdown
FROM usage_monthly AS u
GROUP BY u.user_profile_id, u.month;

CREATE VIEW user_token_breakdown WITH (security_invoker = true) AS
SELECT
    user_profile_id,
    model,
    provider,
    requests                                              AS request_count,
    tokens                                                AS total_tokens,
    (cost_usd + cost_nano * 0.000000001)::double precision AS total_cost,
    tokens::double precision / nullif(token_requests, 0)  AS avg_tokens_per_request,
    last_at                                               AS last_used
FROM usage_totals;

CREATE VIEW user_recent_activity WITH (security_invoker = true) AS
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

CREATE VIEW usage_by_log WITH (security_invoker = true) AS
SELECT
    user_profile_id,
    created_at,
    coalesce(provider, '')                                AS provider,
    coalesce(model, '')                                   AS model,
    1::bigint                                             AS requests,
    CASE WHEN status IN ('failure', 'error') THEN 1::bigint ELSE 0 END AS failures,
    tokens_used                                           AS tokens,
    cost_nano / 1000000000                                AS cost_usd,
    cost_nano % 1000000000                                AS cost_nano
FROM request_logs
WHERE user_profile_id IS NOT NULL;

-- A user's requests, newest first.
-- +goose StatementBegin
CREATE FUNCTION get_user_request_history(p_user_id text, p_limit int DEFAULT 50, p_offset int DEFAULT 0)
RETURNS TABLE (
    id bigint, request_time timestamptz, model text, provider text, status text, tokens_used bigint,
    prompt_tokens bigint, completion_tokens bigint, total_cost double precision, response_time real,
    end_user text, error json
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.id, l.created_at, l.model, l.provider, l.status, l.tokens_used,
        l.prompt_tokens, l.completion_tokens, l.total_cost, l.response_time,
        l.end_user, l.error
    FROM request_logs AS l
    WHERE l.user_profile_id = p_user_id
    ORDER BY l.created_at DESC, l.id DESC
    LIMIT p_limit OFFSET p_offset;
END;
-- +goose StatementEnd

-- A user's usage by model and provider, most tokens first.
-- +goose StatementBegin
CREATE FUNCTION get_user_token_breakdown(p_user_id text)
RETURNS TABLE (
    model text, provider text, request_count bigint, total_tokens bigint, total_cost double precision,
    avg_tokens_per_request double precision, last_used timestamptz
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT b.model, b.provider, b.request_count, b.total_tokens, b.total_cost,
        b.avg_tokens_per_request, b.last_used
    FROM user_token_breakdown AS b
    WHERE b.user_profile_id = p_user_id
    ORDER BY b.total_tokens DESC, b.model, b.provider;
END;
-- +goose StatementEnd

SELECT protect('user_request_analytics'), protect('monthly_token_usage'), protect('user_token_breakdown'),
    protect('user_recent_activity'), protect('usage_by_log');

-- What queries call. The functions are those that llmtally registers on SQLite.

-- A JSON value that PostgreSQL can take apart. The type json keeps what a text
-- cannot hold: \u0000, and halves of surrogate pairs, which clients make when they
-- cut a text in the middle of an emoji. They are read as U+FFFD.
-- +goose StatementBegin
CREATE FUNCTION json_readable(value json) RETURNS json
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    -- What is left when other escapes and whole pairs are taken away.
    IF strpos(value::text, '\u') = 0 OR regexp_replace(
        value::text, '\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}', '', 'g'
    ) !~ '\\u(0000|[dD][89a-fA-F])' THEN
        RETURN value;
    END IF;
    RETURN (
        SELECT string_agg(CASE WHEN part[1] ~ '^\\u(0000|[dD][89a-fA-F]..)$' THEN '\ufffd' ELSE part[1] END, '' ORDER BY n)
        FROM regexp_matches(
            value::text, '(\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u.{4}|[^\\]+)', 'g'
        ) WITH ORDINALITY AS parts (part, n)
    )::json;
END
$$;
-- +goose StatementEnd

-- Texts that are compared byte by byte, as those of the tables are.
CREATE DOMAIN bytewise AS text COLLATE "C";

-- The value at a place in a JSON value; path is a JSON array of names and
-- indexes, which count from the end when negative.
-- +goose StatementBegin
CREATE FUNCTION json_path(value json, path json) RETURNS json
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    found json := json_readable(value);
    step  json;
BEGIN
    FOR step IN SELECT json_array_elements(path) LOOP
        IF json_typeof(step) = 'number' THEN
            found := found -> greatest(-2147483647, least(2147483647, (step #>> '{}')::numeric))::int;
        ELSE
            found := found -> (step #>> '{}');
        END IF;
        EXIT WHEN found IS NULL;
    END LOOP;
    RETURN found;
END
$$;
-- +goose StatementEnd

-- The same as text; null for a JSON null. Neither argument is a text, so that the
-- order of the result's texts is its domain's.
-- +goose StatementBegin
CREATE FUNCTION json_path_text(value json, path json) RETURNS bytewise
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT json_path(value, path) #>> '{}' $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION json_contains(value json, part json) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT json_readable(value)::jsonb @> json_readable(part)::jsonb $$;
-- +goose StatementEnd

-- A text as JSON writes it.
-- +goose StatementBegin
CREATE FUNCTION json_quote(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT to_json(value)::text $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION like_text(value text, pattern text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT value LIKE pattern $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION match_text(value text, pattern text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT value COLLATE "C" ~ pattern $$;
-- +goose StatementEnd

-- Letter case is ignored in all scripts, which the order of bytes cannot do.
-- +goose StatementBegin
DO $do$
DECLARE
    letters constant text := coalesce(
        (SELECT quote_ident(collname) FROM pg_collation WHERE collname = 'und-x-icu' AND collencoding IN (-1, pg_char_to_encoding(getdatabaseencoding()))),
        '"default"');
BEGIN
    EXECUTE format($fn$
        CREATE FUNCTION ilike_text(value text, pattern text) RETURNS boolean
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        AS $$ SELECT value COLLATE pg_catalog.%s ILIKE pattern $$
    $fn$, letters);
    EXECUTE format($fn$
        CREATE FUNCTION imatch_text(value text, pattern text) RETURNS boolean
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        AS $$ SELECT value COLLATE pg_catalog.%s ~* pattern $$
    $fn$, letters);
END
$do$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION imatch_text(text, text);
DROP FUNCTION match_text(text, text);
DROP FUNCTION ilike_text(text, text);
DROP FUNCTION like_text(text, text);
DROP FUNCTION json_quote(text);
DROP FUNCTION json_contains(json, json);
DROP FUNCTION json_path_text(json, json);
DROP FUNCTION json_path(json, json);
DROP DOMAIN bytewise;
DROP FUNCTION json_readable(json);
DROP FUNCTION get_user_token_breakdown(text);
DROP FUNCTION get_user_request_history(text, int, int);
DROP VIEW usage_by_log;
DROP VIEW user_recent_activity;
DROP VIEW user_token_breakdown;
DROP VIEW monthly_token_usage;
DROP VIEW user_request_analytics;
