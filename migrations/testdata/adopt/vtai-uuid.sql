-- VT.ai's request_logs in between: ids and users are UUIDs.
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text);
INSERT INTO auth.users (email) SELECT n || '@example.com' FROM generate_series(1, 5) AS n;
CREATE TABLE public.request_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    model text,
    messages jsonb,
    end_user uuid REFERENCES auth.users (id),
    status text NOT NULL CHECK (status IN ('success', 'failure')),
    response_time float,
    request_id text NOT NULL,
    created_at timestamp DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    additional_details jsonb
);

INSERT INTO request_logs (model, messages, end_user, status, response_time, request_id, created_at, additional_details)
SELECT 'gpt-4o', '[]', CASE WHEN n % 4 > 0 THEN (SELECT id FROM auth.users ORDER BY id LIMIT 1 OFFSET n % 5) END,
    (ARRAY['success', 'failure'])[1 + n % 2], n / 7.0::float8, 'request ' || n, timestamp '2025-05-31 23:00:00' + n * interval '1 minute',
    jsonb_build_object('total_tokens', n)
FROM generate_series(1, 250) AS n;
