-- The three published tables.

-- +goose Up

-- USD in nano-dollars (1e-9 USD), rounded half away from zero. It rounds the
-- shortest decimal number that reads back as the same double.
-- +goose StatementBegin
CREATE FUNCTION nano_usd(usd double precision) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT round(usd::text::numeric * 1000000000)::bigint $$;
-- +goose StatementEnd

-- Texts are compared byte by byte (COLLATE "C"), as on SQLite, and bounded where
-- keys and indexes are made of them. Numbers are bounded so that sums stay
-- within 64 bits.
CREATE TABLE IF NOT EXISTS user_profiles (
    user_id           text COLLATE "C" NOT NULL PRIMARY KEY CHECK (octet_length(user_id) <= 1024),
    email             text COLLATE "C",
    full_name         text COLLATE "C",
    avatar_url        text COLLATE "C",
    provider          text COLLATE "C",
    provider_user_id  text COLLATE "C",
    raw_oauth_details json,
    subscription_tier text COLLATE "C" DEFAULT 'free',
    tokens_used       bigint NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS request_logs (
    id                        bigserial PRIMARY KEY,
    created_at                timestamptz NOT NULL DEFAULT now()
        CHECK (created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00'),
    -- Deferred, since a new user's profile is written once, at the end of the
    -- transaction, with the tokens.
    user_profile_id           text COLLATE "C" REFERENCES user_profiles (user_id) DEFERRABLE INITIALLY DEFERRED,
    end_user                  text COLLATE "C" DEFAULT '' CHECK (octet_length(end_user) <= 1024),
    provider                  text COLLATE "C" DEFAULT '' CHECK (octet_length(provider) <= 256),
    model                     text COLLATE "C" DEFAULT '' CHECK (octet_length(model) <= 512),
    status                    text COLLATE "C" DEFAULT '' CHECK (octet_length(status) <= 64),
    litellm_call_id           text COLLATE "C" CHECK (octet_length(litellm_call_id) <= 1024),
    response_time             real DEFAULT 0 CHECK (response_time BETWEEN 0 AND 1000000),
    tokens_used               bigint DEFAULT 0 CHECK (tokens_used BETWEEN 0 AND 1000000000000),
    prompt_tokens             bigint CHECK (prompt_tokens BETWEEN 0 AND 1000000000000),
    completion_tokens         bigint CHECK (completion_tokens BETWEEN 0 AND 1000000000000),
    cache_read_tokens         bigint CHECK (cache_read_tokens BETWEEN 0 AND 1000000000000),
    cache_write_tokens        bigint CHECK (cache_write_tokens BETWEEN 0 AND 1000000000000),
    reasoning_tokens          bigint CHECK (reasoning_tokens BETWEEN 0 AND 1000000000000),
    total_cost                double precision CHECK (total_cost BETWEEN 0 AND 100000000),
    prompt_cost_per_token     double precision,
    completion_cost_per_token double precision,
    -- total_cost in nano-dollars, rounded half away from zero: what every sum
    -- adds. Null when total_cost is.
    cost_nano                 bigint,
    messages                  json DEFAULT '{}',
    response                  json DEFAULT '{}',
    error                     json DEFAULT '{}',
    additional_details        json DEFAULT '{}',
    CONSTRAINT request_logs_litellm_call_id_key UNIQUE (litellm_call_id)
);

CREATE TABLE IF NOT EXISTS tokens_usage (
    id                 bigserial PRIMARY KEY,
    user_profile_id    text COLLATE "C" NOT NULL REFERENCES user_profiles (user_id),
    period_type        text COLLATE "C" NOT NULL DEFAULT 'monthly',
    period_start       timestamptz NOT NULL,
    period_end         timestamptz NOT NULL,
    total_tokens       bigint NOT NULL DEFAULT 0,
    total_cost         double precision NOT NULL DEFAULT 0,
    request_count      bigint NOT NULL DEFAULT 0,
    model_breakdown    json NOT NULL DEFAULT '{}',
    provider_breakdown json NOT NULL DEFAULT '{}',
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tokens_usage_user_profile_id_period_type_period_start_key
        UNIQUE (user_profile_id, period_type, period_start)
);

-- Covers a user's history order (newest first, ties by id) and every column
-- that a user's days and hours add up.
CREATE INDEX IF NOT EXISTS request_logs_user_created_at_idx ON request_logs (user_profile_id, created_at, id)
    INCLUDE (provider, model, status, tokens_used, cost_nano) WHERE user_profile_id IS NOT NULL;

CREATE INDEX IF NOT EXISTS request_logs_created_at_idx ON request_logs (created_at, id);

-- +goose Down
DROP TABLE tokens_usage;
DROP TABLE request_logs;
DROP TABLE user_profiles;
DROP FUNCTION nano_usd(double precision);
