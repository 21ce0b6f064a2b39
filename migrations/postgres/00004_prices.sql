-- What requests cost: the price table, and what the rollups need for it. And what
-- keeps the sums right when somebody writes past llmtally.
--
-- llmtally's own writer says SET llmtally.writer = 'on' and keeps the sums itself.
-- For all others (psql, PostgREST, a function) triggers do it, once a statement and
-- in the same transaction: the rollups, the months that are stale,
-- user_profiles.tokens_used and request_logs.cost_nano follow every INSERT, UPDATE,
-- DELETE and TRUNCATE of request_logs. They mean what store/check.go defines. Roles
-- that row-level security holds for cannot turn them off. What only llmtally does
-- they leave alone: linking by end_user, tokens from the response, prices, alerts.
-- Rows are locked in the order of their keys, so that writers wait for each other
-- and do not deadlock, unless a transaction has several statements.

-- +goose Up
SET LOCAL statement_timeout = 0;

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

-- Nano-dollars follow the cost.
-- +goose StatementBegin
CREATE FUNCTION keep_cost_nano() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.cost_nano := nano_usd(NEW.total_cost);
    RETURN NEW;
END
$$;
-- +goose StatementEnd

-- Whoever writes a profile may send tokens_used: it is passed over.
-- +goose StatementBegin
CREATE FUNCTION keep_tokens_used() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.user_id = OLD.user_id THEN
        NEW.tokens_used := OLD.tokens_used;
    ELSE
        NEW.tokens_used := (SELECT coalesce(sum(t.tokens), 0) FROM usage_totals AS t WHERE t.user_profile_id = NEW.user_id);
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd

