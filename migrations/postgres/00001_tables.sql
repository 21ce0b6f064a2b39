-- The three published tables, and who may do what with them.
--
-- Tables of these names that are there already are taken over: request_logs as
-- LiteLLM's documentation has it, or the tables of VT.ai in any of their shapes.
-- They are extended in place, in one rewrite of each, and no row is lost:
--   - Every column gets the type, default and order of texts that it has here. A
--     real becomes the double of the same digits, jsonb becomes json, a time
--     without a zone is UTC, and ids that are no numbers are numbered anew.
--     Other columns stay, and may be null from now on: llmtally does not write them.
--   - What does not fit (a negative cost, an id that is too long, the second use of
--     a call id) moves into additional_details, under "adopted".
--   - Users who are named and have no profile get one. Where request_logs knows no
--     users, as LiteLLM's, end_user says who they are. Where it knows no status,
--     rows with an error are failures, the others successes; where it knows no
--     tokens, they come from additional_details, where VT.ai once kept them.
--   - The old views, functions and policies of these names go; so do triggers whose
--     functions count into user_profiles or tokens_usage, since the rollups do;
--     foreign keys, and the checks and unique keys of request_logs and tokens_usage.
-- user_profiles.tokens_used becomes the sum over the logs that are there.
--
-- Direct SQL is welcome: see 00004_prices.sql for what keeps the sums right then.

-- +goose Up
SET LOCAL statement_timeout = 0;
SET LOCAL TimeZone = 'UTC';

-- +goose StatementBegin
DO $do$
BEGIN
    IF current_setting('server_version_num')::int < 150000 THEN
        RAISE EXCEPTION 'llmtally needs PostgreSQL 15 or newer, and this is %', current_setting('server_version');
    END IF;
    IF getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION 'llmtally needs a database in UTF8, and this is in %', getdatabaseencoding();
    END IF;
END
$do$;
-- +goose StatementEnd

-- USD in nano-dollars (1e-9 USD), rounded half away from zero. It rounds the
-- shortest decimal number that reads back as the same double.
-- +goose StatementBegin
CREATE FUNCTION nano_usd(usd double precision) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE -- not STRICT, or it could not be inlined
AS $$
    SELECT CASE WHEN usd >= 9223372036 THEN 9223372036854775807
        ELSE round(usd::text::numeric * 1000000000)::bigint END
$$;
-- +goose StatementEnd

-- First: out of the way with what new types would trip over, or what would count
-- twice.
-- +goose StatementBegin
DO $do$
DECLARE
    here      constant regnamespace := current_schema()::regnamespace;
    published constant name[] := '{user_profiles,request_logs,tokens_usage}';
    o         record;
BEGIN
    FOR o IN
        SELECT relname, relkind FROM pg_class
        WHERE relnamespace = here AND relname = ANY (published) AND relkind IN ('r', 'p', 'v', 'm', 'f')
    LOOP
        IF o.relkind <> 'r' THEN
            RAISE EXCEPTION '% is no plain table: llmtally cannot take it over', o.relname;
        END IF;
        EXECUTE format('COMMENT ON TABLE %I IS %L', o.relname, 'Taken over by llmtally.');
    END LOOP;
    FOR o IN
        SELECT format('DROP %s %I', CASE relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, relname) AS statement
        FROM pg_class
        WHERE relnamespace = here AND relkind IN ('v', 'm')
            AND relname IN ('user_request_analytics', 'user_recent_activity', 'monthly_token_usage')
        UNION ALL
        SELECT format('DROP FUNCTION %s', oid::regprocedure)
        FROM pg_proc
        WHERE pronamespace = here AND proname IN ('get_user_request_history', 'get_user_token_breakdown')
        UNION ALL
        SELECT format('DROP TRIGGER %I ON %I', t.tgname, c.relname)
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_proc AS p ON p.oid = t.tgfoid
        WHERE c.relnamespace = here AND c.relname = ANY (published) AND NOT t.tgisinternal
            AND p.prosrc ~* '\m(tokens_usage|tokens_used|user_profiles)\M'
        UNION ALL
        SELECT format('DROP POLICY %I ON %I', p.polname, c.relname)
        FROM pg_policy AS p
        JOIN pg_class AS c ON c.oid = p.polrelid
        WHERE c.relnamespace = here AND c.relname = ANY (published)
    LOOP
        EXECUTE o.statement;
    END LOOP;
    FOR o IN
        SELECT c.relname, k.conname
        FROM pg_constraint AS k
        JOIN pg_class AS c ON c.oid = k.conrelid
        WHERE c.relnamespace = here AND c.relname = ANY (published)
            AND (k.contype = 'f' OR k.contype IN ('c', 'u', 'x') AND c.relname <> 'user_profiles')
        ORDER BY k.contype <> 'f' -- they lean on unique keys
    LOOP
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', o.relname, o.conname);
    END LOOP;
    -- Unique indexes, and those that may not fit the new types.
    FOR o IN
        SELECT x.indexrelid::regclass AS name
        FROM pg_index AS x
        JOIN pg_class AS c ON c.oid = x.indrelid
        WHERE c.relnamespace = here AND c.relname = ANY (published) AND NOT x.indisprimary
            AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = x.indexrelid)
            AND (
                x.indisunique AND c.relname <> 'user_profiles'
                OR x.indexprs IS NOT NULL
                OR x.indpred IS NOT NULL
                OR EXISTS (
                    SELECT FROM pg_attribute AS a
                    WHERE a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey::int2[]) AND a.atttypid = 'jsonb'::regtype
                )
            )
    LOOP
        EXECUTE format('DROP INDEX %s', o.name);
    END LOOP;
    FOR o IN
        SELECT c.relname, a.attname
        FROM pg_attribute AS a
        JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE c.relnamespace = here AND c.relname = ANY (published)
            AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND a.attidentity = ''
            AND NOT EXISTS (SELECT FROM pg_index AS x WHERE x.indrelid = c.oid AND x.indisprimary AND a.attnum = ANY (x.indkey::int2[]))
    LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN %I DROP NOT NULL', o.relname, o.attname);
    END LOOP;
