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

-- Seconds in whole microseconds, rounded half up. It takes the shortest decimal
-- number that reads back as the same real.
-- +goose StatementBegin
CREATE FUNCTION micros(seconds real) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT floor(seconds::text::double precision * 1000000 + 0.5)::bigint $$;
-- +goose StatementEnd

-- The first moment of a time's month, and of its hour, in UTC.
-- +goose StatementBegin
CREATE FUNCTION month_of(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION hour_of(at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT date_trunc('hour', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' $$;
-- +goose StatementEnd

-- The bucket of a response time in microseconds: sixteen to each doubling, so
-- that a bucket's middle is within 3.2 % of any time in it. The array holds the
-- powers of two from 32 on; how many of them are reached is how far to shift.
-- +goose StatementBegin
CREATE FUNCTION latency_bucket(us bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT CASE WHEN us < 32 THEN greatest(us, 0) ELSE
        width_bucket(us, '{32,64,128,256,512,1024,2048,4096,8192,16384,32768,65536,131072,262144,524288,1048576,2097152,4194304,8388608,16777216,33554432,67108864,134217728,268435456,536870912,1073741824,2147483648,4294967296,8589934592,17179869184,34359738368,68719476736,137438953472,274877906944,549755813888,1099511627776,2199023255552,4398046511104,8796093022208,17592186044416,35184372088832,70368744177664,140737488355328,281474976710656,562949953421312,1125899906842624,2251799813685248,4503599627370496,9007199254740992,18014398509481984,36028797018963968,72057594037927936,144115188075855872,288230376151711744,576460752303423488,1152921504606846976,2305843009213693952,4611686018427387904}'::bigint[]) * 16
        + (us >> width_bucket(us, '{32,64,128,256,512,1024,2048,4096,8192,16384,32768,65536,131072,262144,524288,1048576,2097152,4194304,8388608,16777216,33554432,67108864,134217728,268435456,536870912,1073741824,2147483648,4294967296,8589934592,17179869184,34359738368,68719476736,137438953472,274877906944,549755813888,1099511627776,2199023255552,4398046511104,8796093022208,17592186044416,35184372088832,70368744177664,140737488355328,281474976710656,562949953421312,1125899906842624,2251799813685248,4503599627370496,9007199254740992,18014398509481984,36028797018963968,72057594037927936,144115188075855872,288230376151711744,576460752303423488,1152921504606846976,2305843009213693952,4611686018427387904}'::bigint[]))
    END
$$;
-- +goose StatementEnd

-- The sum of two histograms, {"bucket": count}, with the buckets in order.
-- +goose StatementBegin
CREATE FUNCTION latency_add(a text, b text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT CASE WHEN b = '{}' THEN a WHEN a = '{}' THEN b ELSE (
        SELECT '{' || coalesce(string_agg('"' || bucket || '":' || n, ',' ORDER BY bucket), '') || '}'
        FROM (
            SELECT key::int AS bucket, sum(value::bigint) AS n
            FROM (SELECT * FROM json_each_text(a::json) UNION ALL SELECT * FROM json_each_text(b::json)) AS both_sides
            GROUP BY 1
            HAVING sum(value::bigint) <> 0
        ) AS summed
    ) END
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

-- +goose Down
DROP TABLE traffic_hourly;
DROP TABLE usage_monthly;
DROP TABLE usage_totals;
DROP FUNCTION latency_add(text, text);
DROP FUNCTION latency_bucket(bigint);
DROP FUNCTION hour_of(timestamptz);
DROP FUNCTION month_of(timestamptz);
DROP FUNCTION micros(real);
