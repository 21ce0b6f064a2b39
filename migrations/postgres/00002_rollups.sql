-- Rollups: sums over request_logs, changed in the same transaction as the logs
-- they count. A null provider or model counts under ''.
--   cost_usd, cost_nano  whole dollars, and the rest in nano-dollars: each log
--                    adds less than a dollar to cost_nano, so that no number
--                    of costly logs overflows a sum
--   token_requests   logs whose token counts are known
--   priced_requests  logs whose total_cost is known
--   timed_requests   finished logs whose response_time is above 0; response_us
--                    is the sum of theirs in microseconds

-- +goose Up
SET LOCAL statement_timeout = 0;

-- Seconds in whole microseconds, rounded half up. It takes the shortest decimal
-- number that reads back as the same real.
-- +goose StatementBegin
CREATE FUNCTION micros(seconds real) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT floor(seconds::text::double precision * 1000000 + 0.5)::bigint $$;
-- +goose StatementEnd

-- The first moment of a time's month, of the month after it, and of its hour, in
-- UTC. The last month ends with the last year of four digits.
-- +goose StatementBegin
CREATE FUNCTION month_of(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION next_month(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT least((date_trunc('month', at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC',
        '9999-12-31 23:59:59.999999+00')
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION hour_of(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT date_trunc('hour', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' $$;
-- +goose StatementEnd

-- The bucket of a response time in microseconds: sixteen to each doubling, so
-- that a bucket's middle is within 3.2 % of any time in it. Of the number's binary
-- digits the first five are kept; how many follow says which doubling it is.
-- +goose StatementBegin
CREATE FUNCTION latency_bucket(us bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN us < 32 THEN greatest(us, 0) ELSE
        (length(ltrim(us::bit(64)::text, '0')) - 5) * 16 + (us >> (length(ltrim(us::bit(64)::text, '0')) - 5)) END
$$;
-- +goose StatementEnd

-- The sum of two histograms, {"bucket": count}, with the buckets in order.
-- +goose StatementBegin
CREATE FUNCTION latency_add(a text, b text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE -- which keeps its plan from call to call
AS $$
BEGIN
    IF b = '{}' THEN
        RETURN a;
    END IF;
    RETURN (
        SELECT '{' || coalesce(string_agg('"' || bucket || '":' || n, ',' ORDER BY bucket), '') || '}'
        FROM (
            SELECT key::int AS bucket, sum(value::bigint) AS n
            FROM (SELECT * FROM json_each_text(a::json) UNION ALL SELECT * FROM json_each_text(b::json)) AS counts
            GROUP BY 1
            HAVING sum(value::bigint) <> 0
        ) AS sums
    );
END
$$;
-- +goose StatementEnd

CREATE TABLE usage_totals (
    user_profile_id    text COLLATE "C" NOT NULL,
    model              text COLLATE "C" NOT NULL,
    provider           text COLLATE "C" NOT NULL,
    requests           bigint NOT NULL,
    successes          bigint NOT NULL,
    failures           bigint NOT NULL,
    tokens             bigint NOT NULL,
    prompt_tokens      bigint NOT NULL,
    completion_tokens  bigint NOT NULL,
    cache_read_tokens  bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens   bigint NOT NULL,
    token_requests     bigint NOT NULL,
    cost_usd           bigint NOT NULL,
    cost_nano          bigint NOT NULL,
    priced_requests    bigint NOT NULL,
    response_us        bigint NOT NULL,
    timed_requests     bigint NOT NULL,
    last_at            timestamptz NOT NULL,
    PRIMARY KEY (user_profile_id, model, provider)
) WITH (fillfactor = 80);

CREATE TABLE usage_monthly (
    user_profile_id    text COLLATE "C" NOT NULL,
    month              timestamptz NOT NULL, -- its first moment, UTC
    model              text COLLATE "C" NOT NULL,
    provider           text COLLATE "C" NOT NULL,
    requests           bigint NOT NULL,
    successes          bigint NOT NULL,
    failures           bigint NOT NULL,
    tokens             bigint NOT NULL,
    prompt_tokens      bigint NOT NULL,
    completion_tokens  bigint NOT NULL,
    cache_read_tokens  bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens   bigint NOT NULL,
    token_requests     bigint NOT NULL,
    cost_usd           bigint NOT NULL,
    cost_nano          bigint NOT NULL,
    priced_requests    bigint NOT NULL,
    response_us        bigint NOT NULL,
    timed_requests     bigint NOT NULL,
    last_at            timestamptz NOT NULL,
    PRIMARY KEY (user_profile_id, month, model, provider)
) WITH (fillfactor = 80);

-- Every log, linked to a user or not. latency counts the timed requests by
-- response time: {"bucket": count}; the buckets are those of the function
-- latency_bucket.
CREATE TABLE traffic_hourly (
    hour               timestamptz NOT NULL, -- its first moment, UTC
    model              text COLLATE "C" NOT NULL,
    provider           text COLLATE "C" NOT NULL,
    requests           bigint NOT NULL,
    successes          bigint NOT NULL,
    failures           bigint NOT NULL,
    tokens             bigint NOT NULL,
    prompt_tokens      bigint NOT NULL,
    completion_tokens  bigint NOT NULL,
    cache_read_tokens  bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens   bigint NOT NULL,
    token_requests     bigint NOT NULL,
    cost_usd           bigint NOT NULL,
    cost_nano          bigint NOT NULL,
    priced_requests    bigint NOT NULL,
    response_us        bigint NOT NULL,
    timed_requests     bigint NOT NULL,
    last_at            timestamptz NOT NULL,
    latency            text NOT NULL DEFAULT '{}',
    PRIMARY KEY (hour, model, provider)
) WITH (fillfactor = 80);

-- What the logs say that are there already, where tables were taken over.
INSERT INTO usage_monthly
SELECT
    user_profile_id, month_of(created_at), coalesce(model, ''), coalesce(provider, ''),
    count(*),
    count(*) FILTER (WHERE status = 'success'),
    count(*) FILTER (WHERE status IN ('failure', 'error')),
    coalesce(sum(tokens_used), 0),
    coalesce(sum(prompt_tokens), 0),
    coalesce(sum(completion_tokens), 0),
    coalesce(sum(cache_read_tokens), 0),
    coalesce(sum(cache_write_tokens), 0),
    coalesce(sum(reasoning_tokens), 0),
    count(*) FILTER (WHERE tokens_used <> 0 OR prompt_tokens IS NOT NULL OR completion_tokens IS NOT NULL),
    coalesce(sum(cost_nano / 1000000000), 0),
    coalesce(sum(cost_nano % 1000000000), 0),
    count(cost_nano),
    coalesce(sum(micros(response_time)) FILTER (WHERE response_time > 0 AND status IS DISTINCT FROM 'initiated'), 0),
    count(*) FILTER (WHERE response_time > 0 AND status IS DISTINCT FROM 'initiated'),
    max(created_at)
FROM request_logs
WHERE user_profile_id IS NOT NULL
GROUP BY 1, 2, 3, 4;

INSERT INTO usage_totals
SELECT
    user_profile_id, model, provider,
    sum(requests), sum(successes), sum(failures), sum(tokens), sum(prompt_tokens), sum(completion_tokens),
    sum(cache_read_tokens), sum(cache_write_tokens), sum(reasoning_tokens), sum(token_requests),
    sum(cost_usd), sum(cost_nano), sum(priced_requests), sum(response_us), sum(timed_requests), max(last_at)
FROM usage_monthly
GROUP BY 1, 2, 3;

INSERT INTO traffic_hourly
SELECT
    hour, model, provider,
    sum(requests), sum(successes), sum(failures), sum(tokens), sum(prompt_tokens), sum(completion_tokens),
    sum(cache_read_tokens), sum(cache_write_tokens), sum(reasoning_tokens), sum(token_requests),
    sum(cost_usd), sum(cost_nano), sum(priced_requests), sum(response_us), sum(timed_requests), max(last_at),
    '{' || coalesce(string_agg('"' || bucket || '":' || timed_requests, ',' ORDER BY bucket)
        FILTER (WHERE bucket IS NOT NULL), '') || '}'
FROM (
    SELECT
        hour_of(created_at) AS hour, coalesce(model, '') AS model, coalesce(provider, '') AS provider,
        CASE WHEN response_time > 0 AND status IS DISTINCT FROM 'initiated'
            THEN latency_bucket(micros(response_time)) END AS bucket,
        count(*) AS requests,
        count(*) FILTER (WHERE status = 'success') AS successes,
        count(*) FILTER (WHERE status IN ('failure', 'error')) AS failures,
        coalesce(sum(tokens_used), 0) AS tokens,
        coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
        coalesce(sum(completion_tokens), 0) AS completion_tokens,
        coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens,
        coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens,
        coalesce(sum(reasoning_tokens), 0) AS reasoning_tokens,
        count(*) FILTER (WHERE tokens_used <> 0 OR prompt_tokens IS NOT NULL OR completion_tokens IS NOT NULL)
            AS token_requests,
        coalesce(sum(cost_nano / 1000000000), 0) AS cost_usd,
        coalesce(sum(cost_nano % 1000000000), 0) AS cost_nano,
        count(cost_nano) AS priced_requests,
        coalesce(sum(micros(response_time))
            FILTER (WHERE response_time > 0 AND status IS DISTINCT FROM 'initiated'), 0) AS response_us,
        count(*) FILTER (WHERE response_time > 0 AND status IS DISTINCT FROM 'initiated') AS timed_requests,
        max(created_at) AS last_at
    FROM request_logs
    GROUP BY 1, 2, 3, 4
) AS by_bucket
GROUP BY 1, 2, 3;

SELECT protect('usage_totals'), protect('usage_monthly'), protect('traffic_hourly');

-- +goose Down
DROP TABLE traffic_hourly;
DROP TABLE usage_monthly;
DROP TABLE usage_totals;
DROP FUNCTION latency_add(text, text);
DROP FUNCTION latency_bucket(bigint);
DROP FUNCTION hour_of(timestamptz);
DROP FUNCTION next_month(timestamptz);
DROP FUNCTION month_of(timestamptz);
DROP FUNCTION micros(real);
