-- What requests cost: the price table, and what the rollups need for it.

-- +goose Up
-- Prices as they hold from a moment on. Rows of source 'shipped' are the
-- program's own and change with it; 'import' and 'override' are the operator's.
--   provider  a canonical id ('' for any); model  the model's name there
--   match     which names clients send for it, as JSON
--   effective_from  the year 1 for a price that has always held
--   hours     '00:30-16:30' when it holds at some hours of the day only (UTC)
--   rates     USD per million tokens (searches, requests: per thousand), as JSON
--   position  the order in which matches are tried
CREATE TABLE model_prices (
    id             bigserial PRIMARY KEY,
    source         text COLLATE "C" NOT NULL CHECK (source IN ('shipped', 'import', 'override')),
    provider       text COLLATE "C" NOT NULL,
    model          text COLLATE "C" NOT NULL,
    effective_from timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    hours          text COLLATE "C" NOT NULL DEFAULT '',
    match          text NOT NULL,
    rates          text NOT NULL,
    context_window bigint NOT NULL DEFAULT 0,
    deprecated     boolean NOT NULL DEFAULT false,
    position       bigint NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, provider, model, effective_from, hours)
);

-- The price table as it is listed: what comes first decides.
CREATE VIEW price_list WITH (security_invoker = true) AS
SELECT
    id, source, provider, model, effective_from, hours, rates, match, context_window,
    CASE WHEN deprecated THEN 1::bigint ELSE 0 END AS deprecated,
    CASE source WHEN 'override' THEN 0::bigint WHEN 'import' THEN 1 ELSE 2 END AS rank
FROM model_prices;

-- What the database knows about itself: which shipped prices it holds, how
-- often prices and rules were changed.
CREATE TABLE book_state (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    value text NOT NULL
);

-- The price that total_cost was computed with; null when the client sent it.
ALTER TABLE request_logs ADD COLUMN price_id bigint;

-- Requests whose tokens are known and whose cost is not.
CREATE INDEX request_logs_unpriced_idx ON request_logs (coalesce(model, ''), coalesce(provider, ''), id)
    INCLUDE (model, provider, tokens_used, created_at) WHERE total_cost IS NULL AND tokens_used > 0;

-- Requests that began and have not ended.
CREATE INDEX request_logs_initiated_idx ON request_logs (created_at) WHERE status = 'initiated';

-- What failed requests cost, beside what all cost; and the requests whose tokens
-- are known and whose cost is not.
ALTER TABLE usage_totals
    ADD COLUMN failed_cost_usd bigint NOT NULL DEFAULT 0,
    ADD COLUMN failed_cost_nano bigint NOT NULL DEFAULT 0,
    ADD COLUMN unpriced_requests bigint NOT NULL DEFAULT 0,
    ADD COLUMN unpriced_tokens bigint NOT NULL DEFAULT 0;
ALTER TABLE usage_monthly
    ADD COLUMN failed_cost_usd bigint NOT NULL DEFAULT 0,
    ADD COLUMN failed_cost_nano bigint NOT NULL DEFAULT 0,
    ADD COLUMN unpriced_requests bigint NOT NULL DEFAULT 0,
    ADD COLUMN unpriced_tokens bigint NOT NULL DEFAULT 0;
ALTER TABLE traffic_hourly
    ADD COLUMN failed_cost_usd bigint NOT NULL DEFAULT 0,
    ADD COLUMN failed_cost_nano bigint NOT NULL DEFAULT 0,
    ADD COLUMN unpriced_requests bigint NOT NULL DEFAULT 0,
    ADD COLUMN unpriced_tokens bigint NOT NULL DEFAULT 0;

UPDATE usage_totals
SET failed_cost_usd = f.usd, failed_cost_nano = f.nano,
    unpriced_requests = f.unpriced, unpriced_tokens = f.tokens
