-- Budgets and alerts. An alert and its deliveries are written in the same
-- transaction as the logs that crossed the threshold.

-- +goose Up
--   metric      cost in USD; error_rate as a share from 0 to 1
--   scope       whose requests count: scope_value names the tier, user, provider
--               or model
--   per_user    measured for each user alone; else for all of the scope together
--   period      total, a calendar month, week (from Monday) or day of time_zone,
--               or the newest last_requests requests
--   max_value   the limit; thresholds are percentages of it, as a JSON array
--   min_requests  fewer give no verdict on an error rate
CREATE TABLE alert_rules (
    id            bigserial PRIMARY KEY,
    name          text COLLATE "C" NOT NULL UNIQUE,
    metric        text COLLATE "C" NOT NULL CHECK (metric IN ('cost', 'tokens', 'requests', 'failures', 'error_rate')),
    scope         text COLLATE "C" NOT NULL CHECK (scope IN ('everyone', 'tier', 'user', 'provider', 'model')),
    scope_value   text COLLATE "C" NOT NULL DEFAULT '',
    per_user      boolean NOT NULL,
    period        text COLLATE "C" NOT NULL CHECK (period IN ('total', 'month', 'week', 'day', 'last')),
    last_requests bigint NOT NULL DEFAULT 0,
    min_requests  bigint NOT NULL DEFAULT 20,
    time_zone     text NOT NULL DEFAULT 'UTC',
    max_value     double precision NOT NULL CHECK (max_value > 0),
    thresholds    text NOT NULL DEFAULT '[100]',
    enabled       boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

INSERT INTO alert_rules (name, metric, scope, per_user, period, last_requests, max_value)
VALUES
    ('A user''s cost in total', 'cost', 'everyone', true, 'total', 0, 10),
    ('A user''s tokens in total', 'tokens', 'everyone', true, 'total', 0, 100000),
    ('Error rate of the last requests', 'error_rate', 'everyone', false, 'last', 100, 0.1);

CREATE TABLE alert_channels (
    id         bigserial PRIMARY KEY,
    name       text COLLATE "C" NOT NULL UNIQUE,
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('webhook', 'slack', 'discord', 'email')),
    target     text NOT NULL, -- an address, or a URL that may itself be a secret
    secret     text NOT NULL DEFAULT '',
    enabled    boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- What a rule said when it fired stays, also when the rule is changed later.
--   user_profile_id  '' when the rule measures all of its scope together
--   window_start, window_end  UTC, as 2026-01-31T23:59:59.123456Z; '' when the
--                    period has no such border
CREATE TABLE alerts (
    id              bigserial PRIMARY KEY,
    rule_id         bigint NOT NULL,
    rule_name       text COLLATE "C" NOT NULL,
    metric          text COLLATE "C" NOT NULL,
    scope           text COLLATE "C" NOT NULL,
    scope_value     text COLLATE "C" NOT NULL,
    period          text COLLATE "C" NOT NULL,
    user_profile_id text COLLATE "C" NOT NULL,
    window_start    text COLLATE "C" NOT NULL,
    window_end      text COLLATE "C" NOT NULL,
    threshold       double precision NOT NULL,
    max_value       double precision NOT NULL,
    used            double precision NOT NULL,
    message         text NOT NULL,
    fired_at        timestamptz NOT NULL,
    resolved_at     timestamptz
);

-- Each threshold of a window fires once, until it is resolved.
CREATE UNIQUE INDEX alerts_once_idx ON alerts (rule_id, user_profile_id, window_start, threshold, max_value)
    WHERE resolved_at IS NULL;

CREATE INDEX alerts_user_idx ON alerts (user_profile_id);

-- The outbox: at least once to each channel.
CREATE TABLE alert_deliveries (
    id              bigserial PRIMARY KEY,
    alert_id        bigint NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    channel_id      bigint NOT NULL REFERENCES alert_channels (id) ON DELETE CASCADE,
    attempts        bigint NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,             -- null when there is none to come
    delivered_at    timestamptz,
    last_error      text NOT NULL DEFAULT '',
    UNIQUE (alert_id, channel_id)
);

CREATE INDEX alert_deliveries_due_idx ON alert_deliveries (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX alert_deliveries_channel_idx ON alert_deliveries (channel_id);

-- What rules measure, beside the rollups: logs one by one, of users and of
-- everybody, and both by tier.
DROP VIEW usage_by_log;

CREATE VIEW usage_by_log WITH (security_invoker = true) AS
SELECT
    id,
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

CREATE VIEW traffic_by_log WITH (security_invoker = true) AS
SELECT
    id,
    created_at,
    coalesce(provider, '')                                AS provider,
    coalesce(model, '')                                   AS model,
    1::bigint                                             AS requests,
    CASE WHEN status IN ('failure', 'error') THEN 1::bigint ELSE 0 END AS failures,
    tokens_used                                           AS tokens,
    cost_nano / 1000000000                                AS cost_usd,
    cost_nano % 1000000000                                AS cost_nano
FROM request_logs;

CREATE VIEW usage_by_tier WITH (security_invoker = true) AS
SELECT p.subscription_tier, l.id, l.created_at, l.requests, l.failures, l.tokens, l.cost_usd, l.cost_nano
FROM user_profiles AS p
JOIN usage_by_log AS l ON l.user_profile_id = p.user_id;

CREATE VIEW totals_by_tier WITH (security_invoker = true) AS
SELECT p.user_id AS user_profile_id, p.subscription_tier, t.provider, t.model, t.last_at,
    t.requests, t.failures, t.tokens, t.cost_usd, t.cost_nano
FROM user_profiles AS p
JOIN usage_totals AS t ON t.user_profile_id = p.user_id;

SELECT protect('alert_rules'), protect('alert_channels'), protect('alerts'), protect('alert_deliveries'),
    protect('usage_by_log'), protect('traffic_by_log'), protect('usage_by_tier'), protect('totals_by_tier');

-- +goose Down
DROP VIEW totals_by_tier;
DROP VIEW usage_by_tier;
DROP VIEW traffic_by_log;
DROP VIEW usage_by_log;

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

SELECT protect('usage_by_log');

DROP TABLE alert_deliveries;
DROP TABLE alerts;
DROP TABLE alert_channels;
DROP TABLE alert_rules;
