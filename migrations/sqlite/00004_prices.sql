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
    id             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    source         TEXT    NOT NULL CHECK (source IN ('shipped', 'import', 'override')),
    provider       TEXT    NOT NULL,
    model          TEXT    NOT NULL,
    effective_from TEXT    NOT NULL DEFAULT '0001-01-01T00:00:00.000000Z',
    hours          TEXT    NOT NULL DEFAULT '',
    match          TEXT    NOT NULL,
    rates          TEXT    NOT NULL,
    context_window INTEGER NOT NULL DEFAULT 0,
    deprecated     INTEGER NOT NULL DEFAULT 0,
    position       INTEGER NOT NULL DEFAULT 0,
    created_at     TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    UNIQUE (source, provider, model, effective_from, hours)
) STRICT;

-- The price table as it is listed: what comes first decides.
CREATE VIEW price_list AS
SELECT
    id, source, provider, model, effective_from, hours, rates, match, context_window, deprecated,
    CASE source WHEN 'override' THEN 0 WHEN 'import' THEN 1 ELSE 2 END AS rank
FROM model_prices;

-- What the database knows about itself: which shipped prices it holds, how
-- often prices and rules were changed.
CREATE TABLE book_state (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The price that total_cost was computed with; null when the client sent it.
ALTER TABLE request_logs ADD COLUMN price_id INTEGER;

-- Requests whose tokens are known and whose cost is not.
CREATE INDEX request_logs_unpriced_idx ON request_logs (
    coalesce(model, ''), coalesce(provider, ''), id, tokens_used, created_at
) WHERE total_cost IS NULL AND tokens_used > 0;

-- Requests that began and have not ended.
CREATE INDEX request_logs_initiated_idx ON request_logs (created_at) WHERE status = 'initiated';

-- What failed requests cost, beside what all cost; and the requests whose tokens
-- are known and whose cost is not.
ALTER TABLE usage_totals ADD COLUMN failed_cost_usd INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_totals ADD COLUMN failed_cost_nano INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_totals ADD COLUMN unpriced_requests INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_totals ADD COLUMN unpriced_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_monthly ADD COLUMN failed_cost_usd INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_monthly ADD COLUMN failed_cost_nano INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_monthly ADD COLUMN unpriced_requests INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_monthly ADD COLUMN unpriced_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE traffic_hourly ADD COLUMN failed_cost_usd INTEGER NOT NULL DEFAULT 0;
ALTER TABLE traffic_hourly ADD COLUMN failed_cost_nano INTEGER NOT NULL DEFAULT 0;
ALTER TABLE traffic_hourly ADD COLUMN unpriced_requests INTEGER NOT NULL DEFAULT 0;
ALTER TABLE traffic_hourly ADD COLUMN unpriced_tokens INTEGER NOT NULL DEFAULT 0;

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
    SELECT user_profile_id AS u, strftime('%Y-%m-01T00:00:00.000000Z', created_at) AS at,
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
    SELECT strftime('%Y-%m-%dT%H:00:00.000000Z', created_at) AS at,
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
    month      TEXT    NOT NULL,
    rebuilding INTEGER NOT NULL DEFAULT FALSE,
    PRIMARY KEY (month, rebuilding)
) STRICT, WITHOUT ROWID;

INSERT INTO stale_months (month) SELECT DISTINCT month FROM usage_monthly;

-- +goose Down
DROP TABLE stale_months;
ALTER TABLE traffic_hourly DROP COLUMN unpriced_tokens;
ALTER TABLE traffic_hourly DROP COLUMN unpriced_requests;
ALTER TABLE traffic_hourly DROP COLUMN failed_cost_nano;
ALTER TABLE traffic_hourly DROP COLUMN failed_cost_usd;
ALTER TABLE usage_monthly DROP COLUMN unpriced_tokens;
ALTER TABLE usage_monthly DROP COLUMN unpriced_requests;
ALTER TABLE usage_monthly DROP COLUMN failed_cost_nano;
ALTER TABLE usage_monthly DROP COLUMN failed_cost_usd;
ALTER TABLE usage_totals DROP COLUMN unpriced_tokens;
ALTER TABLE usage_totals DROP COLUMN unpriced_requests;
ALTER TABLE usage_totals DROP COLUMN failed_cost_nano;
ALTER TABLE usage_totals DROP COLUMN failed_cost_usd;
DROP INDEX request_logs_initiated_idx;
DROP INDEX request_logs_unpriced_idx;
ALTER TABLE request_logs DROP COLUMN price_id;
DROP TABLE book_state;
DROP VIEW price_list;
DROP TABLE model_prices;