-- Makes the functions that count what a statement did to request_logs. Each takes
-- the logs with a sign, 1 for what came and -1 for what went, adds them up by the
-- key of each rollup, and adds that to the rollup. Where logs went, the time of
-- the last one is asked of those that are left, and empty rows go.
-- +goose StatementBegin
DO $do$
DECLARE
    here    constant text := quote_ident(current_schema());
    columns constant text := $$user_profile_id, created_at, coalesce(model, '') AS model, coalesce(provider, '') AS provider,
        status, tokens_used, prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
        cost_nano, response_time$$;
    timed   constant text := $$response_time > 0 AND status IS DISTINCT FROM 'initiated'$$;
    sums    constant text[] := ARRAY[
        ['requests', $$sum(sign)$$],
        ['successes', $$sum(sign) FILTER (WHERE status = 'success')$$],
        ['failures', $$sum(sign) FILTER (WHERE status IN ('failure', 'error'))$$],
        ['tokens', $$sum(sign * tokens_used)$$],
        ['prompt_tokens', $$sum(sign * prompt_tokens)$$],
        ['completion_tokens', $$sum(sign * completion_tokens)$$],
        ['cache_read_tokens', $$sum(sign * cache_read_tokens)$$],
        ['cache_write_tokens', $$sum(sign * cache_write_tokens)$$],
        ['reasoning_tokens', $$sum(sign * reasoning_tokens)$$],
        ['token_requests', $$sum(sign) FILTER (WHERE tokens_used <> 0 OR prompt_tokens IS NOT NULL OR completion_tokens IS NOT NULL)$$],
        ['cost_usd', $$sum(sign * (cost_nano / 1000000000))$$],
        ['cost_nano', $$sum(sign * (cost_nano % 1000000000))$$],
        ['failed_cost_usd', $$sum(sign * (cost_nano / 1000000000)) FILTER (WHERE status IN ('failure', 'error'))$$],
        ['failed_cost_nano', $$sum(sign * (cost_nano % 1000000000)) FILTER (WHERE status IN ('failure', 'error'))$$],
        ['priced_requests', $$sum(sign) FILTER (WHERE cost_nano IS NOT NULL)$$],
        ['unpriced_requests', $$sum(sign) FILTER (WHERE cost_nano IS NULL AND tokens_used > 0)$$],
        ['unpriced_tokens', $$sum(sign * tokens_used) FILTER (WHERE cost_nano IS NULL)$$],
        ['response_us', $$sum(sign * micros(response_time)) FILTER (WHERE $$ || timed || ')'],
        ['timed_requests', $$sum(sign) FILTER (WHERE $$ || timed || ')']
    ];
    names   text; -- of the sums: a, b
    terms   text; -- over logs: coalesce(sum(…), 0) AS a, …
    regroup text; -- over sums: sum(a), …
    adding  text; -- to a row: a = t.a + excluded.a, …
    last_at constant text := 'coalesce(max(created_at) FILTER (WHERE sign > 0), max(created_at)) AS last_at';
    body    text;
    change  record;
    rollup  record;
BEGIN
    SELECT string_agg(sums[i][1], ', '),
        string_agg(format('coalesce(%s, 0) AS %I', sums[i][2], sums[i][1]), ', '),
        string_agg(format('sum(%I)', sums[i][1]), ', '),
        string_agg(format('%1$I = t.%1$I + excluded.%1$I', sums[i][1]), ', ')
            || ', last_at = greatest(t.last_at, excluded.last_at)'
    INTO names, terms, regroup, adding
    FROM generate_subscripts(sums, 1) AS i;
    FOR change IN
        SELECT done, removes, '(' || format(its_logs, columns) || ') AS change' AS logs
        FROM (VALUES
            ('inserted', false, 'SELECT 1 AS sign, %1$s FROM added'),
            ('deleted', true, 'SELECT -1 AS sign, %1$s FROM removed'),
            -- Rows that count the same before and after cancel out.
            ('updated', true, 'SELECT 1 AS sign, * FROM (SELECT %1$s FROM added EXCEPT ALL SELECT %1$s FROM removed) AS a
                UNION ALL SELECT -1, * FROM (SELECT %1$s FROM removed EXCEPT ALL SELECT %1$s FROM added) AS r'),
            ('truncated', true, 'SELECT -1 AS sign, %1$s FROM request_logs')
        ) AS v (done, removes, its_logs)
    LOOP
        body := format($sql$
            IF NOT EXISTS (SELECT FROM %1$s) THEN
                RETURN NULL;
            END IF;
            PERFORM FROM user_profiles
            WHERE user_id IN (SELECT user_profile_id FROM %1$s)
            ORDER BY user_id
            FOR NO KEY UPDATE;
            PERFORM set_config('llmtally.writer', 'on', true);
            UPDATE user_profiles AS p
            SET tokens_used = p.tokens_used + c.tokens
            FROM (
                SELECT user_profile_id, sum(sign * tokens_used) AS tokens
                FROM %1$s
                GROUP BY user_profile_id
                HAVING sum(sign * tokens_used) <> 0
            ) AS c
            WHERE c.user_profile_id = p.user_id;
            PERFORM set_config('llmtally.writer', coalesce(writer, ''), true);
        $sql$, change.logs);
        FOR rollup IN
            SELECT tab, key, places, key_of_log, counted, its_logs,
                't.' || replace(key, ', ', ', t.') AS own_key, 'gone.' || replace(key, ', ', ', gone.') AS gone_key
            FROM (VALUES
                ('usage_totals', 'user_profile_id, model, provider', '1, 2, 3',
                    'user_profile_id, model, provider', 'user_profile_id IS NOT NULL',
                    'l.user_profile_id = t.user_profile_id'),
                ('usage_monthly', 'user_profile_id, month, model, provider', '1, 2, 3, 4',
                    'user_profile_id, month_of(created_at) AS month, model, provider', 'user_profile_id IS NOT NULL',
                    $$l.user_profile_id = t.user_profile_id AND l.created_at >= t.month
                        AND l.created_at < (t.month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'$$),
                ('traffic_hourly', 'hour, model, provider', '1, 2, 3',
                    'hour_of(created_at) AS hour, model, provider', 'true',
                    $$l.created_at >= t.hour AND l.created_at < t.hour + interval '1 hour'$$)
            ) AS v (tab, key, places, key_of_log, counted, its_logs)
        LOOP
            IF rollup.tab = 'traffic_hourly' THEN
                body := body || format($sql$
                    INSERT INTO traffic_hourly AS t (hour, model, provider, %1$s, last_at, latency)
                    SELECT hour, model, provider, %2$s,
                        coalesce(max(last_at) FILTER (WHERE came), max(last_at)),
                        '{' || coalesce(string_agg('"' || bucket || '":' || timed_requests, ',' ORDER BY bucket)
                            FILTER (WHERE bucket IS NOT NULL AND timed_requests <> 0), '') || '}'
                    FROM (
                        SELECT %3$s, CASE WHEN %4$s THEN latency_bucket(micros(response_time)) END AS bucket,
                            %5$s, %6$s, bool_or(sign > 0) AS came
                        FROM %7$s
                        GROUP BY 1, 2, 3, 4
                    ) AS by_bucket
                    GROUP BY 1, 2, 3
                    ORDER BY 1, 2, 3
                    ON CONFLICT (hour, model, provider) DO UPDATE
                    SET %8$s, latency = latency_add(t.latency, excluded.latency);
                $sql$, names, regroup, rollup.key_of_log, timed, terms, last_at, change.logs, adding);
            ELSE
                body := body || format($sql$
                    INSERT INTO %1$s AS t (%2$s, %3$s, last_at)
                    SELECT %4$s, %5$s, %6$s
                    FROM %7$s
                    WHERE %8$s
                    GROUP BY %9$s
                    ORDER BY %9$s
                    ON CONFLICT (%2$s) DO UPDATE
                    SET %10$s;
                $sql$, rollup.tab, rollup.key, names, rollup.key_of_log, terms, last_at, change.logs, rollup.counted,
                    rollup.places, adding);
            END IF;
            CONTINUE WHEN NOT change.removes;
            body := body || format($sql$
                UPDATE %1$s AS t
                SET last_at = coalesce((
                    SELECT l.created_at
                    FROM request_logs AS l
                    WHERE %2$s AND coalesce(l.model, '') = t.model AND coalesce(l.provider, '') = t.provider
                    ORDER BY l.created_at DESC
                    LIMIT 1
                ), t.last_at)
                FROM (
                    SELECT %3$s, max(created_at) AS at
                    FROM %4$s
                    WHERE %5$s AND sign < 0
                    GROUP BY %6$s
                ) AS gone
                WHERE (%7$s) = (%8$s) AND t.last_at <= gone.at;
                DELETE FROM %1$s AS t
                USING (SELECT DISTINCT %3$s FROM %4$s WHERE %5$s AND sign < 0) AS gone
                WHERE (%7$s) = (%8$s) AND t.requests = 0;
            $sql$, rollup.tab, rollup.its_logs, rollup.key_of_log, change.logs, rollup.counted, rollup.places,
                rollup.own_key, rollup.gone_key);
        END LOOP;
        body := body || format($sql$
            INSERT INTO stale_months (month)
            SELECT DISTINCT month_of(created_at)
            FROM %s
            WHERE user_profile_id IS NOT NULL
            ORDER BY 1
            ON CONFLICT DO NOTHING;
        $sql$, change.logs);
        EXECUTE format($fn$
            CREATE FUNCTION count_%1$s_logs() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = %2$s, pg_temp
            AS $body$ DECLARE writer text := current_setting('llmtally.writer', true); BEGIN %3$s RETURN NULL; END $body$
        $fn$, change.done, here, body);
    END LOOP;
    EXECUTE format('ALTER FUNCTION keep_cost_nano() SET search_path = %s, pg_temp', here);
    EXECUTE format('ALTER FUNCTION keep_tokens_used() SET search_path = %s, pg_temp', here);
END
$do$;
-- +goose StatementEnd

-- row_security_active is false for the owner of the tables, for superusers and
-- for roles with BYPASSRLS: only they are believed.
CREATE TRIGGER request_logs_cost_nano BEFORE INSERT OR UPDATE ON request_logs
    FOR EACH ROW
    WHEN (((current_setting('llmtally.writer', true) = 'on') IS NOT TRUE OR row_security_active('request_logs'))
        AND NEW.cost_nano IS DISTINCT FROM nano_usd(NEW.total_cost))
    EXECUTE FUNCTION keep_cost_nano();

CREATE TRIGGER user_profiles_tokens_used BEFORE INSERT OR UPDATE ON user_profiles
    FOR EACH ROW
    WHEN ((current_setting('llmtally.writer', true) = 'on') IS NOT TRUE OR row_security_active('user_profiles'))
    EXECUTE FUNCTION keep_tokens_used();

CREATE TRIGGER request_logs_inserted AFTER INSERT ON request_logs
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT
    WHEN ((current_setting('llmtally.writer', true) = 'on') IS NOT TRUE OR row_security_active('request_logs'))
    EXECUTE FUNCTION count_inserted_logs();

CREATE TRIGGER request_logs_updated AFTER UPDATE ON request_logs
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT
    WHEN ((current_setting('llmtally.writer', true) = 'on') IS NOT TRUE OR row_security_active('request_logs'))
    EXECUTE FUNCTION count_updated_logs();

CREATE TRIGGER request_logs_deleted AFTER DELETE ON request_logs
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT
    WHEN ((current_setting('llmtally.writer', true) = 'on') IS NOT TRUE OR row_security_active('request_logs'))
    EXECUTE FUNCTION count_deleted_logs();

CREATE TRIGGER request_logs_truncated BEFORE TRUNCATE ON request_logs
    FOR EACH STATEMENT
    WHEN ((current_setting('llmtally.writer', true) = 'on') IS NOT TRUE OR row_security_active('request_logs'))
    EXECUTE FUNCTION count_truncated_logs();

SELECT protect('model_prices'), protect('price_list'), protect('book_state'), protect('stale_months');

-- +goose Down
DROP TRIGGER request_logs_truncated ON request_logs;
DROP TRIGGER request_logs_deleted ON request_logs;
DROP TRIGGER request_logs_updated ON request_logs;
DROP TRIGGER request_logs_inserted ON request_logs;
DROP TRIGGER user_profiles_tokens_used ON user_profiles;
DROP TRIGGER request_logs_cost_nano ON request_logs;
DROP FUNCTION count_truncated_logs();
DROP FUNCTION count_updated_logs();
DROP FUNCTION count_deleted_logs();
DROP FUNCTION count_inserted_logs();
DROP FUNCTION keep_tokens_used();
DROP FUNCTION keep_cost_nano();
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
