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
CREATE TABLE usage_totals (
    user_profile_id    TEXT    NOT NULL,
    model              TEXT    NOT NULL,
    provider           TEXT    NOT NULL,
    requests           INTEGER NOT NULL,
    successes          INTEGER NOT NULL,
    failures           INTEGER NOT NULL,
    tokens             INTEGER NOT NULL,
    prompt_tokens      INTEGER NOT NULL,
    completion_tokens  INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens   INTEGER NOT NULL,
    token_requests     INTEGER NOT NULL,
    cost_usd           INTEGER NOT NULL,
    cost_nano          INTEGER NOT NULL,
    priced_requests    INTEGER NOT NULL,
    response_us        INTEGER NOT NULL,
    timed_requests     INTEGER NOT NULL,
    last_at            TEXT    NOT NULL,
    PRIMARY KEY (user_profile_id, model, provider)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_monthly (
    user_profile_id    TEXT    NOT NULL,
    month              TEXT    NOT NULL, -- its first moment, UTC
    model              TEXT    NOT NULL,
    provider           TEXT    NOT NULL,
    requests           INTEGER NOT NULL,
    successes          INTEGER NOT NULL,
    failures           INTEGER NOT NULL,
    tokens             INTEGER NOT NULL,
    prompt_tokens      INTEGER NOT NULL,
    completion_tokens  INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens   INTEGER NOT NULL,
    token_requests     INTEGER NOT NULL,
    cost_usd           INTEGER NOT NULL,
    cost_nano          INTEGER NOT NULL,
    priced_requests    INTEGER NOT NULL,
    response_us        INTEGER NOT NULL,
    timed_requests     INTEGER NOT NULL,
    last_at            TEXT    NOT NULL,
    PRIMARY KEY (user_profile_id, month, model, provider)
) STRICT, WITHOUT ROWID;

-- Every log, linked to a user or not. latency counts the timed requests by
-- response time: {"bucket": count}; the buckets are those of the function
-- latency_bucket, at most 3.2 % wide to either side of their middle.
CREATE TABLE traffic_hourly (
    hour               TEXT    NOT NULL, -- its first moment, UTC
    model              TEXT    NOT NULL,
    provider           TEXT    NOT NULL,
    requests           INTEGER NOT NULL,
    successes          INTEGER NOT NULL,
    failures           INTEGER NOT NULL,
    tokens             INTEGER NOT NULL,
    prompt_tokens      INTEGER NOT NULL,
    completion_tokens  INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens   INTEGER NOT NULL,
    token_requests     INTEGER NOT NULL,
    cost_usd           INTEGER NOT NULL,
    cost_nano          INTEGER NOT NULL,
    priced_requests    INTEGER NOT NULL,
    response_us        INTEGER NOT NULL,
    timed_requests     INTEGER NOT NULL,
    last_at            TEXT    NOT NULL,
    latency            TEXT    NOT NULL DEFAULT '{}',
    PRIMARY KEY (hour, model, provider)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE traffic_hourly;
DROP TABLE usage_monthly;
DROP TABLE usage_totals;