FROM (
    SELECT user_profile_id AS u, coalesce(model, '') AS m, coalesce(provider, '') AS p,
        coalesce(sum(cost_nano / 1000000000) FILTER (WHERE status IN ('failure', 'error')), 0) AS usd,
        coalesce(sum(cost_nano % 1000000000) FILTER (WHERE status IN ('failure', 'error')), 0) AS nano,
        count(*) FILTER (WHERE cost_nano IS NULL AND tokens_used > 0) AS unpriced,
        coalesce(sum(tokens_used) FILTER (WHERE cost_nano IS NULL), 0) AS tokens
    FROM request_logs
    WHERE (status IN ('failure', 'error') AND cost_nano > 0 OR cost_nano IS NULL AND tokens_used > 0) AND user_profile_id IS NOT NULL
    GROUP BY 1, 2, 3
) AS f
WHERE user_profile_id = f.u AND model = f.m AND provider = f.p;

UPDATE usage_monthly
SET failed_cost_usd = f.usd, failed_cost_nano = f.nano,
    unpriced_requests = f.unpriced, unpriced_tokens = f.tokens
FROM (
    SELECT user_profile_id AS u, month_of(created_at) AS at,
        coalesce(model, '') AS m, coalesce(provider, '') AS p,
        coalesce(sum(cost_nano / 1000000000) FILTER (WHERE status IN ('failure', 'error')), 0) AS usd,
        coalesce(sum(cost_nano % 1000000000) FILTER (WHERE status IN ('failure', 'error')), 0) AS nano,
        count(*) FILTER (WHERE cost_nano IS NULL AND tokens_used > 0) AS unpriced,
        coalesce(sum(tokens_used) FILTER (WHERE cost_nano IS NULL), 0) AS tokens
    FROM request_logs
    WHERE (status IN ('failure', 'error') AND cost_nano > 0 OR cost_nano IS NULL AND tokens_used > 0) AND user_profile_id IS NOT NULL
    GROUP BY 1, 2, 3, 4
) AS f
WHERE user_profile_id = f.u AND month = f.at AND model = f.m AND provider = f.p;

UPDATE traffic_hourly
SET failed_cost_usd = f.usd, failed_cost_nano = f.nano,
    unpriced_requests = f.unpriced, unpriced_tokens = f.tokens
FROM (
    SELECT hour_of(created_at) AS at,
        coalesce(model, '') AS m, coalesce(provider, '') AS p,
        coalesce(sum(cost_nano / 1000000000) FILTER (WHERE status IN ('failure', 'error')), 0) AS usd,
        coalesce(sum(cost_nano % 1000000000) FILTER (WHERE status IN ('failure', 'error')), 0) AS nano,
        count(*) FILTER (WHERE cost_nano IS NULL AND tokens_used > 0) AS unpriced,
        coalesce(sum(tokens_used) FILTER (WHERE cost_nano IS NULL), 0) AS tokens
    FROM request_logs
    WHERE (status IN ('failure', 'error') AND cost_nano > 0 OR cost_nano IS NULL AND tokens_used > 0)
    GROUP BY 1, 2, 3
) AS f
WHERE hour = f.at AND model = f.m AND provider = f.p;

-- Months whose sums changed since tokens_usage was last made from them.
CREATE TABLE stale_months (
    month      timestamptz NOT NULL,
    rebuilding boolean NOT NULL DEFAULT false,
    PRIMARY KEY (month, rebuilding)
);

INSERT INTO stale_months (month) SELECT DISTINCT month FROM usage_monthly;

-- +goose Down
DROP TABLE stale_months;
ALTER TABLE traffic_hourly
    DROP COLUMN unpriced_tokens, DROP COLUMN unpriced_requests,
    DROP COLUMN failed_cost_nano, DROP COLUMN failed_cost_usd;
ALTER TABLE usage_monthly
    DROP COLUMN unpriced_tokens, DROP COLUMN unpriced_requests,
    DROP COLUMN failed_cost_nano, DROP COLUMN failed_cost_usd;
ALTER TABLE usage_totals
    DROP COLUMN unpriced_tokens, DROP COLUMN unpriced_requests,
    DROP COLUMN failed_cost_nano, DROP COLUMN failed_cost_usd;
DROP INDEX request_logs_initiated_idx;
DROP INDEX request_logs_unpriced_idx;
ALTER TABLE request_logs DROP COLUMN price_id;
DROP TABLE book_state;
DROP VIEW price_list;
DROP TABLE model_prices;
