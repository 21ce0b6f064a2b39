-- Tables of the published names that somebody made up.
CREATE TYPE tier AS ENUM ('free', 'pro');
CREATE TABLE user_profiles (
    id serial PRIMARY KEY,
    user_id varchar(40),
    email varchar(80),
    subscription_tier tier NOT NULL DEFAULT 'free',
    is_admin boolean NOT NULL,
    created_at date
);
CREATE TABLE request_logs (
    id text PRIMARY KEY,
    created_at text,
    user_profile_id integer,
    model varchar(200) NOT NULL,
    tokens_used numeric(12, 2),
    prompt_tokens text,
    total_cost numeric,
    response_time interval,
    messages text,
    error text[],
    tenant uuid NOT NULL,
    counter serial,
    another serial,
    litellm_call_id uuid
);
CREATE UNIQUE INDEX ON request_logs (tenant, id);
CREATE INDEX ON request_logs (model) WHERE tokens_used > 0;
CREATE TABLE tokens_usage (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_profile_id integer,
    period_type text,
    period_start date,
    total_tokens bigint
);
INSERT INTO user_profiles (user_id, is_admin, created_at)
SELECT (ARRAY['7', '8', '8', NULL])[1 + n % 4], false, '2024-05-05' FROM generate_series(1, 8) AS n;
INSERT INTO request_logs (id, created_at, user_profile_id, model, tokens_used, prompt_tokens, total_cost, messages, error, tenant, litellm_call_id)
SELECT (ARRAY['req_', ''])[1 + n % 2] || n, (ARRAY['2024-03-10 02:30:00', '1709510400', '1709510400123', 'yesterday-ish', NULL, '2024-06-01T00:00:00+02:00'])[1 + n % 6],
    n % 10, 'model ' || n % 3, n + 0.4, (ARRAY['12', ' 13 ', 'many', '-1', ''])[1 + n % 5], (ARRAY[0.1, 0.000000000049, 99999999999, NULL])[1 + n % 4],
    (ARRAY['[{"role":"user"}]', 'plain text', '', NULL])[1 + n % 4], ARRAY['a', 'b'], gen_random_uuid(),
    CASE WHEN n % 3 = 0 THEN '00000000-0000-0000-0000-000000000000'::uuid ELSE gen_random_uuid() END
FROM generate_series(1, 360) AS n;
INSERT INTO tokens_usage (user_profile_id, period_type, period_start, total_tokens)
SELECT n % 12, (ARRAY['weekly', NULL])[1 + n % 2], '2024-01-01', n FROM generate_series(1, 40) AS n;