END
$do$;
-- +goose StatementEnd

-- Second: the columns. These read a value of any type by its text, and make null
-- of what does not fit.

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pg_temp.amount(value text, most numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN value ~ '^\s*[+-]?([0-9]{1,40}\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*$'
        THEN CASE WHEN value::numeric BETWEEN 0 AND most THEN value::numeric END END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pg_temp.bounded(value text, most int) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN octet_length(value) <= most THEN value END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pg_temp.moment(value text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT
AS $$
DECLARE
    at timestamptz;
BEGIN
    IF value ~ '^\s*[0-9]{9,13}(\.[0-9]*)?\s*$' THEN -- seconds since 1970, or milliseconds
        at := to_timestamp(value::numeric / CASE WHEN value::numeric < 1e11 THEN 1 ELSE 1000 END);
    ELSE
        at := value::timestamptz;
    END IF;
    RETURN CASE WHEN at >= '0001-01-01 00:00:00+00' AND at < '10000-01-01 00:00:00+00' THEN at END;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pg_temp.document(value text) RETURNS json
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    RETURN value::json;
EXCEPTION WHEN data_exception THEN
    RETURN to_json(value);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pg_temp.numbered(id anyelement, ids regclass) RETURNS bigint
LANGUAGE sql VOLATILE
AS $$
    SELECT CASE WHEN pg_typeof(id) IN ('bigint', 'integer', 'smallint') AND id IS NOT NULL THEN id::text::bigint
        ELSE nextval(ids) END
$$;
-- +goose StatementEnd

-- A member of an object, also of one that was stored as a string.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pg_temp.member(value text, name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
DECLARE
    object json;
BEGIN
    object := value::json;
    IF json_typeof(object) = 'string' THEN
        object := (object #>> '{}')::json;
    END IF;
    RETURN object ->> name;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- What a row loses by a column: its old value, unless there is a new one.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pg_temp.lost(old text, new anyelement) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN old NOT IN ('', '(no such column)') AND new IS NULL THEN old END $$;
-- +goose StatementEnd

-- Adds to a row's details what it loses, and leaves their text as it is.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pg_temp.aside(details json, lost json) RETURNS json
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN json_strip_nulls(lost)::text = '{}' THEN details
        WHEN details IS NULL OR details::text ~ '^\s*(\{\s*\}|null)\s*$'
            THEN json_build_object('adopted', json_strip_nulls(lost))
        WHEN json_typeof(details) = 'object'
            THEN (regexp_replace(details::text, '\}\s*$', '') || ',"adopted":' || json_strip_nulls(lost) || '}')::json
        ELSE json_build_object('additional_details', details, 'adopted', json_strip_nulls(lost))
    END
$$;
-- +goose StatementEnd

ALTER TABLE IF EXISTS user_profiles
    ADD COLUMN IF NOT EXISTS user_id text,
    ADD COLUMN IF NOT EXISTS email text,
    ADD COLUMN IF NOT EXISTS full_name text,
    ADD COLUMN IF NOT EXISTS avatar_url text,
    ADD COLUMN IF NOT EXISTS provider text,
    ADD COLUMN IF NOT EXISTS provider_user_id text,
    ADD COLUMN IF NOT EXISTS raw_oauth_details json,
    ADD COLUMN IF NOT EXISTS subscription_tier text DEFAULT 'free',
    ADD COLUMN IF NOT EXISTS tokens_used bigint,
    ADD COLUMN IF NOT EXISTS created_at timestamptz DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at timestamptz DEFAULT now();

ALTER TABLE IF EXISTS user_profiles
    ALTER COLUMN user_id DROP DEFAULT,
    ALTER COLUMN subscription_tier DROP DEFAULT,
    ALTER COLUMN tokens_used DROP DEFAULT,
    ALTER COLUMN created_at DROP DEFAULT,
    ALTER COLUMN updated_at DROP DEFAULT,
    ALTER COLUMN user_id TYPE text COLLATE "C" USING user_id::text,
    ALTER COLUMN email TYPE text COLLATE "C" USING email::text,
    ALTER COLUMN full_name TYPE text COLLATE "C" USING full_name::text,
    ALTER COLUMN avatar_url TYPE text COLLATE "C" USING avatar_url::text,
    ALTER COLUMN provider TYPE text COLLATE "C" USING provider::text,
    ALTER COLUMN provider_user_id TYPE text COLLATE "C" USING provider_user_id::text,
    ALTER COLUMN raw_oauth_details TYPE json USING pg_temp.document(raw_oauth_details::text),
    ALTER COLUMN subscription_tier TYPE text COLLATE "C" USING subscription_tier::text,
    ALTER COLUMN tokens_used TYPE bigint USING 0,
    ALTER COLUMN created_at TYPE timestamptz USING coalesce(pg_temp.moment(created_at::text), now()),
    ALTER COLUMN updated_at TYPE timestamptz USING coalesce(pg_temp.moment(updated_at::text), now()),
    ALTER COLUMN subscription_tier SET DEFAULT 'free',
    ALTER COLUMN tokens_used SET DEFAULT 0,
    ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN updated_at SET DEFAULT now();

ALTER TABLE IF EXISTS request_logs ALTER COLUMN id DROP IDENTITY IF EXISTS;
ALTER TABLE IF EXISTS request_logs ALTER COLUMN id DROP DEFAULT;
DROP SEQUENCE IF EXISTS request_logs_id_seq;
CREATE SEQUENCE request_logs_id_seq;

-- A column that is not there yet says so for a moment.
ALTER TABLE IF EXISTS request_logs
    ADD COLUMN IF NOT EXISTS created_at timestamptz,
    ADD COLUMN IF NOT EXISTS user_profile_id text DEFAULT '(no such column)',
    ADD COLUMN IF NOT EXISTS end_user text,
    ADD COLUMN IF NOT EXISTS provider text DEFAULT '',
    ADD COLUMN IF NOT EXISTS model text,
    ADD COLUMN IF NOT EXISTS status text DEFAULT '(no such column)',
    ADD COLUMN IF NOT EXISTS litellm_call_id text,
    ADD COLUMN IF NOT EXISTS response_time real,
    ADD COLUMN IF NOT EXISTS tokens_used text DEFAULT '(no such column)',
    ADD COLUMN IF NOT EXISTS prompt_tokens text DEFAULT '(no such column)',
    ADD COLUMN IF NOT EXISTS completion_tokens text DEFAULT '(no such column)',
    ADD COLUMN IF NOT EXISTS cache_read_tokens bigint,
    ADD COLUMN IF NOT EXISTS cache_write_tokens bigint,
    ADD COLUMN IF NOT EXISTS reasoning_tokens bigint,
    ADD COLUMN IF NOT EXISTS total_cost double precision,
    ADD COLUMN IF NOT EXISTS prompt_cost_per_token double precision,
    ADD COLUMN IF NOT EXISTS completion_cost_per_token double precision,
    ADD COLUMN IF NOT EXISTS cost_nano bigint,
    ADD COLUMN IF NOT EXISTS messages json,
    ADD COLUMN IF NOT EXISTS response json,
    ADD COLUMN IF NOT EXISTS error json,
    ADD COLUMN IF NOT EXISTS additional_details json;

ALTER TABLE IF EXISTS request_logs
    ALTER COLUMN created_at DROP DEFAULT,
    ALTER COLUMN user_profile_id DROP DEFAULT,
    ALTER COLUMN end_user DROP DEFAULT,
    ALTER COLUMN provider DROP DEFAULT,
    ALTER COLUMN model DROP DEFAULT,
    ALTER COLUMN status DROP DEFAULT,
    ALTER COLUMN litellm_call_id DROP DEFAULT,
    ALTER COLUMN response_time DROP DEFAULT,
    ALTER COLUMN tokens_used DROP DEFAULT,
    ALTER COLUMN prompt_tokens DROP DEFAULT,
    ALTER COLUMN completion_tokens DROP DEFAULT,
    ALTER COLUMN total_cost DROP DEFAULT,
    ALTER COLUMN prompt_cost_per_token DROP DEFAULT,
    ALTER COLUMN completion_cost_per_token DROP DEFAULT,
    ALTER COLUMN messages DROP DEFAULT,
    ALTER COLUMN response DROP DEFAULT,
    ALTER COLUMN error DROP DEFAULT,
    ALTER COLUMN additional_details DROP DEFAULT,
    ALTER COLUMN id TYPE bigint USING pg_temp.numbered(id, 'request_logs_id_seq'),
    ALTER COLUMN created_at TYPE timestamptz USING pg_temp.moment(created_at::text),
    ALTER COLUMN user_profile_id TYPE text COLLATE "C" USING nullif(pg_temp.bounded(
        CASE user_profile_id::text WHEN '(no such column)' THEN end_user::text ELSE user_profile_id::text END, 1024), ''),
    ALTER COLUMN end_user TYPE text COLLATE "C" USING pg_temp.bounded(end_user::text, 1024),
    ALTER COLUMN provider TYPE text COLLATE "C" USING pg_temp.bounded(provider::text, 256),
    ALTER COLUMN model TYPE text COLLATE "C" USING pg_temp.bounded(model::text, 512),
    ALTER COLUMN status TYPE text COLLATE "C" USING CASE
        WHEN status::text IS DISTINCT FROM '(no such column)' THEN pg_temp.bounded(lower(status::text), 64)
        WHEN error::text ~ '^\s*(\{\s*\}|null|"")?\s*$' OR error IS NULL THEN 'success'
        ELSE 'failure' END,
    ALTER COLUMN litellm_call_id TYPE text COLLATE "C" USING nullif(pg_temp.bounded(litellm_call_id::text, 1024), ''),
    ALTER COLUMN response_time TYPE real USING pg_temp.amount(response_time::text, 1e6)::real,
    ALTER COLUMN tokens_used TYPE bigint USING coalesce(round(pg_temp.amount(CASE tokens_used::text
        WHEN '(no such column)' THEN pg_temp.member(additional_details::text, 'total_tokens')
        ELSE tokens_used::text END, 1e12))::bigint, 0),
    ALTER COLUMN prompt_tokens TYPE bigint USING round(pg_temp.amount(CASE prompt_tokens::text
        WHEN '(no such column)' THEN pg_temp.member(additional_details::text, 'input_tokens')
        ELSE prompt_tokens::text END, 1e12))::bigint,
    ALTER COLUMN completion_tokens TYPE bigint USING round(pg_temp.amount(CASE completion_tokens::text
        WHEN '(no such column)' THEN pg_temp.member(additional_details::text, 'output_tokens')
        ELSE completion_tokens::text END, 1e12))::bigint,
    ALTER COLUMN cache_read_tokens TYPE bigint USING round(pg_temp.amount(cache_read_tokens::text, 1e12))::bigint,
    ALTER COLUMN cache_write_tokens TYPE bigint USING round(pg_temp.amount(cache_write_tokens::text, 1e12))::bigint,
    ALTER COLUMN reasoning_tokens TYPE bigint USING round(pg_temp.amount(reasoning_tokens::text, 1e12))::bigint,
    ALTER COLUMN total_cost TYPE double precision USING pg_temp.amount(total_cost::text, 1e8)::double precision,
    ALTER COLUMN prompt_cost_per_token TYPE double precision
        USING pg_temp.amount(prompt_cost_per_token::text, 1e8)::double precision,
    ALTER COLUMN completion_cost_per_token TYPE double precision
        USING pg_temp.amount(completion_cost_per_token::text, 1e8)::double precision,
    ALTER COLUMN cost_nano TYPE bigint USING nano_usd(pg_temp.amount(total_cost::text, 1e8)::double precision),
    ALTER COLUMN messages TYPE json USING pg_temp.document(messages::text),
    ALTER COLUMN response TYPE json USING pg_temp.document(response::text),
    ALTER COLUMN error TYPE json USING pg_temp.document(error::text),
    ALTER COLUMN additional_details TYPE json USING pg_temp.aside(
        pg_temp.document(additional_details::text),
        json_build_object(
            'id', CASE WHEN pg_typeof(id) NOT IN ('bigint', 'integer', 'smallint') THEN id::text END,
            'created_at', pg_temp.lost(created_at::text, pg_temp.moment(created_at::text)),
            'user_profile_id', pg_temp.lost(user_profile_id::text, pg_temp.bounded(user_profile_id::text, 1024)),
            'end_user', pg_temp.lost(end_user::text, pg_temp.bounded(end_user::text, 1024)),
            'provider', pg_temp.lost(provider::text, pg_temp.bounded(provider::text, 256)),
            'model', pg_temp.lost(model::text, pg_temp.bounded(model::text, 512)),
            'status', pg_temp.lost(status::text, pg_temp.bounded(status::text, 64)),
            'litellm_call_id', pg_temp.lost(litellm_call_id::text, pg_temp.bounded(litellm_call_id::text, 1024)),
            'response_time', pg_temp.lost(response_time::text, pg_temp.amount(response_time::text, 1e6)),
            'tokens_used', pg_temp.lost(tokens_used::text, pg_temp.amount(tokens_used::text, 1e12)),
            'prompt_tokens', pg_temp.lost(prompt_tokens::text, pg_temp.amount(prompt_tokens::text, 1e12)),
            'completion_tokens', pg_temp.lost(completion_tokens::text, pg_temp.amount(completion_tokens::text, 1e12)),
            'total_cost', pg_temp.lost(total_cost::text, pg_temp.amount(total_cost::text, 1e8)),
            'prompt_cost_per_token',
            pg_temp.lost(prompt_cost_per_token::text, pg_temp.amount(prompt_cost_per_token::text, 1e8)),
            'completion_cost_per_token',
            pg_temp.lost(completion_cost_per_token::text, pg_temp.amount(completion_cost_per_token::text, 1e8))
        )
    ),
    ALTER COLUMN id SET DEFAULT nextval('request_logs_id_seq'),
    ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN end_user SET DEFAULT '',
    ALTER COLUMN provider SET DEFAULT '',
    ALTER COLUMN model SET DEFAULT '',
    ALTER COLUMN status SET DEFAULT '',
    ALTER COLUMN response_time SET DEFAULT 0,
    ALTER COLUMN tokens_used SET DEFAULT 0,
    ALTER COLUMN messages SET DEFAULT '{}',
    ALTER COLUMN response SET DEFAULT '{}',
    ALTER COLUMN error SET DEFAULT '{}',
    ALTER COLUMN additional_details SET DEFAULT '{}';

ALTER TABLE IF EXISTS tokens_usage ALTER COLUMN id DROP IDENTITY IF EXISTS;
ALTER TABLE IF EXISTS tokens_usage ALTER COLUMN id DROP DEFAULT;
DROP SEQUENCE IF EXISTS tokens_usage_id_seq;
CREATE SEQUENCE tokens_usage_id_seq;

ALTER TABLE IF EXISTS tokens_usage
    ADD COLUMN IF NOT EXISTS period_type text,
    ADD COLUMN IF NOT EXISTS period_start timestamptz,
    ADD COLUMN IF NOT EXISTS period_end timestamptz,
    ADD COLUMN IF NOT EXISTS total_tokens bigint,
    ADD COLUMN IF NOT EXISTS total_cost double precision,
    ADD COLUMN IF NOT EXISTS request_count bigint,
    ADD COLUMN IF NOT EXISTS model_breakdown json,
    ADD COLUMN IF NOT EXISTS provider_breakdown json,
    ADD COLUMN IF NOT EXISTS created_at timestamptz,
    ADD COLUMN IF NOT EXISTS updated_at timestamptz;

ALTER TABLE IF EXISTS tokens_usage
    ALTER COLUMN period_type DROP DEFAULT,
    ALTER COLUMN period_start DROP DEFAULT,
    ALTER COLUMN period_end DROP DEFAULT,
    ALTER COLUMN total_tokens DROP DEFAULT,
    ALTER COLUMN total_cost DROP DEFAULT,
    ALTER COLUMN request_count DROP DEFAULT,
    ALTER COLUMN model_breakdown DROP DEFAULT,
    ALTER COLUMN provider_breakdown DROP DEFAULT,
    ALTER COLUMN created_at DROP DEFAULT,
    ALTER COLUMN updated_at DROP DEFAULT,
    ALTER COLUMN id TYPE bigint USING pg_temp.numbered(id, 'tokens_usage_id_seq'),
    ALTER COLUMN user_profile_id TYPE text COLLATE "C" USING user_profile_id::text,
    ALTER COLUMN period_type TYPE text COLLATE "C" USING coalesce(period_type::text, 'monthly'),
    ALTER COLUMN period_start TYPE timestamptz USING coalesce(
        pg_temp.moment(period_start::text), date_trunc('month', pg_temp.moment(created_at::text)), date_trunc('month', now())),
    ALTER COLUMN period_end TYPE timestamptz USING coalesce(pg_temp.moment(period_end::text), coalesce(
        pg_temp.moment(period_start::text), date_trunc('month', pg_temp.moment(created_at::text)), date_trunc('month', now())
    ) + interval '1 month'),
    ALTER COLUMN total_tokens TYPE bigint USING coalesce(round(pg_temp.amount(total_tokens::text, 1e18))::bigint, 0),
    ALTER COLUMN total_cost TYPE double precision USING coalesce(pg_temp.amount(total_cost::text, 1e18)::double precision, 0),
    ALTER COLUMN request_count TYPE bigint USING coalesce(round(pg_temp.amount(request_count::text, 1e18))::bigint, 0),
    ALTER COLUMN model_breakdown TYPE json USING coalesce(pg_temp.document(model_breakdown::text), '{}'),
    ALTER COLUMN provider_breakdown TYPE json USING coalesce(pg_temp.document(provider_breakdown::text), '{}'),
    ALTER COLUMN created_at TYPE timestamptz USING coalesce(pg_temp.moment(created_at::text), now()),
    ALTER COLUMN updated_at TYPE timestamptz USING coalesce(pg_temp.moment(updated_at::text), now()),
    ALTER COLUMN id SET DEFAULT nextval('tokens_usage_id_seq'),
    ALTER COLUMN period_type SET DEFAULT 'monthly',
    ALTER COLUMN total_tokens SET DEFAULT 0,
    ALTER COLUMN total_cost SET DEFAULT 0,
    ALTER COLUMN request_count SET DEFAULT 0,
    ALTER COLUMN model_breakdown SET DEFAULT '{}',
    ALTER COLUMN provider_breakdown SET DEFAULT '{}',
    ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN updated_at SET DEFAULT now();

-- Third: the tables, as they are where none was. Texts are compared byte by byte
-- (COLLATE "C"), as on SQLite. Ids come from plain sequences. The JSON columns are
-- json, which keeps the bytes as they came.
CREATE TABLE IF NOT EXISTS user_profiles (
    user_id           text COLLATE "C" NOT NULL PRIMARY KEY,
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
    id                        bigint NOT NULL DEFAULT nextval('request_logs_id_seq') PRIMARY KEY,
    created_at                timestamptz NOT NULL DEFAULT now(),
    user_profile_id           text COLLATE "C",
    end_user                  text COLLATE "C" DEFAULT '',
    provider                  text COLLATE "C" DEFAULT '',
    model                     text COLLATE "C" DEFAULT '',
    status                    text COLLATE "C" DEFAULT '',
    litellm_call_id           text COLLATE "C",
    response_time             real DEFAULT 0,
    tokens_used               bigint DEFAULT 0,
    prompt_tokens             bigint,
    completion_tokens         bigint,
    cache_read_tokens         bigint,
    cache_write_tokens        bigint,
    reasoning_tokens          bigint,
    total_cost                double precision,
    prompt_cost_per_token     double precision,
    completion_cost_per_token double precision,
    -- total_cost in nano-dollars, rounded half away from zero: what every sum
    -- adds. Null when total_cost is.
    cost_nano                 bigint,
    messages                  json DEFAULT '{}',
    response                  json DEFAULT '{}',
    error                     json DEFAULT '{}',
    additional_details        json DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS tokens_usage (
    id                 bigint NOT NULL DEFAULT nextval('tokens_usage_id_seq') PRIMARY KEY,
    user_profile_id    text COLLATE "C" NOT NULL,
    period_type        text COLLATE "C" NOT NULL DEFAULT 'monthly',
    period_start       timestamptz NOT NULL,
    period_end         timestamptz NOT NULL,
    total_tokens       bigint NOT NULL DEFAULT 0,
    total_cost         double precision NOT NULL DEFAULT 0,
    request_count      bigint NOT NULL DEFAULT 0,
    model_breakdown    json NOT NULL DEFAULT '{}',
    provider_breakdown json NOT NULL DEFAULT '{}',
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now()
);

ALTER SEQUENCE request_logs_id_seq OWNED BY request_logs.id;
ALTER SEQUENCE tokens_usage_id_seq OWNED BY tokens_usage.id;
SELECT setval('request_logs_id_seq', max(id)) FROM request_logs HAVING max(id) > 0;
SELECT setval('tokens_usage_id_seq', max(id)) FROM tokens_usage HAVING max(id) > 0;

-- Fourth: what old rows owe to the keys. A log without a time gets that of the log
-- before it; a call id stays with the finished request that has it first.
UPDATE request_logs AS l
SET created_at = coalesce(
    (SELECT max(b.created_at) FROM request_logs AS b WHERE b.id < l.id),
    (SELECT min(b.created_at) FROM request_logs AS b),
    now()
)
WHERE created_at IS NULL;

UPDATE request_logs AS l
SET litellm_call_id = NULL,
    additional_details = pg_temp.aside(additional_details, json_build_object('litellm_call_id', litellm_call_id))
FROM (
    SELECT id, row_number() OVER (PARTITION BY litellm_call_id ORDER BY status = 'initiated' NULLS FIRST, id) AS use
    FROM request_logs
    WHERE litellm_call_id IS NOT NULL
) AS u
WHERE u.id = l.id AND u.use > 1;

UPDATE tokens_usage AS t
SET period_type = period_type || ' (' || u.use || ')'
FROM (
    SELECT id, row_number() OVER (PARTITION BY user_profile_id, period_type, period_start ORDER BY updated_at DESC, id DESC) AS use
    FROM tokens_usage
) AS u
WHERE u.id = t.id AND u.use > 1;

-- +goose StatementBegin
DO $do$
DECLARE
    o record;
BEGIN
    -- A table of profiles may have been keyed by an id of its own.
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'user_profiles'::regclass AND attname = 'id' AND NOT attisdropped) THEN
        UPDATE user_profiles SET user_id = id::text WHERE user_id IS NULL;
    END IF;
    UPDATE user_profiles AS p
    SET user_id = user_id || ' (' || u.use || ')'
    FROM (SELECT ctid AS at, row_number() OVER (PARTITION BY user_id ORDER BY created_at, ctid) AS use FROM user_profiles) AS u
    WHERE u.at = p.ctid AND u.use > 1;
    FOR o IN
        SELECT t.tab, t.col, k.conname, k.conkey = ARRAY[a.attnum] AS right_column,
            (SELECT array_agg(quote_ident(attname)) FROM pg_attribute WHERE attrelid = k.conrelid AND attnum = ANY (k.conkey)) AS old
        FROM (VALUES ('user_profiles', 'user_id'), ('request_logs', 'id'), ('tokens_usage', 'id')) AS t (tab, col)
        JOIN pg_attribute AS a ON a.attrelid = t.tab::regclass AND a.attname = t.col
        LEFT JOIN pg_constraint AS k ON k.conrelid = t.tab::regclass AND k.contype = 'p'
    LOOP
        IF o.right_column AND o.conname <> o.tab || '_pkey' THEN
            EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', o.tab, o.conname, o.tab || '_pkey');
        ELSIF NOT o.right_column THEN
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I, ALTER COLUMN %s DROP NOT NULL, ADD UNIQUE (%s)',
                o.tab, o.conname, array_to_string(o.old, ' DROP NOT NULL, ALTER COLUMN '), array_to_string(o.old, ', '));
        END IF;
        IF o.right_column IS NOT TRUE THEN
            EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I PRIMARY KEY (%I)', o.tab, o.tab || '_pkey', o.col);
        END IF;
    END LOOP;
END
$do$;
-- +goose StatementEnd

INSERT INTO user_profiles (user_id)
SELECT user_profile_id FROM request_logs WHERE user_profile_id IS NOT NULL
UNION
SELECT user_profile_id FROM tokens_usage
ON CONFLICT (user_id) DO NOTHING;

UPDATE user_profiles AS p
SET tokens_used = l.tokens
FROM (SELECT user_profile_id, sum(tokens_used) AS tokens FROM request_logs GROUP BY 1 HAVING sum(tokens_used) > 0) AS l
WHERE l.user_profile_id = p.user_id;

-- Fifth: the constraints. Texts are bounded where keys and indexes are made of
-- them, numbers so that sums stay within 64 bits.
ALTER TABLE user_profiles
    ALTER COLUMN tokens_used SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET NOT NULL,
    DROP CONSTRAINT IF EXISTS user_profiles_user_id_check,
    ADD CONSTRAINT user_profiles_user_id_check CHECK (octet_length(user_id) <= 1024);

ALTER TABLE request_logs
    ALTER COLUMN created_at SET NOT NULL,
    ADD CONSTRAINT request_logs_litellm_call_id_key UNIQUE (litellm_call_id),
    -- Deferred, since a new user's profile is written once, at the end of the
    -- transaction, with the tokens.
    ADD CONSTRAINT request_logs_user_profile_id_fkey FOREIGN KEY (user_profile_id)
        REFERENCES user_profiles (user_id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT request_logs_created_at_check
        CHECK (created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00'),
    ADD CONSTRAINT request_logs_end_user_check CHECK (octet_length(end_user) <= 1024),
    ADD CONSTRAINT request_logs_provider_check CHECK (octet_length(provider) <= 256),
    ADD CONSTRAINT request_logs_model_check CHECK (octet_length(model) <= 512),
    ADD CONSTRAINT request_logs_status_check CHECK (octet_length(status) <= 64),
    ADD CONSTRAINT request_logs_litellm_call_id_check CHECK (octet_length(litellm_call_id) BETWEEN 1 AND 1024),
    ADD CONSTRAINT request_logs_response_time_check CHECK (response_time BETWEEN 0 AND 1000000),
    ADD CONSTRAINT request_logs_tokens_used_check CHECK (tokens_used BETWEEN 0 AND 1000000000000),
    ADD CONSTRAINT request_logs_prompt_tokens_check CHECK (prompt_tokens BETWEEN 0 AND 1000000000000),
    ADD CONSTRAINT request_logs_completion_tokens_check CHECK (completion_tokens BETWEEN 0 AND 1000000000000),
    ADD CONSTRAINT request_logs_cache_read_tokens_check CHECK (cache_read_tokens BETWEEN 0 AND 1000000000000),
    ADD CONSTRAINT request_logs_cache_write_tokens_check CHECK (cache_write_tokens BETWEEN 0 AND 1000000000000),
    ADD CONSTRAINT request_logs_reasoning_tokens_check CHECK (reasoning_tokens BETWEEN 0 AND 1000000000000),
    ADD CONSTRAINT request_logs_total_cost_check CHECK (total_cost BETWEEN 0 AND 100000000);

ALTER TABLE tokens_usage
    ALTER COLUMN user_profile_id SET NOT NULL,
    ALTER COLUMN period_type SET NOT NULL,
    ALTER COLUMN period_start SET NOT NULL,
    ALTER COLUMN period_end SET NOT NULL,
    ALTER COLUMN total_tokens SET NOT NULL,
    ALTER COLUMN total_cost SET NOT NULL,
    ALTER COLUMN request_count SET NOT NULL,
    ALTER COLUMN model_breakdown SET NOT NULL,
    ALTER COLUMN provider_breakdown SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL,
    ALTER COLUMN updated_at SET NOT NULL,
    ADD CONSTRAINT tokens_usage_user_profile_id_fkey FOREIGN KEY (user_profile_id) REFERENCES user_profiles (user_id),
    ADD CONSTRAINT tokens_usage_user_profile_id_period_type_period_start_key
        UNIQUE (user_profile_id, period_type, period_start);

-- Covers a user's history order (newest first, ties by id) and every column
-- that a user's days and hours add up.
CREATE INDEX request_logs_user_created_at_idx ON request_logs (user_profile_id, created_at, id)
    INCLUDE (provider, model, status, tokens_used, cost_nano) WHERE user_profile_id IS NOT NULL;

CREATE INDEX request_logs_created_at_idx ON request_logs (created_at, id);

DROP FUNCTION pg_temp.aside(json, json);
DROP FUNCTION pg_temp.lost(text, anyelement);
DROP FUNCTION pg_temp.member(text, text);
DROP FUNCTION pg_temp.numbered(anyelement, regclass);
DROP FUNCTION pg_temp.document(text);
DROP FUNCTION pg_temp.moment(text);
DROP FUNCTION pg_temp.bounded(text, int);
DROP FUNCTION pg_temp.amount(text, numeric);

-- Sixth: row-level security, for whoever reaches the database past llmtally, such
-- as PostgREST: the rules of policy/rules.go. The owner is not subject to it.

-- The user that a token is about, as PostgREST passes it on.
-- +goose StatementBegin
CREATE FUNCTION jwt_subject() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub', '') $$;
-- +goose StatementEnd

-- The roles are those of Supabase. Who may not make them goes without: llmtally
-- itself needs none. Once they are there, SELECT protect(…) again for each table
-- and view gives them their rights.
-- +goose StatementBegin
DO $do$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY '{anon,authenticated,service_role}'::text[] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = role);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'the role % cannot be made: %', role, SQLERRM;
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- somebody else was faster
        END;
    END LOOP;
END
$do$;
-- +goose StatementEnd

-- Gives the roles what the rules let them do with a table or view, and nothing
-- else. A published relation may be read by all of them: who is allowed no row
-- finds none. What is private to llmtally is closed.
-- +goose StatementBegin
CREATE FUNCTION protect(relation regclass) RETURNS void
LANGUAGE plpgsql
AS $protect$
DECLARE
    this     constant name := (SELECT relname FROM pg_class WHERE oid = relation);
    is_table constant boolean := (SELECT relkind = 'r' FROM pg_class WHERE oid = relation);
    ids      constant text := ( -- the sequences of its columns
        SELECT string_agg(s.oid::regclass::text, ', ')
        FROM pg_depend AS d
        JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
        WHERE d.refobjid = relation AND d.classid = 'pg_class'::regclass AND d.deptype = 'a');
    is_own   text;
    r        record;
BEGIN
    IF is_table THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', relation);
        FOR r IN SELECT polname FROM pg_policy WHERE polrelid = relation LOOP
            EXECUTE format('DROP POLICY %I ON %s', r.polname, relation);
        END LOOP;
    END IF;
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', relation);
    FOR r IN SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role') LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), r.rolname);
        EXECUTE format('REVOKE ALL ON %s FROM %I', relation, r.rolname);
        IF ids IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %I', ids, r.rolname);
        END IF;
    END LOOP;
    FOR r IN
        SELECT rule.role, rule.action, rule.own, rule.columns
        FROM (VALUES
            -- own: the column that must hold the user's id; without it, any row.
            (this, 'service_role', 'ALL', NULL, NULL),

            ('request_logs', 'anon', 'SELECT', 'nobody', NULL),
            ('request_logs', 'anon', 'INSERT', NULL, 'id, created_at, user_profile_id, end_user, provider, model, status,
                litellm_call_id, response_time, tokens_used, prompt_tokens, completion_tokens, cache_read_tokens,
                cache_write_tokens, reasoning_tokens, total_cost, prompt_cost_per_token, completion_cost_per_token,
                messages, response, error, additional_details'),
            ('request_logs', 'authenticated', 'SELECT', 'user_profile_id', NULL),
            ('request_logs', 'authenticated', 'INSERT', 'user_profile_id', 'id, created_at, user_profile_id, end_user,
                provider, model, status, litellm_call_id, response_time, tokens_used, prompt_tokens, completion_tokens,
                cache_read_tokens, cache_write_tokens, reasoning_tokens, total_cost, prompt_cost_per_token,
                completion_cost_per_token, messages, response, error, additional_details'),

            ('tokens_usage', 'anon', 'SELECT', 'nobody', NULL),
            ('tokens_usage', 'authenticated', 'SELECT', 'user_profile_id', NULL),
            ('tokens_usage', 'authenticated', 'INSERT', 'user_profile_id', NULL),
            ('tokens_usage', 'authenticated', 'UPDATE', 'user_profile_id', NULL),

            ('user_profiles', 'anon', 'SELECT', 'nobody', NULL),
            ('user_profiles', 'authenticated', 'SELECT', 'user_id', NULL),
            ('user_profiles', 'authenticated', 'UPDATE', 'user_id', 'email, full_name, avatar_url, provider,
                provider_user_id, raw_oauth_details, created_at, updated_at'),

            ('usage_totals', 'anon', 'SELECT', 'nobody', NULL),
            ('usage_totals', 'authenticated', 'SELECT', 'user_profile_id', NULL),
            ('usage_monthly', 'anon', 'SELECT', 'nobody', NULL),
            ('usage_monthly', 'authenticated', 'SELECT', 'user_profile_id', NULL),

            -- Views show what their reader sees in the tables below them.
            ('user_request_analytics', 'anon', 'SELECT', NULL, NULL),
            ('user_request_analytics', 'authenticated', 'SELECT', NULL, NULL),
            ('user_recent_activity', 'anon', 'SELECT', NULL, NULL),
            ('user_recent_activity', 'authenticated', 'SELECT', NULL, NULL),
            ('monthly_token_usage', 'anon', 'SELECT', NULL, NULL),
            ('monthly_token_usage', 'authenticated', 'SELECT', NULL, NULL),
            ('user_token_breakdown', 'anon', 'SELECT', NULL, NULL),
            ('user_token_breakdown', 'authenticated', 'SELECT', NULL, NULL),
            ('usage_by_log', 'anon', 'SELECT', NULL, NULL),
            ('usage_by_log', 'authenticated', 'SELECT', NULL, NULL)
        ) AS rule (relation, role, action, own, columns)
        JOIN pg_roles AS known ON known.rolname = rule.role
        WHERE rule.relation = this
    LOOP
        EXECUTE format('GRANT %s %s ON %s TO %I', r.action, '(' || r.columns || ')', relation, r.role);
        IF ids IS NOT NULL AND r.action <> 'SELECT' THEN
            EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I', ids, r.role);
        END IF;
        CONTINUE WHEN NOT is_table OR r.own = 'nobody';
        is_own := CASE WHEN r.own IS NULL THEN 'true' ELSE format('%I = (SELECT jwt_subject())', r.own) END;
        EXECUTE format('CREATE POLICY %I ON %s FOR %s TO %I %s %s', r.role || ' ' || lower(r.action), relation, r.action, r.role,
            CASE WHEN r.action <> 'INSERT' THEN 'USING (' || is_own || ')' END,
            CASE WHEN r.action <> 'SELECT' THEN 'WITH CHECK (' || is_own || ')' END);
    END LOOP;
END
$protect$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION protect(regclass) FROM PUBLIC;

SELECT protect('user_profiles'), protect('request_logs'), protect('tokens_usage');

-- The record of migrations is nobody's but the owner's.
-- +goose StatementBegin
DO $do$
DECLARE
    r record;
BEGIN
    ALTER TABLE IF EXISTS goose_db_version ENABLE ROW LEVEL SECURITY;
    FOR r IN
        SELECT rolname FROM pg_roles
        WHERE rolname IN ('anon', 'authenticated', 'service_role') AND to_regclass('goose_db_version') IS NOT NULL
    LOOP
        EXECUTE format('REVOKE ALL ON goose_db_version FROM %I', r.rolname);
    END LOOP;
END
$do$;
-- +goose StatementEnd

-- +goose Down
-- Tables that were taken over stay, with their rows.
-- +goose StatementBegin
DO $do$
DECLARE
    tab text;
    r   record;
BEGIN
    FOREACH tab IN ARRAY '{tokens_usage,request_logs,user_profiles}'::text[] LOOP
        IF obj_description(tab::regclass, 'pg_class') IS DISTINCT FROM 'Taken over by llmtally.' THEN
            IF tab = 'user_profiles' THEN
                ALTER TABLE IF EXISTS tokens_usage DROP CONSTRAINT tokens_usage_user_profile_id_fkey;
                ALTER TABLE IF EXISTS request_logs DROP CONSTRAINT request_logs_user_profile_id_fkey;
            END IF;
            EXECUTE format('DROP TABLE %I', tab);
            CONTINUE;
        END IF;
        FOR r IN SELECT polname FROM pg_policy WHERE polrelid = tab::regclass LOOP
            EXECUTE format('DROP POLICY %I ON %I', r.polname, tab);
        END LOOP;
    END LOOP;
END
$do$;
-- +goose StatementEnd
ALTER TABLE IF EXISTS goose_db_version DISABLE ROW LEVEL SECURITY;
DROP INDEX IF EXISTS request_logs_created_at_idx;
DROP INDEX IF EXISTS request_logs_user_created_at_idx;
ALTER TABLE IF EXISTS request_logs DROP COLUMN cost_nano;
DROP FUNCTION protect(regclass);
DROP FUNCTION jwt_subject();
DROP FUNCTION nano_usd(double precision);
