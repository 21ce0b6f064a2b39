-- The three published tables. Times are fixed-width UTC text, so that text
-- order is time order. JSON columns come last: a scan of the columns before
-- them never reads their overflow pages.

-- +goose Up
CREATE TABLE user_profiles (
    user_id           TEXT    NOT NULL PRIMARY KEY,
    email             TEXT,
    full_name         TEXT,
    avatar_url        TEXT,
    provider          TEXT,
    provider_user_id  TEXT,
    raw_oauth_details TEXT,
    subscription_tier TEXT             DEFAULT 'free',
    tokens_used       INTEGER NOT NULL DEFAULT 0,
    created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    updated_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
) STRICT;

CREATE TABLE request_logs (
    id                        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    created_at                TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    -- Deferred, since a new user's profile is written once, at the end of the
    -- transaction, with the tokens.
    user_profile_id           TEXT    REFERENCES user_profiles (user_id) DEFERRABLE INITIALLY DEFERRED,
    end_user                  TEXT    DEFAULT '',
    provider                  TEXT    DEFAULT '',
    model                     TEXT    DEFAULT '',
    status                    TEXT    DEFAULT '',
    litellm_call_id           TEXT,
    response_time             REAL    DEFAULT 0,
    tokens_used               INTEGER DEFAULT 0,
    prompt_tokens             INTEGER,
    completion_tokens         INTEGER,
    cache_read_tokens         INTEGER,
    cache_write_tokens        INTEGER,
    reasoning_tokens          INTEGER,
    total_cost                REAL,
    prompt_cost_per_token     REAL,
    completion_cost_per_token REAL,
    -- total_cost in nano-dollars, rounded half away from zero: what every sum
    -- adds. Kept beside total_cost because floating point cannot round a
    -- decimal half exactly. Null when total_cost is.
    cost_nano                 INTEGER,
    messages                  TEXT    DEFAULT '{}',
    response                  TEXT    DEFAULT '{}',
    error                     TEXT    DEFAULT '{}',
    additional_details        TEXT    DEFAULT '{}',
    CONSTRAINT request_logs_litellm_call_id_key UNIQUE (litellm_call_id)
) STRICT;

-- Covers a user's history order (newest first, ties by id) and every column
-- that a user's days and hours add up.
CREATE INDEX request_logs_user_created_at_idx ON request_logs (
    user_profile_id, created_at, id, provider, model, status, tokens_used, cost_nano
) WHERE user_profile_id IS NOT NULL;

CREATE INDEX request_logs_created_at_idx ON request_logs (created_at);

CREATE TABLE tokens_usage (
    id                 INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_profile_id    TEXT    NOT NULL REFERENCES user_profiles (user_id),
    period_type        TEXT    NOT NULL DEFAULT 'monthly',
    period_start       TEXT    NOT NULL,
    period_end         TEXT    NOT NULL,
    total_tokens       INTEGER NOT NULL DEFAULT 0,
    total_cost         REAL    NOT NULL DEFAULT 0,
    request_count      INTEGER NOT NULL DEFAULT 0,
    model_breakdown    TEXT    NOT NULL DEFAULT '{}',
    provider_breakdown TEXT    NOT NULL DEFAULT '{}',
    created_at         TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    updated_at         TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    CONSTRAINT tokens_usage_user_profile_id_period_type_period_start_key
        UNIQUE (user_profile_id, period_type, period_start)
) STRICT;

-- +goose Down
DROP TABLE tokens_usage;
DROP TABLE request_logs;
DROP TABLE user_profiles;
